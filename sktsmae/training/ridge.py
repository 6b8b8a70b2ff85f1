"""Ridge regression of linear probes, and their calibration by leave-one-out (LOO) predictions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn import config_context
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from ..models import LinearProbe, LinearProbeClassifier

ALPHAS = np.logspace(-1, 5, 13)
# Leave-one-out predictions of n samples need an n x n matrix and the features in float64. With more samples or values,
# a fit would take minutes.
MAX_SAMPLES, MAX_VALUES = 4000, 10**8


def fit_classifier_probe(
    probe: LinearProbeClassifier, features: np.ndarray, codes: np.ndarray, weights: np.ndarray
) -> None:
    """Fit the linear classifiers of a probe, their mixture weights and the temperature of the mixture.

    Parameters
    ----------
    probe : LinearProbeClassifier
        The probe, fitted in place.
    features : ndarray of shape (n, F), float32
        Features of each sample, of all kinds, concatenated.
    codes : ndarray of int of shape (n,)
        Class indices.
    weights : ndarray of shape (n,)
        Sample weights.
    """
    # If there are more features than samples, class weights hardly change a ridge regression, so they scale the
    # probabilities instead.
    num_classes = len(probe.class_offset)
    counts, totals = np.bincount(codes, minlength=num_classes), np.bincount(codes, weights, minlength=num_classes)
    class_weights = np.maximum(totals / np.maximum(counts, 1), 1e-12)
    probe.class_offset.copy_(torch.from_numpy(np.log(class_weights)))
    kept = weights > 0
    features, codes, weights = features[kept], codes[kept], (weights / class_weights[codes])[kept]
    each = zip(probe.linear, probe.widths, strict=True)
    logits = [_fit_classes(linear, features[:, :width], codes, weights) for linear, width in each]
    loo = softmax(logits, axis=2) + 1e-30  # (K, n, C)
    mixture_weights = likelihood_mixture_weights(loo[:, np.arange(len(codes)), codes], weights)
    probe.mixture_weights.copy_(torch.from_numpy(mixture_weights))
    mixture = np.log(np.tensordot(mixture_weights, loo, 1))
    probe.inverse_temperature.fill_(_inverse_temperature(mixture, codes, weights))


def fit_regressor_probe(probe: LinearProbe, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
    """Fit the linear models of a probe and their mixture weights.

    Parameters
    ----------
    probe : LinearProbe
        The probe, fitted in place.
    features : ndarray of shape (n, F), float32
        Features of each sample, of all kinds, concatenated.
    targets : ndarray of shape (n,)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights.
    """
    loo = []
    for linear, width in zip(probe.linear, probe.widths, strict=True):
        weight, bias, predicted = _fit_ridge(features[:, :width], targets, weights)
        _set_linear(linear, weight, bias)
        loo.append(predicted)
    mixture_weights = squared_error_mixture_weights(np.stack(loo), targets, weights)
    probe.mixture_weights.copy_(torch.from_numpy(mixture_weights))


def choose_samples(codes: np.ndarray, num_features: int, seed: int) -> np.ndarray:
    """Choose the samples that a probe is fitted on.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Class indices.
    num_features : int
        Number of features of a sample.
    seed : int
        Seed of the random choice.

    Returns
    -------
    ndarray of int of shape (m,)
        Increasing indices into `codes`. If there are too many samples, they are a subset with the same fraction of each
        class and at least one sample per class.

    Warns
    -----
    UserWarning
        If not all samples are chosen.
    """
    classes, counts = np.unique(codes, return_counts=True)
    count = max(2 * len(classes), min(MAX_SAMPLES, MAX_VALUES // num_features))
    if count < len(codes):
        warnings.warn(
            f"the linear models are fitted on {count} of {len(codes)} samples, because all samples with {num_features} "
            "features each would take too much time and memory. To use all samples, make a pipeline of "
            "CWTTransformer(output='statistics') and another model.",
            UserWarning,
            stacklevel=4,
        )
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    by_class = shuffled[codes[shuffled].argsort(kind="stable")]
    rank = np.arange(len(codes)) - np.searchsorted(codes[by_class], codes[by_class])  # position within the class
    fraction = rank / counts[np.searchsorted(classes, codes[by_class])]
    return np.sort(by_class[fraction.argsort(kind="stable")[:count]])


def likelihood_mixture_weights(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mixture weights that maximise the likelihood of leave-one-out predictions.

    One pseudo-sample, which favours the other models, is added, so that the first model has weight only if it improves
    the predictions.

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
    """Return the negative log-likelihood of the samples and of one pseudo-sample that favours the other models."""
    return -float(weights @ np.log(weight * first + (1 - weight) * others) + np.log(1 - weight))


def _fit_classes(linear: Any, features: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit a linear layer by ridge regression on one-vs-rest targets; return its leave-one-out logits."""
    targets = np.where(codes[:, None] == np.arange(len(linear.bias)), 1.0, -1.0)
    weight, bias, loo = _fit_ridge(features, targets, weights)
    inverse_temperature = _inverse_temperature(loo, codes, weights)
    _set_linear(linear, inverse_temperature * weight, inverse_temperature * bias)
    return inverse_temperature * loo


def _fit_ridge(features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, Any, np.ndarray]:
    """Fit a ridge regression; return its coefficients, intercept and leave-one-out predictions."""
    scaler = StandardScaler().fit(features, sample_weight=weights)
    ridge = RidgeCV(ALPHAS, scoring="neg_mean_squared_error", store_cv_results=True)
    with config_context(enable_metadata_routing=False):  # it needs a request for sample weights
        ridge.fit(scaler.transform(features), targets, sample_weight=weights)
    weight = ridge.coef_ / scaler.scale_
    loo = ridge.cv_results_[..., list(ALPHAS).index(ridge.alpha_)]
    return weight, ridge.intercept_ - weight @ scaler.mean_, loo


def _set_linear(linear: Any, weight: np.ndarray, bias: Any) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.atleast_2d(weight)))
        linear.bias.copy_(torch.from_numpy(np.atleast_1d(bias)))


def _first_against_others(weight: float, count: int) -> np.ndarray:
    """Return mixture weights from the weight of the first model, with equal weights for the other models.

    The other models share features, and their leave-one-out losses differ by less than the noise.
    """
    return np.array([weight, *[(1 - weight) / (count - 1)] * (count - 1)])


def _inverse_temperature(scores: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Return the factor that turns scores (n, C) into the logits with the lowest log-loss.

    The target probabilities are slightly below 1, by the rule of succession: after n correct predictions the next one
    is correct with probability (n + 1) / (n + 2). With target probabilities of 1, the factor of perfect predictions
    would be infinite.
    """
    n_samples, num_classes = scores.shape
    epsilon = 1 / (n_samples + 2)
    targets = np.full(scores.shape, epsilon / max(1, num_classes - 1))
    targets[np.arange(n_samples), codes] = 1 - epsilon

    def log_loss(log_factor: float) -> float:
        return -float(weights @ (targets * log_softmax(np.exp(log_factor) * scores, axis=1)).sum(1))

    return float(np.exp(minimize_scalar(log_loss, bounds=(-3, 4), method="bounded").x))
