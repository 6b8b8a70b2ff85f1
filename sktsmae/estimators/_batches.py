"""Data by batches: no copy of a data set, and no loop over its samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..functional.gaps import fill_gaps
from ._memory import reused_memory
from ._processes import Processes


def load_batch(X: np.ndarray, index: Any) -> Tensor:
    """Read some samples.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Samples of any numeric dtype, in memory or mapped from a file.
    index : slice or ndarray of int
        Which samples.

    Returns
    -------
    Tensor of shape (b, ...), float32
        A copy of them, on the CPU, with gaps filled; what is NaN at the ends of signals stays so.
    """
    batch = torch.from_numpy(np.array(X[index], dtype=np.float32, order="C"))
    return batch if batch.ndim == 4 else fill_gaps(batch)


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return a tensor's values.

    Parameters
    ----------
    tensor : Tensor
        Anywhere, of any dtype; numpy has no bfloat16, which becomes float32.

    Returns
    -------
    ndarray
        The values, shared where they can be.
    """
    values = tensor.detach().cpu()
    return (values.float() if values.dtype is torch.bfloat16 else values).numpy()


def spread_rows(count: int, most: int) -> np.ndarray:
    """Choose rows that stand for all, spread evenly.

    Parameters
    ----------
    count : int
        How many rows there are.
    most : int
        How many may be chosen.

    Returns
    -------
    ndarray of int of shape (min(count, most),)
        Increasing places, the first and, of two or more, the last among them.
    """
    return np.linspace(0, count - 1, min(count, most)).astype(int)


def mean_levels(signals: np.ndarray) -> np.ndarray:
    """Return the mean of each channel of some signals, without what is missing.

    Parameters
    ----------
    signals : ndarray of shape (b, ..., T), float64
        Signals; NaN is a missing value. Each channel has a value at least.

    Returns
    -------
    ndarray of shape (b, ...)
        The means.
    """
    means: np.ndarray = signals.mean(-1)
    return np.nanmean(signals, -1) if np.isnan(means).any() else means


class StoredSignals:
    """Signals that stay where they are until a batch of them is read: what the package asks of an array, and no more.

    Parameters
    ----------
    source : object
        A memory-mapped array; a chunked one of zarr, h5py or dask; or a torch `Dataset` whose items are signals, or
        tuples that begin with one.

    Raises
    ------
    ValueError
        If a data set does not know its length, or is empty.
    """

    def __init__(self, source: Any) -> None:
        if isinstance(source, Dataset) and not hasattr(source, "__len__"):
            raise ValueError(
                f"X is a {type(source).__name__} without a length; give a data set that fetches items by their number."
            )
        self._source = source
        count = len(source) if isinstance(source, Dataset) else source.shape[0]  # type: ignore[arg-type]
        if count == 0:
            raise ValueError("X has 0 sample(s); give some.")
        first = self._read(np.arange(1))
        self._one_channel = first.ndim == 3 and first.shape[1] == 1
        self.shape = (count, *first.shape[2 if self._one_channel else 1 :])
        self.ndim, self.dtype = len(self.shape), first.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        X = self._read(np.arange(len(self))[index] if isinstance(index, slice) else index)
        return X[:, 0] if self._one_channel else X

    def _read(self, rows: np.ndarray) -> np.ndarray:
        source = self._source
        if isinstance(source, Dataset):
            fetch = getattr(source, "__getitems__", lambda places: [source[place] for place in places])
            items = (item[0] if isinstance(item, tuple) else item for item in fetch(rows.tolist()))
            return np.stack([to_numpy(item) if isinstance(item, Tensor) else np.asarray(item) for item in items])
        rows, places = np.unique(rows, return_inverse=True)  # h5py takes increasing numbers alone
        return np.asarray(source.oindex[rows] if hasattr(source, "oindex") else source[rows])[places]


class CentredSignals:
    """Signals less an offset, batch by batch: what is left fits float32, where a large offset would take its digits.

    Parameters
    ----------
    X : ndarray of shape (n, T) or (n, M, T)
        Signals.
    offset : ndarray of shape () or (M,), float64, or None
        What is subtracted from each channel; None for each signal's own mean.
    """

    def __init__(self, X: np.ndarray, offset: np.ndarray | None) -> None:
        self.X = X
        self.offset = offset
        self.shape, self.ndim, self.dtype = X.shape, X.ndim, np.dtype(np.float64)

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index: Any) -> np.ndarray:
        signals = np.asarray(self.X[index], dtype=np.float64)
        offset = mean_levels(signals) if self.offset is None else self.offset
        centred: np.ndarray = signals - offset[..., None]
        return centred


@dataclass(frozen=True)
class PartOfBatch:
    """One process's part of a batch; its length is the whole batch's.

    Attributes
    ----------
    part : Tensor of shape (b, ...), float32
        The samples of this process, one at least.
    start : int
        The place of the first of them in the batch.
    total : int
        Samples of the whole batch.
    weight : float
        The part's share of the batch; 0 for a sample that stands in for none.
    """

    part: Tensor
    start: int
    total: int
    weight: float

    def __len__(self) -> int:
        return self.total


class SignalDataset(Dataset):
    """Samples with their targets, fetched a batch at a time.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        All samples.
    index : ndarray of int of shape (m,)
        The samples that belong to this data set.
    targets : tuple of Tensor of shape (m, ...), default=()
        What goes with each of them.
    processes : Processes, default=Processes()
        Those among whom a batch is divided.
    """

    def __init__(
        self,
        X: np.ndarray,
        index: np.ndarray,
        targets: tuple[Tensor, ...] = (),
        processes: Processes = Processes(),  # noqa: B008 - frozen
    ) -> None:
        self.X = X
        self.index = index
        self.targets = targets
        self.processes = processes

    def __len__(self) -> int:
        return len(self.index)

    def __getitems__(self, positions: list[int]) -> tuple[Tensor | PartOfBatch, tuple[Tensor, ...]]:
        """Fetch a batch; the loader calls this in place of one call a sample.

        Parameters
        ----------
        positions : list of int
            Places in `index`.

        Returns
        -------
        X : Tensor of shape (b, ...), float32, or PartOfBatch
            Samples; of several processes, this one's.
        targets : tuple of Tensor of shape (b, ...)
            Their targets.
        """
        # Files are read fastest in their own order; which sample of a batch comes first makes no difference.
        positions = sorted(positions, key=self.index.__getitem__)
        own = self.processes.part(len(positions))
        start = min(own.start, len(positions) - 1)
        here = positions[start : max(own.stop, start + 1)]
        samples, targets = load_batch(self.X, self.index[here]), tuple(target[here] for target in self.targets)
        if self.processes.count == 1:
            return samples, targets
        return PartOfBatch(samples, start, len(positions), len(own) / len(positions)), targets


def as_fetched(batch: Any) -> Any:
    """Return what `SignalDataset` fetched: it is a batch already.

    Parameters
    ----------
    batch : object
        The batch.

    Returns
    -------
    object
        The same.
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
    """Apply a function batch by batch; where memory runs out, by batches half as large from there on.

    Parameters
    ----------
    function : callable
        Maps samples (b, ...) on `device` to a tensor (b, ...).
    X : ndarray of shape (n, ...)
        Samples.
    batch_size : int
        Samples at a time.
    device : torch.device
        Where the function computes.
    rows : ndarray of int of shape (m,), default=None
        Which samples, at least one; None for all.

    Returns
    -------
    ndarray of shape (m, ...), float32
        The results.

    Warns
    -----
    UserWarning
        If memory runs out; for a single sample the error itself is raised.
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
                warnings.warn(f"out of memory: going on by batches of {size}.", UserWarning, stacklevel=3)
                continue
            if len(result) == count:
                return result
            if out is None:
                out = np.empty((count, *result.shape[1:]), dtype=result.dtype)
                stack.enter_context(reused_memory(device))  # after `out`, so that it is freed like any other array
            out[part] = result
            start += size
    return out


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether memory ran out; on the CPU torch says so by a plain RuntimeError."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
