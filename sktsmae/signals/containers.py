"""Conversion of containers of signals (arrays, data frames, lists, panels of aeon and sktime) to arrays."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from .cells import signals_of_cells
from .centring import CentredSignals
from .dask_signals import DaskSignals, is_dask_array
from .ragged import RAGGED, stack_signals
from .sources import StoredSignals
from .to_numpy import to_numpy


def as_array(X: Any, length: int = 0) -> Any:
    """Convert a container of signals to an array, or to another object with a `shape`.

    Parameters
    ----------
    X : object
        An array of numpy, torch, zarr, h5py or dask; a torch data set; a DataFrame with one row per signal and one
        column per time step, or with arrays or lists (time,) or (channels, time) in its cells; a Series with such
        cells; a list of signals of any lengths, each an array (time,), an array (channels, time) as in aeon, or a
        DataFrame (time, channels) as in sktime; or a DataFrame of sktime with a MultiIndex of instance and time.
    length : int, default=0
        Length of the signals in `fit`. In a list, shorter signals are padded to this length and longer signals are
        resampled to it. 0 uses the length of the longest signal.

    Returns
    -------
    object
        The given array, DataFrame or sparse matrix; `StoredSignals` or `DaskSignals`; or a new array padded with NaN.

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
    if hasattr(X, "to_dask_array"):
        raise ValueError("X is a Dask DataFrame; give X.to_dask_array(lengths=True).")
    if is_dask_array(X):
        return DaskSignals(X)
    if isinstance(X, Dataset) or (hasattr(X, "chunks") and hasattr(X, "shape") and X.shape):
        return StoredSignals(X)
    if isinstance(X, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(X)
        return np.where(masked, np.nan, X.data) if masked.any() else X.data
    if isinstance(X, torch.Tensor):
        return to_numpy(X)
    X = signals_of_cells(X)
    if _is_panel(X):
        X = [signal.to_numpy().T for _, signal in X.groupby(level=0, sort=False)]  # each (channels, time)
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
    return stack_signals([time_last(signal) for signal in X], length)


def time_last(signal: Any) -> Any:
    """Convert a signal that is a DataFrame of sktime.

    Parameters
    ----------
    signal : object
        A signal.

    Returns
    -------
    object
        An array (channels, time) if the signal is a DataFrame (time, channels), and the signal itself otherwise.
    """
    return signal.to_numpy().T if hasattr(signal, "columns") and hasattr(signal, "to_numpy") else signal


def _is_panel(X: Any) -> bool:
    """Return whether X is a DataFrame of sktime with a MultiIndex of instance and time."""
    if not hasattr(X, "columns") or getattr(getattr(X, "index", None), "nlevels", 1) != 2:
        return False
    # The signals of a panel have more time points than channels. In other frames, each row is a signal.
    return bool(X.groupby(level=0).size().max() > X.shape[1])


def _holds_signals(X: Any) -> bool:
    return isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1 and bool(len(X)) and np.ndim(X[0]) > 0
