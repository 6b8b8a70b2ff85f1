"""Command-line arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

SIGNALS_HELP = (
    "file or folder with signals: a .npy file with an array of shape (n, time) or (n, channels, time); an .npz file "
    "with signals X and labels y, or X_train, y_train, X_test and y_test; a .csv file with one signal per row; a .ts "
    "file, the format of the UCR and UEA time series archives; or a folder of .npy files"
)


def add_signal_arguments(parser: argparse.ArgumentParser, *, split: str) -> None:
    """Add the arguments ``signals``, ``--label`` and ``--split``.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    split : {"train", "test"}
        Default of ``--split``.
    """
    parser.add_argument("signals", type=Path, help=SIGNALS_HELP)
    add_label_and_split(parser, split=split)


def add_label_and_split(parser: argparse.ArgumentParser, *, split: str) -> None:
    """Add the arguments ``--label`` and ``--split``.

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
        help="name of the column with the labels in a .csv file; the other columns contain the samples of the signals",
    )
    parser.add_argument(
        "--split",
        choices=("train", "test"),
        default=split,
        help=f"part to read from an .npz file with X_train and X_test (default: {split})",
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
