"""Linear models on frozen features, fitted in closed form and calibrated by leaving each sample out."""

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

from ..models import LinearProbe, Probe

ALPHAS = np.logspace(-1, 5, 13)
# Leaving samples out takes a matrix of samples by samples, and features in double precision: more would take minutes.
MAX_SAMPLES, MAX_VALUES = 4000, 10**8


def fit_probe(probe: Probe, features: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> None:
    """Fit the linear classifiers of a probe, and how sure they are.

    Parameters
    ----------
    probe : Probe
        Gets its weights.
    features : ndarray of shape (n, F), float32
        All kinds of features of each sample, side by side.
    codes : ndarray of int of shape (n,)
        Class indices.
    weights : ndarray of shape (n,)
        Weights of the samples.
    """
    # More features than samples fit any weights of classes alike; so these move the probabilities.
    num_classes = len(probe.class_offset)
    counts, totals = np.bincount(codes, minlength=num_classes), np.bincount(codes, weights, minlength=num_classes)
    class_weights = np.maximum(totals / np.maximum(counts, 1), 1e-12)
    probe.class_offset.copy_(torch.from_numpy(np.log(class_weights)))
    kept = weights > 0
    features, codes, weights = features[kept], codes[kept], (weights / class_weights[codes])[kept]
    each = zip(probe.linear, probe.widths, strict=True)
    scores = [_fit_classes(linear, features[:, :width], codes, weights) for linear, width in each]
    left_out = softmax(scores, axis=2) + 1e-30  # (K, n, C)
    shares = _likeliest_shares(left_out[:, np.arange(len(codes)), codes], weights)
    probe.shares.copy_(torch.from_numpy(shares))
    probe.sharpness.fill_(_sharpness(np.log(np.tensordot(shares, left_out, 1)), codes, weights))


def fit_linear_probe(probe: LinearProbe, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
    """Fit the linear models of a probe by ridge regression.

    Parameters
    ----------
    probe : LinearProbe
        Gets its weights.
    features : ndarray of shape (n, F), float32
        All kinds of features of each sample, side by side.
    targets : ndarray of shape (n,)
        What they are to say.
    weights : ndarray of shape (n,)
        Weights of the samples.
    """
    left_out = []
    for linear, width in zip(probe.linear, probe.widths, strict=True):
        weight, bias, predicted = _fit_ridge(features[:, :width], targets, weights)
        _set_linear(linear, weight, bias)
        left_out.append(predicted)
    probe.shares.copy_(torch.from_numpy(_closest_shares(np.stack(left_out), targets, weights)))


def choose_samples(codes: np.ndarray, num_features: int, seed: int) -> np.ndarray:
    """Choose as many samples as a fit has the time and the memory for.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Class indices.
    num_features : int
        Features of a sample.
    seed : int
        Seeds the choice.

    Returns
    -------
    ndarray of int of shape (m,)
        Places in `codes`, increasing; where not all can be had, the same share of each class, one at least.

    Warns
    -----
    UserWarning
        If not all can be had.
    """
    classes, counts = np.unique(codes, return_counts=True)
    count = max(2 * len(classes), min(MAX_SAMPLES, MAX_VALUES // num_features))
    if count < len(codes):
        warnings.warn(
            f"the linear models are fitted on {count} of {len(codes)} samples, of {num_features} features "
            "each: time and memory. For all samples, put CWTTransformer(output='statistics') before another model.",
            UserWarning,
            stacklevel=4,
        )
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    by_class = shuffled[codes[shuffled].argsort(kind="stable")]
    rank = np.arange(len(codes)) - np.searchsorted(codes[by_class], codes[by_class])  # of a sample within its class
    share = rank / counts[np.searchsorted(classes, codes[by_class])]
    return np.sort(by_class[share.argsort(kind="stable")[:count]])


def _fit_classes(linear: Any, features: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit a layer by ridge regression on the classes; return the logits of each sample, itself left out."""
    targets = np.where(codes[:, None] == np.arange(len(linear.bias)), 1.0, -1.0)
    weight, bias, left_out = _fit_ridge(features, targets, weights)
    sharpness = _sharpness(left_out, codes, weights)
    _set_linear(linear, sharpness * weight, sharpness * bias)
    return sharpness * left_out


def _fit_ridge(features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, Any, np.ndarray]:
    """Fit a ridge regression; return coefficients, intercept, and predictions of each sample, itself left out."""
    scaler = StandardScaler().fit(features, sample_weight=weights)
    ridge = RidgeCV(ALPHAS, scoring="neg_mean_squared_error", store_cv_results=True)
    with config_context(enable_metadata_routing=False):  # it would ask whether the weights are meant for the score
        ridge.fit(scaler.transform(features), targets, sample_weight=weights)
    weight = ridge.coef_ / scaler.scale_
    left_out = ridge.cv_results_[..., list(ALPHAS).index(ridge.alpha_)]
    return weight, ridge.intercept_ - weight @ scaler.mean_, left_out


def _set_linear(linear: Any, weight: np.ndarray, bias: Any) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.atleast_2d(weight)))
        linear.bias.copy_(torch.from_numpy(np.atleast_1d(bias)))


def _likeliest_shares(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the shares of classifiers by which samples left out are most probable, given probabilities (K, n).

    One sample that speaks for the others is added: without need the first has no share.
    """
    if len(probabilities) == 1:
        return np.ones(1)
    first, others = probabilities[0], probabilities[1:].mean(0)
    weights = weights / weights.mean()

    def surprise(share: float) -> float:
        return -float(weights @ np.log(share * first + (1 - share) * others) + np.log(1 - share))

    return _first_against_others(minimize_scalar(surprise, bounds=(0, 1), method="bounded").x, len(probabilities))


def _closest_shares(predicted: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the shares of models by which predictions (K, n) of samples left out come closest to the targets."""
    if len(predicted) == 1:
        return np.ones(1)
    first, others = predicted[0], predicted[1:].mean(0)
    step = first - others
    share = weights @ (step * (targets - others)) / max(weights @ step**2, 1e-30)
    return _first_against_others(float(np.clip(share, 0, 1)), len(predicted))


def _first_against_others(share: float, count: int) -> np.ndarray:
    """Return the shares of models of which the first has one of its own, and the others have the rest evenly.

    The others build on each other, and which of them is better is within the noise of leaving samples out.
    """
    return np.array([share, *[(1 - share) / (count - 1)] * (count - 1)])


def _sharpness(scores: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Return the factor that makes scores (n, C) the best logits by their log-loss.

    The targets are a little less than sure, by the rule of succession: n samples that are all right make the next one
    right with (n + 1) / (n + 2). They would ask for certainty otherwise.
    """
    n_samples, num_classes = scores.shape
    doubt = 1 / (n_samples + 2)
    targets = np.full(scores.shape, doubt / max(1, num_classes - 1))
    targets[np.arange(n_samples), codes] = 1 - doubt

    def loss(log_factor: float) -> float:
        return -float(weights @ (targets * log_softmax(np.exp(log_factor) * scores, axis=1)).sum(1))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 4), method="bounded").x))
