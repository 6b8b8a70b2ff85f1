"""Features of so many training samples that only sums over them are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from ..models import LinearProbe
from ..signals.dask_signals import blocks_of, prefetch, tree_reduce
from ..signals.spread_rows import spread_rows
from .feature_sums import BASIS_SAMPLES, DesignMatrix, FeatureSums, merge_sums
from .features import LinearFit, TrainingFeatures
from .subset import choose_samples

# Number of columns of all features together. A Gram matrix takes half a gigabyte, and there are up to two of them.
WIDTH = 8192
# Number of samples with leave-one-out predictions, from which penalties and weights are learned.
LOO_SAMPLES = 5000
# Number of signals, in one or more blocks of a Dask array, for which one set of sums (half a gigabyte) is computed.
GROUP_SAMPLES = 10_000


class StreamedFeatures(TrainingFeatures):
    """Features of any number of samples, of which only sums over all samples and the features of a subset are kept.

    The models are fitted to all samples; leave-one-out predictions are computed for the subset. If the samples are in a
    Dask array, its workers compute the sums over groups of blocks, which are merged a few at a time.

    Parameters
    ----------
    probe : LinearProbe
        The probe. Its features are fitted in place. None of its models uses a single channel.
    X : ndarray of shape (n, ...)
        All samples, labelled or not.
    samples : ndarray of int of shape (m,)
        The training samples, as increasing indices into `X`.
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

    Attributes
    ----------
    matrix : DesignMatrix
        The design matrix of the models.
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
        self.probe, self.rows = probe, choose_samples(strata, LOO_SAMPLES, seed)
        self._X, self._samples, self._advance = X, samples, advance
        most: Any = max(probe.features[name].max_fit_signals for name in probe.used_kinds)  # type: ignore[type-var]
        prefetch(X, np.union1d(samples[spread_rows(len(samples), BASIS_SAMPLES)], spread_rows(len(X), most)))
        self.matrix = DesignMatrix(probe, X, samples, weights, batch_size, device, WIDTH)

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
        # No variable refers to the sums, because `DesignMatrix.fit_models` frees them.
        yield from self.matrix.fit_models(
            self._sum_all(targets, weights), targets[self.rows], weights[self.rows], judged
        )

    def _sum_all(self, targets: np.ndarray, weights: np.ndarray) -> FeatureSums:
        """Compute the sums over all samples."""
        blocks = blocks_of(self._X)
        if blocks is None:
            return self.matrix.sums(self._X, self._samples, targets, weights, self.rows, self._advance)
        return self._sums_of_blocks(blocks, targets, weights)

    def _sums_of_blocks(self, blocks: list, targets: np.ndarray, weights: np.ndarray) -> FeatureSums:
        """Compute the sums over all samples by Dask."""
        import dask

        matrix, results, group = dask.delayed(self.matrix), [], []
        for rows, block in blocks:
            group.append((rows, block))
            start = group[0][0].start
            if rows.stop - start < GROUP_SAMPLES and rows.stop < len(self._X):
                continue
            inside = slice(*np.searchsorted(self._samples, [start, rows.stop]))
            if inside.start < inside.stop:
                first, last = np.searchsorted(self.rows, [inside.start, inside.stop])
                samples, kept = self._samples[inside] - start, self.rows[first:last] - inside.start
                arrays = [array for _, array in group]
                results.append(dask.delayed(_sums)(matrix, arrays, samples, targets[inside], weights[inside], kept))
            group = []
        sums: FeatureSums = tree_reduce(results, merge_sums)
        self._advance(len(self._samples))
        return sums


def _sums(
    matrix: DesignMatrix,
    blocks: list[np.ndarray],
    samples: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    kept: np.ndarray,
) -> FeatureSums:
    """Compute the sums over consecutive blocks of signals, as `DesignMatrix.sums` does for one array."""
    return matrix.sums(np.concatenate([block[:] for block in blocks]), samples, targets, weights, kept)
