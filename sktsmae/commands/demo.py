"""``python -m sktsmae demo``: the main job on real data that comes with the package."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ..datasets import load_sparwatch
from ..estimators import CWTTransformer, MAEClassifier, MAEPretrainer
from ..plotting import HistoryDisplay, ReconstructionDisplay, RelevanceDisplay, ScalogramDisplay

EXAMPLE = "demo --quick"
LABELS_PER_CLASS = 10
HIDDEN = "?"
DEFAULT = "MAEClassifier(), as it comes"
FINE_TUNED = "pre-trained on these signals, fine-tuned"
GYROSCOPE = 3
PRETRAIN_EPOCHS = 20
FEW_EPOCHS = 50
ALL_EPOCHS = 8


def simple_features(X: np.ndarray) -> np.ndarray:
    """Describe each channel of a signal by its mean, its deviation and five quantiles.

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
    """Hide all but a few labels of each class.

    Parameters
    ----------
    y : ndarray of shape (n,), str
        Labels.
    rng : RandomState
        Chooses those that stay.

    Returns
    -------
    ndarray of shape (n,), str
        Labels, and ``"?"`` where they are hidden.
    """
    few = np.full_like(y, HIDDEN)
    for label in np.unique(y):
        shown = rng.choice(np.flatnonzero(y == label), LABELS_PER_CLASS, replace=False)
        few[shown] = label
    return few


def demo(folder: Path, quick: bool) -> None:
    """Classify with few labels and with all, by the default and by networks trained here, compare, and draw.

    Parameters
    ----------
    folder : Path
        Where the figures go; it is made.
    quick : bool
        Whether to train for a fraction of the time; the accuracies suffer.
    """
    import matplotlib as mpl

    mpl.use("agg")
    from sklearn.metrics import ConfusionMatrixDisplay

    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    train, test = load_sparwatch(subset="train"), load_sparwatch(subset="test")
    X, y, X_test, y_test = train.data, train.target, test.data, test.target
    few = hide_labels(y, np.random.RandomState(0))
    print(
        f"SPARwatch: seven exercises, a wrist sensor with six channels; {len(X)} training signals of "
        f"{len(np.unique(train.groups))} people, {len(X_test)} test signals of {len(np.unique(test.groups))} others.\n"
        f"Labels used: {(few != HIDDEN).sum()} ({LABELS_PER_CLASS} a class), then all {len(y)}.",
        flush=True,
    )
    share = 0.15 if quick else 1.0
    epochs = {"pretrain": round(PRETRAIN_EPOCHS * share), "few": round(FEW_EPOCHS * share)}
    epochs["all"] = max(2, round(ALL_EPOCHS * share))
    own = MAEPretrainer(cwt_scales=32, boundary="zeros", masking="patches", random_state=0)
    pretrainer = clone(own).set_params(max_epochs=epochs["pretrain"], verbose=1).fit(X)

    network = {"probe": False, "finetune": "full", "verbose": 1}
    models = {
        DEFAULT: {},
        FINE_TUNED: {**network, "pretrainer": FrozenEstimator(pretrainer)},
        # Without pre-training the lower blocks have as much to learn as the others.
        "the same network from scratch": {**network, "pretrainer": own.set_params(max_epochs=0), "layer_decay": 1.0},
    }
    table, fitted = {}, {}
    for name, settings in models.items():
        for labels, target in (("few", few), ("all", y)):
            classifier = MAEClassifier(**settings, unlabeled=HIDDEN, max_epochs=epochs[labels], random_state=0)
            table[name, labels] = classifier.fit(X, target).score(X_test, y_test)
            fitted[name] = classifier  # the later one, of all labels
    baseline = make_pipeline(FunctionTransformer(simple_features), StandardScaler(), LogisticRegression(max_iter=1000))
    for labels, target in (("few", few), ("all", y)):
        shown = target != HIDDEN
        baseline.fit(X[shown], target[shown])
        table["logistic regression on simple features", labels] = baseline.score(X_test, y_test)

    print(f"\n{'test accuracy on people not seen in training':<46}{'10 a class':>12}{'all labels':>12}")
    for name in dict.fromkeys(name for name, _ in table):
        print(f"{name:<46}{table[name, 'few']:>12.3f}{table[name, 'all']:>12.3f}")

    displays = {
        "views.png": ScalogramDisplay.from_estimator(CWTTransformer().fit(X), X[0], channel=GYROSCOPE),
        "reconstruction.png": ReconstructionDisplay.from_estimator(pretrainer, X_test[0], channel=GYROSCOPE),
        "history.png": HistoryDisplay.from_estimator(pretrainer),
        "relevance.png": RelevanceDisplay.from_estimator(fitted[FINE_TUNED], X_test[0], channel=GYROSCOPE),
        "confusion_matrix.png": ConfusionMatrixDisplay.from_estimator(fitted[DEFAULT], X_test, y_test),
    }
    displays["confusion_matrix.png"].ax_.set_title(f"{DEFAULT}: people not seen in training")
    for file, display in displays.items():
        display.figure_.savefig(folder / file, dpi=120)
    print(f"\nFigures: {', '.join(displays)} in {folder.resolve()}\n{time.perf_counter() - start:.0f} seconds")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    """
    parser.add_argument("--quick", action="store_true", help="train too little for figures: two minutes on two cores")
    parser.add_argument(
        "--output", type=Path, default=Path("sktsmae-demo"), help="folder for the figures (default: sktsmae-demo)"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command.

    Parameters
    ----------
    options : Namespace
        The arguments.
    """
    demo(options.output, options.quick)
