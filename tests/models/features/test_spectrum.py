"""Tests of the spectrum as features."""

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import Spectrum


@pytest.mark.parametrize("shape", [(5, 1), (5, 9), (5, 2, 40), (5, 3, 700)])
def test_there_is_one_name_per_feature_for_any_shape(shape):
    features = Spectrum(shape[1] if len(shape) == 3 else 1, shape[-1])
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


def test_padding_is_ignored():
    x = torch.randn(4, 2, 200)
    x[1, :, 120:] = torch.nan
    features = Spectrum(2, 200)
    assert_close(features(x)[1], features(x[1:2, :, :120])[0])
