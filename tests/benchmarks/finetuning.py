"""Benchmark of fine-tuning by `MAEClassifier`: modes, patch dropout and number of steps.

Run ``python tests/benchmarks/finetuning.py DATA {modes,steps} [SET ...] [--epochs N]``, with DATA as for
``accuracy.py``. The pre-trained encoder is the one shipped with the package. Fine-tuned networks are evaluated without
the linear probe, on training splits; test splits are not used.

- "modes": accuracy by stratified 2-fold cross-validation, fit time and number of trained parameters.
- "steps": accuracy and fit time by patch dropout and number of steps, with up to 1,000 signals for training and up to
  500 others for testing.

The script prints a Markdown table; the last results are in ``finetuning.md``.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from accuracy import load
from sklearn.model_selection import StratifiedKFold, train_test_split
from skorch.callbacks import Callback

from sktsmae import MAEClassifier

SETS = {
    "modes": ["GunPoint", "Trace", "UMD"],
    "steps": ["hard/ElectricDevices", "MiddlePhalanxOutlineCorrect"],
}
# With the default batch size of 32, the 18 to 50 training signals per fold would give only 20 to 40 optimizer steps in
# 20 epochs.
NETWORK = {"probe": False, "batch_size": 8}
MODES: dict[str, dict[str, Any]] = {
    '`finetune="none"` (linear probe only)': {},
    '`finetune="head"`': {**NETWORK, "finetune": "head"},
    "`finetune=1`": {**NETWORK, "finetune": 1},
    "`finetune=2`": {**NETWORK, "finetune": 2},
    '`finetune="lora"`': {**NETWORK, "finetune": "lora"},
    '`finetune="full"`': {**NETWORK, "finetune": "full"},
}
# Patch dropout, number of steps.
STEPS = [(0.0, 150), (0.5, 300), (0.75, 600), (0.5, 600)]


class CountTrained(Callback):
    """Record the number of parameters that the optimizer updates."""

    # A class attribute, because `fit` copies the callback.
    counts: ClassVar[list[int]] = []

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Append the number of parameters to `counts`."""
        self.counts.append(sum(weights.numel() for group in net.optimizer_.param_groups for weights in group["params"]))


def measure_mode(
    params: dict[str, Any], epochs: int, folder: Path, sets: list[str]
) -> tuple[list[float], list[float], list[int]]:
    """Return the accuracy on each data set, the time of each fit in seconds, and its number of trained parameters."""
    accuracies, seconds = [], []
    training = {"max_epochs": epochs, "callbacks": [CountTrained()]} if "finetune" in params else {}
    CountTrained.counts.clear()
    for data_set in sets:
        X, y, _, _ = load(folder, data_set)
        correct = np.zeros(len(y))
        for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(X, y):
            classifier = MAEClassifier(random_state=0, **training, **params)
            start = time.perf_counter()
            classifier.fit(X[train], y[train])
            seconds.append(time.perf_counter() - start)
            correct[test] = classifier.predict(X[test]) == y[test]
        accuracies.append(correct.mean())
    return accuracies, seconds, CountTrained.counts or [0]


def print_modes(folder: Path, sets: list[str], epochs: int) -> None:
    """Print the table of the modes."""
    print("|".join(["", "mode", "mean accuracy", "fit time (s)", "trained parameters", *sets, ""]))
    print("|".join(["", "---", *["---:"] * (3 + len(sets)), ""]))
    for name, params in MODES.items():
        accuracies, seconds, counts = measure_mode(params, epochs, folder, sets)
        cells = [f"{np.mean(accuracies):.3f}", f"{np.mean(seconds):.1f}", f"{np.mean(counts):,.0f}"]
        print("|".join(["", name, *cells, *(f"{accuracy:.3f}" for accuracy in accuracies), ""]), flush=True)


def print_steps(folder: Path, sets: list[str]) -> None:
    """Print the table of patch dropout and steps."""
    print("|".join(["", "patch_drop_rate", "steps", *(f"{name}|seconds" for name in sets), ""]))
    print("|".join(["", "---:", *["---:"] * (1 + 2 * len(sets)), ""]))
    for rate, steps in STEPS:
        cells = []
        for name in sets:
            X, y, _, _ = load(folder, name)
            size, test_size = min(1000, len(y) // 2), min(500, len(y) // 2)
            chosen = {"train_size": size, "test_size": test_size, "stratify": y, "random_state": 0}
            X, X_test, y, y_test = train_test_split(X, y, **chosen)
            epochs = math.ceil(steps / math.ceil(size / 32))
            training = {"patch_drop_rate": rate, "max_epochs": epochs, "random_state": 0}
            start = time.perf_counter()
            classifier = MAEClassifier(probe=False, finetune="full", **training).fit(X, y)
            seconds = time.perf_counter() - start
            cells += [f"{classifier.score(X_test, y_test):.3f}", f"{seconds:.0f}"]
        print("|".join(["", f"{rate:g}", str(steps), *cells, ""]), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("part", choices=SETS, help="what to compare")
    parser.add_argument("sets", nargs="*", metavar="SET", help="names of data sets (default: two or three)")
    parser.add_argument("--epochs", type=int, default=20, help="number of epochs of fine-tuning for the modes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = options.sets or SETS[options.part]
    if options.part == "modes":
        print_modes(options.data, sets, options.epochs)
    else:
        print_steps(options.data, sets)


if __name__ == "__main__":
    main()
