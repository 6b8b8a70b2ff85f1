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
