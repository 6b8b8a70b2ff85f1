"""Tests of the SPARwatch recordings, which are in the package."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sktsmae.datasets import load_sparwatch

EXERCISES = ["ABD", "ER", "FEL", "IR", "PEN", "ROW", "TRAP"]


@pytest.mark.parametrize(("subset", "n_recordings"), [("train", 656), ("test", 493)])
def test_shapes_and_types_of_a_subset(subset, n_recordings):
    bunch = load_sparwatch(subset=subset)
    assert bunch.data.shape == (n_recordings, 6, 200)
    assert bunch.data.dtype == np.float32
    assert np.isfinite(bunch.data).all()
    assert bunch.target.shape == bunch.groups.shape == (n_recordings,)
    assert np.unique(bunch.target).tolist() == EXERCISES
    assert np.issubdtype(bunch.groups.dtype, np.integer)


def test_no_person_is_in_both_subsets():
    train, test = load_sparwatch(subset="train"), load_sparwatch(subset="test")
    assert set(train.groups).isdisjoint(test.groups)
    assert len(set(train.groups) | set(test.groups)) == 10


def test_default_subset_is_train():
    assert_array_equal(load_sparwatch().data, load_sparwatch(subset="train").data)


@pytest.mark.parametrize("subset", ["train", "test"])
def test_return_X_y_returns_the_same_arrays(subset):
    bunch = load_sparwatch(subset=subset)
    X, y = load_sparwatch(subset=subset, return_X_y=True)
    assert_array_equal(X, bunch.data)
    assert_array_equal(y, bunch.target)


def test_channels_and_classes_have_names_and_the_description_names_the_licence():
    bunch = load_sparwatch()
    assert bunch.feature_names == ["acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z"]
    assert list(bunch.target_names) == EXERCISES
    assert "BSD 3-clause" in bunch.DESCR


def test_recordings_are_distinct_and_not_constant():
    X = load_sparwatch().data
    assert len(np.unique(X.reshape(len(X), -1), axis=0)) == len(X)
    assert (X.std(-1) > 0).all()


def test_changing_the_returned_arrays_does_not_affect_the_next_call():
    first = load_sparwatch()
    first.data[:] = 0
    first.target[:] = "ABD"
    second = load_sparwatch()
    assert second.data.std() > 0
    assert np.unique(second.target).tolist() == EXERCISES


@pytest.mark.parametrize(
    ("params", "name"),
    [({"subset": "validation"}, "subset"), ({"subset": None}, "subset"), ({"return_X_y": "yes"}, "return_X_y")],
)
def test_invalid_parameter_raises(params, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of load_sparwatch"):
        load_sparwatch(**params)
