"""Labelled intervals of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .recordings import Segments


def are_intervals(y: Any) -> bool:
    """Return whether y contains labelled intervals and not one label per recording.

    Parameters
    ----------
    y : object
        Labels.

    Returns
    -------
    bool
        Whether y is a sequence that contains, for each recording, a sequence of (start, stop, label). A sequence is a
        list, tuple, array or Series; a DataFrame of three columns is a sequence of its rows.
    """
    rows = _to_list(y)
    if not isinstance(rows, (list, tuple)) or not all(_is_sequence(row) for row in rows):
        return False
    return any(_is_sequence(interval) for row in rows for interval in _to_list(row))


def read_intervals(y: Any, recordings: Sequence[np.ndarray]) -> tuple[Segments, list[Any]]:
    """Validate labelled intervals.

    Parameters
    ----------
    y : sequence of sequence of (start, stop, label)
        Intervals of each recording, in samples; `stop` is exclusive.
    recordings : sequence of ndarray of shape (..., T_i)
        The recordings.

    Returns
    -------
    tuple of Segments and list
        The intervals of all recordings and their labels.

    Raises
    ------
    ValueError
        If an interval is not inside its recording, or not three values. The message names the recording.
    """
    rows, labels = [], []
    for number, (intervals, recording) in enumerate(zip(_to_list(y), recordings, strict=True)):
        length = recording.shape[-1]
        for interval in map(_to_list, _to_list(intervals)):
            if not _is_inside(interval, length):
                raise ValueError(
                    f"y[{number}] contains {interval!r}, but recording {number} has {length} samples; give lists of "
                    f"(start, stop, label) with integers 0 <= start < stop <= {length}."
                )
            rows.append((number, *interval[:2]))
            labels.append(interval[2])
    if not rows:
        raise ValueError("y contains no interval; give at least one (start, stop, label).")
    return Segments(*np.array(rows, dtype=int).T), labels


def _to_list(values: Any) -> Any:
    """Convert an array, Series or DataFrame to a list, and return other values unchanged."""
    values = values.to_numpy() if hasattr(values, "to_numpy") else values
    return values.tolist() if hasattr(values, "tolist") else values


def _is_sequence(values: Any) -> bool:
    return isinstance(_to_list(values), (list, tuple))


def _is_inside(interval: Any, length: int) -> bool:
    """Return whether an interval is (start, stop, label) and inside a recording of the given length."""
    if not isinstance(interval, (list, tuple)) or len(interval) != 3:
        return False
    integers = all(isinstance(value, (int, np.integer)) for value in interval[:2])
    return integers and 0 <= interval[0] < interval[1] <= length
