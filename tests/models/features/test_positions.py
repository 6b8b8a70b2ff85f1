"""Tests of the mean positions of the values above thresholds."""

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.thresholds import positions_above
from sktsmae.models import PositionStatistics


def test_reversed_series_have_opposite_positions():
    series, thresholds = torch.randn(3, 5, 100), torch.randn(5, 4)
    assert_close(positions_above(series.flip(-1), thresholds), -positions_above(series, thresholds))


def test_position_is_zero_if_nothing_or_everything_is_above_the_threshold():
    positions = positions_above(torch.randn(2, 1, 50), torch.tensor([[-100.0, 100.0]]))
    assert_close(positions, torch.zeros(2, 1, 2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_tiny_series_have_finite_positions(length):
    assert positions_above(torch.randn(2, 3, length), torch.zeros(3, 4)).abs().max() <= 1


def test_positions_tell_the_order_of_two_waveforms():
    x = torch.zeros(40, 200)
    x[:20, 30:50], x[20:, 140:160] = torch.hann_window(20), torch.hann_window(20)
    x += 0.01 * torch.randn(40, 200)
    features = PositionStatistics(1, 200)
    features.fit([x], 40)
    column = features.feature_names().index("ch0_signal_mean_position_above_q92")
    early, late = features(x)[:, column].split(20)
    assert early.max() < -0.3 < 0.3 < late.min()


def test_padding_is_ignored():
    x = torch.randn(6, 2, 100)
    x[1, :, 60:] = torch.nan
    features = PositionStatistics(2, 100)
    features.fit([x], 6)
    assert_close(features(x)[1], features(x[1:2, :, :60])[0])
