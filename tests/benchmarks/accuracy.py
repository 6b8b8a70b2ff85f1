"""Test accuracy and fit seconds beside the published figures.

``python tests/benchmarks/accuracy.py DATA [SET ...]``: DATA is a folder of ``SET.npz`` (X_train, y_train, X_test,
y_test; X of shape (n, channels, time)) and ``published.csv``. Prints a Markdown table. The test split is used once, for
these figures; defaults are chosen by ``defaults.py`` on training folds.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktsmae import MAEClassifier, MAEPretrainer

# fmt: off
SETS = [
    "BME", "Coffee", "ECG200", "GunPoint", "ItalyPowerDemand", "MoteStrain", "Plane", "SonyAIBORobotSurface1",
    "ToeSegmentation1", "Trace", "TwoLeadECG", "UMD",
]
# fmt: on
PUBLISHED = {
    "MiniRocket [tsml]": "MiniRocket",
    "InceptionTime [tsml]": "InceptionTime",
    "Mantis (fine-tuned) [UniShape]": "Mantis, fine-tuned",
    "TS2Vec [TEST]": "TS2Vec",
    "1NN-DTW [tsml]": "1NN-DTW",
}


def load(folder: Path, name: str) -> tuple[np.ndarray, ...]:
    """Read one data set, a single channel without an axis of its own."""
    archive = np.load(folder / f"{name}.npz")
    arrays = {key: archive[key] for key in archive.files}
    for part in ("X_train", "X_test"):
        arrays[part] = arrays[part][:, 0] if arrays[part].shape[1] == 1 else arrays[part]
    return arrays["X_train"], arrays["y_train"], arrays["X_test"], arrays["y_test"]


def measure(folder: Path, name: str) -> dict[str, float]:
    """Return the accuracies and the fit seconds on one data set."""
    X_train, y_train, X_test, y_test = load(folder, name)
    probe = make_pipeline(MAEPretrainer(random_state=0), StandardScaler(), LogisticRegression(max_iter=1000))
    row = {}
    for column, model in (("MAEClassifier()", MAEClassifier(random_state=0)), ("frozen + logistic regression", probe)):
        start = time.perf_counter()
        model.fit(X_train, y_train)
        row[f"{column}, s"] = time.perf_counter() - start
        row[column] = model.score(X_test, y_test)
    return row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*", default=SETS)
    options = parser.parse_args()
    with open(options.data / "published.csv", newline="") as file:
        published = {row["dataset"]: row for row in csv.DictReader(file)}
    own = ["MAEClassifier()", "MAEClassifier(), s", "frozen + logistic regression", "frozen + logistic regression, s"]
    print("|".join(["", "set", *own, *PUBLISHED.values(), ""]))
    print("|".join(["", "---", *["---:"] * (len(own) + len(PUBLISHED)), ""]))
    rows = []
    for name in options.sets:
        row = measure(options.data, name)
        known = published.get(name, {})
        row |= {title: float(known.get(column) or "nan") for column, title in PUBLISHED.items()}
        rows.append(row)
        _print_row(name, row, own)
    _print_row("mean", {column: float(np.mean([row[column] for row in rows])) for column in rows[0]}, own)


def _print_row(name: str, row: dict[str, float], own: list[str]) -> None:
    cells = [f"{row[column]:.1f}" if column.endswith(", s") else f"{row[column]:.3f}" for column in own]
    cells += [f"{row[title]:.3f}" for title in PUBLISHED.values()]
    print("|".join(["", name, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
