"""Tests of waveforms in place of wavelet images: the module, its patches and the loss of the masked autoencoder."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.datasets import load_sparwatch
from sktsmae.functional.patches import grid_size
from sktsmae.functional.standardization import standardize
from sktsmae.models import CWT_MAE_RoPE, Scalogram, SignalEncoder, Waveform
from sktsmae.models.auto import auto_patch_size, auto_waveform_patch_size


@pytest.fixture
def waveform_settings(small):
    """Return the settings of a small network on waveforms of 130 samples in 7 patches, the last of them incomplete."""
    return {**small, "representation": "waveform", "patch_size_freq": 1}


@pytest.fixture(scope="module")
def recordings():
    return torch.from_numpy(load_sparwatch().data[:6, :2]).float()  # (6, 2, 200)


@pytest.mark.parametrize("channels", [slice(None), 0], ids=["two channels", "one channel"])
def test_image_is_the_standardised_signal(recordings, channels):
    x = recordings[:, channels]
    image = Waveform()(x)
    assert image.shape == (*x.shape[:-1], 1, 1, 200)
    assert image.dtype == torch.float32
    # `unit_amplitude` scales by a power of two, so only the order of additions differs.
    assert_close(image[..., 0, 0, :], standardize(x, -1), rtol=0, atol=1e-5)


def test_transform_does_not_standardise(recordings):
    assert torch.equal(Waveform().transform(recordings)[:, :, 0, 0], recordings)


def test_signal_is_resampled_as_in_the_scalogram(recordings):
    x = recordings.clone()
    x[0, :, :30] = torch.nan
    x[1, :, 150:] = torch.nan
    expected = standardize(Scalogram(4, resample_to=96).resampled(x), -1)
    assert_close(Waveform(resample_to=96)(x)[:, :, 0, 0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("gain", [1e-6, 1000.0])
def test_waveform_does_not_depend_on_the_unit_and_the_mean_of_the_signal(recordings, gain):
    # Multiplication by the gain causes rounding errors.
    assert_close(Waveform()(gain * (recordings + 1)), Waveform()(recordings), rtol=0, atol=1e-4)


def test_spectrogram_is_refused():
    with pytest.raises(ValueError, match="X is a spectrogram, but representation='waveform' needs signals"):
        Waveform()(torch.randn(2, 1, 1, 40))


def test_patches_are_intervals_of_the_signal(recordings, small_encoder):
    settings = {**small_encoder, "representation": "waveform", "patch_size_freq": 1, "signal_len": 200}
    patches = SignalEncoder.from_settings(**settings).patches(recordings)
    assert_close(patches.flatten(1), standardize(recordings.flatten(0, 1), -1), rtol=0, atol=1e-5)
    assert patches.shape == (12, 10, 20)


def test_patch_of_more_than_one_row_is_refused(waveform_settings):
    with pytest.raises(ValueError, match=r"patch_size_freq=4, but .* has one row; give patch_size_freq=1"):
        CWT_MAE_RoPE(**{**waveform_settings, "patch_size_freq": 4})


@pytest.mark.parametrize("representation", ["raw", None, ["waveform"]])
def test_unknown_representation_is_refused(waveform_settings, representation):
    with pytest.raises(ValueError, match=r"representation=.*choose 'image' or 'waveform'"):
        CWT_MAE_RoPE(**{**waveform_settings, "representation": representation})


def test_spectrogram_loss_is_the_error_of_the_masked_samples(recordings, waveform_settings):
    model = CWT_MAE_RoPE(**waveform_settings, time_loss_weight=0.0).eval()
    x = recordings[:, 0, :130]
    noise = torch.rand(6, 7)
    loss, pred, _, _ = model(x, noise)
    masked = noise >= noise.sort(1).values[:, 1:2]  # one of seven patches is visible
    error = (pred.flatten(1)[:, :130] - standardize(x, -1)).square()
    patches = error.split(20, dim=1)  # the last patch has 10 samples
    losses = torch.stack([patch.mean(1) for patch in patches], dim=1)
    assert_close(loss, losses[masked].mean(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_timepoints", [64, 100, 200, 512, 577, 1000, 3000, 10_000])
def test_waveform_has_about_as_many_tokens_as_an_image(n_timepoints):
    rows, columns = grid_size((32, n_timepoints), auto_patch_size(32, n_timepoints))
    height, num_tokens = grid_size((1, n_timepoints), auto_waveform_patch_size(n_timepoints))
    assert height == 1
    # The numbers of samples in a patch are whole. In a short signal, rounding matters more.
    assert 0.75 < num_tokens / (rows * columns) <= 1
