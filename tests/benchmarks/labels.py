"""What pre-training is worth: test accuracy against the number of labels per class.

``python tests/benchmarks/labels.py DATA [SET ...] [--seeds 3] [--figure PATH]`` fits each method on k labelled training
signals of every class, or all that a class has, drawn with each seed (one run for all labels), and scores it on at most
200 test signals, the same ones for all. The set's own encoder is pre-trained for 20 epochs on all training signals,
without labels. Needs aeon (extra ``bench``). Prints Markdown tables, of the sets and of their means; their last results
are in ``labels.md`` beside it. The figure shows the means.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from accuracy import load
from aeon.classification.convolution_based import MiniRocketClassifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktsmae import MAEClassifier, MAEPretrainer

mpl.use("agg")
import matplotlib.pyplot as plt

# One channel, at most 720 samples, and 20 training signals or more in most classes.
SETS = [
    "Computers", "ECG200", "GunPoint", "Ham", "ItalyPowerDemand", "MiddlePhalanxOutlineCorrect", "Plane", "PowerCons",
    "SmoothSubspace", "Strawberry", "SyntheticControl", "Trace",
]  # fmt: skip
LABELS = [1, 2, 5, 10, 20, None]
COLOURS = {
    "MAEClassifier()": "#d55e00",
    "shipped encoder": "#e69f00",
    "own encoder": "#009e73",
    "untrained encoder": "#888888",
    "MiniRocket": "#0072b2",
}
TEST_ROWS = 200


def measure(folder: Path, name: str, seeds: int) -> Iterator[list[float]]:
    """Yield the accuracies of the methods in the order of `COLOURS`, for each number of `LABELS`."""
    X_train, y_train, X_test, y_test = load(folder, name)
    kept = np.random.default_rng(0).permutation(len(X_test))[:TEST_ROWS]
    X_test, y_test = X_test[kept], y_test[kept]
    encoders = [
        MAEPretrainer.from_pretrained(),
        MAEPretrainer(max_epochs=20, random_state=0).fit(X_train),
        MAEPretrainer(max_epochs=0, random_state=0).fit(X_train),
    ]
    embeddings = [(encoder.transform(X_train), encoder.transform(X_test)) for encoder in encoders]
    for k in LABELS:
        scores = []
        for seed in range(1 if k is None else seeds):
            rows = draw(y_train, k, seed)
            ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-1, 5, 13)))
            runs = [
                (MAEClassifier(random_state=seed), X_train, X_test),
                *((ridge, train, test) for train, test in embeddings),
                (MiniRocketClassifier(random_state=seed), X_train, X_test),
            ]
            scores.append([
                model.fit(train[rows], y_train[rows]).score(test, y_test)
                for model, train, test in runs
            ])  # fmt: skip
        yield np.mean(scores, axis=0).tolist()


def draw(y: np.ndarray, k: int | None, seed: int) -> np.ndarray:
    """Return the rows of k labels per class; with one seed, those of a smaller k are among them."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == label))[:k] for label in np.unique(y)])


def plot(means: np.ndarray, sets: int, path: Path) -> None:
    """Draw mean accuracies of shape (labels, methods)."""
    figure, axes = plt.subplots(figsize=(9, 6), dpi=100, layout="constrained")
    for (method, colour), accuracies in zip(COLOURS.items(), means.T, strict=True):
        width = 3 if method == "MAEClassifier()" else 1.8
        axes.plot(accuracies, color=colour, marker="o", linewidth=width, label=method)
    axes.set_xticks(range(len(LABELS)), [str(k or "all") for k in LABELS])
    axes.set_xlabel("labels per class")
    axes.set_ylabel(f"test accuracy, mean of {sets} data sets")
    axes.grid(color="#e5e5e5")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path)


def main() -> None:
    """Print the tables and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    names = options.sets or SETS
    results = []
    _print_head("set", "labels per class")
    for name in names:
        results.append([])
        for k, accuracies in zip(LABELS, measure(options.data, name, options.seeds), strict=True):
            results[-1].append(accuracies)
            _print_row([name, str(k or "all")], accuracies)
    means = np.mean(results, axis=0)
    print()
    _print_head("labels per class")
    for k, accuracies in zip(LABELS, means, strict=True):
        _print_row([str(k or "all")], accuracies)
    if options.figure:
        plot(means, len(names), options.figure)


def _print_head(*titles: str) -> None:
    print("|".join(["", *titles, *COLOURS, ""]))
    print("|".join(["", *["---"] * len(titles), *["---:"] * len(COLOURS), ""]), flush=True)


def _print_row(titles: list[str], accuracies: list[float]) -> None:
    print("|".join(["", *titles, *(f"{value:.3f}" for value in accuracies), ""]), flush=True)


if __name__ == "__main__":
    main()
