"""The ``detect`` command: learn from normal signals, and write the anomaly scores of other signals as .csv."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from ..estimators import MAEAnomalyDetector
from ..models.atomic import atomic_write
from ..signals.device import resolve_device
from ._arguments import SIGNALS_HELP, add_device_argument, add_reading_arguments
from ._chunks import map_chunks
from ._errors import prefix_errors
from ._output import check_output
from ._signals import read_and_describe

EXAMPLE = "detect normal.npy new.npy --output scores.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    """
    parser.add_argument("normal", type=Path, help=f"normal signals: {SIGNALS_HELP}")
    parser.add_argument("signals", type=Path, help="signals to score, in one of the same forms")
    add_reading_arguments(parser, split="train")
    parser.add_argument(
        "--contamination",
        type=contamination,
        default="auto",
        metavar="FRACTION",
        help="fraction of anomalies among the normal signals, above 0 and at most 0.5; it determines the score below "
        "which a signal is an anomaly (default: auto)",
    )
    parser.add_argument("--output", type=Path, help=".csv file to write (default: print to standard output)")
    add_device_argument(parser)


def contamination(text: str) -> float | str:
    """Parse the argument ``--contamination``.

    Parameters
    ----------
    text : str
        Text from the command line.

    Returns
    -------
    float or "auto"
        The fraction.

    Raises
    ------
    ArgumentTypeError
        If the text is neither "auto" nor a number above 0 and at most 0.5.
    """
    if text == "auto":
        return text
    try:
        fraction = float(text)
    except ValueError:
        fraction = 0.0
    if not 0 < fraction <= 0.5:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'auto' nor a number above 0 and at most 0.5")
    return fraction


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
    if options.output is not None:
        check_output(options.output, (".csv",), inputs=(options.normal, options.signals))
    resolve_device(options.device)
    normal = read_and_describe(options.normal, options, options.split).X
    X = read_and_describe(options.signals, options, "test").X
    detector = MAEAnomalyDetector(contamination=options.contamination, window_length=None, device=options.device)
    with prefix_errors(options.normal):
        detector.fit(normal)
    with prefix_errors(options.signals):
        scores = map_chunks(detector.score_samples, X, "detect")
        if options.output is None:
            count, anomalies = write_scores(sys.stdout, scores, detector.offset_)
            sys.stdout.flush()
        else:
            with atomic_write(options.output) as path, open(path, "w", encoding="utf-8", newline="") as file:
                count, anomalies = write_scores(file, scores, detector.offset_)
    written = sys.stderr if options.output is None else sys.stdout  # the scores themselves are on standard output
    print(f"{options.output or options.signals}: {count} scores, {anomalies} anomalies", file=written)


def write_scores(file: TextIO, chunks: Iterator[np.ndarray], offset: float) -> tuple[int, int]:
    """Write the prediction and the score of each signal as a row of a .csv table.

    Parameters
    ----------
    file : file object
        File to write to.
    chunks : iterator of ndarray of shape (m,)
        The scores, in chunks.
    offset : float
        Smallest score of a normal signal.

    Returns
    -------
    tuple of int
        Number of signals, and number of anomalies.
    """
    writer = csv.writer(file, lineterminator="\n")
    count = anomalies = 0
    for number, scores in enumerate(chunks):
        if number == 0:  # nothing is written if the detector rejects the signals
            writer.writerow(["prediction", "score"])
        labels = np.where(scores >= offset, 1, -1)
        writer.writerows([label, f"{score:.6g}"] for label, score in zip(labels, scores, strict=True))
        count, anomalies = count + len(scores), anomalies + int((labels < 0).sum())
    return count, anomalies
