"""``python -m sktsmae predict``: classify signals by a fitted classifier, into a table."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import TextIO

import numpy as np

from ..estimators import MAEClassifier
from ..estimators._validation import resolve_device
from ..models.checkpoints import atomic_write
from ._arguments import add_device_argument, add_signal_arguments
from ._estimating import apply_in_parts, describe_accuracy, naming
from ._output import check_output
from ._signals import Signals, read_signals

EXAMPLE = "predict classifier.safetensors signals.npy --output predictions.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    """
    parser.add_argument("model", type=Path, help="a classifier by `fit`, or by MAEClassifier.save")
    add_signal_arguments(parser, split="test")
    parser.add_argument("--output", type=Path, help="a .csv file to write (default: to print)")
    add_device_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command; where the signals have labels, the accuracy goes to the standard error.

    Parameters
    ----------
    options : Namespace
        The arguments.

    Raises
    ------
    ValueError, OSError
        If a file cannot be used.
    """
    if options.output is not None:
        check_output(options.output, (".csv",), inputs=(options.signals, options.model))
    resolve_device(options.device)
    classifier = MAEClassifier.load(options.model).set_params(device=options.device)
    signals = read_signals(options.signals, label=options.label, split=options.split)
    if options.output is None:
        predicted = write_predictions(sys.stdout, classifier, signals, options.signals)
        sys.stdout.flush()
    else:
        with atomic_write(options.output) as path, open(path, "w", encoding="utf-8", newline="") as file:
            predicted = write_predictions(file, classifier, signals, options.signals)
        print(f"{options.output}: {len(predicted)} predictions")
    if signals.y is not None:
        said = describe_accuracy(predicted, signals.y, classifier.classes_)
        print(f"{options.signals}: {said}", file=sys.stderr)


def write_predictions(file: TextIO, classifier: MAEClassifier, signals: Signals, source: Path) -> np.ndarray:
    """Write a line for each signal.

    Parameters
    ----------
    file : file object
        Gets them.
    classifier : MAEClassifier
        Predicts.
    signals : Signals
        What is classified.
    source : Path
        Where they are from, for messages.

    Returns
    -------
    ndarray of shape (n,)
        The most probable labels.
    """
    classes = classifier.classes_
    writer = csv.writer(file, lineterminator="\n")
    predicted = []
    with naming(source):
        for place, probabilities in enumerate(apply_in_parts(classifier.predict_proba, signals.X, "predict")):
            if place == 0:  # not before the first signals were found to be usable
                writer.writerow(["prediction", *(f"probability_{label}" for label in classes)])
            labels = classes[probabilities.argmax(1)]
            writer.writerows(
                [label, *(f"{value:.6g}" for value in row)] for label, row in zip(labels, probabilities, strict=True)
            )
            predicted.append(labels)
    return np.concatenate(predicted)
