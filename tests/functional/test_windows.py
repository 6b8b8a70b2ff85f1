"""Tests of windows of signals: distances, means over windows, and the dominant period."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.windows import (
    dominant_period,
    mean_of_covering_windows,
    squared_normalised_window_distances,
    squared_window_distances,
)


@pytest.mark.parametrize("step", [1, 3])
def test_window_distances_equal_the_definition(step):
    x, bank = torch.randn(2, 3, 40), torch.randn(5, 3, 7)
    windows = x.unfold(2, 6 * step + 1, 1)[..., ::step].movedim(2, 1)  # (B, windows, C, n)
    expected = (windows[:, None] - bank[None, :, None]).square().sum((-1, -2))
    assert_close(squared_window_distances(x, bank, step), expected, rtol=1e-4, atol=1e-4)


def test_mean_of_covering_windows_equals_the_definition():
    values, length = torch.randn(2, 10), 4
    actual = mean_of_covering_windows(values, length)
    for time in range(13):
        assert_close(actual[:, time], values[:, max(0, time - 3) : min(time, 9) + 1].mean(1))


@pytest.mark.parametrize("period", [10, 37, 80])
def test_dominant_period_of_pulses_is_their_distance(period):
    time = torch.arange(400)
    x = torch.exp(-((((time + period // 2) % period) - period // 2) ** 2) / 8.0) + 0.05 * torch.randn(6, 2, 400)
    assert abs(dominant_period(x) - period) <= 1


@pytest.mark.parametrize("n_timepoints", [1, 2, 5, 400])
def test_dominant_period_of_noise_or_of_a_constant_is_an_eighth_of_the_length(n_timepoints):
    expected = max(1, n_timepoints // 8)
    assert dominant_period(torch.zeros(3, 1, n_timepoints)) == expected
    assert math.isclose(dominant_period(torch.randn(500, 1, n_timepoints)), expected)


@pytest.mark.parametrize("step", [1, 3])
def test_normalised_distances_are_those_of_the_z_normalised_windows(step):
    x, bank = 3 + 2 * torch.randn(2, 40), 5 * torch.randn(4, 7)
    windows = x.unfold(1, 6 * step + 1, 1)[..., ::step]  # (2, number of windows, 7)
    first, second = (
        (part - part.mean(-1, keepdim=True)) / (part.std(-1, correction=0, keepdim=True) + 0.05)
        for part in (windows, bank)
    )
    expected = torch.cdist(second.expand(2, -1, -1), first).square()
    assert_close(squared_normalised_window_distances(x, bank, step), expected, atol=1e-4, rtol=1e-4)


def test_normalised_distances_of_constant_windows_are_finite():
    distances = squared_normalised_window_distances(torch.full((1, 9), 1e3), torch.randn(3, 4))
    assert distances.isfinite().all()
