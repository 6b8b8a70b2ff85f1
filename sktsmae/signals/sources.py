"""Stored signals (memory-mapped, chunked, or in a torch data set), which are read when they are indexed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from .ragged import RAGGED
from .to_numpy import to_numpy


class StoredSignals:
    """An array-like view of stored signals that reads only the indexed signals.

    Parameters
    ----------
    source : object
        A memory-mapped array; a chunked array of zarr or h5py; or a torch `Dataset` whose items are signals, or
        tuples whose first element is a signal.

    Raises
    ------
    ValueError
        If a data set has no length, is empty, or has signals of unequal shapes.
    """

    def __init__(self, source: Any) -> None:
        if isinstance(source, Dataset) and not hasattr(source, "__len__"):
            raise ValueError(
                f"X is a {type(source).__name__} without a length; give a map-style data set, with __len__ and "
                "__getitem__."
            )
        self._source = source
        count = len(source) if isinstance(source, Dataset) else source.shape[0]  # type: ignore[arg-type]
        if count == 0:
            raise ValueError("X has 0 sample(s); give at least one.")
        first = self._read(np.arange(1))
        self._one_channel = first.ndim == 3 and first.shape[1] == 1
        self.shape = (count, *first.shape[2 if self._one_channel else 1 :])
        self.ndim, self.dtype = len(self.shape), first.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        X = self._read(np.arange(len(self))[index] if isinstance(index, slice) else index)
        return X[:, 0] if self._one_channel else X

    def for_each_part(self, function: Callable[[np.ndarray, int], Any], rows: range) -> list[Any]:
        """Call a function with one part of the signals after the other, each of about two million values.

        Parameters
        ----------
        function : callable
            Called with signals and the index of the first of them.
        rows : range
            The signals to read.

        Returns
        -------
        list
            The results of the function.
        """
        step = max(1, 2**21 // max(1, math.prod(self.shape[1:])))
        return [function(self[start : min(start + step, rows.stop)], start) for start in rows[::step]]

    def _read(self, rows: np.ndarray) -> np.ndarray:
        source = self._source
        if isinstance(source, Dataset):
            fetch = getattr(source, "__getitems__", lambda indices: [source[index] for index in indices])
            items = (item[0] if isinstance(item, tuple) else item for item in fetch(rows.tolist()))
            arrays = [to_numpy(item) if isinstance(item, Tensor) else np.asarray(item) for item in items]
            if len({array.shape for array in arrays}) > 1:
                raise ValueError(RAGGED)
            return np.stack(arrays)
        rows, inverse = np.unique(rows, return_inverse=True)  # h5py accepts only increasing indices
        return np.asarray(source.oindex[rows] if hasattr(source, "oindex") else source[rows])[inverse]
