"""Functions that fit linear probes by ridge regression and combine their models by leave-one-out (LOO) predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from ..models import LinearProbe, LinearProbeClassifier
from .calibration import fit_inverse_temperature
from .features import LinearFit, TrainingFeatures
from .mixture import likelihood_mixture_weights, squared_error_mixture_weights, without_negligible
from .sample_weights import mean_weight_of_classes

# Median of the prior of the factor by which the scores of a ridge regression on targets of 1 and -1 are multiplied
# (`tests/benchmarks/ensemble.md`).
EXPECTED_FACTOR = 3.0


def fit_classifier_probe(
    probe: LinearProbeClassifier, features: TrainingFeatures, codes: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Fit the linear classifiers of a probe, their mixture weights and the temperature of the mixture.

    Parameters
    ----------
    probe : LinearProbeClassifier
        The probe, fitted in place.
    features : TrainingFeatures
        Features of the training samples.
    codes : ndarray of int of shape (n,)
        Their class indices.
    weights : ndarray of shape (n,)
        Their weights, which are positive.

    Returns
    -------
    ndarray of shape (j, C)
        Leave-one-out probabilities of the classes for the samples ``features.rows``.
    """
    # If there are more features than samples, class weights hardly change a ridge regression. Therefore the sample
    # weights are divided by them, and the predicted probabilities are multiplied by them.
    num_classes = len(probe.class_offset)
    class_weights = mean_weight_of_classes(weights, codes, num_classes)
    probe.class_offset.copy_(torch.from_numpy(np.log(class_weights)))
    weights = weights / class_weights[codes]
    targets = one_against_rest(codes, num_classes)
    # The only sample of a class cannot be predicted from the others.
    judged = (np.bincount(codes, minlength=num_classes)[codes] > 1)[features.rows]
    codes_judged, weights_judged = codes[features.rows][judged], weights[features.rows][judged]
    logits = []
    for linear, fit in zip(probe.linear, features.fit_models(targets, weights, judged), strict=True):
        inverse_temperature = fit_inverse_temperature(fit.loo[judged], codes_judged, weights_judged, EXPECTED_FACTOR)
        _set_linear(linear, fit, inverse_temperature)
        logits.append(inverse_temperature * fit.loo)
    loo = softmax(np.stack(logits), axis=2) + 1e-30  # (K, j, C)
    true_class = loo[:, np.flatnonzero(judged), codes_judged]
    mixture_weights = likelihood_mixture_weights(true_class, weights_judged, probe.prior_weights)
    mixture = np.log(np.tensordot(_keep_important(probe, mixture_weights), loo, 1))
    inverse_temperature = fit_inverse_temperature(mixture[judged], codes_judged, weights_judged, 1)
    probe.inverse_temperature.fill_(inverse_temperature)
    predicted: np.ndarray = softmax(inverse_temperature * mixture + np.log(class_weights), axis=1)
    return predicted


def one_against_rest(codes: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the targets of the ridge regression of each class against all others.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Class indices.
    num_classes : int
        Number of classes C.

    Returns
    -------
    ndarray of shape (n, C), float32
        1 for the class of a sample, and -1 for the others.
    """
    return np.where(codes[:, None] == np.arange(num_classes), np.float32(1), np.float32(-1))


def fit_regressor_probe(
    probe: LinearProbe, features: TrainingFeatures, targets: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Fit the linear models of a probe and their mixture weights.

    Parameters
    ----------
    probe : LinearProbe
        The probe, fitted in place.
    features : TrainingFeatures
        Features of the training samples.
    targets : ndarray of shape (n,)
        Their target values.
    weights : ndarray of shape (n,)
        Their weights, which are positive.

    Returns
    -------
    ndarray of shape (j, 1)
        Leave-one-out predictions for the samples ``features.rows``.
    """
    rows, loo = features.rows, []
    judged = np.ones(len(rows), dtype=bool)
    for linear, fit in zip(probe.linear, features.fit_models(targets[:, None], weights, judged), strict=True):
        _set_linear(linear, fit, 1)
        loo.append(fit.loo[:, 0])
    mixture_weights = squared_error_mixture_weights(np.stack(loo), targets[rows], weights[rows], probe.prior_weights)
    return (_keep_important(probe, mixture_weights) @ np.stack(loo))[:, None]


def _keep_important(probe: LinearProbe, mixture_weights: np.ndarray) -> np.ndarray:
    """Remove the models of negligible weight from a probe; return the new weights (K,), 0 for removed models."""
    mixture_weights = without_negligible(mixture_weights)
    kept = mixture_weights.nonzero()[0]
    probe.keep(kept.tolist(), torch.from_numpy(mixture_weights[kept]))
    return mixture_weights


def _set_linear(linear: Any, fit: LinearFit, factor: float) -> None:
    """Copy a fitted model, with its outputs multiplied by a factor, into a module."""
    with torch.no_grad():
        linear.basis.mean.copy_(fit.mean)
        linear.basis.scale.copy_(fit.scale)
        linear.basis.limit.fill_(fit.limit)
        linear.linear.weight.copy_(torch.from_numpy(factor * fit.weight))
        linear.linear.bias.copy_(torch.from_numpy(factor * fit.bias))
