"""The ``predict`` command: classify signals with a fitted classifier, and write the predictions as .csv."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import TextIO

import numpy as np

from ..datasets._files import Signals
from ..estimators import MAEClassifier
from ..models.atomic import atomic_write
from ..signals.device import resolve_device
from ._accuracy import describe_accuracy
from ._arguments import add_device_argument, add_signal_arguments
from ._chunks import map_chunks
from ._errors import prefix_errors
from ._output import check_output
from ._signals import read_and_describe, reading_rules

EXAMPLE = "predict classifier.safetensors signals.npy --output predictions.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    """
    parser.add_argument(
        "model",
        type=Path,
        help="file with a classifier, written by the command fit or by MAEClassifier.save; signals are read as those "
        "of the command fit, and columns are found by their names, unless other options are given",
    )
    add_signal_arguments(parser, split="test")
    parser.add_argument("--output", type=Path, help=".csv file to write (default: print to standard output)")
    add_device_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command; if the signals have labels, print the accuracy to standard error.

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
        check_output(options.output, (".csv",), inputs=(options.signals, options.model))
    resolve_device(options.device)
    classifier = MAEClassifier.load(options.model).set_params(device=options.device)
    signals = read_and_describe(options.signals, options, options.split, reading_rules(classifier))
    if options.output is None:
        predicted = write_predictions(sys.stdout, classifier, signals, options.signals)
        sys.stdout.flush()
    else:
        with atomic_write(options.output) as path, open(path, "w", encoding="utf-8", newline="") as file:
            predicted = write_predictions(file, classifier, signals, options.signals)
        print(f"{options.output}: {len(predicted)} predictions")
    if signals.y is not None:
        accuracy = describe_accuracy(predicted, signals.y, classifier.classes_)
        print(f"{options.signals}: {accuracy}", file=sys.stderr)


def write_predictions(file: TextIO, classifier: MAEClassifier, signals: Signals, source: Path) -> np.ndarray:
    """Write the predicted label and the probabilities of each signal as a row of a .csv table.

    Parameters
    ----------
    file : file object
        File to write to.
    classifier : MAEClassifier
        The fitted classifier.
    signals : Signals
        The signals.
    source : Path
        File of the signals, for error messages.

    Returns
    -------
    ndarray of shape (n,)
        The predicted labels.

    Raises
    ------
    ValueError
        If the classifier rejects the signals. The message names the file.
    """
    classes = classifier.classes_
    writer = csv.writer(file, lineterminator="\n")
    predicted = []
    with prefix_errors(source):
        for chunk_index, probabilities in enumerate(map_chunks(classifier.predict_proba, signals.X, "predict")):
            if chunk_index == 0:  # nothing is written if the classifier rejects the signals
                writer.writerow(["prediction", *(f"probability_{label}" for label in classes)])
            labels = classes[probabilities.argmax(1)]
            writer.writerows(
                [label, *(f"{value:.6g}" for value in row)] for label, row in zip(labels, probabilities, strict=True)
            )
            predicted.append(labels)
    return np.concatenate(predicted)
