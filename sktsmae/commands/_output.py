"""Check the output path before a command starts its work."""

from __future__ import annotations

import os
from pathlib import Path


def check_output(
    path: Path, suffixes: tuple[str, ...] = (), *, inputs: tuple[Path | None, ...] = (), option: str = "--output"
) -> None:
    """Check that an output file can be written.

    Parameters
    ----------
    path : Path
        Value of the option.
    suffixes : tuple of str, default=()
        Allowed file extensions, in lower case; an empty tuple allows all.
    inputs : tuple of Path or None, default=()
        Files that the command reads, or None for an option that is not given. The output must be a different file.
    option : str, default="--output"
        Name of the option, for error messages.

    Raises
    ------
    ValueError
        If the file cannot be written, has an extension that is not allowed, or is one of the inputs.
    """
    option = f"{option} {path}"
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"{option}: the file name must end in {' or '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise ValueError(f"{option}: the folder {path.parent} does not exist; create it first.")
    if path.is_dir():
        raise ValueError(f"{option}: this is a folder; give the name of a file.")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"{option}: the folder {path.parent} is not writable; choose another folder.")
    for input_path in inputs:
        if input_path is not None and path.exists() and input_path.exists() and path.samefile(input_path):
            raise ValueError(f"{option}: this file is also an input of the command; give another name.")
