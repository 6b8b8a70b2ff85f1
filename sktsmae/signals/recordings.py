"""Recordings of unequal lengths, and windows of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import assert_all_finite, check_array

from .containers import as_array, time_last
from .ragged import RAGGED
from .sources import StoredSignals
from .to_numpy import to_numpy


class Segments(NamedTuple):
    """Positions of segments of recordings, such as intervals or windows; three arrays of int of shape (n,)."""

    recording: np.ndarray
    """Indices of the recordings."""
    start: np.ndarray
    """Indices of the first samples."""
    stop: np.ndarray
    """Indices after the last samples."""


def is_list_of_recordings(X: Any) -> bool:
    """Return whether X is a list of arrays, which may have unequal lengths, and not a table.

    Parameters
    ----------
    X : object
        A container of recordings.

    Returns
    -------
    bool
        Whether the elements of X are recordings: arrays, or lists of different lengths.
    """
    if not _is_sequence(X) or len(X) == 0:
        return False
    if all(isinstance(recording, (list, tuple)) for recording in X):
        return len({len(recording) for recording in X}) > 1
    return all(getattr(recording, "ndim", 0) > 0 for recording in X)


def as_recordings(X: Any) -> list[np.ndarray]:
    """Convert a container of recordings to a list of arrays, without copies of the recordings if possible.

    Parameters
    ----------
    X : object
        A list of arrays (T_i,) or (M, T_i), or any other container that `as_array` accepts.

    Returns
    -------
    list of ndarray of shape (T_i,) or (M, T_i)
        The recordings. If there is one channel, the channel axis is removed.

    Raises
    ------
    ValueError, TypeError
        If X does not contain recordings of numbers with the same number of channels.
    """
    if is_list_of_recordings(X):
        recordings = [_as_recording(recording) for recording in X]
    else:
        X = as_array(X)
        X = X[:] if isinstance(X, StoredSignals) else X
        X = check_array(X, ensure_2d=False, allow_nd=True, ensure_all_finite=False, input_name="X")
        if X.ndim not in (2, 3):
            raise ValueError(
                f"Expected 2D array, got {X.ndim}D array instead: X must be a list of recordings (length,) or "
                "(channels, length), or an array (n_recordings, length) or (n_recordings, channels, length). Reshape "
                "your data using X.reshape(1, -1) if it is one recording."
            )
        recordings = list(X)
    recordings = [
        recording[0] if recording.ndim == 2 and len(recording) == 1 else recording for recording in recordings
    ]
    if len({recording.shape[:-1] for recording in recordings}) > 1 or recordings[0].ndim > 2:
        raise ValueError(RAGGED)
    for number, recording in enumerate(recordings):
        if recording.dtype.kind not in "biuf":
            raise ValueError(f"X[{number}] has dtype {recording.dtype}; give numbers.")
        if recording.size == 0:
            raise ValueError(f"X[{number}] has shape {recording.shape}; remove recordings without samples.")
        assert_all_finite(recording, allow_nan=True, input_name=f"X[{number}]")
    return recordings


def whole_recordings(recordings: Sequence[np.ndarray]) -> Segments:
    """Return one segment per recording.

    Parameters
    ----------
    recordings : sequence of ndarray of shape (..., T_i)
        The recordings.

    Returns
    -------
    Segments
        The segments.
    """
    count, lengths = len(recordings), [recording.shape[-1] for recording in recordings]
    return Segments(np.arange(count), np.zeros(count, int), np.array(lengths))


def cut_windows(
    recordings: Sequence[np.ndarray], segments: Segments, window: int, step: int
) -> tuple[Segments, np.ndarray]:
    """Return the positions of the windows of segments.

    Leading and trailing NaN of a segment is padding and has no windows. The last window ends at the end of the segment.
    A segment that is shorter than the window is one shorter window. Windows without any value are left out.

    Parameters
    ----------
    recordings : sequence of ndarray of shape (..., T_i)
        The recordings.
    segments : Segments
        The segments.
    window, step : int
        Length of a window and distance between the starts of two windows, in samples.

    Returns
    -------
    tuple of Segments and ndarray of int
        The windows, in the order of the segments, and the index of the segment of each window.

    Raises
    ------
    ValueError
        If a segment has no values. The message names the recording.
    """
    parts = []
    for number, start, stop in zip(*segments, strict=True):
        part = recordings[number][..., start:stop]
        known = start + np.flatnonzero((part == part).reshape(-1, stop - start).any(0))  # NaN differs from itself
        if not len(known):
            raise ValueError(f"X[{number}] contains only NaN from sample {start} to {stop}; remove this part.")
        first, end = known[0], known[-1] + 1
        starts = np.arange(first, max(first, end - window) + 1, step)
        if starts[-1] + window < end:
            starts = np.append(starts, end - window)
        stops = np.minimum(starts + window, end)
        has_values = np.searchsorted(known, starts) < np.searchsorted(known, stops)
        parts.append((starts[has_values], stops[has_values]))
    owners = np.repeat(np.arange(len(parts)), [len(starts) for starts, _ in parts])
    starts, stops = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Segments(segments.recording[owners], starts, stops), owners


def stack_windows(recordings: Sequence[np.ndarray], windows: Segments, window: int) -> np.ndarray:
    """Copy windows to one array.

    Parameters
    ----------
    recordings : sequence of ndarray of shape (T_i,) or (M, T_i)
        The recordings.
    windows : Segments
        Segments of at most `window` samples.
    window : int
        Length of a window in samples.

    Returns
    -------
    ndarray of shape (n_windows, window) or (n_windows, M, window)
        The windows. Shorter ones are padded with NaN at the end.
    """
    dtype = np.result_type(np.float32, *{recording.dtype for recording in recordings})
    data = np.full((len(windows.start), *recordings[0].shape[:-1], window), np.nan, dtype)
    for row, number, start, stop in zip(data, *windows, strict=True):
        row[..., : stop - start] = recordings[number][..., start:stop]
    return data


def _is_sequence(values: Any) -> bool:
    """Return whether values are a list, a tuple or an array of objects."""
    is_array = isinstance(values, np.ndarray) and values.dtype == object and values.ndim == 1
    return is_array or isinstance(values, (list, tuple))


def _as_recording(recording: Any) -> np.ndarray:
    return to_numpy(recording) if isinstance(recording, torch.Tensor) else np.asarray(time_last(recording))
