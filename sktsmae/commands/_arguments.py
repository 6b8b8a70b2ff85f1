"""Command-line arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

SIGNALS_HELP = (
    "file or folder with signals: a table (.csv, .tsv or .txt, also compressed as .gz, .xz or .zip; .parquet or "
    ".feather) with one signal per row, or with --long one time step per row; a .npy file with an array of shape (n, "
    "time) or (n, channels, time); an .npz or .mat file with signals X and labels y, or X_train, y_train, X_test and "
    "y_test; a .ts file, the format of the UCR and UEA time series archives; a folder of .npy files with signals; or a "
    "folder with one recording per file (tables with one time step per row, .wav), or one such folder per class"
)
# Names of the arguments that say how to read tables, and which arrays of an archive to read.
TABLE_OPTIONS = ("label", "drop", "columns", "long", "id", "time", "channels")
ARCHIVE_OPTIONS = ("x_key", "y_key")
READING_OPTIONS = (*TABLE_OPTIONS, *ARCHIVE_OPTIONS)


def add_signal_arguments(parser: argparse.ArgumentParser, *, split: str) -> None:
    """Add the argument ``signals`` and those that say how to read it.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    split : {"train", "test"}
        Default of ``--split``.
    """
    parser.add_argument("signals", type=Path, help=SIGNALS_HELP)
    add_reading_arguments(parser, split=split)


def add_reading_arguments(parser: argparse.ArgumentParser, *, split: str) -> None:
    """Add the arguments that say how to read signals.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    split : {"train", "test"}
        Default of ``--split``.
    """
    parser.add_argument(
        "--label",
        metavar="COLUMN",
        help="name of the column with the labels of a table; the other columns contain the samples of the signals",
    )
    parser.add_argument(
        "--drop", metavar="NAMES", type=_names, help="columns to leave out: names or patterns such as 'x_*'"
    )
    parser.add_argument("--columns", metavar="NAMES", type=_names, help="columns of samples, such as 't*'")
    parser.add_argument("--long", action="store_true", help="the table has one row per time step")
    parser.add_argument("--id", metavar="COLUMN", help="with --long: the column that tells recordings apart")
    parser.add_argument("--time", metavar="COLUMN", help="with --long: the column by which rows are sorted")
    parser.add_argument("--channels", metavar="NAMES", type=_names, help="with --long: the columns of the channels")
    parser.add_argument("--x-key", metavar="NAME", help="name of the array of signals in an .npz or .mat file")
    parser.add_argument("--y-key", metavar="NAME", help="name of the array of labels in an .npz or .mat file")
    parser.add_argument(
        "--split",
        choices=("train", "test"),
        default=split,
        help=f"part to read from a file with arrays X_train and X_test (default: {split})",
    )


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument ``--device``.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    """
    parser.add_argument(
        "--device",
        default="auto",
        help="device to compute on: cpu, cuda, or auto for a GPU if there is one and the CPU otherwise (default: auto)",
    )


def _names(text: str) -> list[str]:
    """Split names that are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def positive_int(text: str) -> int:
    """Parse a positive integer.

    Parameters
    ----------
    text : str
        Text from the command line.

    Returns
    -------
    int
        The number.

    Raises
    ------
    ArgumentTypeError
        If the text is not an integer of at least 1. argparse then prints the message and exits with code 2.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least 1")
    return number
