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
    medians = values.movedim(2, 1).flatten(2).median(2).values
    assert_close(medians, torch.zeros(2, 2), atol=0.02, rtol=0)  # of both distances, for both channels
    assert_close((values > 1).float().mean((1, 3)), torch.full((2, 2), 0.01), atol=0.005, rtol=0)


def test_windows_do_not_depend_on_an_offset_of_all_signals(normal):
    first, second = (WindowDistance(2, 20, 200) for _ in range(2))
    first.fit(normal)
    second.fit(normal + 10)
    assert_close(second(normal[:3] + 10.5), first(normal[:3] + 0.5), atol=0.01, rtol=0)


def test_distance_of_shapes_does_not_depend_on_level_and_amplitude(normal):
    distance = WindowDistance(2, 20, 200)
    distance.fit(normal[3:])  # windows of a signal in fit are not compared with each other
    values, shapes = distance(3 * normal[:3] + 5) - distance(normal[:3])
    assert values.mean() > 3  # three times the 99 % quantile of normal signals
    # The constant 0.05 is 2 to 7 % of the standard deviations, so that it leaves a small difference.
    assert shapes.abs().mean() < 0.1 * values.mean()


def test_profile_is_the_maximum_over_channels_of_both_distances_over_lengths(normal):
    profile = WindowProfile(2, 20, 100)
    profile.fit(normal)
    x = normal[:3] + 0.01
    each = torch.stack([distance(x) for distance in profile.distances])
    assert [distance.length for distance in profile.distances] == [10, 20, 40]
    values, shapes = each.unbind(1)
    assert_close(profile(x), ((values.amax(0) + shapes.mean(0)) / 2).amax(1))


def test_long_windows_are_subsampled(normal):
    long = normal.repeat(1, 1, 5)
    distance = WindowDistance(2, 300, 50)
    distance.fit(long)
    assert distance.bank.shape == (2, 50, 5, 100)
    assert distance(long[:2]).shape == (2, 2, 2, 600)


@pytest.mark.parametrize("n_timepoints", [1, 2, 3])
def test_very_short_and_constant_signals_have_finite_profiles(n_timepoints):
    profile = WindowProfile(1, n_timepoints // 2, 10)
    profile.fit(torch.ones(3, n_timepoints))
    assert profile(torch.randn(4, n_timepoints)).isfinite().all()
