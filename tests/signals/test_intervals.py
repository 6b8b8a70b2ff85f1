"""Tests of labelled intervals of recordings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sktsmae.signals.intervals import are_intervals, read_intervals

INTERVALS = [[(0, 2, 7), (2, 5, 8)], [(1, 7, 7), (3, 4, 9)]]


def as_objects(values):
    """Return an array of objects, one per recording."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([[(0, 3, "a")], []], True),
        ([[[0, 3, 1], [3, 5, 0]]], True),
        (np.array([[[0, 3, 1], [3, 5, 0]]]), True),
        ([[1], [0]], False),  # a column of labels
        (np.array([[1], [0]]), False),
        (["a", "b"], False),
        (np.array([0, 1]), False),
        (pd.Series(["a", "b"]), False),
        (pd.DataFrame({"label": ["a", "b"]}), False),
        (None, False),
    ],
)
def test_intervals_are_told_from_labels(y, expected):
    assert are_intervals(y) == expected


def test_intervals_become_segments_and_labels():
    recordings = [np.ones(5), np.ones(7)]
    segments, labels = read_intervals([[(0, 2, "a"), (2, 5, "b")], [(1, 7, "a")]], recordings)
    assert_array_equal(segments, [[0, 0, 1], [0, 2, 1], [2, 5, 7]])
    assert labels == ["a", "b", "a"]
    with pytest.raises(ValueError, match="y contains no interval; give at least one"):
        read_intervals([[], []], recordings)


@pytest.mark.parametrize(
    "convert",
    [
        np.array,
        pd.Series,
        as_objects,
        lambda y: [np.array(intervals) for intervals in y],
        lambda y: as_objects([np.array(intervals) for intervals in y]),
        lambda y: [pd.DataFrame(intervals) for intervals in y],
        lambda y: [[np.array(interval) for interval in intervals] for intervals in y],
        lambda y: tuple(tuple(intervals) for intervals in y),
    ],
)
def test_intervals_may_be_given_in_several_containers(convert):
    y = convert(INTERVALS)
    assert are_intervals(y)
    segments, labels = read_intervals(y, [np.ones(5), np.ones(7)])
    assert_array_equal(segments, [[0, 0, 1, 1], [0, 2, 1, 3], [2, 5, 7, 4]])
    assert labels == [7, 8, 7, 9]


def test_labels_of_a_table_keep_their_type():
    table = pd.DataFrame({"start": [0, 2], "stop": [2, 5], "label": ["a", "b"]})
    assert read_intervals([table], [np.ones(5)])[1] == ["a", "b"]


@pytest.mark.parametrize("convert", [lambda y: np.array(y, float), lambda y: np.array(y, str)])
def test_arrays_without_integers_are_refused(convert):
    with pytest.raises(ValueError, match=r"y\[0\] contains \[.*give lists of \(start, stop, label\) with integers"):
        read_intervals([convert(INTERVALS[0])], [np.ones(5)])
