"""Dask arrays of signals, whose blocks are processed by Dask's workers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .centring import CentredSignals
from .sources import StoredSignals

# Number of results that are merged at once.
_SPLIT = 4


def is_dask_array(X: Any) -> bool:
    """Return whether X is a Dask array. Dask is not imported.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    bool
        The answer.
    """
    return hasattr(X, "__dask_graph__") and hasattr(X, "map_blocks") and hasattr(X, "chunks")


def row_blocks(X: Any) -> Any:
    """Return a Dask array in blocks of whole samples.

    Parameters
    ----------
    X : dask.array.Array of shape (n, ...)
        Samples.

    Returns
    -------
    dask.array.Array of shape (n, ...)
        The array with one chunk along all axes but the first.

    Raises
    ------
    ValueError
        If there are no samples, or if the number of samples in a block is unknown.
    """
    if np.isnan(X.shape).any():
        raise ValueError(f"X is a Dask array of unknown shape {X.shape}; call X.compute_chunk_sizes() first.")
    if X.shape[0] == 0:
        raise ValueError("X has 0 sample(s); give at least one.")
    return X.rechunk(dict.fromkeys(range(1, X.ndim), -1))


class DaskSignals(StoredSignals):
    """An array-like view of a Dask array of signals.

    Parameters
    ----------
    source : dask.array.Array
        The array.
    """

    def __init__(self, source: Any) -> None:
        self._cached = np.arange(0), np.empty(0)
        super().__init__(row_blocks(source))

    def prefetch(self, rows: np.ndarray) -> None:
        """Read signals all at once, so that Dask need not compute their blocks again for each batch of them.

        Parameters
        ----------
        rows : ndarray of int
            The signals that will be read.
        """
        rows = np.unique(rows)
        self._cached = rows, self._read(rows)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        known, signals = self._cached
        positions = np.searchsorted(known, rows)
        if len(known) and (known[positions.clip(max=len(known) - 1)] == rows).all():
            return signals[positions]
        return super()._read(rows)

    def blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield the blocks.

        Yields
        ------
        rows : slice
            The signals in the block.
        block : Delayed
            The block, an array of these signals.
        """
        source = self._source[:, 0] if self._one_channel else self._source
        stops = np.cumsum(source.chunks[0]).tolist()
        for size, stop, block in zip(source.chunks[0], stops, source.to_delayed().ravel().tolist(), strict=True):
            if size:
                yield slice(stop - size, stop), block

    def for_each_part(self, function: Callable[[np.ndarray, int], Any], rows: range) -> list[Any]:
        """Call a function with each block, on the machine that has it.

        Parameters
        ----------
        function : callable
            Called with signals and the index of the first of them.
        rows : range
            Ignored: all signals are used.

        Returns
        -------
        list
            The results of the function.
        """
        import dask

        return list(dask.compute(*(dask.delayed(function)(block, part.start) for part, block in self.blocks())))


def blocks_of(X: Any) -> list[tuple[slice, Any]] | None:
    """Return the blocks of samples that are in a Dask array.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Validated samples.

    Returns
    -------
    list of (slice, Delayed) or None
        The rows and the signals of each block, as in `DaskSignals.blocks`; None if X is not a Dask array.
    """
    if isinstance(X, CentredSignals) and isinstance(X.X, DaskSignals):
        import dask

        return [(rows, dask.delayed(CentredSignals)(block, X.offset)) for rows, block in X.X.blocks()]
    return list(X.blocks()) if isinstance(X, DaskSignals) else None


def prefetch(X: Any, rows: np.ndarray) -> None:
    """Read signals of a Dask array all at once, as in `DaskSignals.prefetch`.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Validated samples. If they are not in a Dask array, nothing happens.
    rows : ndarray of int
        The samples that will be read.
    """
    source = X.X if isinstance(X, CentredSignals) else X
    if isinstance(source, DaskSignals):
        source.prefetch(rows)


def tree_reduce(results: Sequence[Any], merge: Callable[[list[Any]], Any]) -> Any:
    """Merge delayed results a few at a time, in their order, and compute the last one.

    Parameters
    ----------
    results : sequence of Delayed
        At least one result.
    merge : callable
        Maps a list of consecutive results to one result.

    Returns
    -------
    object
        The merged result.
    """
    import dask

    while len(results) > 1:
        groups = [results[start : start + _SPLIT] for start in range(0, len(results), _SPLIT)]
        results = [dask.delayed(merge)(group) for group in groups]
    return results[0].compute()


@contextmanager
def local_copy(X: Any) -> Iterator[Any]:
    """Copy signals in a Dask array to a temporary file on this machine, block by block.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Validated samples.

    Yields
    ------
    ndarray of shape (n, ...)
        A memory-mapped array that exists inside the context; X itself if it is not a Dask array.
    """
    if isinstance(X, CentredSignals) and isinstance(X.X, DaskSignals):
        with local_copy(X.X) as signals:
            yield CentredSignals(signals, X.offset)
    elif isinstance(X, DaskSignals):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            copy = np.lib.format.open_memmap(Path(folder) / "X.npy", "w+", dtype=X.dtype, shape=X.shape)
            for rows, block in X.blocks():
                copy[rows] = block.compute()
            yield copy
    else:
        yield X
