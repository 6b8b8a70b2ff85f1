"""Features of so many training samples that only sums over them are kept."""

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
from .features import LinearFit, TrainingFeatures, block_factors, fit_thresholds
from .moments import Moments
from .ridge import solve_ridge
from .sketch import CountSketch
from .subset import choose_samples

# Number of columns to which features are projected. A ridge regression then decomposes a matrix of about 4,096 x 4,096
# numbers, for any number of samples and features.
WIDTH = 4096
# Number of samples from which the means and standard deviations of features are computed.
_BASIS_SAMPLES = 1000
# Largest absolute value of a standardised feature. An extreme sample that is not among those could dominate the sums.
_LIMIT = 10.0
# Number of samples with leave-one-out predictions, from which penalties and weights are learned.
_LOO_SAMPLES = 5000
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


class StreamedFeatures(TrainingFeatures):
    """Features of any number of samples, of which only sums over all samples and the features of a subset are kept.

    Kinds with more than 4,096 values per sample are projected to 4,096 columns. The models are fitted to all samples;
    leave-one-out predictions are computed for the subset.

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
    advance : callable
        Called with the number of samples that were processed.
    strata : ndarray of int of shape (m,)
        Classes of the training samples, all of which the samples with leave-one-out predictions represent.
    seed : int
        Seed of the choice of these samples.
    """

    def __init__(
        self,
        probe: LinearProbe,
        X: np.ndarray,
        samples: np.ndarray,
        weights: np.ndarray,
        batch_size: int,
        device: torch.device,
        advance: Callable[[int], object],
        strata: np.ndarray,
        seed: int,
    ) -> None:
        self.probe, self.rows = probe, choose_samples(strata, _LOO_SAMPLES, seed)
        self._X, self._samples, self._device, self._advance = X, samples, device, advance
        self._limit = min(probe.limit, _LIMIT)
        basis_rows = spread_rows(len(samples), _BASIS_SAMPLES)
        self.kinds: dict[str, StreamedKind] = {}
        for number, name in enumerate(probe.used_kinds):
            kind: Features = probe.features[name]  # type: ignore[assignment]
            size = kind.batch_size(batch_size, X.shape[-1])
            fit_thresholds(kind, X, size, device)
            raw = torch.from_numpy(map_batches(kind, X, size, device, samples[basis_rows]))
            basis = PiecewiseLinearBasis(kind.out_features, self._limit)
            basis.fit(raw, torch.from_numpy(weights[basis_rows]))
            sketch = CountSketch(2 * kind.out_features, WIDTH, number) if 2 * kind.out_features > WIDTH else None
            parts = [kind, basis] if sketch is None else [kind, basis, sketch]
            self.kinds[name] = StreamedKind(nn.Sequential(*parts).to(device), size, basis, sketch)
        self.designs = [self._design(names) for names, _ in probe.inputs]

    def fit_models(self, targets: np.ndarray, weights: np.ndarray, judged: np.ndarray) -> Iterator[LinearFit]:
        """Fit the linear models of the probe.

        Parameters
        ----------
        targets : ndarray of shape (n, C)
            Target values.
        weights : ndarray of shape (n,)
            Sample weights, which are positive.
        judged : ndarray of bool of shape (j,)
            Those of the samples `rows` whose leave-one-out predictions determine the penalties.

        Yields
        ------
        LinearFit
            The next model.
        """
        all_moments, values = self._pass(targets, weights)
        for design in self.designs:
            moments = all_moments.pop(0)  # so that its memory is free after the next fit
            coefficients, bias, loo = solve_ridge(
                moments, design.matrix(values), targets[self.rows], weights[self.rows], judged
            )
            bases = [self.kinds[name].basis.cpu() for name in design.names]
            yield LinearFit(
                torch.cat([basis.mean for basis in bases]),
                torch.cat([basis.scale for basis in bases]),
                self._limit,
                design.expand(coefficients, self.kinds),
                bias,
                loo,
            )

    def _pass(self, targets: np.ndarray, weights: np.ndarray) -> tuple[list[Moments], dict[str, np.ndarray]]:
        """Compute all features once; return the sums for each model, and the values of the samples `rows`."""
        kept = {name: np.empty((len(self.rows), kind.width), np.float32) for name, kind in self.kinds.items()}
        widths = [design.matrix({name: part[:0] for name, part in kept.items()}).shape[1] for design in self.designs]
        all_moments = [Moments(width, targets.shape[1]) for width in widths]
        for start in range(0, len(self._samples), _CHUNK_SAMPLES):
            chunk = slice(start, min(start + _CHUNK_SAMPLES, len(self._samples)))
            values = {
                name: map_batches(kind.transform, self._X, kind.batch_size, self._device, self._samples[chunk])
                for name, kind in self.kinds.items()
            }
            for design, moments in zip(self.designs, all_moments, strict=True):
                moments.add(design.matrix(values), targets[chunk], weights[chunk])
            inside = slice(*np.searchsorted(self.rows, [chunk.start, chunk.stop]))
            for name, part in kept.items():
                part[inside] = values[name][self.rows[inside] - start]
            self._advance(chunk.stop - start)
        return all_moments, kept

    def _design(self, names: Sequence[str]) -> Design:
        kinds: list[Features] = [self.probe.features[name] for name in names]  # type: ignore[misc]
        factors = block_factors(self.probe, names, [kind.out_features for kind in kinds])
        projected = [name for name in names if self.kinds[name].sketch is not None]
        return Design(names, dict(zip(names, factors, strict=True)), projected)
