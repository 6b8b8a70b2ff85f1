"""Signals in the cells of tables."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch

from .ragged import stack_signals
from .to_numpy import to_numpy

_EXPECTED = "give signals of shape (time,) or (channels, time) with the same number of channels, or remove the row."


def signals_of_cells(X: Any) -> Any:
    """Return the signals in the cells of a table, and any other object unchanged.

    Parameters
    ----------
    X : object
        A DataFrame or a Series of pandas or polars, or an array of objects of shape (n, k). A cell with a signal is an
        array, a list, a Series or a tensor of shape (T_i,) or (M, T_i).

    Returns
    -------
    object
        A list of n signals, each of shape (T_i,) or (M, T_i); the channels of several columns are joined. X itself, if
        it is no table or if no cell contains a signal.

    Raises
    ------
    ValueError
        If only some of the columns contain signals, if a cell contains no signal, or if the signals differ in the
        number of channels.
    """
    cells, rows, columns = _split(X)
    has_signals = [any(map(_is_array, column)) for column in cells.T]
    if not any(has_signals):
        return X
    if not all(has_signals):
        chosen = [name for name, has in zip(columns, has_signals, strict=True) if has]
        raise ValueError(
            f"X has signals only in some of its columns, {_shorten(chosen)}; select these columns, for example by "
            f"ColumnTransformer([('signal', transformer, {_shorten(chosen)}), ...])."
        )
    signals: list[np.ndarray] = []
    for row, cells_of_row in zip(rows, cells, strict=True):
        signal = _join([_to_signal(cell, row, name) for cell, name in zip(cells_of_row, columns, strict=True)])
        if signals and signal.shape[:-1] != signals[0].shape[:-1]:
            raise ValueError(
                f"X has a signal of shape {signal.shape} in row {row!r} of column {columns[0]!r}, but one of shape "
                f"{signals[0].shape} in row {rows[0]!r}; {_EXPECTED}"
            )
        signals.append(signal)
    return signals


def _split(X: Any) -> tuple[np.ndarray, Sequence[Hashable], Sequence[Hashable]]:
    """Return the cells (n, k) of a table, and the names of its rows and columns; no cells if all contain numbers."""
    columns = list(X.columns) if hasattr(X, "columns") else [getattr(X, "name", None)]
    cells, rows = np.empty((0, 0), dtype=object), range(0)
    if hasattr(X, "iloc"):  # pandas
        dtypes = X.dtypes if hasattr(X, "columns") else [X.dtype]
        if any(dtype.kind == "O" for dtype in dtypes):
            # Cross-validation keeps the index, so that it names a row better than a position does.
            cells, rows = X.to_numpy(dtype=object), X.index.tolist()
    elif columns and not hasattr(X, "ndim") and hasattr(X, "to_numpy"):  # polars
        cells, rows = X.to_numpy(), range(len(X))
    elif isinstance(X, np.ndarray) and X.ndim == 2:
        cells, rows, columns = X, range(len(X)), list(range(X.shape[1]))
    if cells.dtype != object or not cells.size:
        return np.empty((0, 0), dtype=object), [], []
    return cells.reshape(len(cells), -1), rows, columns


def _is_array(cell: Any) -> bool:
    return isinstance(cell, (list, tuple)) or getattr(cell, "ndim", 0) > 0


def _to_signal(cell: Any, row: Hashable, column: Hashable) -> np.ndarray:
    """Convert a cell to an array of shape (T,) or (M, T)."""
    place = f"in row {row!r} of column {column!r}"
    try:
        signal = to_numpy(cell) if isinstance(cell, torch.Tensor) else np.asarray(cell)
        if signal.dtype == object and signal.ndim == 1 and all(map(_is_array, signal)):  # channels in a Parquet file
            signal = np.stack([np.asarray(channel) for channel in signal])
    except ValueError:
        raise ValueError(f"X has channels of unequal lengths {place}; {_EXPECTED}") from None
    if signal.dtype == object:
        signal = np.array([np.nan if value is None else value for value in signal.flat]).reshape(signal.shape)
    if signal.ndim not in (1, 2) or signal.dtype.kind not in "biuf" or not signal.size:
        given = repr(cell) if signal.ndim == 0 else f"an array of shape {signal.shape} and dtype {signal.dtype}"
        raise ValueError(f"X has {given} {place}; {_EXPECTED}")
    return signal


def _join(parts: list[np.ndarray]) -> np.ndarray:
    """Join the channels in the cells of a row; pad shorter ones with NaN."""
    if len(parts) == 1:
        return parts[0]
    return stack_signals([channel for part in parts for channel in np.atleast_2d(part)])


def _shorten(names: list[Hashable]) -> str:
    """Return a list of names as text, with at most three of them."""
    return repr(names) if len(names) <= 3 else f"[{', '.join(map(repr, names[:3]))}, ...]"
