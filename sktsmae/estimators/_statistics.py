"""Wavelet statistics of arrays, batch by batch."""

from __future__ import annotations

import numpy as np
import torch

from ..models import WaveletStatistics
from ..models.statistics import SAMPLE_SIZE
from ._batches import load_batch, map_batches, spread_rows

# More rows of more samples at a time would leave the processor's cache, or fill the memory.
_ROWS, _VALUES = 64 * 72, 2**24


def learn_thresholds(statistics: WaveletStatistics, X: np.ndarray, device: torch.device) -> None:
    """Take the thresholds from signals, at most 20,000 of them.

    Parameters
    ----------
    statistics : WaveletStatistics
        Gets the thresholds.
    X : ndarray of shape (n, T) or (n, M, T)
        Checked signals.
    device : torch.device
        Where to compute.
    """
    rows = spread_rows(len(X), SAMPLE_SIZE)
    step = most_signals(statistics, X)
    parts = (rows[start : start + step] for start in range(0, len(rows), step))
    with torch.inference_mode():
        statistics.to(device).learn((load_batch(X, part).to(device) for part in parts), len(rows))


def apply_statistics(
    statistics: WaveletStatistics, X: np.ndarray, device: torch.device, rows: np.ndarray | None = None
) -> np.ndarray:
    """Describe signals.

    Parameters
    ----------
    statistics : WaveletStatistics
        Has its thresholds.
    X : ndarray of shape (n, T) or (n, M, T)
        Checked signals.
    device : torch.device
        Where to compute.
    rows : ndarray of int of shape (m,), default=None
        Which signals; None for all.

    Returns
    -------
    ndarray of shape (m, F), float32
        The statistics.
    """
    return map_batches(statistics.to(device), X, most_signals(statistics, X), device, rows)


def most_signals(statistics: WaveletStatistics, X: np.ndarray) -> int:
    """Return how many signals are described at a time.

    Parameters
    ----------
    statistics : WaveletStatistics
        Knows the rows of a signal.
    X : ndarray of shape (n, T) or (n, M, T)
        Checked signals.

    Returns
    -------
    int
        As many as the processor's cache and the memory allow, one at least.
    """
    num_rows = len(statistics.thresholds)
    return max(1, min(_ROWS // num_rows, _VALUES // (num_rows * X.shape[-1])))
