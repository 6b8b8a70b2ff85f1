"""Tests of the interpolation of gaps, and of functions that are applied to signals without their padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.gaps import fill_gaps, map_unpadded, missing_channels, zero_missing_channels

NAN = float("nan")
INTERPOLATED = {
    "no missing value": ([1.0, 2, 3], [1.0, 2, 3]),
    "one gap": ([1, NAN, NAN, 4, 5], [1, 2, 3, 4, 5]),
    "several gaps": ([0, NAN, 2, NAN, NAN, NAN, 6], [0, 1, 2, 3, 4, 5, 6]),
    "leading and trailing padding": ([NAN, 1, NAN, 3, NAN, NAN], [NAN, 1, 2, 3, NAN, NAN]),
    "a single value": ([NAN, 7, NAN], [NAN, 7, NAN]),
}


@pytest.mark.parametrize(("given", "expected"), INTERPOLATED.values(), ids=INTERPOLATED)
def test_gaps_are_interpolated_and_padding_is_kept(given, expected):
    assert_close(fill_gaps(torch.tensor([given])), torch.tensor([expected], dtype=torch.float), equal_nan=True)


def test_interpolation_agrees_with_numpy():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 50))
    x[rng.random(x.shape) < 0.5] = np.nan
    x[:, [0, -1]] = 1.0
    expected = [np.interp(np.arange(50), np.flatnonzero(~np.isnan(row)), row[~np.isnan(row)]) for row in x]
    assert_close(fill_gaps(torch.from_numpy(x)), torch.from_numpy(np.stack(expected)))


def test_a_shorter_channel_is_extended_by_its_first_and_last_values():
    x = torch.tensor([[[NAN, 1, 2, NAN, NAN], [5, NAN, 5, 6, NAN]]])
    assert_close(fill_gaps(x), torch.tensor([[[1, 1, 2, 2, NAN], [5, 5, 5, 6, NAN]]]), equal_nan=True)


def test_a_channel_without_values_stays_missing():
    x = torch.tensor([[[NAN, 1, NAN, 3, NAN], [NAN] * 5], [[1.0, 2, 3, 4, 5], [5, NAN, NAN, NAN, NAN]]])
    filled = fill_gaps(x)
    expected = torch.tensor([[[NAN, 1, 2, 3, NAN], [NAN] * 5], [[1.0, 2, 3, 4, 5], [5.0] * 5]])
    assert_close(filled, expected, equal_nan=True)
    assert missing_channels(filled).tolist() == [[False, True], [False, False]]
    assert_close(zero_missing_channels(filled)[0, 1], torch.tensor([NAN, 0, 0, 0, NAN]), equal_nan=True)
    assert missing_channels(filled[1:]) is None


@pytest.mark.parametrize("shape", [(6, 20), (6, 2, 20)])
def test_each_signal_is_mapped_without_its_padding(shape):
    x = torch.randn(shape)
    bounds = [(0, 20), (0, 7), (3, 20), (0, 7), (5, 6), (0, 20)]
    for signal, (start, stop) in zip(x, bounds, strict=True):
        signal[..., :start] = signal[..., stop:] = NAN
    shapes = []

    def function(unpadded):
        assert not unpadded.isnan().any()
        shapes.append((len(unpadded), unpadded.shape[-1]))
        return torch.stack((unpadded.sum(-1), unpadded.amax(-1)), dim=-1)

    out = map_unpadded(function, x)
    expected = [function(signal[None, ..., start:stop])[0] for signal, (start, stop) in zip(x, bounds, strict=True)]
    assert_close(out, torch.stack(expected))
    assert shapes[:4] == [(2, 7), (2, 20), (1, 17), (1, 1)]  # one call per group of signals with equal padding


def test_signals_without_padding_are_mapped_in_one_call():
    x = torch.randn(4, 9)
    assert map_unpadded(lambda unpadded: unpadded, x) is x
