"""How commands use estimators: a file's name in their errors, a few signals at a time, and what they got right."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

# Signals between two movements of a bar.
PART = 512


@contextmanager
def naming(source: Path | str) -> Iterator[None]:
    """Put a file's name before what an estimator says about the signals in it.

    Parameters
    ----------
    source : Path or str
        The file.

    Raises
    ------
    ValueError
        In place of what is raised inside.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{source}: {error}") from error


def apply_in_parts(apply: Callable[[np.ndarray], np.ndarray], X: np.ndarray, description: str) -> Iterator[np.ndarray]:
    """Apply an estimator to signals a few at a time, with a bar where there are many.

    Parameters
    ----------
    apply : callable
        Takes signals and returns a row for each.
    X : ndarray of shape (n, ...)
        Signals, perhaps mapped from a file.
    description : str
        What stands in front of the bar.

    Yields
    ------
    ndarray of shape (m, ...)
        The rows, in order.
    """
    with tqdm(total=len(X), desc=description, unit="signal", disable=len(X) <= PART) as bar:
        for start in range(0, len(X), PART):
            try:
                rows = apply(X[start : start + PART])
            except ValueError as error:  # which counts from there
                raise ValueError(f"of the signals from {start} on: {error}" if start else str(error)) from error
            yield rows
            bar.update(len(rows))


def describe_accuracy(predicted: np.ndarray, y: np.ndarray, classes: np.ndarray) -> str:
    """Say what share of labels was predicted; those that are empty are not counted.

    Parameters
    ----------
    predicted : ndarray of shape (n,)
        What a classifier says.
    y : ndarray of shape (n,)
        The labels. Compared as numbers where all are, and else as text, since one of the two may be from a text file.
    classes : ndarray of shape (C,)
        The labels that the classifier knows.

    Returns
    -------
    str
        Such as ``accuracy 0.912 on 34 signals``.

    Warns
    -----
    UserWarning
        If it knows none of the labels.
    """
    text = np.array([str(label) for label in y.tolist()])
    known = ~np.isin(text, ["", "nan", "None"])
    try:
        predicted, text, classes = predicted.astype(float), text[known].astype(float), classes.astype(float)
    except ValueError:
        predicted, text, classes = predicted.astype(str), text[known], classes.astype(str)
    if not len(text):
        return "no label to compare with"
    if not np.isin(text, classes).any():
        warnings.warn(f"no label is one that the classifier knows: {y[known][0]!s} is not among them.", stacklevel=2)
    return f"accuracy {np.mean(predicted[known] == text):.3f} on {len(text)} signals"
