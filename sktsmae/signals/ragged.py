"""Lists of signals of different lengths."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..functional.gaps import fill_gaps, unpadded_extent
from ..functional.resampling import resample
from .to_numpy import to_numpy

RAGGED = (
    "X is ragged: its signals differ in the number of channels, or X is not a list and its signals differ in length. "
    "Give a list of arrays of shape (time,) or (channels, time) with the same number of channels; transpose arrays of "
    "shape (time, channels)."
)


def stack_signals(signals: Sequence[Any], length: int = 0) -> np.ndarray:
    """Stack signals into one array padded with NaN; resample signals that are longer than a given length.

    Parameters
    ----------
    signals : sequence of array-like
        Signals of shape (T_i,) or (M, T_i), or rows of a table.
    length : int, default=0
        Length in `fit`. 0 uses the length of the longest signal.

    Returns
    -------
    ndarray of shape (n, T) or (n, M, T)
        The signals.

    Raises
    ------
    ValueError
        If the signals have different numbers of channels, or contain text.

    Warns
    -----
    UserWarning
        If signals are resampled.
    """
    try:
        arrays = [to_numpy(signal) if isinstance(signal, torch.Tensor) else np.asarray(signal) for signal in signals]
    except ValueError as error:
        raise ValueError(RAGGED) from error
    # Signals of one length are stacked if they are rows of a table (lists of numbers) or have the length in `fit`.
    # Arrays of another length than in `fit` are padded or resampled below.
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
        arrays = [array if array.shape[-1] <= length else _shorten(array, length) for array in arrays]
    length = length or longest
    padded = np.full((len(arrays), *arrays[0].shape[:-1], length), np.nan, np.result_type(np.float32, *arrays))
    for row, array in zip(padded, arrays, strict=True):
        row[..., : array.shape[-1]] = array
    return padded


def _shorten(signal: np.ndarray, length: int) -> np.ndarray:
    """Remove the padding (NaN) of a signal (..., T); if it is still longer than `length`, resample it to `length`."""
    x = torch.from_numpy(signal.astype(np.float64))[None]
    if x.isnan().flatten(1).all():
        return signal[..., :length]
    start, stop = unpadded_extent(x)
    x = fill_gaps(x)[..., start:stop]
    return to_numpy(x if x.shape[-1] <= length else resample(x, length))[0]
