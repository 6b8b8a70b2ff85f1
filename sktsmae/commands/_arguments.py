"""Arguments that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path

FORMATS = (
    "a .npy file of signals (n, time) or (n, channels, time); an .npz file of them as X, and of labels as y, or of "
    "X_train, y_train, X_test, y_test; a .csv file, a row a signal; a .ts file of the time series archive; or a folder "
    "of .npy files"
)


def add_signal_arguments(parser: argparse.ArgumentParser, *, split: str) -> None:
    """Declare the argument that says which signals, and those that say what of them is read.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    split : {"train", "test"}
        The part of an archive that is read by default.
    """
    parser.add_argument("signals", type=Path, help=FORMATS)
    add_column_arguments(parser, split=split)


def add_column_arguments(parser: argparse.ArgumentParser, *, split: str) -> None:
    """Declare the arguments that say what of a file is read.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    split : {"train", "test"}
        The part of an archive that is read by default.
    """
    parser.add_argument("--label", metavar="COLUMN", help="the column of labels in a .csv file, by its name")
    parser.add_argument(
        "--split",
        choices=("train", "test"),
        default=split,
        help=f"what to read of an .npz file that holds X_train and X_test (default: {split})",
    )


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the argument that says where to compute.

    Parameters
    ----------
    parser : ArgumentParser
        Gets it.
    """
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto for a GPU where there is one (default)")


def positive_int(text: str) -> int:
    """Read a number of something; what argparse says of wrong ones ends with exit code 2.

    Parameters
    ----------
    text : str
        What was given.

    Returns
    -------
    int
        The number.

    Raises
    ------
    ArgumentTypeError
        If it is no number, or below 1.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return number
