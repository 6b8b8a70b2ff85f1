"""Samples, of which some or all have a target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ..signals.dataset import SignalDataset


class LabelledSamples(NamedTuple):
    """Samples, of which some or all have a target.

    Attributes
    ----------
    X : ndarray of shape (n, ...)
        All samples.
    rows : ndarray of int of shape (m,)
        The samples that have a target.
    targets : ndarray of shape (m,)
        Class indices, or standardised numbers.
    weights : ndarray of shape (m,), float32
        Sample weights with a mean of 1.
    """

    X: np.ndarray
    rows: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    def dataset(self, part: np.ndarray) -> SignalDataset:
        """Return a data set of some of the samples that have a target.

        Parameters
        ----------
        part : ndarray of int
            Indices into `rows`.

        Returns
        -------
        SignalDataset
            The data set.
        """
        targets = (torch.from_numpy(self.targets[part]), torch.from_numpy(self.weights[part]))
        return SignalDataset(self.X, self.rows[part], targets)
