"""Tests of the features of competing kernels."""

import pytest
import torch
from torch.nn.functional import conv1d
from torch.testing import assert_close

from sktsmae.models import CompetingKernels
from sktsmae.models.features import competition


@pytest.mark.parametrize("shape", [(5, 1), (5, 9), (5, 2, 40), (5, 60, 300)])
def test_there_is_one_name_per_feature_for_any_shape(shape):
    features = CompetingKernels(shape[1] if len(shape) == 3 else 1, shape[-1])
    out = features(torch.randn(shape))
    assert out.shape == (5, features.out_features)
    assert out.isfinite().all()
    assert len(set(features.feature_names())) == features.out_features


def test_features_do_not_depend_on_the_batch_or_on_the_mean():
    x = torch.randn(20, 200)
    features = CompetingKernels(1, 200)
    assert_close(torch.cat([features(batch) for batch in x.split(3)]), features(x))
    assert_close(features(x + 4), features(x), rtol=0, atol=1e-2)  # rounding may exchange two nearly equal responses


def test_padding_is_ignored():
    x = torch.randn(4, 2, 200)
    x[1, :, 120:] = torch.nan
    features = CompetingKernels(2, 200)
    assert_close(features(x)[1], features(x[1:2, :, :120])[0])


def test_each_kernel_wins_a_fraction_of_the_time_steps():
    out = CompetingKernels(1, 100)(torch.randn(3, 100)) ** 2
    counts = out.unflatten(1, (-1, 2, 8, 32))[:, :, 1]  # (B, dilations and views, kernels, groups)
    assert_close(counts.sum(2), torch.ones_like(counts.sum(2)))


def test_unit_of_a_channel_does_not_change_the_features():
    x = torch.randn(20, 3, 100)
    scaled = x * torch.tensor([1.0, 1000.0, 1e-6])[:, None]
    features, of_scaled = CompetingKernels(3, 100), CompetingKernels(3, 100)
    features.fit(x.split(7), 20)
    of_scaled.fit(scaled.split(7), 20)
    # Rounding may exchange two nearly equal responses, which changes a count by 1 / 100 at most a few times.
    assert (features(x) - of_scaled(scaled)).abs().mean() < 1e-3


def test_channel_without_variation_or_samples_has_no_effect():
    x = torch.randn(6, 2, 80)
    x[:, 1] = 5
    features = CompetingKernels(2, 80)
    features.fit([x], 6)
    assert features.scale.flatten().tolist()[1] == 1
    x[0, 1] = torch.nan
    features.fit([x], 6)
    assert features.scale.isfinite().all()


def test_long_signals_are_computed_in_parts():
    x = torch.randn(5, 3000)
    features = CompetingKernels(1, 3000)
    assert_close(features(x), torch.cat([features(signal[None]) for signal in x]))


def test_features_are_the_same_under_autocast():
    x, features = torch.randn(3, 100), CompetingKernels(1, 100)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = features(x)
    assert_close(out, features(x))


def test_features_of_several_channels_are_those_of_their_names(monkeypatch):
    x, features = torch.randn(2, 3, 60), CompetingKernels(3, 60)
    x -= x.mean(-1, keepdim=True)
    expected = {}
    for dilation, kernels, channels in zip(features.dilations, features.kernels, features.channels, strict=True):
        for view, signals in enumerate((x, x.diff(dim=-1, prepend=x[..., :1]))):
            for group, chosen in enumerate(channels[view]):
                weights = kernels[view, :, group, None]  # (K, 1, L)
                reach = 4 * dilation
                responses = conv1d(signals[:, chosen].sum(1, keepdim=True), weights, padding=reach, dilation=dilation)
                largest, smallest = responses.argmax(1), responses.argmin(1)  # (B, T)
                for kernel in range(len(weights)):
                    name = f"d{view}_dilation{dilation}_group{group}_kernel{kernel}"
                    expected[f"{name}_largest"] = (responses[:, kernel] * (largest == kernel)).mean(-1)
                    expected[f"{name}_smallest"] = (smallest == kernel).float().mean(-1)
    columns = torch.stack([expected[name] for name in features.feature_names()], dim=1)
    assert_close(features(x), columns.clamp(min=0).sqrt(), rtol=1e-3, atol=1e-3)
    monkeypatch.setattr(competition, "_MAX_VALUES", 1)  # one view at a time
    assert_close(features(x), columns.clamp(min=0).sqrt(), rtol=1e-3, atol=1e-3)
