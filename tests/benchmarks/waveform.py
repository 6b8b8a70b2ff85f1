"""Benchmark of the wavelet image: embeddings of encoders that are pre-trained on images or on raw signals.

Run ``python tests/benchmarks/waveform.py DATA [--signals N] [--tokens N ...]``. DATA is a folder as for
``accuracy.py``. Encoders of the same size, with the same number of tokens per signal, are pre-trained on the same N
synthetic signals. The frozen embeddings are compared by a ridge classifier with 4-fold cross-validation on the training
splits of the data sets in `SETS`. This is repeated with three random seeds for the signals, for pre-training and for
the folds.

The script prints a Markdown table; the last results are in ``waveform.md``. Differences are from the first encoder with
the same number of tokens.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import load
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktsmae import MAEPretrainer
from sktsmae.commands.pretrain import RECIPE, SIGNAL_LEN
from sktsmae.datasets import make_signals

# The sets of `accuracy.DEVELOPMENT` with at least 150 training signals.
SETS = [
    "Adiac", "Computers", "DistalPhalanxTW", "Earthquakes", "Fish", "LargeKitchenAppliances",
    "MiddlePhalanxOutlineCorrect", "PowerCons", "WordSynonyms",
]  # fmt: skip
SEEDS = range(3)
# Parameters of all encoders.
PRETRAINER: dict[str, Any] = {"init": "random", "signal_len": SIGNAL_LEN, "embed_dim": 64, "depth": 2, "device": "cpu"}
# A training step on images takes this many times as long as one on waveforms, because of the wavelet transform.
TIME_RATIO = 1.75
IMAGE, WAVEFORM = {"representation": "image"}, {"representation": "waveform"}
# With the parameters of the encoder in the package, an image has 256 patches of 8 scales and 8 samples.
FINE = {name: RECIPE[name] for name in ("mask_ratio", "decode_ratio")}
FINE_IMAGE = {**IMAGE, **FINE, "patch_size": RECIPE["patch_size"], "standardize": RECIPE["standardize"]}
# For each number of tokens and each encoder, parameters of the pretrainer, and the number of training signals relative
# to N. Each encoder sees each of its signals once. 64 tokens are the default.
ENCODERS: dict[int, dict[str, tuple[dict[str, Any], float]]] = {
    64: {
        "image": (IMAGE, 1),
        "waveform, as many steps": (WAVEFORM, 1),
        "waveform, as much time": (WAVEFORM, TIME_RATIO),
        "image, untrained": ({**IMAGE, "max_epochs": 0}, 1),
        "waveform, untrained": ({**WAVEFORM, "max_epochs": 0}, 1),
    },
    256: {
        "image": (FINE_IMAGE, 1),
        "waveform, as many steps": ({**WAVEFORM, **FINE, "patch_size": (1, 2)}, 1),
    },
}
POOLINGS = ("bands", "mean")


def accuracies(features: Callable[[np.ndarray], np.ndarray], folder: Path, seed: int) -> list[float]:
    """Return the cross-validated accuracy of a ridge classifier on features for each data set in `SETS`."""
    scores = []
    for name in SETS:
        X, y, _, _ = load(folder, name)
        model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)))
        folds = StratifiedKFold(4, shuffle=True, random_state=seed)
        scores.append(float(cross_val_score(model, features(X), y, cv=folds).mean()))
    return scores


def pretrain(params: dict[str, Any], X: np.ndarray, seed: int) -> MAEPretrainer:
    """Return a pretrainer that was trained on signals for one epoch."""
    return MAEPretrainer(**{**PRETRAINER, "max_epochs": 1, **params}, random_state=seed).fit(X)


def measure(params: dict[str, Any], n_signals: int, folder: Path) -> tuple[int, float, dict[str, np.ndarray]]:
    """Return the number of training steps, their median CPU time over the seeds, and the accuracies by pooling."""
    seconds, scores = [], {pooling: [] for pooling in POOLINGS}
    for seed in SEEDS:
        X = make_signals(n_signals, SIGNAL_LEN, random_state=seed)
        start = time.process_time()
        pretrainer = pretrain(params, X, seed)
        seconds.append(time.process_time() - start)
        for pooling in POOLINGS:
            scores[pooling].append(accuracies(pretrainer.set_params(pooling=pooling).transform, folder, seed))
    steps = pretrainer.n_iter_ * -(-n_signals // pretrainer.batch_size)
    return steps, float(np.median(seconds)), {pooling: np.array(values) for pooling, values in scores.items()}


def compare(scores: np.ndarray, baseline: np.ndarray) -> str:
    """Return the mean accuracy, and its difference from a baseline in percentage points with its standard error.

    Both arrays have the shape (seeds, data sets). The standard error is over the data sets: the difference on a data
    set is averaged over the seeds first.
    """
    differences = 100 * (scores - baseline).mean(0)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return f"{scores.mean():.4f}|{differences.mean():+.1f} ± {error:.1f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("--signals", type=int, default=25_600, help="number of synthetic signals for pre-training")
    parser.add_argument("--tokens", type=int, nargs="+", choices=ENCODERS, default=[*ENCODERS], help="rows to print")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The least populated class")
    columns = [f"accuracy, {pooling}|difference" for pooling in POOLINGS]
    print("|".join(["", "tokens", "encoder", "steps", "CPU seconds per step", *columns, ""]))
    print("|---:|---|---:|---:|" + "---:|" * 4, flush=True)
    for tokens in options.tokens:
        baselines: dict[str, np.ndarray] = {}
        for name, (params, factor) in ENCODERS[tokens].items():
            n_signals = round(factor * options.signals)
            steps, seconds, scores = measure(params, n_signals, options.data)
            cells = [str(steps), f"{seconds / steps:.3f}" if steps else ""]
            cells += [compare(scores[pooling], baselines.setdefault(pooling, scores[pooling])) for pooling in POOLINGS]
            print("|".join(["", str(tokens), name, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
