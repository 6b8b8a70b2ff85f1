"""Reading of signals as batches of tensors, without a copy of the whole data set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..functional.gaps import fill_gaps
from .memory import reused_memory
from .sharding import BatchShard, World


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


class SignalDataset(Dataset):
    """A data set of samples and their targets that returns whole batches.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        All samples.
    index : ndarray of int of shape (m,)
        The samples that belong to this data set.
    targets : tuple of Tensor of shape (m, ...), default=()
        Targets of these samples.
    world : World, default=World()
        The processes that divide each batch among them.
    """

    def __init__(
        self,
        X: np.ndarray,
        index: np.ndarray,
        targets: tuple[Tensor, ...] = (),
        world: World = World(),  # noqa: B008 - frozen
    ) -> None:
        self.X = X
        self.index = index
        self.targets = targets
        self.world = world

    def __len__(self) -> int:
        return len(self.index)

    def __getitems__(self, positions: list[int]) -> tuple[Tensor | BatchShard, tuple[Tensor, ...]]:
        """Return a batch. The data loader calls this method once per batch.

        Parameters
        ----------
        positions : list of int
            Positions in `index`.

        Returns
        -------
        X : Tensor of shape (b, ...), float32, or BatchShard
            The samples. In distributed training, the shard of this process.
        targets : tuple of Tensor of shape (b, ...)
            Their targets.
        """
        # Files are read fastest in increasing order, and the order of samples within a batch does not matter.
        positions = sorted(positions, key=self.index.__getitem__)
        own = self.world.shard(len(positions))
        start = min(own.start, len(positions) - 1)
        here = positions[start : max(own.stop, start + 1)]
        samples, targets = load_batch(self.X, self.index[here]), tuple(target[here] for target in self.targets)
        if self.world.size == 1:
            return samples, targets
        return BatchShard(samples, start, len(positions), len(own) / len(positions)), targets


def keep_batch(batch: Any) -> Any:
    """Return a batch unchanged, as the collate function for `SignalDataset`, which returns whole batches.

    Parameters
    ----------
    batch : object
        The batch.

    Returns
    -------
    object
        The same batch.
    """
    return batch


@torch.inference_mode()
def map_batches(
    function: Callable[[Tensor], Tensor],
    X: np.ndarray,
    batch_size: int,
    device: torch.device,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Apply a function batch by batch, and halve the batch size whenever memory runs out.

    Parameters
    ----------
    function : callable
        Maps samples (b, ...) on `device` to a tensor (b, ...).
    X : ndarray of shape (n, ...)
        Samples.
    batch_size : int
        Number of samples per batch.
    device : torch.device
        Device that the function computes on.
    rows : ndarray of int of shape (m,), default=None
        The samples to use, at least one; None uses all.

    Returns
    -------
    ndarray of shape (m, ...), float32
        The results.

    Warns
    -----
    UserWarning
        If memory runs out for a batch of several samples. For a single sample, the error is raised instead.
    """
    count = len(X) if rows is None else len(rows)
    size, start = min(batch_size, count), 0
    out: Any = None
    with ExitStack() as stack:
        while start < count:
            part = slice(start, start + size)
            try:
                batch = load_batch(X, part if rows is None else rows[part]).to(device)
                result: np.ndarray = function(batch).cpu().numpy()
            except (MemoryError, RuntimeError) as error:
                if size == 1 or not _is_out_of_memory(error):
                    raise
                size //= 2
                warnings.warn(f"out of memory: continuing with batches of {size}.", UserWarning, stacklevel=3)
                continue
            if len(result) == count:
                return result
            if out is None:
                out = np.empty((count, *result.shape[1:]), dtype=result.dtype)
                stack.enter_context(reused_memory(device))  # not for `out`, which outlives this block
            out[part] = result
            start += size
    return out


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error is an out-of-memory error. On the CPU, torch raises a RuntimeError."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
