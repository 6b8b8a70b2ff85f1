"""Tests of threshold statistics, and of the pooling of tokens over time."""

from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.pooling import pool_bands
from sktsmae.functional.quarters import quarter_bounds
from sktsmae.functional.thresholds import QUANTILES, quantile_thresholds, quarter_fractions, threshold_statistics


def statistics_by_definition(row: list[float], threshold: float) -> tuple[list[float], list[float]]:
    """Compute the three statistics of a row and its fractions per quarter, at one threshold, from their definition."""
    marks = "".join("1" if value > threshold else "0" for value in row)
    bounds = [part * len(row) // 4 for part in range(5)]
    quarters = [marks[start:stop] for start, stop in pairwise(bounds)]
    runs = [max(map(len, marks.split(other))) for other in "01"]  # the longest run of 1 and the longest run of 0
    whole = [marks.count("1") / len(row), *(run / len(row) for run in runs)]
    return whole, [quarter.count("1") / len(quarter) for quarter in quarters]


@pytest.mark.parametrize("n_signals", [1, 4, 5])
@pytest.mark.parametrize("n_timepoints", [4, 5, 7, 64, 101])
def test_threshold_statistics_agree_with_their_definition(n_signals, n_timepoints):
    rows = torch.randn(n_signals, 3, n_timepoints)
    thresholds = torch.tensor([[-0.5, 0.0, 0.5, 9.0], [-9.0, 0.1, 0.2, 0.3], [0.0, 0.0, 1.0, 2.0]])
    for part, function in enumerate((threshold_statistics, quarter_fractions)):
        expected = [
            [
                [statistics_by_definition(row.tolist(), threshold)[part] for threshold in row_thresholds.tolist()]
                for row, row_thresholds in zip(x, thresholds, strict=True)
            ]
            for x in rows
        ]
        assert_close(function(rows, thresholds), torch.tensor(expected))


def test_a_value_equal_to_its_threshold_is_not_above_it():
    assert (threshold_statistics(torch.zeros(1, 1, 8), torch.zeros(1, 1))[0, 0, 0, [0, 1]] == 0).all()


@pytest.mark.parametrize("n_signals", [1, 5])
def test_signals_longer_than_the_int16_range_do_not_overflow(n_signals):
    rows = torch.ones(n_signals, 1, 2**15 + 8)
    assert_close(threshold_statistics(rows, torch.zeros(1, 1))[:, 0, 0, :2], torch.ones(n_signals, 2))


def test_thresholds_are_quantiles_that_are_denser_in_the_tails():
    values = torch.rand(3, 10_001)
    expected = torch.quantile(values, torch.tensor(QUANTILES), dim=-1).T
    assert_close(quantile_thresholds(values), expected, rtol=0, atol=1e-6)
    gaps = torch.tensor(QUANTILES).diff()
    assert gaps[0] < gaps[1] < gaps[3]
    assert_close(gaps, gaps.flip(0))


def test_pool_bands_computes_statistics_over_time():
    tokens = torch.randn(3, 1 + 2 * 9, 5)
    thresholds = torch.randn(2 * 5, 8)
    pooled = pool_bands(tokens, (2, 9), thresholds).unflatten(1, (20, 2, 5))
    bands = tokens[:, 1:].unflatten(1, (2, 9))  # time is axis 2
    assert_close(pooled[:, 0], bands.mean(2))
    assert_close(pooled[:, 1], bands.amax(2))
    assert_close(pooled[:, 2], bands.amin(2))
    assert_close(pooled[:, 3], bands.std(2, correction=0))
    assert_close(pooled[:, 6], bands[:, :, 2:4].mean(2))  # the quarters of 9 columns begin at 0, 2, 4 and 6
    assert_close(pooled[:, 11], bands[:, :, 6:].amax(2))
    assert_close(pooled[:, 14], (bands > thresholds[:, 2].unflatten(0, (2, 5))[:, None]).float().mean(2))


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_pool_bands_accepts_fewer_columns_than_quarters(columns):
    pooled = pool_bands(torch.randn(2, 1 + columns, 4), (1, columns), torch.zeros(4, 8))
    assert pooled.shape == (2, 20 * 4)
    assert pooled.isfinite().all()


@pytest.mark.parametrize("length", [4, 5, 6, 7, 100, 101])
def test_quarters_cover_the_series_and_differ_by_at_most_one_sample(length):
    bounds = quarter_bounds(length)
    assert [sample for start, stop in bounds for sample in range(start, stop)] == list(range(length))
    assert max(stop - start for start, stop in bounds) - min(stop - start for start, stop in bounds) <= 1


@pytest.mark.parametrize("length", [1, 2, 3])
def test_quarters_of_short_series_overlap_and_are_not_empty(length):
    bounds = quarter_bounds(length)
    assert len(bounds) == 4
    assert all(0 <= start < stop <= length for start, stop in bounds)
