"""Features of samples that arrive in batches, of which only sums are kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ..models import LinearProbe
from .feature_sums import DesignMatrix, FeatureSums, merge_sums
from .features import LinearFit, TrainingFeatures
from .labelled_samples import LabelledSamples
from .streamed_features import LOO_SAMPLES

# Number of columns of all features together. The sums (128 MB) are kept between the batches.
WIDTH = 4096
# Number of samples of each class of which the features are kept at least.
_MIN_PER_CLASS = 2


class AccumulatedFeatures(TrainingFeatures):
    """Sums over the features of all batches until now, and the features of up to 5,000 of their samples.

    Thresholds and the standardisation of features are learned from the first batch. The samples with leave-one-out
    predictions are a random subset of all samples, in which every class is represented. Their weights are those in the
    sums.

    Parameters
    ----------
    probe : LinearProbe
        The probe. Its features are fitted to the first batch in place. None of its models uses a single channel.
    batch : LabelledSamples
        The first batch, with sample weights that are positive.
    targets : ndarray of shape (m, C)
        Its targets for the ridge regressions.
    batch_size : int
        Maximum number of samples to process together.
    device : torch.device
        Device to compute on.
    seed : int
        Seed of the subset.

    Attributes
    ----------
    targets : ndarray of shape (j,)
        Targets of the samples with leave-one-out predictions, as in `LabelledSamples`.
    weights : ndarray of shape (j,)
        Their weights.
    """

    def __init__(
        self,
        probe: LinearProbe,
        batch: LabelledSamples,
        targets: np.ndarray,
        batch_size: int,
        device: torch.device,
        seed: int,
    ) -> None:
        self.probe, self.rows = probe, np.arange(0)
        self.targets, self.weights = batch.targets[:0], batch.weights[:0]
        self._keys, self._classes = np.zeros(0), np.zeros(0, dtype=int)
        self._seed, self._count = seed, 0  # the number of samples until now
        self._matrix = DesignMatrix(probe, batch.X, batch.rows, batch.weights, batch_size, device, WIDTH)
        self._sums: FeatureSums | None = None
        self.add(batch, targets)

    def add(self, batch: LabelledSamples, targets: np.ndarray) -> None:
        """Add a batch. If an error is raised, nothing is changed.

        Parameters
        ----------
        batch : LabelledSamples
            The batch.
        targets : ndarray of shape (m, C)
            Its targets for the ridge regressions.
        """
        # Each sample has a random key, and those with the smallest keys are kept.
        new_keys = np.random.default_rng([self._seed, self._count]).random(len(batch.rows))
        keys = np.concatenate([self._keys, new_keys])
        classes = np.concatenate([self._classes, targets.argmax(1)])  # a regressor has one column, so one class
        kept = _smallest(keys, classes, LOO_SAMPLES)
        old, new = kept[kept < len(self._keys)], kept[kept >= len(self._keys)] - len(self._keys)
        sums = self._matrix.sums(batch.X, batch.rows, targets, batch.weights, new)
        if self._sums is not None:
            sums = merge_sums([self._sums._replace(values=self._sums.values[old]), sums])
        self._sums, self._count = sums, self._count + len(batch.rows)
        self._keys, self._classes, self.rows = keys[kept], classes[kept], np.arange(len(kept))
        self.targets = np.concatenate([self.targets[old], batch.targets[new]])
        self.weights = np.concatenate([self.weights[old], batch.weights[new]])

    def to(self, device: torch.device) -> None:
        """Move the networks that compute the features to a device.

        Parameters
        ----------
        device : torch.device
            The device.
        """
        self._matrix.to(device)

    def fit_models(self, targets: np.ndarray, weights: np.ndarray, judged: np.ndarray) -> Iterator[LinearFit]:
        """Fit the linear models of the probe to all batches.

        Parameters
        ----------
        targets : ndarray of shape (j, C)
            Target values of the samples with leave-one-out predictions.
        weights : ndarray of shape (j,)
            Not used: the weights are those in the sums.
        judged : ndarray of bool of shape (j,)
            Those of them whose leave-one-out predictions determine the penalties.

        Yields
        ------
        LinearFit
            The next model.
        """
        assert self._sums is not None
        yield from self._matrix.fit_models(self._sums, targets, self.weights, judged)


def _smallest(keys: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Return increasing indices of the `count` smallest keys, but of at least two samples of each class."""
    by_class = np.lexsort((keys, classes))
    rank = np.empty(len(keys), dtype=int)  # within the class
    rank[by_class] = np.arange(len(keys)) - np.searchsorted(classes[by_class], classes[by_class])
    required = rank < _MIN_PER_CLASS
    return np.sort(np.lexsort((keys, ~required))[: max(count, int(required.sum()))])
