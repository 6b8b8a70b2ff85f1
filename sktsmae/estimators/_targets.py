"""Validation of labels and targets, and selection of the labelled rows."""

from __future__ import annotations

from numbers import Number
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
    _check_finite(y, rows)
    if len(rows) == 0:
        raise ValueError(
            f"no row of y has both a label (unlabeled={unlabeled!r}) and a positive sample_weight; give at least one."
        )
    return rows, y[rows], weights[rows]


def class_labels(y: Any, unlabeled: Any) -> np.ndarray:
    """Return class labels as an array. Nullable types become the types of numpy.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels.
    unlabeled : object
        Value of `y` that marks rows without a label; None means that all rows have a label.

    Returns
    -------
    ndarray of shape (n,)
        The labels, and the marks.

    Raises
    ------
    ValueError
        If a row has neither a label nor the mark, or if y contains text and numbers.
    """
    labels, is_labelled = _read_labels(y, unlabeled)
    _check_finite(labels, np.flatnonzero(is_labelled))
    return labels if is_labelled.all() else _to_array(y, unlabeled)


def _read_labels(y: Any, mark: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return y as an array, and a mask of the rows whose value in y differs from `mark`."""
    y = _to_array(y, mark)
    if mark is not None and y.dtype.kind == "U" and not isinstance(mark, str) and str(mark) in y:
        raise ValueError(f"y contains text, but unlabeled={mark!r} is not text; give unlabeled={str(mark)!r}.")
    if y.dtype.kind in "biuf" and isinstance(mark, str):
        raise ValueError(f"y contains numbers, but unlabeled={mark!r} is text; give a number.")
    if mark is None and y.dtype != object:
        return y, np.ones(len(y), dtype=bool)
    values = y.tolist()
    labelled = np.array([mark is None or not _is_same(value, mark) for value in values], dtype=bool)
    if y.dtype != object:
        return y, labelled
    _refuse_missing([row for row, value in enumerate(values) if labelled[row] and _is_missing(value)], len(y))
    known = [value for value, is_known in zip(values, labelled, strict=True) if is_known]
    # Objects of one type, and numbers, get the dtype of that type. Text stays an object, whatever its length.
    types = {type(value) for value in known}
    same_type = len(types) == 1 and not isinstance(known[0], str)
    numbers = all(issubclass(kind, Number) and kind not in (bool, np.bool_) for kind in types)
    labels = np.zeros(len(y), dtype=np.array(known).dtype if same_type or numbers else object)
    labels[labelled] = known
    return labels, labelled


def _check_finite(y: np.ndarray, rows: np.ndarray) -> None:
    """Raise if y contains numbers, and some of the given rows are not finite."""
    if y.dtype.kind == "f":
        _refuse_missing(rows[np.isnan(y[rows])].tolist(), len(y))
        assert_all_finite(y[rows], input_name="y")


def _refuse_missing(missing: list[int], num_rows: int) -> None:
    """Raise if there are rows without a value."""
    if missing:
        rows = ", ".join(map(str, missing[:5])) + (" ..." if len(missing) > 5 else "")
        raise ValueError(
            f"y has no value in {len(missing)} of {num_rows} rows ({rows}); remove these rows, or set "
            "unlabeled=float('nan') of a MAEClassifier or MAERegressor to use them unlabelled."
        )


def _to_array(y: Any, mark: Any) -> np.ndarray:
    """Return y as an array (n,), of dtype object if values are missing or if the mark has another type than labels."""
    if isinstance(y, (list, tuple)) and len({isinstance(value, str) for value in y}) == 2:
        # `np.array` would convert all values to text.
        others = [value for value in y if not isinstance(value, str) and not _is_missing(value)]
        if others and (mark is None or not all(_is_same(value, mark) for value in others)):
            text = next(value for value in y if isinstance(value, str))
            raise ValueError(
                f"y contains text {text!r} and {type(others[0]).__name__} {others[0]!r}; convert all labels to text."
            )
        array = np.empty(len(y), dtype=object)
        array[:] = y
        return array
    if hasattr(y, "iloc") and getattr(y, "shape", ())[1:] == (1,):  # a DataFrame of one column
        y = y.iloc[:, 0]
    if hasattr(getattr(y, "dtype", None), "na_value"):  # an extension type of pandas
        numpy_dtype = getattr(y.dtype, "numpy_dtype", object)
        y = y.to_numpy(dtype=object if y.isna().any() else numpy_dtype)
    return column_or_1d(y, warn=True)


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or pandas.NA."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # the result of a comparison with pandas.NA has no truth value
        return True


def _is_same(label: Any, mark: Any) -> bool:
    """Return whether a label equals the mark of unlabelled rows. Missing values equal each other here."""
    if label is mark:
        return True
    if _is_missing(mark) or _is_missing(label):
        return _is_missing(mark) and _is_missing(label)
    return bool(label == mark)
