"""The container of partly labelled samples, from which data sets of labelled samples are created."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ..signals.dataset import SignalDataset


class LabelledSamples(NamedTuple):
    """Samples, and the targets and weights of the labelled samples.

    Attributes
    ----------
    X : ndarray of shape (n, ...)
        All samples, with or without a target.
    rows : ndarray of int of shape (m,)
        Indices into `X` of the labelled samples.
    targets : ndarray of shape (m,)
        Their targets: class indices, or standardised numbers.
    weights : ndarray of shape (m,), float32
        Their weights, which are positive.
    """

    X: np.ndarray
    rows: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    def dataset(self, indices: np.ndarray) -> SignalDataset:
        """Return a data set of some of the labelled samples.

        Parameters
        ----------
        indices : ndarray of int
            Indices into `rows`.

        Returns
        -------
        SignalDataset
            The data set.
        """
        targets = (torch.from_numpy(self.targets[indices]), torch.from_numpy(self.weights[indices]))
        return SignalDataset(self.X, self.rows[indices], targets)
