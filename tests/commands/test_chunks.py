"""Tests of the processing in chunks and of the sentence about accuracy."""

import numpy as np
import pytest

from sktsmae.commands import _chunks
from sktsmae.commands._accuracy import describe_accuracy
from sktsmae.commands._chunks import map_chunks

EQUAL_LABELS = {
    "integers and floats": (np.array([1.0, 2.0]), np.array([1, 2])),
    "numbers and text": (np.array([1, 2]), np.array(["1.0", "2"])),
    "text": (np.array(["a", "b"]), np.array(["a", "b"], dtype=object)),
}


@pytest.mark.parametrize(("classes", "y"), EQUAL_LABELS.values(), ids=EQUAL_LABELS)
def test_labels_are_compared_as_numbers_if_possible_and_otherwise_as_text(classes, y):
    assert describe_accuracy(classes[[0, 0]], y, classes) == "accuracy 0.500 on 2 signals"


def test_missing_labels_are_ignored():
    classes = np.array(["a", "b"])
    assert describe_accuracy(classes[[0, 1, 1]], np.array(["a", "", "a"]), classes) == "accuracy 0.500 on 2 signals"
    assert describe_accuracy(np.array([1, 2]), np.array([1.0, np.nan]), np.array([1, 2])) == (
        "accuracy 1.000 on 1 signals"
    )
    assert (
        describe_accuracy(classes, np.array(["", ""]), classes)
        == "accuracy not computed, because all labels are missing"
    )


def test_warning_if_no_label_is_a_class_of_the_classifier():
    classes = np.array(["a", "b"])
    with pytest.warns(UserWarning, match="none of the labels is a class of the classifier, for example A;"):
        assert describe_accuracy(classes, np.array(["A", "B"]), classes) == "accuracy 0.000 on 2 signals"


def test_error_message_names_the_first_signal_of_the_chunk(monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_SIZE", 10)

    def function(X):
        if X[0] == 20:
            raise ValueError("sample 3 is empty")
        return X

    with pytest.raises(ValueError, match="in the chunk that starts at signal 20: sample 3 is empty"):
        list(map_chunks(function, np.arange(35), "predict"))
