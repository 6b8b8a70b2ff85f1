"""Benchmark of test accuracy: models of this package with default settings, and published accuracies.

Run ``python tests/benchmarks/accuracy.py DATA [SET ...]``. DATA is a folder with ``published.csv`` and a file
``SET.npz`` per data set (arrays X_train, y_train, X_test, y_test; X of shape (n, channels, time)). ``published.csv``
has a column "dataset" and a column of accuracies per published method. If no data set is named, all data sets in the
folder that have a row in ``published.csv`` are used. With ``--minirocket``, MiniRocket from aeon (extra ``bench``) is
fitted as well, for data sets without published accuracies. The script prints a Markdown table; the last results are in
``accuracy.md``.

Of the benchmarks on these data sets, only this one and ``labels.py`` use test splits. Hyperparameters are chosen by
cross-validation on the training splits of the data sets in `DEVELOPMENT`.
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

# Every third of the 46 data sets of the UCR archive in ``accuracy.md``, in alphabetical order. The list was fixed
# before any hyperparameter was chosen.
DEVELOPMENT = [
    "Adiac", "BeetleFly", "Car", "Computers", "DistalPhalanxTW", "Earthquakes", "Fish", "Herring",
    "LargeKitchenAppliances", "MiddlePhalanxOutlineCorrect", "OliveOil", "PowerCons", "SonyAIBORobotSurface1",
    "ToeSegmentation1", "TwoLeadECG", "WordSynonyms",
]  # fmt: skip
# Columns of published.csv, and the titles of these columns in the printed table.
PUBLISHED = {
    "HIVE-COTE2 [tsml]": "HIVE-COTE 2",
    "MultiRocket [tsml]": "MultiRocket",
    "MiniRocket [tsml]": "MiniRocket",
    "UniShape (fine-tuned) [UniShape]": "UniShape",
    "Mantis (fine-tuned) [UniShape]": "Mantis",
    "TS2Vec [TEST]": "TS2Vec",
}


def load(folder: Path, name: str) -> tuple[np.ndarray, ...]:
    """Return the arrays X_train, y_train, X_test and y_test of a data set.

    X has shape (n, time) if there is one channel, and (n, channels, time) otherwise. In the files, signals of unequal
    lengths are padded with NaN.
    """
    archive = np.load(folder / f"{name}.npz")
    arrays = {key: archive[key] for key in archive.files}
    for key in ("X_train", "X_test"):
        X = arrays[key]
        arrays[key] = X[:, 0] if X.shape[1] == 1 else X
    return arrays["X_train"], arrays["y_train"], arrays["X_test"], arrays["y_test"]


def models(minirocket: bool) -> dict[str, BaseEstimator]:
    """Return the unfitted models that are compared."""
    ridge = RidgeClassifierCV(alphas=np.logspace(-1, 5, 13))
    statistics = CWTTransformer(output="statistics")
    encoder = FrozenEstimator(MAEPretrainer.from_pretrained())
    compared = {
        "wavelet statistics": make_pipeline(statistics, StandardScaler(), ridge),
        "encoder embedding": make_pipeline(encoder, StandardScaler(), LogisticRegression(max_iter=1000)),
        "statistics + embedding": make_pipeline(make_union(statistics, encoder), StandardScaler(), ridge),
        "MAEClassifier()": MAEClassifier(random_state=0),
    }
    if minirocket:
        from aeon.classification.convolution_based import MiniRocketClassifier

        compared["MiniRocket (measured here)"] = MiniRocketClassifier(random_state=0)
    return compared


def measure(folder: Path, name: str, minirocket: bool) -> Iterator[tuple[str, float]]:
    """Fit the models to one data set, and yield the title and value of each column of its row in the table."""
    X_train, y_train, X_test, y_test = load(folder, name)
    for title, model in models(minirocket).items():
        start = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        if title != "MAEClassifier()":
            yield title, model.score(X_test, y_test)
            continue
        probabilities = model.predict_proba(X_test)
        correct = model.classes_[probabilities.argmax(1)] == y_test
        yield title, correct.mean()
        yield "log-loss", log_loss(y_test, probabilities, labels=model.classes_)
        yield "calibration error", calibration_error(probabilities.max(1), correct)
        yield "fit time (s)", seconds


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Return the expected calibration error with ten bins of equal width.

    It is the mean over the bins of the absolute difference between mean confidence and accuracy, weighted by the number
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
        published_row = published.get(name, {})
        row |= {title: float(published_row.get(column) or "nan") for column, title in PUBLISHED.items()}
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
