"""Benchmark of the mixture weights of `MAEClassifier`: accuracy with and without the classifier on summary statistics.

Run ``python tests/benchmarks/mixing.py DATA``, with DATA as for ``accuracy.py``. The default classifier contains three
linear classifiers. It is fitted once per fold, and then predicts with four sets of mixture weights. The accuracy is
measured by stratified 2-fold cross-validation on the training splits of the development sets, and of five data sets in
which the mean, amplitude or length of a signal may separate the classes; test splits are not used. The script prints a
Markdown table; the last results are in ``mixing.md``.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from accuracy import DEVELOPMENT, load
from sklearn.model_selection import StratifiedKFold

from sktsmae import MAEClassifier

OTHERS = ["BasicMotions", "GestureMidAirD1", "GesturePebbleZ1", "JapaneseVowels", "RacketSports"]
# Weights of the three classifiers: on summary statistics, on these and the wavelet statistics, and on all features.
# None means the fitted weights.
MIXTURES = {
    "fitted weights": None,
    "without summary classifier": [0.0, 0.5, 0.5],
    "equal weights": [1 / 3, 1 / 3, 1 / 3],
    "summary classifier only": [1.0, 0.0, 0.0],
}


def measure(folder: Path, name: str) -> list[float]:
    """Return the fitted mixture weight of the summary classifier, and the accuracy with each set of weights."""
    X, y, _, _ = load(folder, name)
    summary_weight, hits = 0.0, np.zeros(len(MIXTURES))
    for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(X, y):
        classifier = MAEClassifier(random_state=0).fit(X[train], y[train])
        summary_weight += classifier.probe_.mixture_weights[0].item() / 2
        for number, weights in enumerate(MIXTURES.values()):
            if weights is not None:
                classifier.probe_.mixture_weights.copy_(torch.tensor(weights))
            hits[number] += (classifier.predict(X[test]) == y[test]).sum()
    return [summary_weight, *(hits / len(y))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The least populated class")
    print("|".join(["", "data set", "weight of the summary classifier", *MIXTURES, ""]))
    print("|".join(["", "---", *["---:"] * (1 + len(MIXTURES)), ""]))
    rows = []
    for name in OTHERS + DEVELOPMENT:
        rows.append(measure(options.data, name))
        print_row(name, rows[-1])
    print_row("mean of the development sets", np.mean(rows[len(OTHERS) :], axis=0))
    print_row("mean of all data sets", np.mean(rows, axis=0))


def print_row(name: str, values: list[float] | np.ndarray) -> None:
    """Print a row of the table."""
    print("|".join(["", name, *(f"{value:.3f}" for value in values), ""]), flush=True)


if __name__ == "__main__":
    main()
