"""Computation of the frozen features on which linear models are fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..models import Features, LinearProbe, ModelInput
from ..models.piecewise_linear import PiecewiseLinearBasis
from ..models.probe import model_inputs
from ..signals.batches import sample_batches
from ..signals.map_batches import map_batches
from ..signals.spread_rows import spread_rows
from .sketch import CountSketch, needs_sketch

# Number of samples from which the means and standard deviations of projected features are computed.
_SKETCH_SAMPLES = 1000


class KindFeatures(NamedTuple):
    """The features of one kind for the training samples of a probe.

    Attributes
    ----------
    values : ndarray of shape (n, 2 * F) or (n, width of the sketch), float32
        Standardised features of each sample and half of their absolute values (`PiecewiseLinearBasis`), or the
        projection of both.
    basis : PiecewiseLinearBasis
        The standardisation.
    sketch : CountSketch or None
        The projection, if there is one.
    """

    values: np.ndarray
    basis: PiecewiseLinearBasis
    sketch: CountSketch | None = None


def fit_features(
    probe: LinearProbe,
    X: np.ndarray,
    rows: np.ndarray,
    weights: np.ndarray,
    batch_size: int,
    device: torch.device,
    advance: Callable[[], object],
) -> dict[str, KindFeatures]:
    """Fit the features of a probe on all samples, and compute those of the samples for its linear models.

    Parameters
    ----------
    probe : LinearProbe
        The probe; its features are fitted in place.
    X : ndarray of shape (n, ...)
        All samples.
    rows : ndarray of int of shape (m,)
        The samples whose features are computed.
    weights : ndarray of shape (m,)
        Weights of these samples, for means and standard deviations.
    batch_size : int
        Maximum number of samples per batch.
    device : torch.device
        Device to compute on.
    advance : callable
        Called without arguments after each kind of features.

    Returns
    -------
    dict of str to KindFeatures
        The features, by kind.
    """
    features: dict[str, KindFeatures] = {}
    for name, kind in zip(probe.features, probe.kinds(), strict=True):
        size = kind.batch_size(batch_size, X.shape[-1])
        if kind.max_fit_signals:
            with torch.inference_mode():
                kind.fit(*sample_batches(X, kind.max_fit_signals, size, device))
        basis = PiecewiseLinearBasis(kind.out_features, probe.limit)
        sketch = None
        if needs_sketch(len(rows), 2 * kind.out_features):
            sketch = CountSketch(2 * kind.out_features, seed=len(features))
            sample = spread_rows(len(rows), _SKETCH_SAMPLES)
            raw = torch.from_numpy(map_batches(kind, X, size, device, rows[sample]))
            basis.fit(raw, torch.from_numpy(weights[sample]))
            values = map_batches(nn.Sequential(kind, basis, sketch).to(device), X, size, device, rows)
        else:
            raw = torch.from_numpy(map_batches(kind, X, size, device, rows))
            basis.fit(raw, torch.from_numpy(weights))
            values = basis(raw).numpy()
        features[name] = KindFeatures(values, basis.cpu(), sketch)
        advance()
    return features


def probe_inputs(features: Mapping[str, Features], n_channels: int, n_samples: int) -> list[ModelInput]:
    """Return the inputs of the linear models of a probe that will be fitted to samples.

    Parameters
    ----------
    features : mapping of str to Features
        The kinds of features, by name.
    n_channels : int
        Number of channels of a sample.
    n_samples : int
        Number of samples.

    Returns
    -------
    list of ModelInput
        Those of `models.probe.model_inputs`. If features are projected, single channels have no models, because a
        projection adds the features of all channels.
    """
    per_channel = [kind for kind in features.values() if kind.channel_prior_weight]
    projected = any(needs_sketch(n_samples, 2 * kind.out_features) for kind in per_channel)
    return model_inputs(features, 1 if projected else n_channels)
