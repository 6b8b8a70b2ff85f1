"""Atomic writing of files: an interrupted write never leaves an incomplete file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path, and move the file written there to `path` when the `with` block ends without an error.

    Parameters
    ----------
    path : str or path-like
        The file. An existing file is replaced. If the block raises an error, an existing file is unchanged.

    Yields
    ------
    Path
        Path in a temporary subdirectory of the file's directory. Write the file there.

    Raises
    ------
    FileNotFoundError
        If the directory does not exist.
    ValueError
        If the path is a directory.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: this is a directory; give the path of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the directory {path.parent} does not exist; create it first.")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as directory:
        temporary = Path(directory) / path.name
        yield temporary
        os.replace(temporary, path)
