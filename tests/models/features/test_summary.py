"""Tests of the summary statistics as features."""

import torch
from torch.testing import assert_close

from sktsmae.models import SummaryStatistics


def test_statistics_are_computed_per_channel():
    x = torch.randn(7, 3, 40) * torch.tensor([[1.0], [10.0], [0.1]]) + 5
    statistics = SummaryStatistics(3)(x).unflatten(1, (8, 3))  # (B, 8, M)
    mean = x.mean(-1)
    assert_close(statistics[:, 0], mean)
    assert_close(statistics[:, 1], (x - mean[..., None]).abs().mean(-1))
    assert_close(statistics[:, 2], x.min(-1).values)
    assert_close(statistics[:, 3], x.max(-1).values)
    for quarter in range(4):
        assert_close(statistics[:, 4 + quarter], x[..., 10 * quarter : 10 * quarter + 10].mean(-1))


def test_signals_of_one_channel_need_no_channel_axis():
    x = torch.randn(7, 40)
    assert torch.equal(SummaryStatistics(1)(x), SummaryStatistics(1)(x[:, None]))
    assert SummaryStatistics(1)(x).shape == (7, SummaryStatistics(1).out_features)


def test_padding_is_ignored():
    x = torch.randn(2, 3, 30)
    padded = torch.full((2, 3, 50), torch.nan)
    padded[0, :, :30], padded[1, :, 11:41] = x
    assert_close(SummaryStatistics(3)(padded), SummaryStatistics(3)(x))


def test_quarters_of_two_samples_overlap():
    assert SummaryStatistics(1)(torch.tensor([[2.0, 4.0]]))[0, 4:].tolist() == [2.0, 2.0, 4.0, 4.0]


def test_values_close_to_the_float32_maximum_do_not_overflow():
    assert SummaryStatistics(1)(torch.tensor([[-1e38, 1e38]])).isfinite().all()


def test_names_match_the_order_of_the_features():
    names = SummaryStatistics(2).feature_names()
    features = SummaryStatistics(2)(torch.tensor([[[0.0, 1, 2, 9], [5, 5, 5, 6]]]))[0]
    named = dict(zip(names, features.tolist(), strict=True))
    assert (named["ch0_mean"], named["ch1_max"], named["ch0_mean_quarter4"]) == (3.0, 6.0, 9.0)
