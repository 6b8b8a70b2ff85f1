"""Tests of the spectrum as features."""

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import Spectrum


@pytest.mark.parametrize("sampling_rate", [None, 50.0])
@pytest.mark.parametrize("shape", [(5, 1), (5, 9), (5, 2, 40), (5, 3, 700)])
def test_there_is_one_name_per_feature_for_any_shape(shape, sampling_rate):
    features = Spectrum(shape[1] if len(shape) == 3 else 1, shape[-1], sampling_rate)
    out = features(torch.randn(shape))
    assert out.shape == (5, features.out_features)
    assert out.isfinite().all()
    assert len(set(features.feature_names())) == features.out_features


def test_frequency_in_the_name_of_the_largest_power_is_that_of_the_signal():
    x = torch.sin(2 * torch.pi * 0.125 * torch.arange(600))[None]
    features = Spectrum(1, 600)
    names = features.feature_names()
    for window in (32, 128, 512):
        columns = [column for column, name in enumerate(names) if name.endswith(f"window{window}")]
        largest = columns[int(features(x)[0, columns].argmax())]
        assert names[largest] == f"ch0_log_power_0.125_window{window}"


def test_features_do_not_depend_on_mean_and_amplitude():
    x = torch.randn(5, 300)
    features = Spectrum(1, 300)
    assert_close(features(3 * x + 2), features(x), rtol=0, atol=1e-3)
    assert_close(features(1e-7 * x), features(x), rtol=0, atol=1e-3)


def test_padding_is_ignored():
    x = torch.randn(4, 2, 200)
    x[1, :, 120:] = torch.nan
    features = Spectrum(2, 200)
    assert_close(features(x)[1], features(x[1:2, :, :120])[0])


def test_power_is_largest_in_the_band_of_the_oscillation():
    for frequency, band in [(2.0, "delta"), (6.0, "theta"), (10.0, "alpha"), (20.0, "beta"), (50.0, "gamma")]:
        x = torch.sin(2 * torch.pi * frequency * torch.arange(1000) / 250)[None]
        features = Spectrum(1, 1000, sampling_rate=250)
        names = features.feature_names()
        columns = [names.index(f"ch0_log_power_{name}") for name in ("delta", "theta", "alpha", "beta", "gamma")]
        largest = columns[int(features(x)[0, columns].argmax())]
        assert names[largest] == f"ch0_log_power_{band}"


def test_with_a_sampling_rate_frequencies_are_named_in_hz():
    names = Spectrum(1, 600, sampling_rate=100).feature_names()
    assert "ch0_log_power_6.25Hz_window128" in names
    assert len(set(names)) == len(names)


def test_bands_that_the_windows_do_not_resolve_have_no_feature():
    assert not Spectrum(1, 600, sampling_rate=100_000).bands
    assert list(Spectrum(1, 600, sampling_rate=16).bands) == ["delta", "theta", "alpha"]
