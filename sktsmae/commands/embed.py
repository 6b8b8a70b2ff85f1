"""The ``embed`` command: compute features of signals with an encoder, and write them to a .npy or .csv file."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from ..estimators import MAEClassifier, MAEPretrainer
from ..models.atomic import atomic_write
from ..models.checkpoints import stored_kind
from ..signals.device import resolve_device
from ._arguments import add_device_argument, add_signal_arguments
from ._chunks import map_chunks
from ._errors import prefix_errors
from ._output import check_output
from ._signals import read_and_describe, reading_rules

EXAMPLE = "embed signals.npy --output embeddings.npy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    """
    add_signal_arguments(parser, split="train")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="file with an encoder or a classifier, written by the command pretrain or fit; its encoder computes the "
        "features (default: the encoder in the package)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("embeddings.npy"),
        help=".npy or .csv file to write, with one row per signal (default: embeddings.npy)",
    )
    add_device_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command.

    Parameters
    ----------
    options : Namespace
        The parsed arguments.

    Raises
    ------
    ValueError, OSError
        If a file cannot be read or written, or a file or an argument is invalid.
    """
    check_output(options.output, (".npy", ".csv"), inputs=(options.signals, options.model))
    resolve_device(options.device)
    model = load_encoder(options.model).set_params(device=options.device)
    X = read_and_describe(options.signals, options, options.split, reading_rules(model)).X
    write = write_csv if options.output.suffix.lower() == ".csv" else write_npy
    with prefix_errors(options.signals), atomic_write(options.output) as path:
        shape = write(path, len(X), map_chunks(model.transform, X, "embed"))
    print(f"{options.output}: {shape[0]} signals, {shape[1]} features per signal")


def load_encoder(path: Path | None) -> MAEPretrainer | MAEClassifier:
    """Load a pretrainer or a classifier, whose encoder computes the features.

    Parameters
    ----------
    path : Path or None
        A file that `MAEPretrainer.save` or `MAEClassifier.save` wrote; None for the encoder in the package.

    Returns
    -------
    MAEPretrainer or MAEClassifier
        The fitted estimator.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is damaged, or contains neither a pretrainer nor a classifier.
    """
    if path is None:
        return MAEPretrainer.from_pretrained()
    return MAEClassifier.load(path) if stored_kind(path) == "classifier" else MAEPretrainer.load(path)


def write_npy(path: Path, count: int, chunks: Iterator[np.ndarray]) -> tuple[int, int]:
    """Write features to a .npy file in chunks, so that they need not fit into memory.

    Parameters
    ----------
    path : Path
        The .npy file.
    count : int
        Total number of rows.
    chunks : iterator of ndarray of shape (m, d)
        The rows, in chunks.

    Returns
    -------
    tuple of int
        Numbers of rows and columns.
    """
    first = next(chunks)
    features = np.lib.format.open_memmap(path, mode="w+", dtype=first.dtype, shape=(count, first.shape[1]))
    start = 0
    for rows in chain([first], chunks):
        features[start : start + len(rows)] = rows
        start += len(rows)
    features.flush()
    return count, first.shape[1]


def write_csv(path: Path, count: int, chunks: Iterator[np.ndarray]) -> tuple[int, int]:
    """Write features to a .csv file with a header.

    Parameters
    ----------
    path : Path
        The .csv file.
    count : int
        Total number of rows.
    chunks : iterator of ndarray of shape (m, d)
        The rows, in chunks.

    Returns
    -------
    tuple of int
        Numbers of rows and columns.
    """
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        first = next(chunks)
        writer.writerow(f"embedding{column}" for column in range(first.shape[1]))
        for rows in chain([first], chunks):
            writer.writerows([f"{value:.9g}" for value in row] for row in rows)
    return count, first.shape[1]
