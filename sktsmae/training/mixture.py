"""Mixture weights of models, from their leave-one-out (LOO) predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls

from .sample_weights import mean_one

# Number of pseudo-samples that favour the prior weights. With few samples, leave-one-out predictions are too noisy to
# choose a model.
PSEUDO_SAMPLES = 10
_MAX_ITERATIONS, _TOLERANCE = 1000, 1e-6
# Largest sum of the weights of the models that are dropped (`tests/benchmarks/ensemble.md`).
_NEGLIGIBLE = 0.05


def without_negligible(mixture_weights: np.ndarray) -> np.ndarray:
    """Set the smallest mixture weights to zero, as long as they sum to at most 0.05, and scale the others.

    Parameters
    ----------
    mixture_weights : ndarray of shape (K,)
        Mixture weights, which sum to 1.

    Returns
    -------
    ndarray of shape (K,)
        Mixture weights, which sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sktsmae.training.mixture import without_negligible
    >>> without_negligible(np.array([0.02, 0.576, 0.02, 0.384])).round(2).tolist()
    [0.0, 0.6, 0.0, 0.4]
    """
    order = mixture_weights.argsort(kind="stable")
    kept = mixture_weights.copy()
    kept[order[kept[order].cumsum() <= _NEGLIGIBLE]] = 0
    return kept / kept.sum()


def likelihood_mixture_weights(
    probabilities: np.ndarray, weights: np.ndarray, prior_weights: Sequence[float]
) -> np.ndarray:
    """Return the mixture weights with the largest posterior probability, given leave-one-out predictions.

    The prior is a Dirichlet distribution with `PSEUDO_SAMPLES` pseudo-samples. The weights are computed by
    expectation-maximisation.

    Parameters
    ----------
    probabilities : ndarray of shape (K, n)
        Leave-one-out probability of the true class of each sample by each model.
    weights : ndarray of shape (n,)
        Sample weights.
    prior_weights : sequence of float of length K
        Mean of the prior, which sums to 1.

    Returns
    -------
    ndarray of shape (K,)
        Mixture weights, which sum to 1.

    References
    ----------
    A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm", Journal
    of the Royal Statistical Society B 39, 1977.
    """
    prior = np.array(prior_weights)
    weights = mean_one(weights)
    mixture = prior
    for _ in range(_MAX_ITERATIONS):
        responsibilities = mixture[:, None] * probabilities
        responsibilities /= responsibilities.sum(0)
        previous, mixture = mixture, responsibilities @ weights + PSEUDO_SAMPLES * prior
        mixture /= mixture.sum()
        if np.abs(mixture - previous).max() < _TOLERANCE:
            break
    return mixture


def squared_error_mixture_weights(
    predicted: np.ndarray, targets: np.ndarray, weights: np.ndarray, prior_weights: Sequence[float]
) -> np.ndarray:
    """Return the mixture weights with the smallest squared error of leave-one-out predictions.

    A penalty favours the prior: it equals the error of `PSEUDO_SAMPLES` samples on which each model errs independently
    with the smallest mean squared error of all models.

    Parameters
    ----------
    predicted : ndarray of shape (K, n)
        Leave-one-out predictions of each model.
    targets : ndarray of shape (n,)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights.
    prior_weights : sequence of float of length K
        Mean of the prior, which sums to 1.

    Returns
    -------
    ndarray of shape (K,)
        Mixture weights, which sum to 1.
    """
    prior, root = np.array(prior_weights), np.sqrt(mean_one(weights))
    # The weights sum to 1, so the error of the mixture is the mixture of the errors.
    errors = root * (predicted - targets)
    scale = np.sqrt((errors**2).mean(1)).clip(1e-300)
    penalty = np.sqrt(PSEUDO_SAMPLES) * scale.min()
    rows = np.vstack([errors.T, penalty * np.eye(len(prior)), 1e6 * scale.max() * np.ones(len(prior))])
    wanted = np.concatenate([np.zeros(predicted.shape[1]), penalty * prior, [1e6 * scale.max()]])
    mixture, _ = nnls(rows / scale.max(), wanted / scale.max())
    return mixture / mixture.sum()
