"""Tests of distances from shapelets."""

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.shapelets import dilated_windows, normalise_windows, smallest_distances


@pytest.mark.parametrize(("length", "dilation"), [(1, 1), (3, 1), (5, 4), (11, 2)])
def test_windows_have_the_samples_at_the_distance_of_the_dilation(length, dilation):
    x = torch.arange(30.0).repeat(2, 3, 1)
    windows = dilated_windows(x, length, dilation)
    assert windows.shape == (2, 3, length, 30 - dilation * (length - 1))
    for place in (0, windows.shape[-1] - 1):
        assert windows[0, 0, :, place].tolist() == [place + dilation * sample for sample in range(length)]


def test_signal_shorter_than_a_window_continues_with_its_last_value():
    assert dilated_windows(torch.tensor([[1.0, 2.0]]), 4, 1).tolist() == [[[1.0], [2.0], [2.0], [2.0]]]


@pytest.mark.parametrize("normalise", [False, True])
def test_distances_agree_with_their_definition(normalise):
    windows, shapelets = dilated_windows(torch.randn(4, 2, 50), 7, 3), torch.randn(2, 6, 7)
    if normalise:
        windows = normalise_windows(windows)
        assert_close(windows.mean(-2), torch.zeros(4, 2, 32))
        assert (windows.std(-2, correction=0) < 1).all()
    differences = windows.transpose(2, 3)[:, :, None] - shapelets[None, :, :, None]  # (B, M, K, W, n)
    expected = differences.square().mean(-1).sqrt().amin(-1)
    assert_close(smallest_distances(windows, shapelets), expected, rtol=1e-3, atol=1e-4)


def test_only_the_distance_from_a_part_of_the_signal_is_exactly_zero():
    windows = dilated_windows(10 + torch.randn(3, 1, 80), 11, 2)
    distances = smallest_distances(windows, windows[0, :, :, 5:9].mT)
    assert (distances[0] == 0).all()
    assert (distances[1:] > 0.1).all()


def test_noise_of_a_flat_signal_is_not_a_shape():
    flat, shape = 1e-4 * torch.randn(2, 1, 60), torch.randn(1, 4, 11)
    windows = normalise_windows(dilated_windows(flat, 11, 1))
    assert_close(smallest_distances(windows, shape)[0], shape.square().mean(-1).sqrt(), rtol=0.02, atol=0)
