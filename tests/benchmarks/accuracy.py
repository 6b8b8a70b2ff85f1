"""Benchmark of test accuracy: the package with default settings, and published results.

Run ``python tests/benchmarks/accuracy.py DATA [SET ...]``. DATA is a folder with ``published.csv`` and a file
``SET.npz`` per data set (arrays X_train, y_train, X_test, y_test; X of shape (n, channels, time)). If no data set is
named, all data sets in the folder that have a row in ``published.csv`` are used. With ``--minirocket``, MiniRocket from
aeon (extra ``bench``) is fitted as well, for data sets without published accuracies. The script prints a Markdown
table; the last results are in ``accuracy.md``.

Test splits are used for this table only. Hyperparameters are chosen by cross-validation on the training splits of the
data sets in `DEVELOPMENT`.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer

# Every third of the 46 data sets in alphabetical order. The list was fixed before any hyperparameter was chosen.
DEVELOPMENT = [
    "Adiac", "BeetleFly", "Car", "Computers", "DistalPhalanxTW", "Earthquakes", "Fish", "Herring",
    "LargeKitchenAppliances", "MiddlePhalanxOutlineCorrect", "OliveOil", "PowerCons", "SonyAIBORobotSurface1",
    "ToeSegmentation1", "TwoLeadECG", "WordSynonyms",
]  # fmt: skip
PUBLISHED = {
    "HIVE-COTE2 [tsml]": "HIVE-COTE 2",
    "MultiRocket [tsml]": "MultiRocket",
    "MiniRocket [tsml]": "MiniRocket",
    "UniShape (fine-tuned) [UniShape]": "UniShape",
    "Mantis (fine-tuned) [UniShape]": "Mantis",
    "TS2Vec [TEST]": "TS2Vec",
}


def load(folder: Path, name: str) -> tuple[np.ndarray, ...]:
    """Load a data set. A single channel has no axis of its own, and shorter signals are padded with NaN."""
    archive = np.load(folder / f"{name}.npz")
    arrays = {key: archive[key] for key in archive.files}
    for part in ("X_train", "X_test"):
        X = arrays[part]
        arrays[part] = X[:, 0] if X.shape[1] == 1 else X
    return arrays["X_train"], arrays["y_train"], arrays["X_test"], arrays["y_test"]


def models(minirocket: bool) -> dict[str, BaseEstimator]:
    """Return the unfitted models that are compared."""
    ridge = RidgeClassifierCV(alphas=np.logspace(-1, 5, 13))
    statistics = CWTTransformer(output="statistics")
    encoder = FrozenEstimator(MAEPretrainer.from_pretrained())
    compared = {
        "statistics": make_pipeline(statistics, StandardScaler(), ridge),
        "embedding": make_pipeline(encoder, StandardScaler(), LogisticRegression(max_iter=1000)),
        "both": make_pipeline(make_union(statistics, encoder), StandardScaler(), ridge),
        "MAEClassifier()": MAEClassifier(random_state=0),
    }
    if minirocket:
        from aeon.classification.convolution_based import MiniRocketClassifier

        compared["MiniRocket (measured)"] = MiniRocketClassifier(random_state=0)
    return compared


def measure(folder: Path, name: str, minirocket: bool) -> Iterator[tuple[str, float]]:
    """Yield the name and value of each column of one data set."""
    X_train, y_train, X_test, y_test = load(folder, name)
    for column, model in models(minirocket).items():
        start = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        if column != "MAEClassifier()":
            yield column, model.score(X_test, y_test)
            continue
        probabilities = model.predict_proba(X_test)
        correct = model.classes_[probabilities.argmax(1)] == y_test
        yield column, correct.mean()
        yield "log-loss", log_loss(y_test, probabilities, labels=model.classes_)
        yield "calibration error", calibration_error(probabilities.max(1), correct)
        yield "fit time (s)", seconds


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Return the expected calibration error.

    It is the absolute difference between mean confidence and accuracy in ten bins of confidence, weighted by the number
    of predictions in each bin.
    """
    bins = np.minimum((confidence * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    gaps = np.abs(np.bincount(bins, confidence, minlength=10) - np.bincount(bins, correct, minlength=10))
    return float(gaps.sum() / counts.sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets and published.csv")
    parser.add_argument("sets", nargs="*", metavar="SET", help="names of data sets (default: those in published.csv)")
    parser.add_argument("--minirocket", action="store_true", help="also fit MiniRocket from aeon")
    options = parser.parse_args()
    with open(options.data / "published.csv", newline="") as file:
        published = {row["dataset"]: row for row in csv.DictReader(file)}
    available = sorted(path.stem for path in options.data.glob("*.npz"))
    rows: list[dict[str, float]] = []
    for name in options.sets or [name for name in available if name in published]:
        row = dict(measure(options.data, name, options.minirocket))
        known = published.get(name, {})
        row |= {title: float(known.get(column) or "nan") for column, title in PUBLISHED.items()}
        if not rows:
            print("|".join(["", "data set", *row, ""]))
            print("|".join(["", "---", *["---:"] * len(row), ""]))
        rows.append(row)
        _print_row(name, row)
    _print_row("mean", {column: float(np.mean([row[column] for row in rows])) for column in rows[0]})


def _print_row(name: str, row: dict[str, float]) -> None:
    cells = [f"{value:.1f}" if column.endswith("(s)") else f"{value:.3f}" for column, value in row.items()]
    print("|".join(["", name, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
