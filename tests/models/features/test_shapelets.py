"""Tests of the features of shapelets."""

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import Shapelets


def fitted(x: torch.Tensor, batch_size: int = 7) -> Shapelets:
    """Return shapelets that were drawn from `x`."""
    features = Shapelets(1 if x.ndim == 2 else x.shape[1], x.shape[-1])
    features.fit(x.split(batch_size), len(x))
    return features


@pytest.mark.parametrize("shape", [(5, 1), (5, 9), (5, 2, 40), (5, 60, 300)])
def test_there_is_one_name_per_feature_for_any_shape(shape):
    x = torch.randn(shape)
    features = fitted(x)
    out = features(x)
    assert out.shape == (5, features.out_features)
    assert out.isfinite().all()
    assert len(set(features.feature_names())) == features.out_features
    assert features.out_features <= 8192


def test_every_shapelet_is_a_window_of_a_training_signal():
    x = torch.randn(20, 2, 150)
    out = fitted(x)(x)
    assert (out == 0).any(0).all()  # each shapelet has a distance of zero from one of the signals
    assert ((out == 0).sum(1) > 0).all()  # all signals are used


def test_features_do_not_depend_on_the_batches():
    x = torch.randn(20, 200)
    features = fitted(x)
    assert_close(fitted(x, batch_size=20).shapelets, features.shapelets, rtol=0, atol=0)
    assert_close(torch.cat([features(signal[None]) for signal in x]), features(x), rtol=0, atol=0)


def test_unit_of_a_channel_does_not_change_the_features():
    x = torch.randn(20, 3, 100)
    scaled = x * torch.tensor([1.0, 1000.0, 1e-6])[:, None]
    assert_close(fitted(scaled)(scaled), fitted(x)(x), rtol=1e-3, atol=1e-3)


def test_padding_is_ignored():
    x = torch.randn(30, 2, 200)
    x[::3, :, 120:] = torch.nan
    x[1::3, :, :190] = torch.nan
    features = fitted(x)
    assert features.shapelets.isfinite().all()
    assert_close(features(x)[0], features(x[:1, :, :120])[0])
    assert_close(features(x)[1], features(x[1:2, :, 190:])[0])


def test_shapelets_come_from_all_signals_equally_often():
    x = torch.randn(40, 100)
    sources = (fitted(x)(x) == 0).sum(1)  # number of shapelets from each signal, 51 on average
    assert sources.min() > 51 - 30
    assert sources.max() < 51 + 30


@pytest.mark.parametrize("offset", [-900.0, 900.0])
def test_offset_of_a_signal_does_not_change_the_features(offset):
    x = torch.randn(20, 100)
    features = fitted(x)
    assert_close(features(x + offset), features(x), rtol=0, atol=0.02)
    assert_close(fitted(x + offset)(x + offset), features(x), rtol=0, atol=0.02)


def test_channel_without_variation_has_finite_distances():
    x = torch.randn(6, 2, 80)
    x[:, 1] = 5
    out = fitted(x)(x)
    assert out.isfinite().all()
    assert (out[:, out.shape[1] // 2 :] == 0).all()


def test_rare_motif_at_any_time_has_a_small_distance_from_some_shapelet():
    x = torch.randn(60, 300)
    motif = 4 * torch.sin(torch.arange(40.0) / 4)
    for number, signal in enumerate(x[:30]):
        signal[7 * number : 7 * number + 40] += motif
    out = fitted(x)(x)
    gap = (out[:30].mean(0) - out[30:].mean(0)) / out.std(0)
    assert gap.min() < -1
