"""How commands use estimators: a file's name in their errors, a few signals at a time, and what they got right."""

from __future__ import annotations

import math
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
            rows = apply(X[start : start + PART])
            yield rows
            bar.update(len(rows))


def share_right(predicted: np.ndarray, y: np.ndarray) -> float:
    """Return the share of labels that were predicted; those that are empty are not counted.

    Parameters
    ----------
    predicted : ndarray of shape (n,)
        What a classifier says.
    y : ndarray of shape (n,)
        The labels. Compared as text, since one of the two may be from a text file.

    Returns
    -------
    float
        The accuracy, NaN if all are empty.
    """
    predicted, y = predicted.astype(str), y.astype(str)
    known = y != ""
    return float((predicted == y)[known].mean()) if known.any() else math.nan
