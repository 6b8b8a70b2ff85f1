"""``python -m sktsmae fit``: fit a classifier on labelled signals, into one file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator

from ..estimators import MAEClassifier, MAEPretrainer
from ..estimators._validation import resolve_device
from ._arguments import add_device_argument, add_signal_arguments, positive_int
from ._estimating import describe_accuracy, naming
from ._output import check_output
from ._signals import read_labels, read_signals

EXAMPLE = "fit train.csv --label activity --output classifier.safetensors --test test.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    """
    add_signal_arguments(parser, split="train")
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="labels in a file of their own: .npy, or .csv of one column"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("classifier.safetensors"),
        help="the file to write (default: classifier.safetensors)",
    )
    parser.add_argument("--test", type=Path, metavar="FILE", help="signals with labels, to print the accuracy on them")
    parser.add_argument(
        "--pretrainer", type=Path, metavar="FILE", help="an encoder by `pretrain` (default: that of the package)"
    )
    parser.add_argument(
        "--finetune",
        type=_finetune,
        metavar="{none,full,head,lora,N}",
        default="none",
        help="whether a network is fine-tuned too: all of it, its head, its head and low-rank updates, or its head and "
        "N last blocks; takes minutes to hours (default: none)",
    )
    parser.add_argument("--epochs", type=positive_int, help="passes of fine-tuning over the signals (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: 0)")
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
    ArgumentTypeError
        If arguments do not go together.
    """
    check_output(
        options.output, (".safetensors",), inputs=(options.signals, options.labels, options.test, options.pretrainer)
    )
    resolve_device(options.device)
    if options.epochs is not None and options.finetune == "none":
        raise argparse.ArgumentTypeError(f"--epochs {options.epochs} needs --finetune full, head, lora or N")
    pretrainer = options.pretrainer and FrozenEstimator(MAEPretrainer.load(options.pretrainer))
    X, y = read_labelled(options)
    test = read_test(options)
    count = int((y == "").sum()) if y.dtype.kind == "U" else 0  # empty cells of a column of labels
    unlabelled = f"{count} of them without a label, " if count else ""
    classifier = MAEClassifier(
        pretrainer=pretrainer,
        finetune=options.finetune,
        unlabeled="" if count else None,
        device=options.device,
        random_state=options.seed,
        verbose=1,
    )
    if options.epochs is not None:
        classifier.set_params(max_epochs=options.epochs)
    start = time.perf_counter()
    with naming(options.signals):
        classifier.fit(X, y)
    seconds = time.perf_counter() - start
    classifier.set_params(device="auto", verbose=0).save(options.output)  # for other machines too
    print(
        f"{options.output}: {len(X)} signals of shape {X.shape[1:]}, {unlabelled}"
        f"{len(classifier.classes_)} classes, {seconds:.1f} seconds",
        flush=True,
    )
    if test is not None:
        X, y = test
        with naming(options.test):
            predicted = classifier.predict(X)
        print(f"{options.test}: {describe_accuracy(predicted, y, classifier.classes_)}")


def read_labelled(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Read the signals and their labels, of the same file or another.

    Parameters
    ----------
    options : Namespace
        The arguments.

    Returns
    -------
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        The signals.
    y : ndarray of shape (n,)
        The labels.

    Raises
    ------
    ValueError
        If there are no labels, or there is a choice of them.
    """
    # A name of a column may be meant for the signals of the test alone.
    elsewhere = options.test is not None and options.test.suffix.lower() == ".csv" and _is_no_table(options.signals)
    X, y = read_signals(options.signals, label=None if elsewhere else options.label, split=options.split)
    if options.labels is not None:
        if y is not None:
            raise ValueError(f"--labels {options.labels}: {options.signals} has labels too; give one or the other.")
        y = read_labels(options.labels, len(X))
    if y is None:
        remedy = "name their column by --label" if options.signals.suffix.lower() == ".csv" else "give --labels FILE"
        raise ValueError(f"{options.signals}: holds no labels; {remedy}.")
    return X, y


def read_test(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray] | None:
    """Read what the classifier is tried on, before the work of fitting it.

    Parameters
    ----------
    options : Namespace
        The arguments.

    Returns
    -------
    tuple of ndarray, or None
        Signals and labels, if any are asked for.

    Raises
    ------
    ValueError
        If there are no labels with them.
    """
    if options.test is None:
        return None
    label = None if _is_no_table(options.test) else options.label
    X, y = read_signals(options.test, label=label, split="test")
    if y is None:
        raise ValueError(f"{options.test}: holds no labels to compare with; give a file that does.")
    return X, y


def _is_no_table(path: Path) -> bool:
    return path.suffix.lower() != ".csv"


def _finetune(text: str) -> str | int:
    """Read what is fine-tuned."""
    if text in ("none", "full", "head", "lora"):
        return text
    try:
        return positive_int(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is none of none, full, head, lora and numbers from 1") from error
