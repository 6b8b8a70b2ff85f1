"""Helpers for commands that call estimators: error messages with file names, chunks of signals, and the accuracy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

# Number of signals per chunk, and so per update of the progress bar.
CHUNK_SIZE = 512


@contextmanager
def prefix_errors(source: Path | str) -> Iterator[None]:
    """Prefix the errors of an estimator with the name of the file that its input comes from.

    Parameters
    ----------
    source : Path or str
        The file.

    Raises
    ------
    ValueError
        If the block raises a ValueError or a TypeError.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{source}: {error}") from error


def map_chunks(function: Callable[[np.ndarray], np.ndarray], X: np.ndarray, description: str) -> Iterator[np.ndarray]:
    """Apply a function to chunks of signals, with a progress bar if there is more than one chunk.

    Parameters
    ----------
    function : callable
        Returns one row per signal.
    X : ndarray of shape (n, ...)
        Signals; may be memory-mapped.
    description : str
        Text in front of the progress bar.

    Yields
    ------
    ndarray of shape (m, ...)
        The rows of the next m signals.

    Raises
    ------
    ValueError
        If the function raises one. The message says at which signal the chunk starts.
    """
    with tqdm(total=len(X), desc=description, unit="signal", disable=len(X) <= CHUNK_SIZE) as bar:
        for start in range(0, len(X), CHUNK_SIZE):
            try:
                rows = function(X[start : start + CHUNK_SIZE])
            except ValueError as error:  # its message may contain an index that counts from the start of the chunk
                raise ValueError(
                    f"in the chunk that starts at signal {start}: {error}" if start else str(error)
                ) from error
            yield rows
            bar.update(len(rows))


def describe_accuracy(predicted: np.ndarray, y: np.ndarray, classes: np.ndarray) -> str:
    """Return a text with the accuracy of predictions; missing labels are ignored.

    Parameters
    ----------
    predicted : ndarray of shape (n,)
        Predicted labels.
    y : ndarray of shape (n,)
        True labels. They are compared with the predicted ones as numbers if all of them are numbers, and as text
        otherwise, because labels from a text file are always text.
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
    text = np.array([str(label) for label in y.tolist()])
    known = ~np.isin(text, ["", "nan", "None"])
    try:
        predicted, text, classes = predicted.astype(float), text[known].astype(float), classes.astype(float)
    except ValueError:
        predicted, text, classes = predicted.astype(str), text[known], classes.astype(str)
    if not len(text):
        return "accuracy not computed, because all labels are missing"
    if not np.isin(text, classes).any():
        warnings.warn(
            f"none of the labels is a class of the classifier, for example {y[known][0]!s}; check that the labels are "
            "spelled as in the training data.",
            stacklevel=2,
        )
    return f"accuracy {np.mean(predicted[known] == text):.3f} on {len(text)} signals"
