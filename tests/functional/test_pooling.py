from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.pooling import QUANTILES, quantile_thresholds, threshold_statistics


def by_definition(row: list[float], threshold: float) -> list[float]:
    """The seven statistics of one row and threshold."""
    marks = "".join("1" if value > threshold else "0" for value in row)
    bounds = [part * len(row) // 4 for part in range(5)]
    quarters = [marks[start:stop] for start, stop in pairwise(bounds)]
    runs = [max(map(len, marks.split(other))) for other in "01"]
    whole = [marks.count("1") / len(row), *(run / len(row) for run in runs)]
    return whole + [quarter.count("1") / len(quarter) for quarter in quarters]


@pytest.mark.parametrize("n_timepoints", [4, 5, 7, 64, 101])
def test_statistics_are_those_of_the_definition(n_timepoints):
    rows = torch.randn(6, 3, n_timepoints)
    thresholds = torch.tensor([[-0.5, 0.0, 0.5, 9.0], [-9.0, 0.1, 0.2, 0.3], [0.0, 0.0, 1.0, 2.0]])
    expected = [
        [
            [by_definition(row.tolist(), level) for level in levels.tolist()]
            for row, levels in zip(x, thresholds, strict=True)
        ]
        for x in rows
    ]
    assert_close(threshold_statistics(rows, thresholds), torch.tensor(expected))


def test_a_value_on_its_threshold_is_not_above_it():
    assert (threshold_statistics(torch.zeros(1, 1, 8), torch.zeros(1, 1))[0, 0, 0, [0, 1]] == 0).all()


def test_signals_longer_than_a_short_integer_counts_are_counted():
    rows = torch.ones(1, 1, 2**15 + 8)
    assert_close(threshold_statistics(rows, torch.zeros(1, 1))[0, 0, 0, :2], torch.ones(2))


def test_thresholds_are_quantiles_dense_in_the_tails():
    values = torch.rand(3, 10_001)
    expected = torch.quantile(values, torch.tensor(QUANTILES), dim=-1).T
    assert_close(quantile_thresholds(values), expected, rtol=0, atol=1e-6)
    gaps = torch.tensor(QUANTILES).diff()
    assert gaps[0] < gaps[1] < gaps[3]
    assert_close(gaps, gaps.flip(0))
