"""Benchmark of `decode_ratio`: accuracy of the frozen features and pre-training time.

Run ``python tests/benchmarks/decode_ratio.py DATA [--size 256]``, with DATA as for ``accuracy.py``. `decode_ratio` is
the fraction of time columns that the decoder reconstructs per training step. For each data set, each value of
`decode_ratio` and each of three random seeds, an encoder is pre-trained on the training split, and a logistic
regression on its frozen features is scored by 4-fold cross-validation on the same split. The script prints a Markdown
table; the last results are in ``decode_ratio.md``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import load
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktsmae import MAEPretrainer

# Data sets of the UCR archive with 36 to 200 training signals.
SETS = ["ECG200", "FacesUCR", "GunPoint", "Plane", "PowerCons", "ToeSegmentation1", "Trace", "UMD"]
# Parameters of MAEPretrainer for each value of --size. "256" is the embedding size.
SIZES: dict[str, dict[str, Any]] = {
    "default": {},
    "256": {
        "embed_dim": 256,
        "depth": 6,
        "num_heads": 8,
        "decoder_embed_dim": 128,
        "decoder_depth": 2,
        "max_epochs": 30,
    },
}
SEEDS = range(3)


def measure(X: np.ndarray, y: np.ndarray, params: dict[str, Any], seed: int) -> tuple[float, float]:
    """Return the cross-validated accuracy of the frozen features and the pre-training time in seconds."""
    start = time.perf_counter()
    pretrainer = MAEPretrainer(**params, init="random", random_state=seed).fit(X)
    seconds = time.perf_counter() - start
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    folds = StratifiedKFold(4, shuffle=True, random_state=seed)
    return cross_val_score(classifier, pretrainer.transform(X), y, cv=folds).mean(), seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("--size", choices=SIZES, default="default", help="size of the autoencoder")
    parser.add_argument("--ratios", type=float, nargs="+", default=[1.0, 0.5, 0.25], help="values of decode_ratio")
    options = parser.parse_args()
    print("|".join(["", "data set", *(f"decode_ratio={ratio}|fit time (s)" for ratio in options.ratios), ""]))
    print("|".join(["", "---", *["---:|---:"] * len(options.ratios), ""]))
    results = []  # shape (data sets, ratios, seeds, 2); the last axis is accuracy and time
    for name in SETS:
        X, y, _, _ = load(options.data, name)
        variants = [{**SIZES[options.size], "decode_ratio": ratio} for ratio in options.ratios]
        results.append([[measure(X, y, params, seed) for seed in SEEDS] for params in variants])
        _print_row(name, np.mean(results[-1], axis=1))
    means = np.mean(results, axis=0)  # (ratios, seeds, 2)
    _print_row("mean", means.mean(1))
    _print_row("standard deviation over seeds", means.std(1, ddof=1))


def _print_row(name: str, row: np.ndarray) -> None:
    print("|".join(["", name, *(f"{accuracy:.3f}|{seconds:.1f}" for accuracy, seconds in row), ""]), flush=True)


if __name__ == "__main__":
    main()
