"""Functions that read batches of signals as tensors, without a copy of the whole data set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..functional.gaps import fill_gaps, missing_channels, zero_missing_channels
from .spread_rows import spread_rows


def load_batch(X: np.ndarray, index: Any) -> Tensor:
    """Read a batch of samples.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Samples of any numeric dtype, in memory, memory-mapped, or in an array-like that is read when it is indexed.
    index : slice or ndarray of int
        The samples to read.

    Returns
    -------
    Tensor of shape (b, ...), float32
        A copy of the samples on the CPU. Gaps (NaN between numbers) are interpolated. Leading and trailing NaN, and a
        channel without values, are not changed.
    """
    batch = torch.from_numpy(np.array(X[index], dtype=np.float32, order="C"))
    return batch if batch.ndim == 4 else fill_gaps(batch)  # four axes: a spectrogram, which has no NaN


def sample_batches(
    X: np.ndarray, max_samples: int, batch_size: int, device: torch.device
) -> tuple[Iterator[Tensor], int]:
    """Read an evenly spaced subset of the samples in batches, to learn from them.

    Samples that lack a channel are skipped; if all samples of a batch do, their missing channels are set to 0.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Samples.
    max_samples : int
        Maximum number of samples to read.
    batch_size : int
        Maximum number of samples per batch.
    device : torch.device
        Device of the batches.

    Returns
    -------
    batches : iterator of Tensor of shape (b, ...)
        The batches, which are read during the iteration.
    count : int
        Number of samples, including those that are skipped.
    """
    rows = spread_rows(len(X), max_samples)
    batches = np.array_split(rows, math.ceil(len(rows) / batch_size))
    return (_complete(load_batch(X, index)).to(device) for index in batches), len(rows)


def _complete(batch: Tensor) -> Tensor:
    """Return the samples in which every channel has values or, if there are none, the samples with zeros."""
    missing = missing_channels(batch)
    if missing is None:
        return batch
    complete = ~missing.any(1)
    return batch[complete] if bool(complete.any()) else zero_missing_channels(batch)
