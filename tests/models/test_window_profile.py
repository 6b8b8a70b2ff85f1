"""Tests of the distances of windows from windows of normal signals."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import WindowProfile
from sktsmae.models.window_profile import WindowDistance


@pytest.fixture
def normal() -> torch.Tensor:
    return torch.sin(torch.arange(120) / 4 + torch.arange(12)[:, None, None]) + 0.1 * torch.randn(12, 2, 120)


def test_normal_signals_have_a_median_of_0_and_a_quantile_of_1(normal):
    distance = WindowDistance(2, 20, 200)
    distance.fit(normal[:8])
    values = distance(normal[:8])
    assert_close(values.movedim(1, 0).flatten(1).median(1).values, torch.zeros(2), atol=0.02, rtol=0)
    assert_close((values > 1).float().mean((0, 2)), torch.full((2,), 0.01), atol=0.005, rtol=0)


def test_windows_do_not_depend_on_an_offset_of_all_signals(normal):
    first, second = (WindowDistance(2, 20, 200) for _ in range(2))
    first.fit(normal)
    second.fit(normal + 100)
    assert_close(second(normal[:3] + 100.5), first(normal[:3] + 0.5), atol=0.01, rtol=0)


def test_profile_is_the_maximum_over_lengths_and_channels(normal):
    profile = WindowProfile(2, 20, 100)
    profile.fit(normal)
    x = normal[:3] + 0.01
    each = torch.stack([distance(x) for distance in profile.distances])
    assert [distance.length for distance in profile.distances] == [10, 20, 40]
    assert_close(profile(x), each.amax((0, 2)))


def test_long_windows_are_subsampled(normal):
    long = normal.repeat(1, 1, 5)
    distance = WindowDistance(2, 300, 50)
    distance.fit(long)
    assert distance.bank.shape == (2, 50, 5, 100)
    assert distance(long[:2]).shape == (2, 2, 600)


@pytest.mark.parametrize("n_timepoints", [1, 2, 3])
def test_very_short_and_constant_signals_have_finite_profiles(n_timepoints):
    profile = WindowProfile(1, n_timepoints // 2, 10)
    profile.fit(torch.ones(3, n_timepoints))
    assert profile(torch.randn(4, n_timepoints)).isfinite().all()
