"""What commands say of predictions."""

import numpy as np
import pytest

from sktsmae.commands import _estimating
from sktsmae.commands._estimating import apply_in_parts, describe_accuracy

SAME = {
    "whole numbers and others": (np.array([1.0, 2.0]), np.array([1, 2])),
    "numbers and text": (np.array([1, 2]), np.array(["1.0", "2"])),
    "text": (np.array(["a", "b"]), np.array(["a", "b"], dtype=object)),
}


@pytest.mark.parametrize(("classes", "y"), SAME.values(), ids=SAME)
def test_labels_are_compared_by_what_they_mean(classes, y):
    assert describe_accuracy(classes[[0, 0]], y, classes) == "accuracy 0.500 on 2 signals"


def test_signals_without_a_label_do_not_count():
    classes = np.array(["a", "b"])
    assert describe_accuracy(classes[[0, 1, 1]], np.array(["a", "", "a"]), classes) == "accuracy 0.500 on 2 signals"
    assert describe_accuracy(np.array([1, 2]), np.array([1.0, np.nan]), np.array([1, 2])) == (
        "accuracy 1.000 on 1 signals"
    )
    assert describe_accuracy(classes, np.array(["", ""]), classes) == "no label to compare with"


def test_labels_that_the_classifier_does_not_know_are_told():
    classes = np.array(["a", "b"])
    with pytest.warns(UserWarning, match="no label is one that the classifier knows: A is not among them"):
        assert describe_accuracy(classes, np.array(["A", "B"]), classes) == "accuracy 0.000 on 2 signals"


def test_an_error_says_where_its_part_begins(monkeypatch):
    monkeypatch.setattr(_estimating, "PART", 10)

    def apply(X):
        if X[0] == 20:
            raise ValueError("sample 3 is empty")
        return X

    with pytest.raises(ValueError, match="of the signals from 20 on: sample 3 is empty"):
        list(apply_in_parts(apply, np.arange(35), "predict"))
