"""Reading of signals as batches of tensors, without a copy of the whole data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..functional.gaps import fill_gaps


def load_batch(X: np.ndarray, index: Any) -> Tensor:
    """Read a batch of samples.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Samples of any numeric dtype, in memory, memory-mapped or lazy.
    index : slice or ndarray of int
        The samples to read.

    Returns
    -------
    Tensor of shape (b, ...), float32
        A copy of the samples on the CPU. Gaps are interpolated; leading and trailing NaN stays NaN.
    """
    batch = torch.from_numpy(np.array(X[index], dtype=np.float32, order="C"))
    return batch if batch.ndim == 4 else fill_gaps(batch)


def spread_rows(count: int, most: int) -> np.ndarray:
    """Return the indices of evenly spaced rows.

    Parameters
    ----------
    count : int
        Number of rows.
    most : int
        Maximum number of rows to choose.

    Returns
    -------
    ndarray of int of shape (min(count, most),)
        Increasing indices. They include the first row and, if there are at least two, the last one.
    """
    return np.linspace(0, count - 1, min(count, most)).astype(int)


def sample_batches(X: np.ndarray, most: int, batch_size: int, device: torch.device) -> tuple[Iterator[Tensor], int]:
    """Return batches of an evenly spaced subset of the signals.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Samples.
    most : int
        Maximum number of samples to read.
    batch_size : int
        Maximum number of samples per batch.
    device : torch.device
        Device of the batches.

    Returns
    -------
    batches : iterator of Tensor of shape (b, ...)
        The batches.
    count : int
        Total number of samples in the batches.
    """
    rows = spread_rows(len(X), most)
    parts = np.array_split(rows, -(-len(rows) // batch_size))
    return (load_batch(X, part).to(device) for part in parts), len(rows)
