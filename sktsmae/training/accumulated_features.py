"""Features of samples that arrive in batches, of which only sums are kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ..models import LinearProbe
from .feature_sums import DesignMatrices, FeatureSums, merge_sums
from .features import LinearFit, TrainingFeatures
from .labelled_samples import LabelledSamples
from .streamed_features import LOO_SAMPLES

# Number of columns to which features are projected. The sums are kept between the batches (about 300 MB).
WIDTH = 2048


class AccumulatedFeatures(TrainingFeatures):
    """Sums over the features of all batches until now, and the features of up to 5,000 of their samples.

    Thresholds and the standardisation of features are learned from the first batch. The samples with leave-one-out
    predictions are a random subset of all samples.

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
        self.targets, self.weights, self._keys = batch.targets[:0], batch.weights[:0], np.zeros(0)
        self._matrices = DesignMatrices(probe, batch.X, batch.rows, batch.weights, batch_size, device, WIDTH)
        self._rng = np.random.default_rng(seed)
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
        keys = np.concatenate([self._keys, self._rng.random(len(batch.rows))])
        kept = np.sort(keys.argsort()[:LOO_SAMPLES])
        old, new = kept[kept < len(self._keys)], kept[kept >= len(self._keys)] - len(self._keys)
        sums = self._matrices.sums(batch.X, batch.rows, targets, batch.weights, new)
        if self._sums is not None:
            values = {name: of_kind[old] for name, of_kind in self._sums.values.items()}
            sums = merge_sums([self._sums._replace(values=values), sums])
        self._sums, self._keys, self.rows = sums, keys[kept], np.arange(len(kept))
        self.targets = np.concatenate([self.targets[old], batch.targets[new]])
        self.weights = np.concatenate([self.weights[old], batch.weights[new]])

    def to(self, device: torch.device) -> None:
        """Move the networks that compute the features to a device.

        Parameters
        ----------
        device : torch.device
            The device.
        """
        self._matrices.to(device)

    def fit_models(self, targets: np.ndarray, weights: np.ndarray, judged: np.ndarray) -> Iterator[LinearFit]:
        """Fit the linear models of the probe to all batches.

        Parameters
        ----------
        targets : ndarray of shape (j, C)
            Target values of the samples with leave-one-out predictions.
        weights : ndarray of shape (j,)
            Their weights.
        judged : ndarray of bool of shape (j,)
            Those of them whose leave-one-out predictions determine the penalties.

        Yields
        ------
        LinearFit
            The next model.
        """
        assert self._sums is not None
        yield from self._matrices.fit_models(self._sums, targets, weights, judged)
