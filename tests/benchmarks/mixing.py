"""Benchmark of the mixture in `MAEClassifier`: accuracy with and without its summary-statistics component.

Run ``python tests/benchmarks/mixing.py DATA``, with DATA as for ``accuracy.py``. The default `MAEClassifier` is a
mixture of three linear classifiers. It is fitted once per fold, and evaluated with four sets of mixture weights. The
accuracy is measured by stratified 2-fold cross-validation on training splits: those of `accuracy.DEVELOPMENT`, and
those of five data sets in which the mean, amplitude or length of a signal may separate the classes. Test splits are not
used. The script prints a Markdown table; the last results are in ``mixing.md``.
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

# Data sets in which the mean, amplitude or length of a signal may separate the classes.
OTHERS = ["BasicMotions", "GestureMidAirD1", "GesturePebbleZ1", "JapaneseVowels", "RacketSports"]
# Weights of the three classifiers, whose inputs are (1) summary statistics, (2) summary and wavelet statistics, and (3)
# these statistics and the embedding of the encoder. None means the fitted weights; it comes first, because the other
# weights overwrite them.
MIXTURES = {
    "fitted weights": None,
    "without the summary-statistics classifier": [0.0, 0.5, 0.5],
    "equal weights": [1 / 3, 1 / 3, 1 / 3],
    "summary-statistics classifier only": [1.0, 0.0, 0.0],
}


def measure(folder: Path, name: str) -> list[float]:
    """Return the mean fitted weight of the summary-statistics classifier, and the accuracy for each of `MIXTURES`."""
    X, y, _, _ = load(folder, name)
    summary_weight, num_correct = 0.0, np.zeros(len(MIXTURES))
    for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(X, y):
        classifier = MAEClassifier(random_state=0).fit(X[train], y[train])
        summary_weight += classifier.probe_.mixture_weights[0].item() / 2
        for number, weights in enumerate(MIXTURES.values()):
            if weights is not None:
                classifier.probe_.mixture_weights.copy_(torch.tensor(weights))
            num_correct[number] += (classifier.predict(X[test]) == y[test]).sum()
    return [summary_weight, *(num_correct / len(y))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The least populated class")
    print("|".join(["", "data set", "fitted weight of the summary-statistics classifier", *MIXTURES, ""]))
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
