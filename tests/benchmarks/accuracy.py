"""Test accuracy of the package as it comes, beside the published figures.

``python tests/benchmarks/accuracy.py DATA [SET ...]``: DATA is a folder of ``SET.npz`` (X_train, y_train, X_test,
y_test; X of shape (n, channels, time)) and ``published.csv``. Without names: all sets of the folder that have a row in
``published.csv``. Prints a Markdown table. With ``--minirocket`` aeon's MiniRocket runs beside (extra ``bench``), for
sets that have no published figure. The test split is used once, for these figures; whatever is chosen is chosen on
training folds of `DEVELOPMENT`.
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

# Every third set by name of the 46, fixed before anything was chosen.
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
    """Read one data set, a single channel without an axis of its own; shorter signals are padded with NaN."""
    archive = np.load(folder / f"{name}.npz")
    arrays = {key: archive[key] for key in archive.files}
    for part in ("X_train", "X_test"):
        X = arrays[part]
        arrays[part] = X[:, 0] if X.shape[1] == 1 else X
    return arrays["X_train"], arrays["y_train"], arrays["X_test"], arrays["y_test"]


def models(minirocket: bool) -> dict[str, BaseEstimator]:
    """Return what is compared, unfitted."""
    ridge = RidgeClassifierCV(alphas=np.logspace(-1, 5, 13))
    statistics = CWTTransformer(output="statistics")
    encoder = FrozenEstimator(MAEPretrainer.from_pretrained())
    compared = {
        "statistics": make_pipeline(statistics, StandardScaler(), ridge),
        "encoder": make_pipeline(encoder, StandardScaler(), LogisticRegression(max_iter=1000)),
        "both": make_pipeline(make_union(statistics, encoder), StandardScaler(), ridge),
        "MAEClassifier()": MAEClassifier(random_state=0),
    }
    if minirocket:
        from aeon.classification.convolution_based import MiniRocketClassifier

        compared["MiniRocket here"] = MiniRocketClassifier(random_state=0)
    return compared


def measure(folder: Path, name: str, minirocket: bool) -> Iterator[tuple[str, float]]:
    """Yield the figures of one data set."""
    X_train, y_train, X_test, y_test = load(folder, name)
    for column, model in models(minirocket).items():
        start = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        if column != "MAEClassifier()":
            yield column, model.score(X_test, y_test)
            continue
        probabilities = model.predict_proba(X_test)
        right = model.classes_[probabilities.argmax(1)] == y_test
        yield column, right.mean()
        yield "log-loss", log_loss(y_test, probabilities, labels=model.classes_)
        yield "calibration error", calibration_error(probabilities.max(1), right)
        yield "fit, s", seconds


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error: confidence less accuracy in ten bins of confidence, by their sizes."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    gaps = np.abs(np.bincount(bins, confidence, minlength=10) - np.bincount(bins, right, minlength=10))
    return float(gaps.sum() / counts.sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--minirocket", action="store_true")
    options = parser.parse_args()
    with open(options.data / "published.csv", newline="") as file:
        published = {row["dataset"]: row for row in csv.DictReader(file)}
    here = sorted(path.stem for path in options.data.glob("*.npz"))
    rows: list[dict[str, float]] = []
    for name in options.sets or [name for name in here if name in published]:
        row = dict(measure(options.data, name, options.minirocket))
        known = published.get(name, {})
        row |= {title: float(known.get(column) or "nan") for column, title in PUBLISHED.items()}
        if not rows:
            print("|".join(["", "set", *row, ""]))
            print("|".join(["", "---", *["---:"] * len(row), ""]))
        rows.append(row)
        _print_row(name, row)
    _print_row("mean", {column: float(np.mean([row[column] for row in rows])) for column in rows[0]})


def _print_row(name: str, row: dict[str, float]) -> None:
    cells = [f"{value:.1f}" if column.endswith(", s") else f"{value:.3f}" for column, value in row.items()]
    print("|".join(["", name, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
