"""Conversion of containers of signals (arrays, data frames, lists, panels of aeon and sktime) to arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ..functional.gaps import fill_gaps, unpadded_extent
from ..functional.resampling import resample
from .centring import CentredSignals
from .sources import StoredSignals, to_numpy

RAGGED = (
    "X is ragged: its signals differ in the number of channels, or differ in length in a container that is not padded. "
    "Give a list of arrays of shape (time,) or (channels, time) with the same number of channels; transpose arrays of "
    "shape (time, channels)."
)


def as_array(X: Any, length: int = 0) -> Any:
    """Convert a container of signals to an array, or to another object with a `shape`.

    Parameters
    ----------
    X : object
        An array of numpy, torch, zarr, h5py or dask; a torch data set; a DataFrame with one row per signal; a list of
        signals of any lengths, each an array (time,), an array (channels, time) as in aeon, or a DataFrame (time,
        channels) as in sktime; or a DataFrame of sktime, either nested or with a MultiIndex of instance and time.
    length : int, default=0
        Length of the signals in `fit`. In a list, shorter signals are padded to this length and longer signals are
        resampled to it. 0 uses the length of the longest signal.

    Returns
    -------
    object
        The given array, DataFrame or sparse matrix; `StoredSignals`; or a new array padded with NaN.

    Raises
    ------
    ValueError
        If X is a file name, contains text, or contains signals that cannot form an array.
    """
    if isinstance(X, (str, bytes, os.PathLike)):
        raise ValueError(
            f"X={X!r} is a file name; give the signals in the file, for example numpy.load(X, mmap_mode='r')."
        )
    if isinstance(X, CentredSignals):  # an estimator passes its validated X to a nested estimator
        return X.X
    if isinstance(X, StoredSignals):
        return X
    if isinstance(X, Dataset) or (hasattr(X, "chunks") and hasattr(X, "shape") and X.shape):
        return StoredSignals(X)
    if isinstance(X, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(X)
        return np.where(masked, np.nan, X.data) if masked.any() else X.data
    if isinstance(X, torch.Tensor):
        return to_numpy(X)
    if _is_frame(X):
        X = _signals_of_frame(X)
    elif not hasattr(X, "ndim") and hasattr(X, "to_numpy"):  # polars
        X = X.to_numpy()
    if hasattr(X, "ndim") and hasattr(X, "shape") and not _holds_signals(X):
        if isinstance(X, np.ndarray) and X.dtype == object and any(isinstance(value, str) for value in X.flat):
            raise ValueError("X contains text; give numbers.")
        return X
    try:
        if not (isinstance(X, (list, tuple, np.ndarray)) and len(X) and all(np.ndim(signal) for signal in X)):
            return np.asarray(X)
    except ValueError as error:
        raise ValueError(RAGGED) from error
    return _stack([_time_last(signal) for signal in X], length)


def _time_last(signal: Any) -> Any:
    """Return a DataFrame (time, channels) of sktime as an array (channels, time), and any other signal unchanged."""
    return signal.to_numpy().T if hasattr(signal, "columns") and hasattr(signal, "to_numpy") else signal


def _is_frame(X: Any) -> bool:
    return hasattr(X, "iloc") and hasattr(X, "columns")


def _holds_signals(X: Any) -> bool:
    return isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1 and bool(len(X)) and np.ndim(X[0]) > 0


def _signals_of_frame(X: Any) -> Any:
    """Return the signals in a DataFrame of sktime, and any other DataFrame unchanged."""
    cells = X.iloc[0] if len(X) else []
    if len(cells) and all(np.ndim(cell) == 1 for cell in cells):  # nested
        return [_stack([np.asarray(cell) for cell in row]) for row in X.itertuples(index=False)]
    if getattr(X.index, "nlevels", 1) == 2:
        parts = [part.to_numpy().T for _, part in X.groupby(level=0, sort=False)]
        # A panel has more time points than channels. If not, each row is a signal, and its MultiIndex is ignored.
        if max(part.shape[1] for part in parts) > X.shape[1]:
            return parts
    return X


def _stack(signals: Sequence[Any], length: int = 0) -> np.ndarray:
    """Stack signals into one array padded with NaN; resample signals that are longer than a given length."""
    try:
        arrays = [to_numpy(signal) if isinstance(signal, torch.Tensor) else np.asarray(signal) for signal in signals]
    except ValueError as error:
        raise ValueError(RAGGED) from error
    # Arrays of one length are padded if `fit` had longer signals. Lists of numbers form a table of fixed width.
    is_table = arrays[0].ndim > 2 or not all(hasattr(signal, "shape") for signal in signals)
    if len({array.shape for array in arrays}) == 1 and (is_table or length in (0, arrays[0].shape[-1])):
        return np.stack(arrays)
    if len({(array.ndim, array.shape[:-1]) for array in arrays}) > 1 or arrays[0].ndim > 2:
        raise ValueError(RAGGED)
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise ValueError("X contains text or other objects; give numbers.")
    longest = max(array.shape[-1] for array in arrays)
    if 0 < length < longest:
        warnings.warn(
            f"X has signals of up to {longest} samples, but the longest signal in fit had {length}; longer signals are "
            f"resampled to {length} samples.",
            UserWarning,
            stacklevel=2,
        )
        arrays = [array if array.shape[-1] <= length else _without_padding_up_to(array, length) for array in arrays]
    length = length or longest
    out = np.full((len(arrays), *arrays[0].shape[:-1], length), np.nan, np.result_type(np.float32, *arrays))
    for row, array in zip(out, arrays, strict=True):
        row[..., : array.shape[-1]] = array
    return out


def _without_padding_up_to(signal: np.ndarray, length: int) -> np.ndarray:
    """Remove the padding of a signal (..., T), and resample it if it is still longer than `length`."""
    x = torch.from_numpy(signal.astype(np.float64))[None]
    if x.isnan().flatten(1).all():
        return signal[..., :length]
    start, stop = unpadded_extent(x)
    x = fill_gaps(x)[..., start:stop]
    return to_numpy(x if x.shape[-1] <= length else resample(x, length))[0]
