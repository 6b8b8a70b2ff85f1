"""Reading of signals as the arguments of a command say, and a line about what was read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..datasets import read_signals
from ..datasets._files import Signals
from ..datasets._folders import TABLES
from ..datasets._text import table_suffix


def read_and_describe(path: Path, options: argparse.Namespace, split: str) -> Signals:
    """Read signals, and print a line about them to standard error.

    Parameters
    ----------
    path : Path
        File or folder.
    options : Namespace
        The parsed arguments, with those of `add_reading_arguments`. If two files of different types are read, those
        about tables apply to tables.
    split : {"train", "test"}
        Part to read from a file with arrays such as X_train and X_test.

    Returns
    -------
    Signals
        The signals, and the labels if there are any.

    Raises
    ------
    ValueError
        If the file cannot be used.
    """
    columns = options.channels if options.channels is not None else options.columns or []
    if (options.channels is None) == bool(options.long) and columns:
        wrong, right = ("--columns", "--channels") if options.long else ("--channels", "--columns")
        raise ValueError(f"{path}: {wrong} is not for this form of table; use {right}.")
    signals = read_signals(
        path,
        label=options.label,
        drop=options.drop or [],
        columns=columns,
        long=bool(options.long),
        id=options.id,
        time=options.time,
        x_key=options.x_key,
        y_key=options.y_key,
        split=split,
    )
    print(f"{path}: {signals}", file=sys.stderr, flush=True)
    return signals


def is_table(path: Path) -> bool:
    """Return whether a path has the suffix of a table, such as .csv.

    Parameters
    ----------
    path : Path
        The path.

    Returns
    -------
    bool
        True for .csv, .tsv, .txt, .parquet and .feather files, also compressed ones.
    """
    return table_suffix(path) in TABLES
