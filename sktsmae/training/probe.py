"""Functions that fit linear probes by ridge regression and combine their models by leave-one-out (LOO) predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from ..models import LinearProbe, LinearProbeClassifier
from .calibration import fit_inverse_temperature
from .mixture import likelihood_mixture_weights, squared_error_mixture_weights
from .ridge import fit_ridge


def fit_classifier_probe(
    probe: LinearProbeClassifier, features: Mapping[str, np.ndarray], codes: np.ndarray, weights: np.ndarray
) -> None:
    """Fit the linear classifiers of a probe, their mixture weights and the temperature of the mixture.

    Parameters
    ----------
    probe : LinearProbeClassifier
        The probe, fitted in place.
    features : mapping of str to ndarray of shape (n, F), float32
        Features of each sample, by kind.
    codes : ndarray of int of shape (n,)
        Class indices.
    weights : ndarray of shape (n,)
        Sample weights.
    """
    # If there are more features than samples, class weights hardly change a ridge regression. Therefore the sample
    # weights are divided by them, and the predicted probabilities are multiplied by them.
    num_classes = len(probe.class_offset)
    counts, totals = np.bincount(codes, minlength=num_classes), np.bincount(codes, weights, minlength=num_classes)
    class_weights = np.maximum(totals / np.maximum(counts, 1), 1e-12)
    probe.class_offset.copy_(torch.from_numpy(np.log(class_weights)))
    positive = weights > 0
    features = {name: values[positive] for name, values in features.items()}
    codes, weights = codes[positive], (weights / class_weights[codes])[positive]
    each = zip(probe.linear, probe.inputs, strict=True)
    logits = [_fit_classes(linear, _joined(features, names), codes, weights) for linear, names in each]
    loo = softmax(logits, axis=2) + 1e-30  # (K, n, C)
    mixture_weights = likelihood_mixture_weights(loo[:, np.arange(len(codes)), codes], weights, probe.prior_weights)
    probe.mixture_weights.copy_(torch.from_numpy(mixture_weights))
    mixture = np.log(np.tensordot(mixture_weights, loo, 1))
    probe.inverse_temperature.fill_(fit_inverse_temperature(mixture, codes, weights))


def fit_regressor_probe(
    probe: LinearProbe, features: Mapping[str, np.ndarray], targets: np.ndarray, weights: np.ndarray
) -> None:
    """Fit the linear models of a probe and their mixture weights.

    Parameters
    ----------
    probe : LinearProbe
        The probe, fitted in place.
    features : mapping of str to ndarray of shape (n, F), float32
        Features of each sample, by kind.
    targets : ndarray of shape (n,)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights.
    """
    loo = []
    for linear, names in zip(probe.linear, probe.inputs, strict=True):
        weight, bias, predicted = fit_ridge(_joined(features, names), targets, weights)
        _set_linear(linear, weight, bias)
        loo.append(predicted)
    mixture_weights = squared_error_mixture_weights(np.stack(loo), targets, weights, probe.prior_weights)
    probe.mixture_weights.copy_(torch.from_numpy(mixture_weights))


def _fit_classes(linear: Any, features: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit a linear layer by ridge regression on one-vs-rest targets; return its leave-one-out logits."""
    targets = np.where(codes[:, None] == np.arange(len(linear.bias)), 1.0, -1.0)
    weight, bias, loo = fit_ridge(features, targets, weights)
    inverse_temperature = fit_inverse_temperature(loo, codes, weights)
    _set_linear(linear, inverse_temperature * weight, inverse_temperature * bias)
    return inverse_temperature * loo


def _joined(features: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return np.concatenate([features[name] for name in names], axis=1)


def _set_linear(linear: Any, weight: np.ndarray, bias: Any) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.atleast_2d(weight)))
        linear.bias.copy_(torch.from_numpy(np.atleast_1d(bias)))
