"""Tests of recordings: their containers and their windows."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sktsmae.signals.recordings import (
    Segments,
    as_recordings,
    cut_windows,
    is_list_of_recordings,
    stack_windows,
    whole_recordings,
)


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        ([np.ones(3), np.ones(4)], True),
        ((np.ones((2, 3)),), True),
        ([[1, 2, 3], [1, 2]], True),
        ([[1, 2], [3, 4]], False),  # a table
        ([1, 2], False),
        ([], False),
        (np.ones((2, 3)), False),
        (pd.DataFrame(np.ones((2, 3))), False),
    ],
)
def test_lists_of_arrays_are_recordings_and_tables_are_not(X, expected):
    assert is_list_of_recordings(X) == expected


def test_recordings_are_views_if_possible():
    long = np.ones((2, 3, 50), np.float32)
    for X in (long, list(long)):
        assert all(np.shares_memory(recording, long) for recording in as_recordings(X))


def test_recordings_may_be_on_disk(tmp_path):
    X = np.arange(24.0).reshape(2, 3, 4)
    with h5py.File(tmp_path / "X.h5", "w") as file:
        assert_array_equal(as_recordings(file.create_dataset("X", data=X)), X)


@pytest.mark.parametrize("length", [1, 4, 7, 8, 23])
@pytest.mark.parametrize(("window", "step"), [(1, 1), (4, 1), (4, 3), (4, 4), (4, 9)])
def test_windows_begin_at_the_start_and_end_at_the_end(length, window, step):
    recordings = [np.arange(length)]
    windows, owners = cut_windows(recordings, whole_recordings(recordings), window, step)
    assert (windows.start[0], windows.stop[-1]) == (0, length)
    assert (windows.stop - windows.start == min(window, length)).all()
    assert (np.diff(windows.start)[:-1] == step).all()
    assert (np.diff(windows.start) <= step).all()
    assert (owners == 0).all()


def test_windows_are_copied_and_padded():
    recordings = [np.arange(6, dtype=np.int16), np.array([7.0, 8.0], np.float32)]
    windows = Segments(np.array([0, 1]), np.array([1, 0]), np.array([4, 2]))
    data = stack_windows(recordings, windows, 3)
    assert data.dtype == np.float32
    assert_array_equal(data, [[1, 2, 3], [7, 8, np.nan]])
    data[0] = 0
    assert recordings[0][1] == 1
