"""Error messages that name the input file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
