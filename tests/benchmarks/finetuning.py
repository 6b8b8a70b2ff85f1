"""Benchmark of the fine-tuning modes of `MAEClassifier`: accuracy, fit time and number of trained parameters.

Run ``python tests/benchmarks/finetuning.py DATA [--epochs N]``, with DATA as for ``accuracy.py``. The pre-trained
encoder is the one shipped with the package. Fine-tuned networks are evaluated without the linear probe. The accuracy is
measured by stratified 2-fold cross-validation on training splits; test splits are not used. The script prints a
Markdown table; the last results are in ``finetuning.md``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from accuracy import load
from sklearn.model_selection import StratifiedKFold
from skorch.callbacks import Callback

from sktsmae import MAEClassifier

SETS = ["GunPoint", "Trace", "UMD"]
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


class CountTrained(Callback):
    """Record the number of parameters that the optimizer updates."""

    # A class attribute, because `fit` copies the callback.
    counts: ClassVar[list[int]] = []

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Append the number of parameters to `counts`."""
        self.counts.append(sum(weights.numel() for group in net.optimizer_.param_groups for weights in group["params"]))


def measure(params: dict[str, Any], epochs: int, folder: Path) -> tuple[list[float], list[float], list[int]]:
    """Return the accuracy on each data set, the time of each fit in seconds, and its number of trained parameters."""
    accuracies, seconds = [], []
    training = {"max_epochs": epochs, "callbacks": [CountTrained()]} if "finetune" in params else {}
    CountTrained.counts.clear()
    for data_set in SETS:
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("--epochs", type=int, default=20, help="number of epochs of fine-tuning")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("|".join(["", "mode", "mean accuracy", "fit time (s)", "trained parameters", *SETS, ""]))
    print("|".join(["", "---", *["---:"] * (3 + len(SETS)), ""]))
    for name, params in MODES.items():
        accuracies, seconds, counts = measure(params, options.epochs, options.data)
        cells = [f"{np.mean(accuracies):.3f}", f"{np.mean(seconds):.1f}", f"{np.mean(counts):,.0f}"]
        print("|".join(["", name, *cells, *(f"{accuracy:.3f}" for accuracy in accuracies), ""]), flush=True)


if __name__ == "__main__":
    main()
