"""The ``fit`` command: fit a classifier to labelled signals, and save it to one file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator

from ..datasets._files import read_labels
from ..datasets._options import ReadingRules
from ..estimators import MAEClassifier, MAEPretrainer
from ..plotting import report
from ..signals.device import resolve_device
from ._accuracy import describe_accuracy
from ._arguments import ARCHIVE_OPTIONS, TABLE_OPTIONS, add_device_argument, add_signal_arguments, positive_int
from ._errors import prefix_errors
from ._output import check_output
from ._signals import is_table, read_and_describe

EXAMPLE = "fit train.csv --label activity --output classifier.safetensors --test test.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    """
    add_signal_arguments(parser, split="train")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="separate file with one label per signal: .npy, or .csv with one column",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("classifier.safetensors"),
        help=".safetensors file to write (default: classifier.safetensors)",
    )
    parser.add_argument(
        "--test", type=Path, metavar="FILE", help="file with labelled test signals; the accuracy on them is printed"
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help=".html file to write, with scores, figures and suspicious labels; about the test signals if --test is "
        "given, and otherwise about leave-one-out predictions of the training signals",
    )
    parser.add_argument(
        "--pretrainer",
        type=Path,
        metavar="FILE",
        help="file with a pre-trained encoder, written by the command pretrain (default: the linear "
        "classifiers use no encoder, and fine-tuning starts from the encoder in the package)",
    )
    parser.add_argument(
        "--finetune",
        type=_parse_finetune,
        metavar="{none,full,head,lora,N}",
        default="none",
        help="what to fine-tune in addition to the linear classifiers: nothing (none), the encoder and a head (full), "
        "only a head (head), a head and low-rank updates of the encoder (lora), or a head and the last N blocks of the "
        "encoder; fine-tuning takes minutes to hours (default: none)",
    )
    parser.add_argument(
        "--epochs",
        type=positive_int,
        help="number of epochs of fine-tuning; needs --finetune with a value other than none (default: as many as make "
        "600 steps, at most 60)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random numbers (default: 0)")
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
    ArgumentTypeError
        If arguments contradict each other.
    """
    check_output(
        options.output, (".safetensors",), inputs=(options.signals, options.labels, options.test, options.pretrainer)
    )
    if options.report is not None:
        inputs = (options.signals, options.labels, options.test, options.pretrainer, options.output)
        check_output(options.report, (".html",), inputs=inputs, option="--report")
    resolve_device(options.device)
    if options.epochs is not None and options.finetune == "none":
        raise argparse.ArgumentTypeError(f"--epochs {options.epochs} needs --finetune full, head, lora or N (a number)")
    pretrainer = options.pretrainer and FrozenEstimator(MAEPretrainer.load(options.pretrainer))
    X, y, rules = read_labelled(options)
    test = read_test(options, rules)
    num_missing = int((y == "").sum()) if y.dtype.kind == "U" else 0  # empty cells in a column of labels
    classifier = MAEClassifier(
        pretrainer=pretrainer,
        finetune=options.finetune,
        unlabeled="" if num_missing else None,
        device=options.device,
        random_state=options.seed,
        verbose=1,
    )
    if options.epochs is not None:
        classifier.set_params(max_epochs=options.epochs)
    start = time.perf_counter()
    with prefix_errors(options.signals):
        classifier.fit(X, y)
    classifier.reading_rules_ = rules._asdict()
    seconds = time.perf_counter() - start
    classifier.set_params(device="auto", verbose=0).save(options.output)  # the file may be loaded on another machine
    unlabelled = f" ({num_missing} without a label)" if num_missing else ""
    print(
        f"{options.output}: fitted in {seconds:.1f} seconds to {len(X)} signals of shape {X.shape[1:]}{unlabelled}, "
        f"{len(classifier.classes_)} classes",
        flush=True,
    )
    probabilities = classifier.loo_proba_
    if test is not None:
        X, y = test
        with prefix_errors(options.test):
            probabilities = classifier.predict_proba(X)
        predicted = classifier.classes_[probabilities.argmax(1)]
        print(f"{options.test}: {describe_accuracy(predicted, y, classifier.classes_)}")
    if options.report is not None:
        with prefix_errors(options.test or options.signals):
            report(classifier, X, y, options.report, probabilities=probabilities)
        print(f"{options.report}: report")


def read_labelled(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, ReadingRules]:
    """Read the training signals and their labels, from one file or from two files.

    Parameters
    ----------
    options : Namespace
        The parsed arguments.

    Returns
    -------
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        The signals.
    y : ndarray of shape (n,)
        The labels.
    rules : ReadingRules
        How the signals were read.

    Raises
    ------
    ValueError
        If there are no labels, or if both the file of signals and ``--labels`` contain labels.
    """
    # If only the test file is a table, the options of tables are about the test file.
    test_is_table = options.test is not None and is_table(options.test)
    of_test = test_is_table and not is_table(options.signals) and not options.signals.is_dir()
    signals = read_and_describe(options.signals, _options_for(options, options.signals, of_test), options.split)
    y = signals.y
    if options.labels is not None:
        if y is not None:
            raise ValueError(
                f"--labels {options.labels}: {options.signals} also has labels; remove --labels, or give signals "
                "without labels."
            )
        y = read_labels(options.labels, len(signals.X))
    if y is None:
        remedy = "name the column of labels with --label" if is_table(options.signals) else "give --labels FILE"
        raise ValueError(f"{options.signals}: the file contains no labels; {remedy}.")
    return signals.X, y, signals.rules


def read_test(options: argparse.Namespace, rules: ReadingRules) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the test signals and their labels.

    Parameters
    ----------
    options : Namespace
        The parsed arguments.
    rules : ReadingRules
        How the training signals were read.

    Returns
    -------
    tuple of ndarray, or None
        Signals and labels; None without ``--test``.

    Raises
    ------
    ValueError
        If the file contains no labels.
    """
    if options.test is None:
        return None
    of_training = is_table(options.signals) and not is_table(options.test) and not options.test.is_dir()
    of_test = _options_for(options, options.test, of_training)
    for name in ARCHIVE_OPTIONS:
        key = getattr(of_test, name)
        if key is not None:
            setattr(of_test, name, key.replace("_train", "_test"))
            if options.test == options.signals and "_train" not in key:
                raise ValueError(
                    f"{options.test}: {key} would be read for training and for testing; name the arrays ..._train and "
                    "..._test."
                )
    if rules.columns:  # the names that the arguments selected, in place of patterns
        of_test.columns = of_test.channels = of_test.drop = None
    X, y, *_ = read_and_describe(options.test, of_test, "test", rules)
    if y is None:
        raise ValueError(f"{options.test}: the file contains no labels to compare with; give labelled test signals.")
    return X, y


def _options_for(options: argparse.Namespace, path: Path, of_other: bool) -> argparse.Namespace:
    """Return the arguments without those that are about another file: about tables if `of_other`, or about arrays."""
    no_archive = options.test is not None and path.suffix.lower() not in (".npz", ".mat")
    removed = (*(TABLE_OPTIONS if of_other else ()), *(ARCHIVE_OPTIONS if no_archive else ()))
    return argparse.Namespace(**{**vars(options), **dict.fromkeys(removed)})


def _parse_finetune(text: str) -> str | int:
    if text in ("none", "full", "head", "lora"):
        return text
    try:
        return positive_int(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not none, full, head, lora or an integer of at least 1"
        ) from error
