"""Tests of power spectra and autocorrelations."""

import numpy as np
import pytest
import torch
from scipy import signal
from torch.testing import assert_close

from sktsmae.functional.spectra import autocorrelation, welch


@pytest.mark.parametrize(("n_timepoints", "length"), [(300, 64), (300, 300), (50, 128), (7, 8)])
def test_spectrum_is_the_one_of_scipy(n_timepoints, length):
    x = torch.randn(3, n_timepoints, dtype=torch.float64)
    size = min(length, n_timepoints)
    window = np.hanning(size + 2)[1:-1]
    _, expected = signal.welch(
        x.numpy(), window=window, nfft=length, noverlap=size - max(1, size // 2), scaling="density"
    )
    expected = torch.from_numpy(expected)[:, 1:]
    inner = slice(0, (length - 1) // 2)  # scipy doubles all frequencies except for the highest one
    assert_close(2 * welch(x, length)[:, inner], expected[:, inner])


def test_autocorrelation_agrees_with_its_definition():
    x = torch.randn(3, 40, dtype=torch.float64)
    padded = torch.cat((x, torch.zeros(3, 60)), dim=-1)
    expected = torch.stack([(padded[:, lag:][:, :40] * x).sum(-1) / 40 for lag in range(1, 60)], dim=-1)
    assert_close(autocorrelation(x, 59), expected)
