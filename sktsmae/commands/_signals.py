"""Reading of signals as the arguments of a command say, and a line about what was read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..datasets import read_signals
from ..datasets._files import Signals
from ..datasets._folders import TABLES
from ..datasets._options import ReadingRules
from ..datasets._text import table_suffix
from ._errors import name_options


def read_and_describe(
    path: Path, options: argparse.Namespace, split: str, rules: ReadingRules | None = None
) -> Signals:
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
    rules : ReadingRules, default=None
        How the training signals were read, in place of arguments that are not given.

    Returns
    -------
    Signals
        The signals, and the labels if there are any.

    Raises
    ------
    ValueError
        If the file cannot be used.
    """
    if rules is not None and options.columns is not None and not options.long:
        rules = rules._replace(columns=(), long=False, id=None, time=None)  # the user describes a wide table
    long = bool(options.long or (rules is not None and rules.long))
    columns = options.channels if options.channels is not None else options.columns or []
    if (options.channels is None) == long and columns:
        wrong, right = ("--columns", "--channels") if long else ("--channels", "--columns")
        raise ValueError(f"{path}: {wrong} is not for this form of table; use {right}.")
    try:
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
            rules=rules,
        )
    except ValueError as error:
        message = str(error).removeprefix(f"{path}: ")  # the path is no argument, whatever its name
        prefix = str(error).removesuffix(message)
        raise ValueError(prefix + name_options(message, long)) from error
    print(f"{path}: {signals}", file=sys.stderr, flush=True)
    return signals


def reading_rules(estimator: Any) -> ReadingRules | None:
    """Return how the training signals of an estimator were read.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.

    Returns
    -------
    ReadingRules or None
        The rules; None if the command ``fit`` did not fit the estimator, or an earlier version did.
    """
    return ReadingRules(**estimator.reading_rules_) if hasattr(estimator, "reading_rules_") else None


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
