"""The ``demo`` command: compare classifiers on a data set in the package, and draw figures."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ..datasets import load_sparwatch
from ..estimators import CWTTransformer, MAEClassifier, MAEPretrainer
from ..plotting import EnsembleDisplay, HistoryDisplay, ReconstructionDisplay, RelevanceDisplay, ScalogramDisplay

EXAMPLE = "demo --quick"
LABELS_PER_CLASS = 10
HIDDEN = "?"  # replaces a label that is not used for training
DEFAULT = "MAEClassifier() with default parameters"
WITH_NETWORK = "the same, and a network with a fine-tuned head"
BASELINE = "logistic regression on simple features"
CHANNELS = 3  # the acceleration on three axes; the rotation rates would double the time
STEP = 2  # every second recording; all of them would double the time
EPOCHS = 10  # of fine-tuning


class Data(NamedTuple):
    """The data set of the demo.

    Attributes
    ----------
    X, X_test : ndarray of shape (n, M, T)
        Training and test signals.
    y, y_test : ndarray of shape (n,), str
        Their labels.
    y_few : ndarray of shape (n,), str
        Labels of `LABELS_PER_CLASS` training signals per class, and `HIDDEN` for the other signals.
    """

    X: np.ndarray
    y: np.ndarray
    y_few: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def simple_features(X: np.ndarray) -> np.ndarray:
    """Compute the mean, the standard deviation and five quantiles of each channel.

    Parameters
    ----------
    X : ndarray of shape (n, M, T)
        Signals.

    Returns
    -------
    ndarray of shape (n, 7 * M)
        The features.
    """
    quantiles = np.quantile(X, [0, 0.25, 0.5, 0.75, 1], axis=-1)
    return np.concatenate([X.mean(-1), X.std(-1), *quantiles], axis=1)


def hide_labels(y: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Replace all labels except `LABELS_PER_CLASS` labels per class by `HIDDEN`.

    Parameters
    ----------
    y : ndarray of shape (n,), str
        Labels.
    rng : RandomState
        Random number generator that selects the labels to keep.

    Returns
    -------
    ndarray of shape (n,), str
        The labels.
    """
    partial_labels = np.full_like(y, HIDDEN)
    for label in np.unique(y):
        selected = rng.choice(np.flatnonzero(y == label), LABELS_PER_CLASS, replace=False)
        partial_labels[selected] = label
    return partial_labels


def demo(folder: Path, quick: bool) -> None:
    """Fit classifiers with few labels and with all labels, print a table of their accuracies, and save figures.

    Parameters
    ----------
    folder : Path
        Folder for the figures. It is created if it does not exist.
    quick : bool
        Whether to fine-tune no network.
    """
    import matplotlib as mpl

    mpl.use("agg")
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    data = load_data()
    models: dict[str, dict[str, Any]] = {DEFAULT: {}}
    if not quick:
        models[WITH_NETWORK] = {"finetune": "head", "max_epochs": EPOCHS}
    table, fitted = {}, {}
    for name, settings in models.items():
        for labels, target in (("few", data.y_few), ("all", data.y)):
            classifier = MAEClassifier(**settings, unlabeled=HIDDEN, random_state=0, verbose=1)
            table[name, labels] = classifier.fit(data.X, target).score(data.X_test, data.y_test)
            fitted[name] = classifier  # the classifier fitted with all labels replaces the one fitted with few
    for labels, target in (("few", data.y_few), ("all", data.y)):
        table[BASELINE, labels] = score_baseline(data, target)

    print(f"\n{'accuracy on the test signals':<48}{f'{LABELS_PER_CLASS} per class':>13}{'all labels':>13}")
    for name in (*models, BASELINE):
        print(f"{name:<48}{table[name, 'few']:>13.3f}{table[name, 'all']:>13.3f}")
    file_names = save_figures(folder, data, fitted)
    seconds = time.perf_counter() - start
    print(f"\nFigures in {folder.resolve()}: {', '.join(file_names)}\nTotal time: {seconds:.0f} seconds")


def load_data() -> Data:
    """Load the data set, hide most labels for the training with few labels, and print a description.

    Returns
    -------
    Data
        The data set.
    """
    train, test = load_sparwatch(subset="train"), load_sparwatch(subset="test")
    X, y, X_test, y_test = (values[::STEP] for values in (train.data, train.target, test.data, test.target))
    partial_labels = hide_labels(y, np.random.RandomState(0))
    print(
        f"Data: SPARwatch, seven shoulder exercises, the acceleration of the wrist on {CHANNELS} axes.\n"
        f"Training: {len(X)} signals of {len(np.unique(train.groups))} people. "
        f"Test: {len(X_test)} signals of {len(np.unique(test.groups))} other people.\n"
        f"Each classifier is fitted twice: with {(partial_labels != HIDDEN).sum()} labels "
        f"({LABELS_PER_CLASS} per class), and with all {len(y)} labels.",
        flush=True,
    )
    return Data(X[:, :CHANNELS], y, partial_labels, X_test[:, :CHANNELS], y_test)


def score_baseline(data: Data, target: np.ndarray) -> float:
    """Fit logistic regression on simple features and return its test accuracy.

    Parameters
    ----------
    data : Data
        The data set.
    target : ndarray of shape (n,), str
        Labels of the training signals, `HIDDEN` for signals that are not used.

    Returns
    -------
    float
        The accuracy.
    """
    baseline = make_pipeline(FunctionTransformer(simple_features), StandardScaler(), LogisticRegression(max_iter=1000))
    labelled = target != HIDDEN
    accuracy: float = baseline.fit(data.X[labelled], target[labelled]).score(data.X_test, data.y_test)
    return accuracy


def save_figures(folder: Path, data: Data, fitted: dict[str, MAEClassifier]) -> list[str]:
    """Draw the figures and save them as .png files.

    Parameters
    ----------
    folder : Path
        Folder for the files.
    data : Data
        The data set.
    fitted : dict of str to MAEClassifier
        The classifiers that were fitted with all labels, by their names in the table.

    Returns
    -------
    list of str
        Names of the files.
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    default = fitted[DEFAULT]
    displays = {
        "views.png": ScalogramDisplay.from_estimator(CWTTransformer(boundary="reflect").fit(data.X), data.X[0]),
        "reconstruction.png": ReconstructionDisplay.from_estimator(MAEPretrainer.from_pretrained(), data.X_test[0]),
        "ensemble.png": EnsembleDisplay.from_estimator(default),
        "confusion_matrix.png": ConfusionMatrixDisplay.from_estimator(default, data.X_test, data.y_test),
    }
    if WITH_NETWORK in fitted:
        network = fitted[WITH_NETWORK]
        displays["history.png"] = HistoryDisplay.from_estimator(network)
        displays["relevance.png"] = RelevanceDisplay.from_estimator(network, data.X_test[0])
    displays["confusion_matrix.png"].ax_.set_title(f"{DEFAULT}:\npeople who are not in the training data")
    for file_name, display in displays.items():
        display.figure_.savefig(folder / file_name, dpi=120)
    return list(displays)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    """
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fine-tune no network; takes about a minute on two CPU cores",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("sktsmae-demo"), help="folder for the figures (default: sktsmae-demo)"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command.

    Parameters
    ----------
    options : Namespace
        The parsed arguments.
    """
    demo(options.output, options.quick)
