"""Scaling of sample weights."""

from __future__ import annotations

import numpy as np


def mean_one(weights: np.ndarray) -> np.ndarray:
    """Scale weights to a mean of 1, so that their scale does not change the effect of a prior.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Weights, which are positive; n may be 0.

    Returns
    -------
    ndarray of shape (n,)
        The scaled weights.
    """
    return weights * (len(weights) / max(weights.sum(), np.finfo(float).tiny))


def mean_weight_of_classes(weights: np.ndarray, codes: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the mean weight of the samples of each class.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Sample weights, which are not negative.
    codes : ndarray of int of shape (n,)
        Class indices.
    num_classes : int
        Number of classes C.

    Returns
    -------
    ndarray of shape (C,)
        The means; at least 1e-12.
    """
    counts, totals = np.bincount(codes, minlength=num_classes), np.bincount(codes, weights, minlength=num_classes)
    return np.maximum(totals / np.maximum(counts, 1), 1e-12)
