"""Functions that fit linear probes by ridge regression and combine their models by leave-one-out (LOO) predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import softmax

from ..models import LinearProbe, LinearProbeClassifier, ModelInput
from .calibration import fit_inverse_temperature
from .features import KindFeatures
from .mixture import likelihood_mixture_weights, squared_error_mixture_weights, without_negligible
from .ridge import FeatureBlock, fit_ridge
from .sample_weights import mean_weight_of_classes

# Median of the prior of the factor by which the scores of a ridge regression on targets of 1 and -1 are multiplied
# (`tests/benchmarks/ensemble.md`).
EXPECTED_FACTOR = 3.0


def fit_classifier_probe(
    probe: LinearProbeClassifier, features: Mapping[str, KindFeatures], codes: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Fit the linear classifiers of a probe, their mixture weights and the temperature of the mixture.

    Parameters
    ----------
    probe : LinearProbeClassifier
        The probe, fitted in place.
    features : mapping of str to KindFeatures
        Features of each sample, by kind.
    codes : ndarray of int of shape (n,)
        Class indices.
    weights : ndarray of shape (n,)
        Sample weights.

    Returns
    -------
    ndarray of shape (n, C)
        Leave-one-out probabilities of the classes; NaN for samples without weight.
    """
    # If there are more features than samples, class weights hardly change a ridge regression. Therefore the sample
    # weights are divided by them, and the predicted probabilities are multiplied by them.
    num_classes = len(probe.class_offset)
    class_weights = mean_weight_of_classes(weights, codes, num_classes)
    probe.class_offset.copy_(torch.from_numpy(np.log(class_weights)))
    positive = weights > 0
    if not positive.all():
        features = {name: kind._replace(values=kind.values[positive]) for name, kind in features.items()}
    codes, weights = codes[positive], (weights / class_weights[codes])[positive]
    targets = np.where(codes[:, None] == np.arange(num_classes), 1.0, -1.0)  # one against the rest
    # The only sample of a class cannot be predicted from the others.
    judged = np.bincount(codes, minlength=num_classes)[codes] > 1
    logits, blocks = [], _Blocks(probe, features, weights)
    for linear, model_input in zip(probe.linear, probe.inputs, strict=True):
        parts = blocks.parts(model_input)
        weight, bias, scores = _fit_linear(parts, targets, weights, judged)
        inverse_temperature = fit_inverse_temperature(scores[judged], codes[judged], weights[judged], EXPECTED_FACTOR)
        _set_linear(linear, parts, inverse_temperature * weight, inverse_temperature * bias)
        logits.append(inverse_temperature * scores)
    loo = softmax(np.stack(logits), axis=2) + 1e-30  # (K, n, C)
    codes, weights = codes[judged], weights[judged]
    true_class = loo[:, np.flatnonzero(judged), codes]
    mixture_weights = likelihood_mixture_weights(true_class, weights, probe.prior_weights)
    mixture = np.log(np.tensordot(_keep_important(probe, mixture_weights), loo, 1))
    inverse_temperature = fit_inverse_temperature(mixture[judged], codes, weights, 1)
    probe.inverse_temperature.fill_(inverse_temperature)
    predicted = np.full((len(positive), num_classes), np.nan)
    predicted[positive] = softmax(inverse_temperature * mixture + np.log(class_weights), axis=1)
    return predicted


def fit_regressor_probe(
    probe: LinearProbe, features: Mapping[str, KindFeatures], targets: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Fit the linear models of a probe and their mixture weights.

    Parameters
    ----------
    probe : LinearProbe
        The probe, fitted in place.
    features : mapping of str to KindFeatures
        Features of each sample, by kind.
    targets : ndarray of shape (n,)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights.

    Returns
    -------
    ndarray of shape (n, 1)
        Leave-one-out predictions.
    """
    loo, blocks = [], _Blocks(probe, features, weights)
    for linear, model_input in zip(probe.linear, probe.inputs, strict=True):
        parts = blocks.parts(model_input)
        weight, bias, predicted = _fit_linear(parts, targets[:, None], weights)
        _set_linear(linear, parts, weight, bias)
        loo.append(predicted[:, 0])
    mixture_weights = squared_error_mixture_weights(np.stack(loo), targets, weights, probe.prior_weights)
    return (_keep_important(probe, mixture_weights) @ np.stack(loo))[:, None]


def _keep_important(probe: LinearProbe, mixture_weights: np.ndarray) -> np.ndarray:
    """Remove the models of negligible weight from a probe; return the new weights (K,), 0 for removed models."""
    mixture_weights = without_negligible(mixture_weights)
    kept = mixture_weights.nonzero()[0]
    probe.keep(kept.tolist(), torch.from_numpy(mixture_weights[kept]))
    return mixture_weights


class _Part(NamedTuple):
    """The features of one kind that a model uses."""

    features: KindFeatures
    columns: slice
    shared: bool
    block: FeatureBlock

    @property
    def width(self) -> int:
        """Number of features F that the model uses."""
        return len(self.features.basis.mean[self.columns])

    def expand(self, weight: np.ndarray) -> np.ndarray:
        """Return the coefficients (C, 2, F) that equal the coefficients of the block."""
        sketch = self.features.sketch
        return (weight if sketch is None else sketch.expand(weight)).reshape(len(weight), 2, -1)


class _Blocks:
    """The features of all kinds, of which models use parts. The Gram matrix of a part is computed once.

    Parameters
    ----------
    probe : LinearProbe
        The probe with the models.
    features : mapping of str to KindFeatures
        Features of each sample, by kind.
    weights : ndarray of shape (n,)
        Sample weights, which are positive.
    """

    def __init__(self, probe: LinearProbe, features: Mapping[str, KindFeatures], weights: np.ndarray) -> None:
        self.probe = probe
        self.features = features
        self.weights = weights
        self.remaining = Counter((name, channel) for kinds, channel in probe.inputs for name in kinds)
        self.blocks: dict[tuple[str, int | None], FeatureBlock] = {}

    def parts(self, model_input: ModelInput) -> list[_Part]:
        """Return the features of one model. After the last model that uses them, they are forgotten."""
        parts = []
        for name in model_input.kinds:
            key = name, model_input.channel
            kind, columns = self.features[name], self.probe.columns(*key)
            if key not in self.blocks:
                self.blocks[key] = FeatureBlock(_values(kind, columns), self.weights)
            parts.append(_Part(kind, columns, bool(self.probe.features[name].shared), self.blocks[key]))
            self.remaining[key] -= 1
            if not self.remaining[key]:
                del self.blocks[key]
        return parts


def _values(kind: KindFeatures, columns: slice) -> np.ndarray:
    """Return the values from which a ridge regression on some columns is computed."""
    if kind.sketch is not None or columns == slice(None):
        return kind.values
    return kind.values.reshape(len(kind.values), 2, -1)[:, :, columns].reshape(len(kind.values), -1)


def _fit_linear(
    parts: Sequence[_Part], targets: np.ndarray, weights: np.ndarray, judged: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a ridge regression on some features; return weight (C, 2 * F), bias (C,) and LOO predictions (n, C)."""
    own_width = np.mean([part.width for part in parts if not part.shared] or [1])
    # All kinds of the model that are not shared have the same total variance.
    factors = [1.0 if part.shared else float(np.sqrt(own_width / part.width)) for part in parts]
    exact = [number for number, part in enumerate(parts) if part.features.sketch is None]
    projected = [number for number in range(len(parts)) if number not in exact]
    blocks, block_factors = [parts[number].block for number in exact], [factors[number] for number in exact]
    if projected:
        # The sum of the projections of several kinds is a projection of all of them.
        values = np.zeros(parts[projected[0]].block.values.shape, np.float32)
        for number in projected:
            values += np.float32(factors[number]) * parts[number].block.values
        blocks, block_factors = [*blocks, FeatureBlock(values, weights)], [*block_factors, 1.0]
    fit = fit_ridge(blocks, block_factors, targets, weights, judged)
    weight_of = dict(zip(exact, fit.weights, strict=False))
    weight_of |= {number: factors[number] * fit.weights[-1] for number in projected}
    expanded = [part.expand(weight_of[number]) for number, part in enumerate(parts)]
    return np.concatenate(expanded, axis=2).reshape(len(fit.bias), -1), fit.bias, fit.loo


def _set_linear(linear: Any, parts: Sequence[_Part], weight: np.ndarray, bias: np.ndarray) -> None:
    with torch.no_grad():
        linear.basis.mean.copy_(torch.cat([part.features.basis.mean[part.columns] for part in parts]))
        linear.basis.scale.copy_(torch.cat([part.features.basis.scale[part.columns] for part in parts]))
        linear.linear.weight.copy_(torch.from_numpy(weight))
        linear.linear.bias.copy_(torch.from_numpy(bias))
