"""Sums over the features of samples, from which the linear models of a probe are fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from .sketch import CountSketch

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
    """

    transform: nn.Module
    batch_size: int
    basis: PiecewiseLinearBasis
    sketch: CountSketch | None

    @property
    def width(self) -> int:
        """Number of columns that a ridge regression uses.

        Returns
        -------
        int
            The number.
        """
        return 2 * len(self.basis.mean) if self.sketch is None else self.sketch.width


class Design(NamedTuple):
    """The columns of the ridge regression of one model, computed from several kinds of features.

    Attributes
    ----------
    names : sequence of str
        The kinds.
    factors : mapping of str to float
        The factor of each kind.
    projected : sequence of str
        Those of the kinds that are projected. The sum of their projections is a projection of all of them.
    """

    names: Sequence[str]
    factors: Mapping[str, float]
    projected: Sequence[str]

    def matrix(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Compute the columns from the values of each kind.

        Parameters
        ----------
        values : mapping of str to ndarray of shape (n, width of the kind)
            Values of each kind.

        Returns
        -------
        ndarray of shape (n, width), float32
            The columns of the exact kinds, and then those of the sum of the projections.
        """
        parts = [np.float32(self.factors[name]) * values[name] for name in self.names]
        exact = [part for name, part in zip(self.names, parts, strict=True) if name not in self.projected]
        projected = [part for name, part in zip(self.names, parts, strict=True) if name in self.projected]
        return np.concatenate([*exact, *([sum(projected)] if projected else [])], axis=1)

    def expand(self, coefficients: np.ndarray, kinds: Mapping[str, StreamedKind]) -> np.ndarray:
        """Compute the coefficients of the features that equal the coefficients of the columns.

        Parameters
        ----------
        coefficients : ndarray of shape (C, width)
            Coefficients of the columns.
        kinds : mapping of str to StreamedKind
            The kinds.

        Returns
        -------
        ndarray of shape (C, 2 * F)
            Coefficients of the standardised features of all kinds, and of half of their absolute values.
        """
        expanded, start = [], 0
        for name in self.names:
            sketch = kinds[name].sketch
            if sketch is None:
                weight = coefficients[:, start : start + kinds[name].width]
                start += kinds[name].width
            else:
                weight = sketch.expand(coefficients[:, -sketch.width :])
            expanded.append(self.factors[name] * weight.reshape(len(weight), 2, -1))
        return np.concatenate(expanded, axis=2).reshape(len(coefficients), -1)


class FeatureSums(NamedTuple):
    """Sums over samples, and the features of some of them.

    Attributes
    ----------
    moments : list of Moments
        For each model, the sums over its design matrix.
    values : dict of str to ndarray of shape (j, width of the kind)
        The features of the samples with leave-one-out predictions.
    """

    moments: list[Moments]
    values: dict[str, np.ndarray]


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
    moments = [Moments.total(of_model) for of_model in zip(*(part.moments for part in parts), strict=True)]
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
    return FeatureSums(moments, values)


class DesignMatrices:
    """The design matrices of the linear models of a probe, which are computed chunk by chunk and summed.

    Kinds of features with more values per sample than `width` are projected to `width` columns. Thresholds, means and
    standard deviations are learned from the samples that are given here.

    Parameters
    ----------
    probe : LinearProbe
        The probe. Its features are fitted in place. None of its models uses a single channel.
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
        Number of columns of a projection. A ridge regression then decomposes a matrix of about `width` x `width`
        numbers, for any number of samples and features.

    Attributes
    ----------
    kinds : dict of str to StreamedKind
        The kinds of features.
    designs : list of Design
        The columns of each model.
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
        self.kinds: dict[str, StreamedKind] = {}
        for number, name in enumerate(probe.used_kinds):
            kind: Features = probe.features[name]  # type: ignore[assignment]
            size = kind.batch_size(batch_size, X.shape[-1])
            fit_thresholds(kind, X, size, device)
            raw = torch.from_numpy(map_batches(kind, X, size, device, samples[rows]))
            basis = PiecewiseLinearBasis(kind.out_features, self._limit)
            basis.fit(raw, torch.from_numpy(weights[rows]))
            sketch = CountSketch(2 * kind.out_features, width, number) if 2 * kind.out_features > width else None
            parts = [kind, basis] if sketch is None else [kind, basis, sketch]
            self.kinds[name] = StreamedKind(nn.Sequential(*parts).to(device), size, basis, sketch)
        self.designs = [self._design(probe, names) for names, _ in probe.inputs]

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
        values = {name: np.empty((len(kept), kind.width), np.float32) for name, kind in self.kinds.items()}
        widths = [design.matrix({name: part[:0] for name, part in values.items()}).shape[1] for design in self.designs]
        all_moments = [Moments(width, targets.shape[1]) for width in widths]
        for start in range(0, len(samples), _CHUNK_SAMPLES):
            chunk = slice(start, min(start + _CHUNK_SAMPLES, len(samples)))
            of_chunk = {
                name: map_batches(kind.transform, X, kind.batch_size, self._device, samples[chunk])
                for name, kind in self.kinds.items()
            }
            for design, moments in zip(self.designs, all_moments, strict=True):
                moments.add(design.matrix(of_chunk), targets[chunk], weights[chunk])
            inside = slice(*np.searchsorted(kept, [chunk.start, chunk.stop]))
            for name, part in values.items():
                part[inside] = of_chunk[name][kept[inside] - start]
            advance(chunk.stop - start)
        return FeatureSums(all_moments, values)

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
        for design, moments in zip(self.designs, sums.moments, strict=True):
            coefficients, bias, loo = solve_ridge(moments, design.matrix(sums.values), targets, weights, judged)
            bases = [self.kinds[name].basis for name in design.names]
            yield LinearFit(
                torch.cat([basis.mean.cpu() for basis in bases]),
                torch.cat([basis.scale.cpu() for basis in bases]),
                self._limit,
                design.expand(coefficients, self.kinds),
                bias,
                loo,
            )

    def _design(self, probe: LinearProbe, names: Sequence[str]) -> Design:
        kinds: list[Features] = [probe.features[name] for name in names]  # type: ignore[misc]
        factors = block_factors(probe, names, [kind.out_features for kind in kinds])
        projected = [name for name in names if self.kinds[name].sketch is not None]
        return Design(names, dict(zip(names, factors, strict=True)), projected)
