"""``python -m sktsmae embed``: turn signals into features by an encoder, into an array or a table."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from ..estimators import MAEClassifier, MAEPretrainer
from ..estimators._validation import resolve_device
from ..models.checkpoints import atomic_write, stored_kind
from ._arguments import add_device_argument, add_signal_arguments
from ._estimating import apply_in_parts, naming
from ._output import check_output
from ._signals import read_signals

EXAMPLE = "embed signals.npy --output embeddings.npy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    """
    add_signal_arguments(parser, split="train")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="an encoder by `pretrain`, or a classifier, of whose tokens the mean is taken (default: the package's)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("embeddings.npy"),
        help="a .npy or .csv file to write, a row a signal (default: embeddings.npy)",
    )
    add_device_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command.

    Parameters
    ----------
    options : Namespace
        The arguments.

    Raises
    ------
    ValueError, OSError
        If a file cannot be used.
    """
    check_output(options.output, (".npy", ".csv"), inputs=(options.signals, options.model))
    resolve_device(options.device)
    model = load_encoder(options.model).set_params(device=options.device)
    X = read_signals(options.signals, label=options.label, split=options.split).X
    write = write_csv if options.output.suffix.lower() == ".csv" else write_npy
    with naming(options.signals), atomic_write(options.output) as path:
        shape = write(path, len(X), apply_in_parts(model.transform, X, "embed"))
    print(f"{options.output}: {shape[0]} signals, {shape[1]} features of each")


def load_encoder(path: Path | None) -> MAEPretrainer | MAEClassifier:
    """Read whatever has an encoder.

    Parameters
    ----------
    path : Path or None
        A file by `MAEPretrainer.save` or `MAEClassifier.save`; None for the encoder of the package.

    Returns
    -------
    MAEPretrainer or MAEClassifier
        The estimator, ready to transform.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is none of these, or damaged.
    """
    if path is None:
        return MAEPretrainer.from_pretrained()
    return MAEClassifier.load(path) if stored_kind(path) == "classifier" else MAEPretrainer.load(path)


def write_npy(path: Path, count: int, parts: Iterator[np.ndarray]) -> tuple[int, int]:
    """Write features as they come, so that not all of them have to fit into the memory.

    Parameters
    ----------
    path : Path
        The .npy file.
    count : int
        How many rows there will be.
    parts : iterator of ndarray of shape (m, d)
        The rows.

    Returns
    -------
    tuple of int
        Rows and columns.
    """
    first = next(parts)
    written = np.lib.format.open_memmap(path, mode="w+", dtype=first.dtype, shape=(count, first.shape[1]))
    place = 0
    for rows in chain([first], parts):
        written[place : place + len(rows)] = rows
        place += len(rows)
    written.flush()
    return count, first.shape[1]


def write_csv(path: Path, count: int, parts: Iterator[np.ndarray]) -> tuple[int, int]:
    """Write features as a table, behind a line of names.

    Parameters
    ----------
    path : Path
        The .csv file.
    count : int
        How many rows there will be.
    parts : iterator of ndarray of shape (m, d)
        The rows.

    Returns
    -------
    tuple of int
        Rows and columns.
    """
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        first = next(parts)
        writer.writerow(f"embedding{place}" for place in range(first.shape[1]))
        for rows in chain([first], parts):
            writer.writerows([f"{value:.9g}" for value in row] for row in rows)
    return count, first.shape[1]
