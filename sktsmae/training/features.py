"""The features of training samples on which the linear models of a probe are fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..models import Features, LinearProbe
from ..models.piecewise_linear import PiecewiseLinearBasis
from ..signals.batches import sample_batches
from ..signals.map_batches import map_batches
from .ridge import FeatureBlock, fit_ridge

# With more samples, a linear model on all kinds of features is the most accurate (`tests/benchmarks/ensemble.md`), and
# models on single channels would take long.
MANY_SAMPLES = 4000
# If there are more samples, or more values of features that are needed at once (1.6 GB), only sums are kept.
_MAX_SAMPLES, _MAX_VALUES = 10_000, 4 * 10**8


class LinearFit(NamedTuple):
    """A linear model of a probe, fitted by ridge regression.

    Attributes
    ----------
    mean, scale : Tensor of shape (F,)
        Means and standard deviations by which its features are standardised.
    limit : float
        Largest absolute value of a standardised feature.
    weight : ndarray of shape (C, 2 * F)
        Coefficients of the standardised features and of half of their absolute values.
    bias : ndarray of shape (C,)
        Intercepts.
    loo : ndarray of shape (j, C)
        Leave-one-out predictions of the samples `TrainingFeatures.rows`.
    """

    mean: Tensor
    scale: Tensor
    limit: float
    weight: np.ndarray
    bias: np.ndarray
    loo: np.ndarray


class TrainingFeatures(ABC):
    """The features of n training samples, to which the linear models of a probe are fitted.

    Attributes
    ----------
    probe : LinearProbe
        The probe.
    rows : ndarray of int of shape (j,)
        The samples for which there are leave-one-out predictions, as indices into the training samples.
    """

    probe: LinearProbe
    rows: np.ndarray

    @abstractmethod
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


class KindFeatures(NamedTuple):
    """The features of one kind.

    Attributes
    ----------
    values : ndarray of shape (n, 2 * F), float32
        Standardised features of each sample and half of their absolute values (`PiecewiseLinearBasis`).
    basis : PiecewiseLinearBasis
        The standardisation.
    """

    values: np.ndarray
    basis: PiecewiseLinearBasis


class FeaturesInMemory(TrainingFeatures):
    """Features that fit into memory. Each kind is computed when the first model needs it, and then kept until the last.

    Parameters
    ----------
    probe : LinearProbe
        The probe; its features are fitted in place.
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
        Called with 1 whenever a kind of features is computed.
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
    ) -> None:
        self.probe, self.rows = probe, np.arange(len(samples))
        self._X, self._samples, self._weights = X, samples, weights
        self._batch_size, self._device, self._advance = batch_size, device, advance

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
        inputs = self.probe.inputs
        kinds: dict[str, KindFeatures] = {}
        blocks: dict[tuple[str, int | None], FeatureBlock] = {}
        uses_of_kind = Counter(name for names, _ in inputs for name in names)
        uses_of_block = Counter((name, channel) for names, channel in inputs for name in names)
        for names, channel in inputs:
            columns = [self.probe.columns(name, channel) for name in names]
            for name, part in zip(names, columns, strict=True):
                if name not in kinds:
                    kinds[name] = self.compute(name)
                if (name, channel) not in blocks:
                    blocks[name, channel] = FeatureBlock(_select(kinds[name].values, part), weights)
            widths = [blocks[name, channel].width for name in names]
            factors = block_factors(self.probe, names, widths)
            fit = fit_ridge([blocks[name, channel] for name in names], factors, targets, weights, judged)
            weight = np.concatenate([part.reshape(len(fit.bias), 2, -1) for part in fit.weights], axis=2)
            bases = [kinds[name].basis for name in names]
            mean = torch.cat([basis.mean[part] for basis, part in zip(bases, columns, strict=True)])
            scale = torch.cat([basis.scale[part] for basis, part in zip(bases, columns, strict=True)])
            yield LinearFit(mean, scale, self.probe.limit, weight.reshape(len(fit.bias), -1), fit.bias, fit.loo)
            uses_of_kind -= Counter(names)
            uses_of_block -= Counter((name, channel) for name in names)
            for name in names:
                if not uses_of_block[name, channel]:
                    del blocks[name, channel]
                if not uses_of_kind[name]:
                    del kinds[name]

    def compute(self, name: str) -> KindFeatures:
        """Fit one kind of features to all samples, and compute the features of the training samples.

        Parameters
        ----------
        name : str
            Name of the kind.

        Returns
        -------
        KindFeatures
            The features.
        """
        kind: Features = self.probe.features[name]  # type: ignore[assignment]
        size = kind.batch_size(self._batch_size, self._X.shape[-1])
        fit_thresholds(kind, self._X, size, self._device)
        basis = PiecewiseLinearBasis(kind.out_features, self.probe.limit)
        raw = torch.from_numpy(map_batches(kind, self._X, size, self._device, self._samples))
        basis.fit(raw, torch.from_numpy(self._weights))
        self._advance(1)
        return KindFeatures(basis(raw).numpy(), basis)


def are_streamed(n_samples: int) -> bool:
    """Return whether there are so many training samples that their features are never in memory together.

    Parameters
    ----------
    n_samples : int
        Number of training samples.

    Returns
    -------
    bool
        True if there are more than 10,000 samples.
    """
    return n_samples > _MAX_SAMPLES


def fits_in_memory(kinds: Iterable[Features], n_samples: int) -> bool:
    """Return whether `FeaturesInMemory` can be used.

    Parameters
    ----------
    kinds : iterable of Features
        The kinds of features.
    n_samples : int
        Number of training samples.

    Returns
    -------
    bool
        True if there are at most 10,000 samples, and at most 4 * 10**8 values of each kind (of all kinds together if
        there are more than 4,000 samples).
    """
    widths = [2 * kind.out_features for kind in kinds]
    at_once = sum(widths) if n_samples > MANY_SAMPLES else max(widths)
    return not are_streamed(n_samples) and n_samples * at_once <= _MAX_VALUES


def fit_thresholds(kind: Features, X: np.ndarray, batch_size: int, device: torch.device) -> None:
    """Fit one kind of features to a subset of the samples, if it has anything to learn.

    Parameters
    ----------
    kind : Features
        The kind, fitted in place.
    X : ndarray of shape (n, ...)
        All samples, labelled or not.
    batch_size : int
        Maximum number of samples per batch.
    device : torch.device
        Device to compute on.
    """
    if kind.max_fit_signals:
        with torch.inference_mode():
            kind.fit(*sample_batches(X, kind.max_fit_signals, batch_size, device))


def block_factors(probe: LinearProbe, names: Sequence[str], widths: Sequence[int]) -> list[float]:
    """Return the factors of the features of each kind in one model.

    Parameters
    ----------
    probe : LinearProbe
        The probe.
    names : sequence of str
        The kinds that the model uses.
    widths : sequence of int
        The number of features of each kind.

    Returns
    -------
    list of float
        The factors, with which all kinds that are not shared have the same total variance.
    """
    shared = [bool(probe.features[name].shared) for name in names]
    own_width = np.mean([width for width, is_shared in zip(widths, shared, strict=True) if not is_shared] or [1])
    factors = np.sqrt(own_width / np.array(widths))
    return [1.0 if is_shared else float(factor) for factor, is_shared in zip(factors, shared, strict=True)]


def _select(values: np.ndarray, columns: slice) -> np.ndarray:
    """Return some of the features and of their absolute values."""
    if columns == slice(None):
        return values
    return values.reshape(len(values), 2, -1)[:, :, columns].reshape(len(values), -1)
