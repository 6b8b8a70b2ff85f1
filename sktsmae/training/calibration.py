"""Calibration of classifiers by temperature scaling."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_inverse_temperature(scores: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Return the factor by which the scores of a classifier are multiplied to minimise the log-loss.

    The target probability of the true class is (n + 1) / (n + 2). By Laplace's rule of succession, this is the
    probability that the next prediction is correct after n correct ones. If the target were 1, the factor of perfect
    predictions would be infinite.

    Parameters
    ----------
    scores : ndarray of shape (n, C)
        Leave-one-out scores of the classes.
    codes : ndarray of int of shape (n,)
        Indices of the true classes.
    weights : ndarray of shape (n,)
        Sample weights.

    Returns
    -------
    float
        The inverse temperature.

    References
    ----------
    C. Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature scaling).
    """
    n_samples, num_classes = scores.shape
    epsilon = 1 / (n_samples + 2)
    targets = np.full(scores.shape, epsilon / max(1, num_classes - 1))
    targets[np.arange(n_samples), codes] = 1 - epsilon

    arguments = (scores, targets, weights)
    return float(np.exp(minimize_scalar(_log_loss, bounds=(-3, 4), args=arguments, method="bounded").x))


def _log_loss(log_factor: float, scores: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    return -float(weights @ (targets * log_softmax(np.exp(log_factor) * scores, axis=1)).sum(1))
