"""Validation of labels and targets, and selection of the labelled rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.validation import _check_sample_weight, assert_all_finite, check_consistent_length


def labelled_rows(
    X: np.ndarray, y: Any, sample_weight: Any, unlabeled: Any, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows that have a label and a positive weight.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Validated samples.
    y : array-like of shape (n,)
        Labels or target values.
    sample_weight : array-like of shape (n,) or None
        Sample weights.
    unlabeled : object
        Value of `y` that marks rows without a label; None means that all rows have a label.
    name : str
        Name of the estimator, for error messages.

    Returns
    -------
    rows : ndarray of int of shape (m,)
        Indices of the rows.
    y : ndarray of shape (m,)
        Their labels.
    weights : ndarray of shape (m,), float64
        Their weights.

    Raises
    ------
    ValueError
        If no row has a label and a positive weight, or if y is not one finite value per row.
    """
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    y, is_labelled = _read_labels(y, unlabeled)
    check_consistent_length(X, y)
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    rows = np.flatnonzero(is_labelled & (weights > 0))
    if y.dtype.kind == "f":
        assert_all_finite(y[rows], input_name="y")
    if len(rows) == 0:
        raise ValueError(
            f"no row of y has both a label (unlabeled={unlabeled!r}) and a positive sample_weight; give at least one."
        )
    return rows, y[rows], weights[rows]


def _read_labels(y: Any, mark: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return y as an array, and a mask of the rows whose value in y differs from `mark`."""
    if mark is None:
        y = column_or_1d(y, warn=True)
        return y, np.ones(len(y), dtype=bool)
    if not isinstance(y, (list, tuple)):
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "U" and not isinstance(mark, str) and str(mark) in y:
            raise ValueError(f"y contains text, but unlabeled={mark!r} is not text; give unlabeled={str(mark)!r}.")
        if y.dtype.kind in "biuf" and isinstance(mark, str):
            raise ValueError(f"y contains numbers, but unlabeled={mark!r} is text; give a number.")
        return y, np.array([not _is_same(label, mark) for label in y.tolist()], dtype=bool)
    # In a list, the mark may have another type than the labels. An array would convert both to one type.
    labelled = np.array([not _is_same(label, mark) for label in y], dtype=bool)
    known = column_or_1d([label for label, is_known in zip(y, labelled, strict=True) if is_known])
    labels = np.zeros(len(y), dtype=known.dtype)
    labels[labelled] = known
    return labels, labelled


def _is_same(label: Any, mark: Any) -> bool:
    """Return whether a label equals the mark of unlabelled rows. NaN equals NaN here."""
    if label is mark:
        return True
    try:
        return bool(label == mark) or bool(label != label and mark != mark)
    except TypeError:  # the result of a comparison with pandas.NA has no truth value
        return False
