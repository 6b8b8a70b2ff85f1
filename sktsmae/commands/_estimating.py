"""Helpers for commands that call estimators: file names in errors, processing in chunks, and the accuracy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

# Number of signals per chunk. The progress bar is updated once per chunk.
CHUNK_SIZE = 512


@contextmanager
def prefix_errors(source: Path | str) -> Iterator[None]:
    """Prefix the error messages of an estimator with the file name of its input.

    Parameters
    ----------
    source : Path or str
        Prefix of the messages: the file, or an option such as ``--synthetic 100`` in its place.

    Raises
    ------
    ValueError
        If the code in the `with` statement raises a ValueError or a TypeError.
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
        If the function raises one. After the first chunk, the message gives the index at which the chunk starts.
    """
    with tqdm(total=len(X), desc=description, unit="signal", disable=len(X) <= CHUNK_SIZE) as bar:
        for start in range(0, len(X), CHUNK_SIZE):
            try:
                rows = function(X[start : start + CHUNK_SIZE])
            except ValueError as error:  # its message may contain an index within the chunk
                raise ValueError(
                    f"in the chunk that starts at signal {start}: {error}" if start else str(error)
                ) from error
            yield rows
            bar.update(len(rows))


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
