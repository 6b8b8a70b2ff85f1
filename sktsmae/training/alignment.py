"""Relevance of channels for a linear model, measured by kernel-target alignment."""

from __future__ import annotations

import numpy as np


def channel_relevance(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return a weight per channel: how well similarity in its features agrees with similarity of the targets.

    With many channels of which few matter, a ridge regression on all features is mostly fitted to noise. Features that
    are multiplied by the square root of these weights lead to a ridge regression with a smaller penalty for relevant
    channels (`tests/benchmarks/members.md`).

    Parameters
    ----------
    features : ndarray of shape (n, M, F)
        Features of each channel.
    targets : ndarray of shape (n, C)
        Target values.

    Returns
    -------
    ndarray of shape (M,)
        Weights with a mean of 1. They are the correlations of the linear kernel of the standardised features of a
        channel with the linear kernel of the targets, over all pairs of different samples, or nearly 0 if the
        correlation is negative.

    References
    ----------
    C. Cortes, M. Mohri and A. Rostamizadeh, "Algorithms for learning kernels based on centered alignment", Journal of
    Machine Learning Research 13, 2012.
    """
    n_samples, n_channels, _ = features.shape
    if n_channels == 1 or n_samples < 3:
        return np.ones(n_channels)
    pairs = np.triu_indices(n_samples, k=1)
    centred = targets - targets.mean(0)
    similarity = (centred @ centred.T)[pairs]
    alignments = []
    for channel in range(n_channels):
        values = features[:, channel].astype(np.float64)
        scale = values.std(0)
        values = (values - values.mean(0)) / np.where(scale > 1e-6 * np.abs(values.mean(0)) + 1e-30, scale, 1)
        alignments.append(_correlation((values @ values.T)[pairs], similarity))
    weights = np.maximum(alignments, 1e-3)
    return weights / weights.mean()


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    return float(first @ second / max(np.sqrt(first @ first) * np.sqrt(second @ second), 1e-300))
