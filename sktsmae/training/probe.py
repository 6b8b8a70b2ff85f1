"""Functions that fit linear probes by ridge regression and combine their models by leave-one-out (LOO) predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from ..models import LinearProbe, LinearProbeClassifier
from .calibration import fit_inverse_temperature
from .features import ProbeFeatures
from .mixture import likelihood_mixture_weights, squared_error_mixture_weights
from .ridge import fit_ridge

# Median of the prior of the factor by which the scores of a ridge regression on targets of 1 and -1 are multiplied
# (`tests/benchmarks/ensemble.md`).
EXPECTED_FACTOR = 3.0


def fit_classifier_probe(
    probe: LinearProbeClassifier, features: ProbeFeatures, codes: np.ndarray, weights: np.ndarray
) -> None:
    """Fit the linear classifiers of a probe, their mixture weights and the temperature of the mixture.

    Parameters
    ----------
    probe : LinearProbeClassifier
        The probe, fitted in place.
    features : ProbeFeatures
        Features of each sample.
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
    features = features._replace(values={name: values[positive] for name, values in features.values.items()})
    codes, weights = codes[positive], (weights / class_weights[codes])[positive]
    targets = np.where(codes[:, None] == np.arange(num_classes), 1.0, -1.0)  # one against the rest
    # The only sample of a class cannot be predicted from the others.
    judged = np.bincount(codes, minlength=num_classes)[codes] > 1
    logits = []
    for linear, names in zip(probe.linear, probe.inputs, strict=True):
        weight, bias, scores = _fit_linear(probe, features, names, targets, weights, judged)
        inverse_temperature = fit_inverse_temperature(scores[judged], codes[judged], weights[judged], EXPECTED_FACTOR)
        _set_linear(linear, inverse_temperature * weight, inverse_temperature * bias)
        logits.append(inverse_temperature * scores)
    codes, weights = codes[judged], weights[judged]
    loo = softmax(np.stack(logits)[:, judged], axis=2) + 1e-30  # (K, n, C)
    mixture_weights = likelihood_mixture_weights(loo[:, np.arange(len(codes)), codes], weights, probe.prior_weights)
    probe.mixture_weights.copy_(torch.from_numpy(mixture_weights))
    mixture = np.log(np.tensordot(mixture_weights, loo, 1))
    probe.inverse_temperature.fill_(fit_inverse_temperature(mixture, codes, weights, 1))


def fit_regressor_probe(probe: LinearProbe, features: ProbeFeatures, targets: np.ndarray, weights: np.ndarray) -> None:
    """Fit the linear models of a probe and their mixture weights.

    Parameters
    ----------
    probe : LinearProbe
        The probe, fitted in place.
    features : ProbeFeatures
        Features of each sample.
    targets : ndarray of shape (n,)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights.
    """
    loo = []
    for linear, names in zip(probe.linear, probe.inputs, strict=True):
        weight, bias, predicted = _fit_linear(probe, features, names, targets[:, None], weights)
        _set_linear(linear, weight, bias)
        loo.append(predicted[:, 0])
    mixture_weights = squared_error_mixture_weights(np.stack(loo), targets, weights, probe.prior_weights)
    probe.mixture_weights.copy_(torch.from_numpy(mixture_weights))


def _fit_linear(
    probe: LinearProbe,
    features: ProbeFeatures,
    names: Sequence[str],
    targets: np.ndarray,
    weights: np.ndarray,
    judged: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a ridge regression on some kinds of features; return weight (C, F), bias (C,) and LOO predictions (n, C)."""
    values = [features.values[name] for name in names]
    shared = [probe.features[name].shared for name in names]
    own_width = np.mean([part.shape[1] for part, common in zip(values, shared, strict=True) if not common] or [1])
    relevance = [
        # All kinds of the model that are not shared have the same total variance.
        np.full(part.shape[1], 1 if common else own_width / part.shape[1])
        for part, common in zip(values, shared, strict=True)
    ]
    weight, bias, loo = fit_ridge(np.concatenate(values, axis=1), targets, weights, judged, np.concatenate(relevance))
    parts = np.split(weight, np.cumsum([part.shape[1] for part in values])[:-1], axis=1)
    for number, name in enumerate(names):
        if name in features.sketches:
            parts[number], offset = features.sketches[name].expand(parts[number])
            bias = bias + offset
    return np.concatenate(parts, axis=1), bias, loo


def _set_linear(linear: Any, weight: np.ndarray, bias: np.ndarray) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight))
        linear.bias.copy_(torch.from_numpy(bias))
