"""Computation of the frozen features on which linear models are fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..models import LinearProbe
from ..signals.batches import sample_batches
from ..signals.map_batches import map_batches
from ..signals.spread_rows import spread_rows
from .sketch import CountSketch, needs_sketch

# Number of samples from which the means and standard deviations of projected features are computed.
_SKETCH_SAMPLES = 1000


class ProbeFeatures(NamedTuple):
    """The features of a probe for its training samples.

    Attributes
    ----------
    values : dict of str to ndarray of shape (n, F), float32
        Features of each sample, by kind.
    sketches : dict of str to CountSketch
        The projections of the kinds whose features are projected.
    """

    values: dict[str, np.ndarray]
    sketches: dict[str, CountSketch]


def fit_features(
    probe: LinearProbe,
    X: np.ndarray,
    rows: np.ndarray,
    batch_size: int,
    device: torch.device,
    advance: Callable[[], object],
) -> ProbeFeatures:
    """Fit the features of a probe on all samples, and compute those of the samples for its linear models.

    Parameters
    ----------
    probe : LinearProbe
        The probe; its features are fitted in place.
    X : ndarray of shape (n, ...)
        All samples.
    rows : ndarray of int of shape (m,)
        The samples whose features are computed.
    batch_size : int
        Maximum number of samples per batch.
    device : torch.device
        Device to compute on.
    advance : callable
        Called without arguments after each kind of features.

    Returns
    -------
    ProbeFeatures
        The features.
    """
    features = ProbeFeatures({}, {})
    for name, kind in zip(probe.features, probe.kinds(), strict=True):
        size = kind.batch_size(batch_size, X.shape[-1])
        if kind.max_fit_signals:
            with torch.inference_mode():
                kind.fit(*sample_batches(X, kind.max_fit_signals, size, device))
        compute: Callable[[Tensor], Tensor] = kind
        if needs_sketch(len(rows), kind.out_features):
            sample = map_batches(kind, X, size, device, rows[spread_rows(len(rows), _SKETCH_SAMPLES)])
            features.sketches[name] = CountSketch(torch.from_numpy(sample).to(device))
            compute = torch.nn.Sequential(kind, features.sketches[name])
        features.values[name] = map_batches(compute, X, size, device, rows)
        advance()
    return features
