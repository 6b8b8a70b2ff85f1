"""Benchmark of test accuracy: `MAEClassifier()`, MultiRocket-Hydra on the same machine, and published accuracies.

Run ``python tests/benchmarks/accuracy.py DATA [SET ...] [--peer] [--resamples N]``. DATA is a folder with a file
``SET.npz`` per data set (arrays X_train, y_train, X_test, y_test; X of shape (n, channels, time)). ``published.csv``,
in the folder or its parent, has a column "dataset" and a column of accuracies per published method. If no data set is
named, all data sets in the folder that have a row in ``published.csv`` are used. ``--peer`` also fits
MultiRocket-Hydra from aeon (extra ``bench``).

With ``--resamples N``, training and test split are pooled, and N stratified training sets of the original size are
drawn from them. Both methods are tested on the same rest (at most 500 signals), and their difference is printed with
its standard error over the resamples.

The script prints a Markdown table; the last results are in ``accuracy.md``. Of the benchmarks on these data sets, only
this one, ``labels.py`` and ``blind_spots.py`` use test splits. Hyperparameters are chosen by cross-validation on the
training splits of the data sets in `DEVELOPMENT`, and by resamples of these data sets and of those that ``accuracy.md``
names, in which training and test split are pooled.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sktsmae import MAEClassifier

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
    "Hydra-MultiRocket [tsml]": "MultiRocket-Hydra",
    "MiniRocket [tsml]": "MiniRocket",
    "UniShape (fine-tuned) [UniShape]": "UniShape",
    "Mantis (fine-tuned) [UniShape]": "Mantis",
    "TS2Vec [TEST]": "TS2Vec",
}
OURS, PEER = "MAEClassifier()", "MultiRocket-Hydra (here)"
MAX_RESAMPLED_TEST_SIGNALS = 500


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


def resample(split: tuple[np.ndarray, ...], seed: int) -> tuple[np.ndarray, ...]:
    """Return a stratified random split of the pooled signals, with as many training signals as in `split`."""
    X_train, y_train, X_test, y_test = split
    X, y = np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test])
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=len(y_train), stratify=y, random_state=seed)
    return X_train, y_train, X_test[:MAX_RESAMPLED_TEST_SIGNALS], y_test[:MAX_RESAMPLED_TEST_SIGNALS]


def measure_ours(split: tuple[np.ndarray, ...], seed: int = 0) -> dict[str, float]:
    """Fit and test `MAEClassifier()`, and return its columns of the table."""
    X_train, y_train, X_test, y_test = split
    start = time.perf_counter()
    model = MAEClassifier(random_state=seed).fit(X_train, y_train)
    seconds = time.perf_counter() - start
    probabilities = model.predict_proba(X_test)
    truth = y_test[:, None] == model.classes_
    correct = truth[np.arange(len(y_test)), probabilities.argmax(1)]
    return {
        OURS: correct.mean(),
        "log-loss": log_loss(y_test, probabilities, labels=model.classes_),
        "Brier score": float(((probabilities - truth) ** 2).sum(1).mean()),
        "calibration error": calibration_error(probabilities.max(1), correct),
        "fit time (s)": seconds,
    }


def measure_peer(split: tuple[np.ndarray, ...], seed: int = 0) -> dict[str, float]:
    """Fit and test MultiRocket-Hydra, and return its columns of the table."""
    from aeon.classification.convolution_based import MultiRocketHydraClassifier

    X_train, y_train, X_test, y_test = split
    start = time.perf_counter()
    model = MultiRocketHydraClassifier(random_state=seed).fit(X_train, y_train)
    seconds = time.perf_counter() - start
    return {PEER: np.mean(model.predict(X_test) == y_test), "its fit time (s)": seconds}


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Return the expected calibration error with ten bins of equal width.

    It is the mean over the bins of the absolute difference between mean confidence and accuracy, weighted by the number
    of predictions in each bin.
    """
    bins = np.minimum((confidence * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    gaps = np.abs(np.bincount(bins, confidence, minlength=10) - np.bincount(bins, correct, minlength=10))
    return float(gaps.sum() / counts.sum())


def standard_rows(folder: Path, names: list[str], peer: bool, published: dict[str, Any]) -> Iterator[dict[str, float]]:
    """Yield the row of each data set, measured on the split in its file."""
    for name in names:
        split = load(folder, name)
        row = measure_ours(split) | (measure_peer(split) if peer else {})
        accuracies = published.get(name, {})
        yield row | {title: float(accuracies.get(column) or "nan") for column, title in PUBLISHED.items()}


def resampled_rows(folder: Path, names: list[str], count: int) -> Iterator[dict[str, float]]:
    """Yield the row of each data set: means over resamples, and the standard error of the mean difference."""
    for name in names:
        splits = [resample(load(folder, name), seed) for seed in range(count)]
        runs = [measure_ours(split, seed) | measure_peer(split, seed) for seed, split in enumerate(splits)]
        differences = [run[OURS] - run[PEER] for run in runs]
        row = {column: float(np.mean([run[column] for run in runs])) for column in runs[0]}
        error = np.std(differences, ddof=1) / math.sqrt(count)
        yield row | {"difference": float(np.mean(differences)), "standard error": float(error)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets")
    parser.add_argument("sets", nargs="*", metavar="SET", help="names of data sets (default: those in published.csv)")
    parser.add_argument("--peer", action="store_true", help="also fit MultiRocket-Hydra from aeon")
    parser.add_argument("--resamples", type=int, default=0, metavar="N", help="number of random splits to average over")
    options = parser.parse_args()
    table = options.data / "published.csv"
    with open(table if table.exists() else options.data.parent / "published.csv", newline="") as file:
        published = {row["dataset"]: row for row in csv.DictReader(file)}
    available = sorted(path.stem for path in options.data.glob("*.npz"))
    names = options.sets or [name for name in available if name in published]
    if options.resamples:
        measured = resampled_rows(options.data, names, options.resamples)
    else:
        measured = standard_rows(options.data, names, options.peer, published)
    if options.peer or options.resamples:
        rng = np.random.default_rng(0)
        measure_peer((rng.normal(size=(8, 100)), np.arange(8) % 2) * 2)  # compiles, which is not part of the fit time
    rows: list[dict[str, float]] = []
    for name, row in zip(names, measured, strict=True):
        if not rows:
            print("|".join(["", "data set", *row, ""]))
            print("|".join(["", "---", *["---:"] * len(row), ""]))
        rows.append(row)
        _print_row(name, row)
    means = {column: float(np.mean([row[column] for row in rows])) for column in rows[0]}
    differences = np.array([row.get("difference", 0) for row in rows])
    if options.resamples and len(rows) > 1:
        means["standard error"] = float(differences.std(ddof=1) / math.sqrt(len(rows)))  # between data sets
    _print_row("mean", means)
    if options.resamples:
        wins, losses = (differences > 0).sum(), (differences < 0).sum()
        print(f"\n{wins} wins, {len(rows) - wins - losses} ties, {losses} losses")


def _print_row(name: str, row: dict[str, float]) -> None:
    cells = [f"{value:.1f}" if column.endswith("(s)") else f"{value:.3f}" for column, value in row.items()]
    print("|".join(["", name, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
