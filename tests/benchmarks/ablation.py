"""Ablation study of the frozen features: cross-validated accuracy with one component changed at a time.

Run ``python tests/benchmarks/ablation.py DATA [--signals N]``. DATA is a folder as for ``accuracy.py``. For each
variant of the features, a ridge classifier is scored by 4-fold cross-validation on the training splits of the 16 data
sets in `accuracy.DEVELOPMENT`. This is repeated with three random seeds for the folds and for pre-training.

The script prints two Markdown tables. The first contains the mean accuracy over all 16 data sets, and over those with
at least 150 training signals. Its encoders are pre-trained for one epoch on N synthetic signals, except the untrained
encoder and the one shipped with the package. For a given seed, all encoders are trained on the same signals. The second
table compares encoders that are pre-trained on SPARwatch. The last results are in ``ablation.md``.
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
# Variants of the wavelet statistics. Each function returns whether to use the feature with the given name.
FEATURE_FILTERS: dict[str, Callable[[str], bool]] = {
    "wavelet statistics (baseline)": lambda name: True,
    "without longest runs": lambda name: "longest" not in name,
    "without random sums of coefficient series": lambda name: "+d" not in name and "-d" not in name,
    "random sums of coefficient series only": lambda name: "+d" in name or "-d" in name,
    "without statistics of the signal itself": lambda name: "_signal_" not in name,
}
# Variants of the wavelet statistics: parameters of CWTTransformer, and whether each signal is standardised first.
TRANSFORMERS: dict[str, tuple[dict[str, Any], bool]] = {
    "without the second difference": ({"diff_orders": (0, 1)}, False),
    "each signal standardised": ({}, True),
    "24 logarithmically spaced scales": ({"cwt_scales": np.geomspace(0.7, 25, 24)}, False),
    "24 linearly spaced scales": ({"cwt_scales": 24}, False),
}
# Changes to `commands.pretrain.RECIPE`, the parameters of the encoder shipped with the package.
ENCODERS: dict[str, dict[str, Any]] = {
    "pre-trained encoder (baseline)": {},
    # Without training, decode_ratio has no effect, and another value than the default would cause a warning.
    "untrained encoder": {"max_epochs": 0, "decode_ratio": 1.0},
    "images standardised per view": {"standardize": True},
    "32 linearly spaced scales": {"cwt_scales": 32},
    'boundary="zeros"': {"boundary": "zeros"},
    'masking="patches"': {"masking": "patches"},
}
# Changes to how the embedding of the baseline encoder is computed from its tokens. The published design is that of the
# reference implementation of CWT-MAE-RoPE.
READOUTS: dict[str, dict[str, Any]] = {
    "mean of the tokens": {"pooling": "mean"},
    "last layer only": {"readout_layers": None},
    "last layer only, mean of the tokens (published design)": {"readout_layers": None, "pooling": "mean"},
}
# Changes to the default parameters of a pretrainer that is fitted on SPARwatch, a data set whose classes differ in
# amplitude.
SPARWATCH: dict[str, dict[str, Any]] = {
    "images standardised per view (default)": {},
    "images standardised per scale": {"standardize": "per_scale"},
}

FeatureFunction = Callable[[np.ndarray], np.ndarray]


def score(features: FeatureFunction, folder: Path, seed: int) -> tuple[float, ...]:
    """Return the mean accuracy over the development sets, and over those with at least 150 training signals."""
    accuracies, sizes = [], []
    for name in DEVELOPMENT:
        X, y, _, _ = load(folder, name)
        model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)))
        folds = StratifiedKFold(4, shuffle=True, random_state=seed)
        accuracies.append(cross_val_score(model, features(X), y, cv=folds).mean())
        sizes.append(len(X))
    return float(np.mean(accuracies)), float(np.mean(np.array(accuracies)[np.array(sizes) >= 150]))


def filtered_statistics(is_used: Callable[[str], bool]) -> FeatureFunction:
    """Return a function that computes those wavelet statistics whose name satisfies a condition."""

    def features(X: np.ndarray) -> np.ndarray:
        transformer = CWTTransformer(output="statistics").fit(X)
        columns = [is_used(name) for name in transformer.get_feature_names_out()]
        return transformer.transform(X)[:, columns]

    return features


def statistics_with_params(params: dict[str, Any], standardised: bool) -> FeatureFunction:
    """Return a function that computes wavelet statistics with parameters, optionally of standardised signals."""

    def features(X: np.ndarray) -> np.ndarray:
        X = StandardScaler().fit_transform(X.T).T if standardised else X
        return CWTTransformer(output="statistics", **params).fit_transform(X)

    return features


def score_sparwatch(params: dict[str, Any], seed: int) -> float:
    """Return the cross-validated accuracy on SPARwatch of a ridge classifier on the embedding of an encoder.

    The encoder is pre-trained on all signals, without labels. The persons in a test fold are not in the training folds.
    """
    bunch = load_sparwatch()
    embeddings = MAEPretrainer(init="random", max_epochs=15, random_state=seed, **params).fit_transform(bunch.data)
    model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-1, 5, 13)))
    splitters = (StratifiedGroupKFold(4, shuffle=True, random_state=shuffle_seed) for shuffle_seed in range(3))
    return float(
        np.mean([cross_val_score(model, embeddings, bunch.target, groups=bunch.groups, cv=cv) for cv in splitters])
    )


def report(name: str, scores: list[tuple[float, ...]]) -> None:
    """Print a row of a table: the mean and the standard deviation over the seeds of each column of `scores`."""
    cells = [f"{np.mean(column):.4f}|{np.std(column, ddof=1):.4f}" for column in zip(*scores, strict=True)]
    print("|".join(["", name, *cells, ""]), flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("--signals", type=int, default=12_800, help="number of synthetic signals for pre-training")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The least populated class")
    print(
        "|features|mean accuracy, 16 data sets|standard deviation over seeds"
        "|mean accuracy, 9 data sets with at least 150 signals|standard deviation over seeds|"
    )
    print("|---|---:|---:|---:|---:|")
    for name, is_used in FEATURE_FILTERS.items():
        report(name, [score(filtered_statistics(is_used), options.data, seed) for seed in SEEDS])
    for name, (params, standardised) in TRANSFORMERS.items():
        report(name, [score(statistics_with_params(params, standardised), options.data, seed) for seed in SEEDS])
    readout_scores: dict[str, list[tuple[float, ...]]] = {name: [] for name in READOUTS}
    for name, changes in ENCODERS.items():
        scores = []
        for seed in SEEDS:
            X = make_signals(options.signals, SIGNAL_LEN, random_state=seed)
            encoder = MAEPretrainer(**{**RECIPE, "max_epochs": 1, **changes}, random_state=seed).fit(X)
            scores.append(score(encoder.transform, options.data, seed))
            if not changes:  # the baseline
                for readout, params in READOUTS.items():
                    original = encoder.get_params()
                    readout_scores[readout].append(score(encoder.set_params(**params).transform, options.data, seed))
                    encoder.set_params(**original)
        report(name, scores)
    for name, scores in readout_scores.items():
        report(name, scores)
    shipped = MAEPretrainer.from_pretrained()
    report("encoder shipped with the package", [score(shipped.transform, options.data, seed) for seed in SEEDS])
    print("\n|pre-training on SPARwatch|accuracy|standard deviation over seeds|\n|---|---:|---:|")
    for name, params in SPARWATCH.items():
        report(name, [(score_sparwatch(params, seed),) for seed in SEEDS])


if __name__ == "__main__":
    main()
