"""Sums over the features of samples, from which the linear models of a probe are fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..models import Features, LinearProbe
from ..models.piecewise_linear import PiecewiseLinearBasis
from ..signals.map_batches import map_batches
from ..signals.spread_rows import spread_rows
from .features import LinearFit, block_factors, fit_thresholds
from .moments import Moments
from .ridge import solve_ridge
from .sketch import CountSketch, divide_columns

# Number of samples from which the means and standard deviations of features are computed.
BASIS_SAMPLES = 1000
# Largest absolute value of a standardised feature. An extreme sample that is not among those could dominate the sums.
_LIMIT = 10.0
# Number of samples whose features are in memory at the same time (about 200 MB for all kinds).
_CHUNK_SAMPLES = 2048


class StreamedKind(NamedTuple):
    """One kind of features, computed chunk by chunk.

    Attributes
    ----------
    transform : Module
        Maps signals to standardised features and half of their absolute values, or to a projection of both.
    batch_size : int
        Number of signals to process per batch.
    basis : PiecewiseLinearBasis
        The standardisation.
    sketch : CountSketch or None
        The projection, if there is one.
    columns : ndarray of int
        Columns of the design matrix with the results.
    """

    transform: nn.Module
    batch_size: int
    basis: PiecewiseLinearBasis
    sketch: CountSketch | None
    columns: np.ndarray

    def expand(self, coefficients: np.ndarray) -> np.ndarray:
        """Compute the coefficients of the features that equal the coefficients of the columns.

        Parameters
        ----------
        coefficients : ndarray of shape (C, columns)
            Coefficients of the columns.

        Returns
        -------
        ndarray of shape (C, 2, F)
            Coefficients of the standardised features, and of half of their absolute values.
        """
        of_features = coefficients if self.sketch is None else self.sketch.expand(coefficients)
        return of_features.reshape(len(of_features), 2, -1)


class FeatureSums(NamedTuple):
    """Sums over samples, and the features of some of them.

    Attributes
    ----------
    moments : Moments
        The sums over the design matrix.
    values : ndarray of shape (j, width), float32
        The rows of the design matrix of the samples with leave-one-out predictions.
    """

    moments: Moments
    values: np.ndarray


def merge_sums(parts: Sequence[FeatureSums]) -> FeatureSums:
    """Merge sums over consecutive samples.

    Parameters
    ----------
    parts : sequence of FeatureSums
        The sums over each part of the samples, which are not changed.

    Returns
    -------
    FeatureSums
        The sums over all of them.
    """
    return FeatureSums(Moments.total([part.moments for part in parts]), np.concatenate([part.values for part in parts]))


class DesignMatrix:
    """The design matrix of the linear models of a probe, which is computed chunk by chunk and summed.

    Its columns are the features of all kinds, or random projections of them, next to each other. Each model uses the
    columns of its kinds, so that the sums over one matrix suffice for all models. Thresholds, means and standard
    deviations are learned from the samples that are given here.

    Parameters
    ----------
    probe : LinearProbe
        The probe. Its features are fitted in place. None of its models uses a single channel, and all models use their
        kinds in the same order.
    X : ndarray of shape (n, ...)
        All samples, labelled or not.
    samples : ndarray of int of shape (m,)
        The training samples, as indices into `X`.
    weights : ndarray of shape (m,)
        Weights of the training samples, for means and standard deviations.
    batch_size : int
        Maximum number of samples per batch.
    device : torch.device
        Device to compute on.
    width : int
        Largest number of columns, which are divided among the kinds by `divide_columns`.

    Attributes
    ----------
    kinds : dict of str to StreamedKind
        The kinds of features.
    width : int
        Number of columns.
    """

    def __init__(
        self,
        probe: LinearProbe,
        X: np.ndarray,
        samples: np.ndarray,
        weights: np.ndarray,
        batch_size: int,
        device: torch.device,
        width: int,
    ) -> None:
        self._device, self._limit = device, min(probe.limit, _LIMIT)
        rows = spread_rows(len(samples), BASIS_SAMPLES)
        used: dict[str, Features] = {name: probe.features[name] for name in probe.used_kinds}  # type: ignore[misc]
        counts = [2 * kind.out_features for kind in used.values()]
        widths = divide_columns(counts, width)
        starts = np.cumsum([0, *widths])
        self.width = int(starts[-1])
        self.kinds: dict[str, StreamedKind] = {}
        for (name, kind), count, start, stop in zip(used.items(), counts, starts[:-1], starts[1:], strict=True):
            size = kind.batch_size(batch_size, X.shape[-1])
            fit_thresholds(kind, X, size, device)
            raw = torch.from_numpy(map_batches(kind, X, size, device, samples[rows]))
            basis = PiecewiseLinearBasis(kind.out_features, self._limit)
            basis.fit(raw, torch.from_numpy(weights[rows]))
            sketch = CountSketch(count, stop - start) if stop - start < count else None
            parts = [kind, basis] if sketch is None else [kind, basis, sketch]
            transform = nn.Sequential(*parts).to(device)
            self.kinds[name] = StreamedKind(transform, size, basis, sketch, np.arange(start, stop))
        self._inputs = [
            (names, block_factors(probe, names, [used[name].out_features for name in names]))
            for names, _ in probe.inputs
        ]

    def to(self, device: torch.device) -> None:
        """Move the networks that compute the features to a device.

        Parameters
        ----------
        device : torch.device
            The device.
        """
        self._device = device
        for kind in self.kinds.values():
            kind.transform.to(device)

    def sums(
        self,
        X: np.ndarray,
        samples: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        kept: np.ndarray,
        advance: Callable[[int], object] = lambda count: None,
    ) -> FeatureSums:
        """Compute the sums over samples.

        Parameters
        ----------
        X : ndarray of shape (n, ...)
            Samples.
        samples : ndarray of int of shape (m,)
            Those to use, at least one, as indices into `X`.
        targets : ndarray of shape (m, C)
            Their targets.
        weights : ndarray of shape (m,)
            Their weights, which are positive.
        kept : ndarray of int of shape (j,)
            Increasing indices into `samples` of those whose features are kept.
        advance : callable, optional
            Called with the number of samples that were processed.

        Returns
        -------
        FeatureSums
            The sums, and the features of the samples `kept`.
        """
        values, moments = np.empty((len(kept), self.width), np.float32), Moments(self.width, targets.shape[1])
        for start in range(0, len(samples), _CHUNK_SAMPLES):
            chunk = slice(start, min(start + _CHUNK_SAMPLES, len(samples)))
            of_kinds = [
                map_batches(kind.transform, X, kind.batch_size, self._device, samples[chunk])
                for kind in self.kinds.values()
            ]
            matrix = np.concatenate(of_kinds, axis=1)
            moments.add(matrix, targets[chunk], weights[chunk])
            inside = slice(*np.searchsorted(kept, [chunk.start, chunk.stop]))
            values[inside] = matrix[kept[inside] - start]
            advance(chunk.stop - start)
        return FeatureSums(moments, values)

    def fit_models(
        self, sums: FeatureSums, targets: np.ndarray, weights: np.ndarray, judged: np.ndarray
    ) -> Iterator[LinearFit]:
        """Fit the linear models to all samples.

        Parameters
        ----------
        sums : FeatureSums
            Sums over all samples, and the features of j of them.
        targets : ndarray of shape (j, C)
            Targets of these j samples.
        weights : ndarray of shape (j,)
            Their weights.
        judged : ndarray of bool of shape (j,)
            Those of them whose leave-one-out predictions determine the penalties.

        Yields
        ------
        LinearFit
            The next model.
        """
        all_moments, values = sums
        del sums  # so that the Gram matrix can be freed below, if the caller does not keep it
        for number, (names, factors) in enumerate(self._inputs, 1):
            kinds = [self.kinds[name] for name in names]
            columns, widths = np.concatenate([kind.columns for kind in kinds]), [len(kind.columns) for kind in kinds]
            of_columns = np.repeat(np.array(factors, dtype=np.float32), widths)
            moments = all_moments.centred(columns, of_columns)
            if number == len(self._inputs):
                del all_moments  # because the last model, on all kinds, needs the most memory
            features = of_columns * values[:, columns]
            coefficients, bias, loo = solve_ridge(moments, features, targets, weights, judged)
            parts = np.split(of_columns * coefficients, np.cumsum(widths)[:-1], axis=1)
            weight = np.concatenate([kind.expand(part) for kind, part in zip(kinds, parts, strict=True)], axis=2)
            mean = torch.cat([kind.basis.mean.cpu() for kind in kinds])
            scale = torch.cat([kind.basis.scale.cpu() for kind in kinds])
            yield LinearFit(mean, scale, self._limit, weight.reshape(len(weight), -1), bias, loo)
