"""Benchmark of the default parameters: cross-validated accuracy and fit time with one parameter changed at a time.

Run ``python tests/benchmarks/defaults.py DATA [--only NAME ...]``, with DATA as for ``accuracy.py`` and NAME from
`VARIANTS`. The classifier is a network fine-tuned with ``finetune="full"``, without the linear probe. It is evaluated
by stratified 2-fold cross-validation on training splits; test splits are not used. The script prints a Markdown table;
the last results are in ``defaults.md``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import load
from sklearn.model_selection import StratifiedKFold

from sktsmae import MAEClassifier, MAEPretrainer

SETS = ["GunPoint", "Plane", "ToeSegmentation1", "Trace", "UMD"]
SMALL = {"embed_dim": 32, "depth": 2}
LARGE = {"embed_dim": 128, "depth": 6}
# For each variant: changed parameters of the classifier, and changed parameters of its pretrainer or "scratch". On
# data sets of this size, the defaults of max_epochs are 60 (classifier) and 120 (pretrainer).
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any] | str]] = {
    "none": ({}, {}),
    "pretrainer='scratch', layer_decay=1": ({"layer_decay": 1.0}, "scratch"),
    "head='mlp'": ({"head": "mlp"}, {}),
    "finetune='head'": ({"finetune": "head"}, {}),
    "lr=3e-3": ({"lr": 3e-3}, {}),
    "lr=3e-4": ({"lr": 3e-4}, {}),
    "layer_decay=1": ({"layer_decay": 1.0}, {}),
    "max_epochs doubled": ({"max_epochs": 120}, {}),
    "pretrainer__max_epochs doubled": ({}, {"max_epochs": 240}),
    "larger encoder (embed_dim=128, depth=6)": ({}, LARGE),
    "smaller encoder (embed_dim=32, depth=2)": ({}, SMALL),
    "label_smoothing=0": ({"label_smoothing": 0.0}, {}),
    "dropout=0": ({"dropout": 0.0}, {}),
    "pretrainer__mask_ratio=0.5": ({}, {"mask_ratio": 0.5}),
    "pretrainer__cwt_scales=16": ({}, {"cwt_scales": 16}),
    "pretrainer__cwt_scales=64": ({}, {"cwt_scales": 64}),
    "num_reasoning_tokens=4": ({"num_reasoning_tokens": 4}, {}),
    "batch_size=16": ({"batch_size": 16}, {}),
}


def build(classifier_changes: dict[str, Any], pretrainer_changes: dict[str, Any] | str) -> MAEClassifier:
    """Return the unfitted classifier of a variant."""
    pretrainer: MAEPretrainer | str
    if isinstance(pretrainer_changes, str):
        pretrainer = pretrainer_changes
    else:
        pretrainer = MAEPretrainer(init="random", **pretrainer_changes)
    return MAEClassifier(pretrainer=pretrainer, probe=False, finetune="full", random_state=0, **classifier_changes)


def measure(variant: str, folder: Path) -> tuple[list[float], float]:
    """Return the accuracy of a variant on each data set, and its mean fit time in seconds."""
    accuracies, seconds = [], []
    for data_set in SETS:
        X, y, _, _ = load(folder, data_set)
        correct = np.zeros(len(y))
        for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(X, y):
            start = time.perf_counter()
            classifier = build(*VARIANTS[variant]).fit(X[train], y[train])
            seconds.append(time.perf_counter() - start)
            correct[test] = classifier.predict(X[test]) == y[test]
        accuracies.append(correct.mean())
    return accuracies, float(np.mean(seconds))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", default=list(VARIANTS), help=f"variants: {', '.join(VARIANTS)}"
    )
    options = parser.parse_args()
    print("|".join(["", "changed parameter", "mean accuracy", "fit time (s)", *SETS, ""]))
    print("|".join(["", "---", *["---:"] * (2 + len(SETS)), ""]))
    for name in options.only:
        accuracies, seconds = measure(name, options.data)
        cells = [f"{np.mean(accuracies):.3f}", f"{seconds:.1f}", *(f"{accuracy:.3f}" for accuracy in accuracies)]
        print("|".join(["", name, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
