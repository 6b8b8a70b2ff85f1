"""Files that commands write, asked about before the work."""

from __future__ import annotations

import os
from pathlib import Path


def check_output(path: Path, suffixes: tuple[str, ...] = (), *, inputs: tuple[Path | None, ...] = ()) -> None:
    """Refuse a file that could not be written, before the work that it is to keep.

    Parameters
    ----------
    path : Path
        What --output names.
    suffixes : tuple of str, default=()
        The endings that are known, if it has to be one of these.
    inputs : tuple of Path or None, default=()
        Files that are read, and must not be replaced.

    Raises
    ------
    ValueError
        If it could not.
    """
    where = f"--output {path}"
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"{where}: the name must end in {' or '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise ValueError(f"{where}: there is no folder {path.parent}; make it first.")
    if path.is_dir():
        raise ValueError(f"{where}: a folder; give the name of a file.")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"{where}: nothing can be written into {path.parent}; choose another folder.")
    for other in inputs:
        if other is not None and path.exists() and other.exists() and path.samefile(other):
            raise ValueError(f"{where}: is read by this command; give another name.")
