"""Benchmark of the parameter `channel_mixing` of `MAEPretrainer`, with fine-tuned networks.

Run ``python tests/benchmarks/channel_mixing.py DATA [SET ...] [--resamples 3]``, where DATA is a folder as in
``accuracy.py``. Per data set and resample, a small encoder is pre-trained on the training signals and fine-tuned with
their labels, once per kind of mixing. No ridge classifiers are used, so that the table shows the networks alone.
Training and test signals are drawn from all signals of a data set, at most 200 of each. The data set "phase" is
generated: its classes differ only by the phase between two channels.

The script prints a Markdown table of mean test accuracies, the standard error of the difference to "none" over all
resamples, and the mean seconds per fit. The last results are in ``channel_mixing.md``.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
from accuracy import load
from blind_spots import phase_between_channels
from sklearn.model_selection import train_test_split

from sktsmae import MAEClassifier, MAEPretrainer

KINDS = ("none", "cls", "tokens")
SETS = ("phase", "BasicMotions", "RacketSports", "JapaneseVowels", "SPARwatch")
MOST = 200  # training signals, and test signals
STEPS = {"pretrainer": 60, "classifier": 200}
SIZES = {"cwt_scales": 16, "embed_dim": 32, "depth": 4, "num_heads": 2, "decoder_embed_dim": 32}


def signals(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return all signals and labels of a data set."""
    if name == "phase":
        rng, y = np.random.default_rng(0), np.arange(2 * MOST) % 2
        return np.stack([phase_between_channels(rng, int(label)) for label in y]), y
    X, y, X_test, y_test = load(folder, name)
    return np.concatenate([X, X_test]), np.concatenate([y, y_test])


def accuracy(split: list[np.ndarray], kind: str, seed: int) -> tuple[float, float]:
    """Return the test accuracy of a fine-tuned network, and the seconds of its fit."""
    X, X_test, y, y_test = split
    loops = {
        name: {"max_epochs": math.ceil(steps * 32 / len(X)), "batch_size": 32, "random_state": seed}
        for name, steps in STEPS.items()
    }
    pretrainer = MAEPretrainer(channel_mixing=kind, **SIZES, **loops["pretrainer"])
    network = MAEClassifier(pretrainer=pretrainer, finetune="full", probe=False, **loops["classifier"])
    start = time.perf_counter()
    network.fit(X, y)
    return float(network.score(X_test, y_test)), time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets")
    parser.add_argument("sets", nargs="*", metavar="SET", default=SETS, help=f"data sets (default: {', '.join(SETS)})")
    parser.add_argument("--resamples", type=int, default=3, help="number of random splits")
    options = parser.parse_args()
    print("|".join(["", "data set", *KINDS, *(f"{kind} - none" for kind in KINDS[1:]), "seconds per fit", ""]))
    print("|".join(["", "---", *["---:"] * (2 * len(KINDS)), ""]), flush=True)
    rows = []
    for name in options.sets:
        X, y = signals(options.data, name)
        size = min(MOST, len(y) // 2)
        results = np.empty((options.resamples, len(KINDS), 2))
        for seed in range(options.resamples):
            split = train_test_split(X, y, train_size=size, test_size=size, stratify=y, random_state=seed)
            results[seed] = [accuracy(split, kind, seed) for kind in KINDS]
        _print_row(name, results)
        if name != "phase":
            rows.append(results)
    if len(rows) > 1:
        _print_row("mean without phase", np.concatenate(rows))


def _print_row(name: str, results: np.ndarray) -> None:
    means = results[..., 0].mean(0)
    cells = [f"{mean:.3f}" for mean in means]
    for number in range(1, len(KINDS)):
        differences = results[:, number, 0] - results[:, 0, 0]
        error = differences.std(ddof=1) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan
        cells.append(f"{differences.mean():+.3f} ± {error:.3f}")
    cells.append(" / ".join(f"{seconds:.0f}" for seconds in results[..., 1].mean(0)))
    print("|".join(["", name, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
