"""What the classifier on levels and amplitudes adds to the default `MAEClassifier`.

``python tests/benchmarks/mixing.py DATA``: DATA as for ``accuracy.py``. Accuracy of two stratified folds of the
training split of the development sets, and of five sets where levels or lengths may count; no test split is touched.
One fit, and four ways to mix its three linear classifiers. Prints a Markdown table; its last result is in ``mixing.md``
beside it.
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
# Shares of the summary's classifier, the statistics' and that of all features; None: as fitted.
MIXTURES = {
    "as it comes": None,
    "without the summary": [0.0, 0.5, 0.5],
    "even": [1 / 3, 1 / 3, 1 / 3],
    "the summary alone": [1.0, 0.0, 0.0],
}


def measure(folder: Path, name: str) -> list[float]:
    """Return the share of the summary, and the accuracy of each mixture."""
    X, y, _, _ = load(folder, name)
    share, hits = 0.0, np.zeros(len(MIXTURES))
    for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(X, y):
        classifier = MAEClassifier(random_state=0).fit(X[train], y[train])
        shares = classifier.probe_.shares
        share += shares[0].item() / 2
        for place, mixture in enumerate(MIXTURES.values()):
            if mixture is not None:
                shares.copy_(torch.tensor(mixture))
            hits[place] += (classifier.predict(X[test]) == y[test]).sum()
    return [share, *(hits / len(y))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The least populated class")
    print("|".join(["", "set", "share of the summary", *MIXTURES, ""]))
    print("|".join(["", "---", *["---:"] * (1 + len(MIXTURES)), ""]))
    rows = []
    for name in OTHERS + DEVELOPMENT:
        rows.append(measure(options.data, name))
        print_row(name, rows[-1])
    print_row("mean of the development sets", np.mean(rows[len(OTHERS) :], axis=0))
    print_row("mean", np.mean(rows, axis=0))


def print_row(name: str, values: list[float] | np.ndarray) -> None:
    """Print a row of the table."""
    print("|".join(["", name, *(f"{value:.3f}" for value in values), ""]), flush=True)


if __name__ == "__main__":
    main()
