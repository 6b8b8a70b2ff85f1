"""Calibration of classifiers by temperature scaling."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from .sample_weights import mean_one


def fit_inverse_temperature(scores: np.ndarray, codes: np.ndarray, weights: np.ndarray, expected: float) -> float:
    """Return the factor by which the scores of a classifier are multiplied to minimise the log-loss.

    The logarithm of the factor has a normal prior with a variance of 1/2, because a few predictions do not determine
    it (`tests/benchmarks/ensemble.md`).

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
    expected : float
        Median of the prior, which is the result if there are no samples.

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

    weights = mean_one(weights)

    def _negative_log_posterior(log_factor: float) -> float:
        log_likelihood = weights @ (targets * log_softmax(np.exp(log_factor) * scores, axis=1)).sum(1)
        return float((log_factor - np.log(expected)) ** 2 - log_likelihood)

    return float(np.exp(minimize_scalar(_negative_log_posterior, bounds=(-3, 4), method="bounded").x))
