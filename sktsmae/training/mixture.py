"""Mixture weights of models, from their leave-one-out predictions."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar


def likelihood_mixture_weights(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mixture weights that maximise the likelihood of leave-one-out predictions.

    The first model has weight w, and each of the other models has weight (1 - w) / (K - 1). One pseudo-sample with
    likelihood 1 - w is added, so that w is 0 unless the first model improves the predictions.

    Parameters
    ----------
    probabilities : ndarray of shape (K, n)
        Leave-one-out probability of the true class of each sample by each model.
    weights : ndarray of shape (n,)
        Sample weights.

    Returns
    -------
    ndarray of shape (K,)
        Mixture weights, which sum to 1.
    """
    if len(probabilities) == 1:
        return np.ones(1)
    first, others = probabilities[0], probabilities[1:].mean(0)
    weights = weights / weights.mean()
    best = minimize_scalar(_negative_log_likelihood, bounds=(0, 1), args=(first, others, weights), method="bounded").x
    return _first_against_others(best, len(probabilities))


def squared_error_mixture_weights(predicted: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mixture weights that minimise the squared error of leave-one-out predictions.

    The first model has weight w, and each of the other models has weight (1 - w) / (K - 1).

    Parameters
    ----------
    predicted : ndarray of shape (K, n)
        Leave-one-out predictions of each model.
    targets : ndarray of shape (n,)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights.

    Returns
    -------
    ndarray of shape (K,)
        Mixture weights, which sum to 1.
    """
    if len(predicted) == 1:
        return np.ones(1)
    first, others = predicted[0], predicted[1:].mean(0)
    step = first - others
    weight = weights @ (step * (targets - others)) / max(weights @ step**2, 1e-30)
    return _first_against_others(float(np.clip(weight, 0, 1)), len(predicted))


def _negative_log_likelihood(weight: float, first: np.ndarray, others: np.ndarray, weights: np.ndarray) -> float:
    """Return the negative log-likelihood of the samples and of one pseudo-sample with likelihood 1 - weight."""
    return -float(weights @ np.log(weight * first + (1 - weight) * others) + np.log(1 - weight))


def _first_against_others(weight: float, count: int) -> np.ndarray:
    """Return mixture weights from the weight of the first model. The other models have equal weights.

    Their leave-one-out losses differ by less than the noise, because these models share features.
    """
    return np.array([weight, *[(1 - weight) / (count - 1)] * (count - 1)])
