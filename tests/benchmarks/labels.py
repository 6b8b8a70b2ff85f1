"""Benchmark of pre-training with few labels: test accuracy as a function of the number of labels per class.

Run ``python tests/benchmarks/labels.py DATA [SET ...] [--seeds 3] [--figure PATH]``, with DATA as for ``accuracy.py``.
aeon is required (extra ``bench``). Each method is fitted on k labelled training signals per class; a class with fewer
than k signals contributes all of them. The labelled signals are drawn at random, once per seed. With all labels, there
is one run. All methods are tested on the same random sample of at most 200 test signals.

"shipped encoder", "own encoder" and "untrained encoder" are ridge classifiers on frozen embeddings: of the encoder
shipped with the package, of an encoder pre-trained for 20 epochs on all training signals of the data set without
labels, and of an untrained encoder. The script prints a Markdown table of all data sets and one of their means; the
last results are in ``labels.md``. The figure shows the means.
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

# Data sets of one channel and at most 720 samples, with at least 20 training signals in most classes.
SETS = [
    "Computers", "ECG200", "GunPoint", "Ham", "ItalyPowerDemand", "MiddlePhalanxOutlineCorrect", "Plane", "PowerCons",
    "SmoothSubspace", "Strawberry", "SyntheticControl", "Trace",
]  # fmt: skip
# Numbers of labelled signals per class; None uses all training signals.
LABELS = [1, 2, 5, 10, 20, None]
# The methods, and the colours of their lines in the figure.
COLOURS = {
    "MAEClassifier()": "#d55e00",
    "shipped encoder": "#e69f00",
    "own encoder": "#009e73",
    "untrained encoder": "#888888",
    "MiniRocket": "#0072b2",
}
MAX_TEST_SIGNALS = 200


def measure(folder: Path, name: str, seeds: int) -> Iterator[list[float]]:
    """Yield the mean accuracy of each method, in the order of `COLOURS`, for each number of labels in `LABELS`."""
    X_train, y_train, X_test, y_test = load(folder, name)
    sampled = np.random.default_rng(0).permutation(len(X_test))[:MAX_TEST_SIGNALS]
    X_test, y_test = X_test[sampled], y_test[sampled]
    encoders = [
        MAEPretrainer.from_pretrained(),
        MAEPretrainer(init="random", max_epochs=20, random_state=0).fit(X_train),
        MAEPretrainer(init="random", max_epochs=0, random_state=0).fit(X_train),
    ]
    embeddings = [(encoder.transform(X_train), encoder.transform(X_test)) for encoder in encoders]
    for k in LABELS:
        scores = []
        for seed in range(1 if k is None else seeds):
            labelled = draw(y_train, k, seed)
            ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-1, 5, 13)))
            runs = [
                (MAEClassifier(random_state=seed), X_train, X_test),
                *((ridge, train, test) for train, test in embeddings),
                (MiniRocketClassifier(random_state=seed), X_train, X_test),
            ]
            scores.append([
                model.fit(train[labelled], y_train[labelled]).score(test, y_test)
                for model, train, test in runs
            ])  # fmt: skip
        yield np.mean(scores, axis=0).tolist()


def draw(y: np.ndarray, k: int | None, seed: int) -> np.ndarray:
    """Return the indices of k random signals per class, or of all signals if k is None.

    With the same seed, the signals for a larger k include those for a smaller k.
    """
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == label))[:k] for label in np.unique(y)])


def plot(means: np.ndarray, num_sets: int, path: Path) -> None:
    """Plot mean accuracies of shape (len(LABELS), methods) over a number of data sets."""
    figure, axes = plt.subplots(figsize=(9, 6), dpi=100, layout="constrained")
    for (method, colour), accuracies in zip(COLOURS.items(), means.T, strict=True):
        width = 3 if method == "MAEClassifier()" else 1.8
        axes.plot(accuracies, color=colour, marker="o", linewidth=width, label=method)
    axes.set_xticks(range(len(LABELS)), [str(k or "all") for k in LABELS])
    axes.set_xlabel("labels per class")
    axes.set_ylabel(f"test accuracy, mean of {num_sets} data sets")
    axes.grid(color="#e5e5e5")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path)


def main() -> None:
    """Print the tables and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"names of data sets (default: {', '.join(SETS)})")
    parser.add_argument("--seeds", type=int, default=3, help="number of random draws of the labelled signals")
    parser.add_argument("--figure", type=Path, metavar="PATH", help="image file for a plot of the means")
    options = parser.parse_args()
    names = options.sets or SETS
    results = []
    _print_head("data set", "labels per class")
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
