"""Benchmark of own pre-training and fine-tuning: do they improve on the encoder of the package, and on the default?

Run ``python tests/benchmarks/learning.py DATA {frozen,classifiers} [SET ...] [--signals N]``. DATA is a folder with a
file ``SET.npz`` per data set as for ``accuracy.py``; the set "SPARwatch" is that of the package. N signals train an
encoder, up to 600 others test it. All are of the training split, unless it is too small: then both splits are pooled.
Some of the N signals, drawn several times, have labels:

- "frozen": ten per class. They train a ridge classifier on the frozen embedding.
- "classifiers": 50 per class, and at least 300 in all. They train `MAEClassifier`, which uses the other signals too.

The script prints a Markdown table; the last results are in ``learning.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from accuracy import load
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch

SETS = ["FordB", "ElectricDevices", "Crop", "SPARwatch"]
TEST_SIGNALS = 600
# Parameters of the pretrainer. The shipped encoder without training also learns its thresholds from the signals.
PRETRAINERS: dict[str, dict[str, Any]] = {
    "shipped encoder": {"init": "shipped", "max_epochs": 0},
    "untrained encoder": {"init": "random", "max_epochs": 0},
    "continued": {"init": "shipped"},
    "continued, latent targets": {"init": "shipped", "pretext_task": "latent"},
}
# Parameters of the classifier, and whether its encoder is trained on the data set first.
CLASSIFIERS: dict[str, tuple[dict[str, Any], bool]] = {
    "default": ({}, False),
    "own pre-training": ({}, True),
    "fine-tuned": ({"finetune": "full"}, False),
    "both": ({"finetune": "full"}, True),
}


class Split(NamedTuple):
    """Signals for training and testing, and their labels."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    def draws(self, count: int, per_class: int) -> Iterator[np.ndarray]:
        """Yield indices of training signals: `per_class` of each class, drawn `count` times."""
        for seed in range(count):
            rng = np.random.default_rng(seed)
            of_classes = [rng.permutation(np.flatnonzero(self.y == label)) for label in np.unique(self.y)]
            yield np.concatenate([rows[:per_class] for rows in of_classes])


def split(folder: Path, name: str, n_signals: int) -> Split:
    """Return a random split of the signals of a data set."""
    if name == "SPARwatch":
        bunch = load_sparwatch()
        X, y = bunch.data[:, :3], bunch.target
    else:
        X, y, X_test, y_test = load(folder, name)
        if len(y) < n_signals + TEST_SIGNALS:
            X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
    y = np.unique(y, return_inverse=True)[1]
    order = np.random.default_rng(0).permutation(len(y))
    n_signals = min(n_signals, len(y) - TEST_SIGNALS // 2)
    train, test = order[:n_signals], order[n_signals : n_signals + TEST_SIGNALS]
    return Split(X[train], y[train], X[test], y[test])


def frozen(data: Split) -> dict[str, tuple[list[float], float]]:
    """Return accuracies of ridge classifiers on frozen embeddings, and the time of training the encoder."""
    results = {}
    scale = FunctionTransformer(lambda features: features / np.sqrt(features.shape[1]))
    for name, params in PRETRAINERS.items():
        start = time.perf_counter()
        pretrainer = MAEPretrainer(**params, random_state=0, device="cpu").fit(data.X)
        seconds = time.perf_counter() - start
        embedded, embedded_test = pretrainer.transform(data.X), pretrainer.transform(data.X_test)
        scores = []
        for rows in data.draws(5, 10):
            classifier = make_pipeline(StandardScaler(), scale, RidgeClassifierCV(np.logspace(-4, 2, 13)))
            scores.append(classifier.fit(embedded[rows], data.y[rows]).score(embedded_test, data.y_test))
        results[name] = scores, seconds
    return results


def classifiers(data: Split) -> dict[str, tuple[list[float], float]]:
    """Return accuracies of classifiers, and the mean time of a fit, with that of training the encoder."""
    start = time.perf_counter()
    own = FrozenEstimator(MAEPretrainer(random_state=0, device="cpu").fit(data.X))
    pretraining = time.perf_counter() - start
    results = {}
    for name, (params, pretrains) in CLASSIFIERS.items():
        start, scores = time.perf_counter(), []
        for rows in data.draws(3, max(50, 300 // len(np.unique(data.y)))):
            y = np.full_like(data.y, -1)
            y[rows] = data.y[rows]
            pretrainer = own if pretrains else None
            classifier = MAEClassifier(**params, pretrainer=pretrainer, unlabeled=-1, random_state=0, device="cpu")
            scores.append(classifier.fit(data.X, y).score(data.X_test, data.y_test))
        seconds = (time.perf_counter() - start) / len(scores)
        results[name] = scores, seconds + pretrains * pretraining
    return results


PARTS: dict[str, Callable[[Split], dict[str, tuple[list[float], float]]]] = {
    "frozen": frozen,
    "classifiers": classifiers,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("part", choices=PARTS, help="what to train")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"names of data sets (default: {' '.join(SETS)})")
    parser.add_argument("--signals", type=int, default=3000, help="number of unlabelled signals (default: 3000)")
    options = parser.parse_args()
    names = {"frozen": PRETRAINERS, "classifiers": CLASSIFIERS}[options.part]
    print("|".join(["", "data set", "signals", *(f"{name}|seconds" for name in names), ""]))
    print("|".join(["", "---", "---:", *["---:|---:"] * len(names), ""]), flush=True)
    for name in options.sets or SETS:
        data = split(options.data, name, options.signals)
        results = PARTS[options.part](data).values()
        first = next(iter(results))[0]
        cells = []
        for scores, seconds in results:
            difference = np.subtract(scores, first)
            error = difference.std(ddof=1) / np.sqrt(len(scores))
            cells += [f"{np.mean(scores):.3f} ({100 * difference.mean():+.1f} ± {100 * error:.1f})", f"{seconds:.0f}"]
        print("|".join(["", name, str(len(data.X)), *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
