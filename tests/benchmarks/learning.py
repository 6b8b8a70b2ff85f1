"""Benchmark of own pre-training: does it improve on the encoder of the package?

Run ``python tests/benchmarks/learning.py DATA [SET ...] [--signals N]``. DATA is a folder with a file ``SET.npz`` per
data set as for ``accuracy.py``; the set "SPARwatch" is that of the package. Only training splits are used: N signals
are unlabelled and train an encoder, 600 others test it. Ten signals per class, drawn five times, train a ridge
classifier on the frozen embedding. The script prints a Markdown table; the last results are in ``learning.md``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import load
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sktsmae import MAEPretrainer
from sktsmae.datasets import load_sparwatch

SETS = ["FordB", "ElectricDevices", "Crop", "SPARwatch"]
LABELS, DRAWS, TEST_SIGNALS = 10, 5, 600
# Parameters of the pretrainer. The shipped encoder without training also learns its thresholds from the signals.
VARIANTS: dict[str, dict[str, Any]] = {
    "shipped encoder": {"init": "shipped", "max_epochs": 0},
    "untrained encoder": {"init": "random", "max_epochs": 0},
    "continued": {"init": "shipped"},
    "continued, latent targets": {"init": "shipped", "pretext_task": "latent"},
}


def split(folder: Path, name: str, n_signals: int) -> tuple[np.ndarray, ...]:
    """Return signals for training, their labels, signals for testing and their labels."""
    if name == "SPARwatch":
        bunch = load_sparwatch()
        X, y = bunch.data[:, :3], bunch.target
    else:
        X, y, _, _ = load(folder, name)
    order = np.random.default_rng(0).permutation(len(y))
    n_signals = min(n_signals, len(y) - TEST_SIGNALS // 2)
    train, test = order[:n_signals], order[n_signals : n_signals + TEST_SIGNALS]
    return X[train], y[train], X[test], y[test]


def accuracy(pretrainer: MAEPretrainer, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray) -> float:
    """Return the mean accuracy of ridge classifiers on the embedding."""
    embedded, embedded_test = pretrainer.transform(X), pretrainer.transform(X_test)
    scale = FunctionTransformer(lambda features: features / np.sqrt(features.shape[1]))
    scores = []
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        chosen = np.concatenate([rng.permutation(np.flatnonzero(y == label))[:LABELS] for label in np.unique(y)])
        classifier = make_pipeline(StandardScaler(), scale, RidgeClassifierCV(np.logspace(-4, 2, 13)))
        scores.append(classifier.fit(embedded[chosen], y[chosen]).score(embedded_test, y_test))
    return float(np.mean(scores))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"names of data sets (default: {' '.join(SETS)})")
    parser.add_argument("--signals", type=int, default=3000, help="number of unlabelled signals (default: 3000)")
    options = parser.parse_args()
    titles = [f"{name}|seconds" for name in VARIANTS]
    print("|".join(["", "data set", "signals", *titles, ""]))
    print("|".join(["", "---", "---:", *["---:|---:"] * len(VARIANTS), ""]), flush=True)
    for name in options.sets or SETS:
        X, y, X_test, y_test = split(options.data, name, options.signals)
        cells = [name, str(len(X))]
        for params in VARIANTS.values():
            start = time.perf_counter()
            pretrainer = MAEPretrainer(**params, random_state=0, device="cpu").fit(X)
            seconds = time.perf_counter() - start
            cells += [f"{accuracy(pretrainer, X, y, X_test, y_test):.3f}", f"{seconds:.0f}"]
        print("|".join(["", *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
