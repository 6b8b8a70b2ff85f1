"""What fine-tuning costs and gives: accuracy, seconds and trained parameters of `MAEClassifier`'s ways.

``python tests/benchmarks/finetuning.py DATA [--epochs N]``: DATA as for ``accuracy.py``. The encoder is the package's,
the network decides alone, and accuracy is that of two stratified folds of the training split; no test split is touched.
Prints a Markdown table; its last result is in ``finetuning.md`` beside it.
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
# Small batches, for in 20 epochs of the usual 32 so few signals would make 20 steps.
NETWORK = {"probe": False, "batch_size": 8}
WAYS: dict[str, dict[str, Any]] = {
    "no network, `probe=True`": {},
    '`finetune="head"`': {**NETWORK, "finetune": "head"},
    "`finetune=1`": {**NETWORK, "finetune": 1},
    "`finetune=2`": {**NETWORK, "finetune": 2},
    '`finetune="lora"`': {**NETWORK, "finetune": "lora"},
    '`finetune="full"`': {**NETWORK, "finetune": "full"},
}


class CountTrained(Callback):
    """Keep how many numbers the optimiser trains."""

    counts: ClassVar[list[int]] = []  # callbacks are copied, so the class keeps them

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Count."""
        self.counts.append(sum(weights.numel() for group in net.optimizer_.param_groups for weights in group["params"]))


def measure(params: dict[str, Any], epochs: int, folder: Path) -> tuple[list[float], list[float], list[int]]:
    """Return the accuracy on each set, the seconds of each fit and the parameters that each trains."""
    accuracies, seconds = [], []
    CountTrained.counts.clear()
    for data_set in SETS:
        X, y, _, _ = load(folder, data_set)
        hits = np.zeros(len(y))
        for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(X, y):
            classifier = MAEClassifier(random_state=0, max_epochs=epochs, callbacks=[CountTrained()], **params)
            start = time.perf_counter()
            classifier.fit(X[train], y[train])
            seconds.append(time.perf_counter() - start)
            hits[test] = classifier.predict(X[test]) == y[test]
        accuracies.append(hits.mean())
    return accuracies, seconds, CountTrained.counts or [0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("|".join(["", "way", "mean", "s a fit", "trained", *SETS, ""]))
    print("|".join(["", "---", *["---:"] * (3 + len(SETS)), ""]))
    for name, params in WAYS.items():
        accuracies, seconds, counts = measure(params, options.epochs, options.data)
        cells = [f"{np.mean(accuracies):.3f}", f"{np.mean(seconds):.1f}", f"{np.mean(counts):,.0f}"]
        print("|".join(["", name, *cells, *(f"{accuracy:.3f}" for accuracy in accuracies), ""]), flush=True)


if __name__ == "__main__":
    main()
