"""What each part of the frozen features is worth: parts on and off, on training folds of the development sets.

``python tests/benchmarks/ablation.py DATA [--signals N]``: for three seeds, which shuffle the folds and seed what is
trained, the accuracy of a ridge classifier on the features in four folds of the training split, the mean over the 16
sets of `accuracy.DEVELOPMENT` and over the larger ones. Encoders are pre-trained here on N synthetic signals, once
over, so that all have had the same. Prints a Markdown table; its last result is in ``ablation.md`` beside it.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import DEVELOPMENT, load
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktsmae import CWTTransformer, MAEPretrainer
from sktsmae.commands.pretrain import RECIPE, SIGNAL_LEN
from sktsmae.datasets import load_sparwatch, make_signals

SEEDS = range(3)
# Which columns of the statistics stay, by their names.
STATISTICS: dict[str, Callable[[str], bool]] = {
    "statistics": lambda name: True,
    "without longest runs": lambda name: "longest" not in name,
    "without quarters": lambda name: "part" not in name,
    "without sums of rows": lambda name: "+d" not in name and "-d" not in name,
    "sums of rows alone": lambda name: "+d" in name or "-d" in name,
    "without the signal's own row": lambda name: "_signal_" not in name,
}
TRANSFORMERS: dict[str, tuple[dict[str, Any], bool]] = {  # parameters; whether signals are standardised
    "without the second difference": ({"diff_orders": (0, 1)}, False),
    "signals standardised": ({}, True),
    "24 scales in equal ratios": ({"cwt_scales": np.geomspace(0.7, 25, 24)}, False),
    "24 linear scales": ({"cwt_scales": 24}, False),
}
# What is changed in the recipe of the encoder.
ENCODERS: dict[str, dict[str, Any]] = {
    "encoder": {},
    "untrained": {"max_epochs": 0},
    "images standardised by view": {"standardize": True},
    "linear scales": {"cwt_scales": 32},
    "zeros outside the ends": {"boundary": "zeros"},
    "single patches masked": {"masking": "patches"},
    "instance loss beside": {"instance_loss_weight": 0.5},
}
# What is changed in reading the first of them out.
READOUTS: dict[str, dict[str, Any]] = {
    "mean of the tokens": {"pooling": "mean"},
    "the last layer": {"readout_layers": None},
    "the last layer, mean of the tokens (published)": {"readout_layers": None, "pooling": "mean"},
}

# Own training, where amplitudes tell classes apart.
OWN: dict[str, dict[str, Any]] = {
    "images standardised by view (default)": {},
    "images standardised by row": {"standardize": "per_scale"},
}

Features = Callable[[np.ndarray], np.ndarray]


def score(features: Features, folder: Path, seed: int) -> tuple[float, ...]:
    """Return the mean accuracies over the development sets, and over those of 150 signals and more."""
    accuracies, sizes = [], []
    for name in DEVELOPMENT:
        X, y, _, _ = load(folder, name)
        model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)))
        folds = StratifiedKFold(4, shuffle=True, random_state=seed)
        accuracies.append(cross_val_score(model, features(X), y, cv=folds).mean())
        sizes.append(len(X))
    return float(np.mean(accuracies)), float(np.mean(np.array(accuracies)[np.array(sizes) >= 150]))


def statistics_with(keep: Callable[[str], bool]) -> Features:
    """Return the statistics, some columns of them."""

    def features(X: np.ndarray) -> np.ndarray:
        transformer = CWTTransformer(output="statistics").fit(X)
        kept = [keep(name) for name in transformer.get_feature_names_out()]
        return transformer.transform(X)[:, kept]

    return features


def statistics_of(params: dict[str, Any], standardised: bool) -> Features:
    """Return the statistics of another transformer."""

    def features(X: np.ndarray) -> np.ndarray:
        X = StandardScaler().fit_transform(X.T).T if standardised else X
        return CWTTransformer(output="statistics", **params).fit_transform(X)

    return features


def score_own(params: dict[str, Any], seed: int) -> float:
    """Return the accuracy on persons left out of a ridge classifier on features of an encoder of SPARwatch itself."""
    bunch = load_sparwatch()
    features = MAEPretrainer(max_epochs=15, random_state=seed, **params).fit_transform(bunch.data)
    model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-1, 5, 13)))
    folds = (StratifiedGroupKFold(4, shuffle=True, random_state=shuffle) for shuffle in range(3))
    return float(
        np.mean([cross_val_score(model, features, bunch.target, groups=bunch.groups, cv=fold) for fold in folds])
    )


def report(name: str, scores: list[tuple[float, ...]]) -> None:
    """Print a row of the table."""
    cells = [f"{np.mean(column):.4f}|{np.std(column, ddof=1):.4f}" for column in zip(*scores, strict=True)]
    print("|".join(["", name, *cells, ""]), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--signals", type=int, default=12_800)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The least populated class")
    print("|features|16 sets|deviation over seeds|9 sets of 150 signals and more|deviation over seeds|")
    print("|---|---:|---:|---:|---:|")
    for name, keep in STATISTICS.items():
        report(name, [score(statistics_with(keep), options.data, seed) for seed in SEEDS])
    for name, (params, standardised) in TRANSFORMERS.items():
        report(name, [score(statistics_of(params, standardised), options.data, seed) for seed in SEEDS])
    read_out: dict[str, list[tuple[float, ...]]] = {name: [] for name in READOUTS}
    for name, changes in ENCODERS.items():
        scores = []
        for seed in SEEDS:
            X = make_signals(options.signals, SIGNAL_LEN, random_state=seed)
            encoder = MAEPretrainer(**{**RECIPE, "max_epochs": 1, **changes}, random_state=seed).fit(X)
            scores.append(score(encoder.transform, options.data, seed))
            if not changes:
                for other, params in READOUTS.items():
                    before = encoder.get_params()
                    read_out[other].append(score(encoder.set_params(**params).transform, options.data, seed))
                    encoder.set_params(**before)
        report(name, scores)
    for name, scores in read_out.items():
        report(name, scores)
    shipped = MAEPretrainer.from_pretrained()
    report("the shipped encoder", [score(shipped.transform, options.data, seed) for seed in SEEDS])
    print("\n|own training on SPARwatch|accuracy|deviation over seeds|\n|---|---:|---:|")
    for name, params in OWN.items():
        report(name, [(score_own(params, seed),) for seed in SEEDS])


if __name__ == "__main__":
    main()
