"""A sentence about the accuracy of predictions."""

from __future__ import annotations

import warnings

import numpy as np


def describe_accuracy(predicted: np.ndarray, y: np.ndarray, classes: np.ndarray) -> str:
    """Return a sentence with the accuracy of predictions. Missing labels are ignored.

    Parameters
    ----------
    predicted : ndarray of shape (n,)
        Predicted labels.
    y : ndarray of shape (n,)
        True labels. If they, the predictions and the classes are all numbers or text that can be converted to
        numbers, they are compared as numbers; otherwise, they are compared as text.
    classes : ndarray of shape (C,)
        Classes of the classifier.

    Returns
    -------
    str
        For example ``accuracy 0.912 on 34 signals``.

    Warns
    -----
    UserWarning
        If no label is a class of the classifier.
    """
    labels = np.array([str(label) for label in y.tolist()])
    has_label = ~np.isin(labels, ["", "nan", "None"])
    try:
        predicted, labels, classes = predicted.astype(float), labels[has_label].astype(float), classes.astype(float)
    except ValueError:
        predicted, labels, classes = predicted.astype(str), labels[has_label], classes.astype(str)
    if not len(labels):
        return "accuracy not computed, because all labels are missing"
    if not np.isin(labels, classes).any():
        warnings.warn(
            f"none of the labels is a class of the classifier, for example {y[has_label][0]!s}; check that the labels "
            "are spelled as in the training data.",
            stacklevel=2,
        )
    return f"accuracy {np.mean(predicted[has_label] == labels):.3f} on {len(labels)} signals"
