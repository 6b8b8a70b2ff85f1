"""Benchmark of the ensemble of linear models in `MAEClassifier()`, and of the priors of its weights.

Run ``python tests/benchmarks/ensemble.py DATA [SET ...]``, with DATA as for ``accuracy.py``. Only the training splits
of the development sets are used. k signals per class are drawn for training and the rest of the training split is for
validation; "all" is stratified 2-fold cross-validation. Every variant changes one thing. The script prints a Markdown
table of the mean accuracy and log-loss over the data sets; the last results are in ``ensemble.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from accuracy import DEVELOPMENT, load
from scipy.special import softmax
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from sktsmae import MAEPretrainer
from sktsmae.models import LinearProbeClassifier
from sktsmae.models.features import FEATURES, FeatureContext, Features
from sktsmae.models.piecewise_linear import PiecewiseLinearBasis
from sktsmae.models.probe import model_inputs
from sktsmae.training import mixture, probe
from sktsmae.training.features import FeaturesInMemory, KindFeatures
from sktsmae.training.probe import fit_classifier_probe

LABELS = [1, 2, 5, 10, None]  # signals per class; None is 2-fold cross-validation
DRAWS = 2
BATCH = 64


class Cached(Features):
    """Features that were computed before: some columns of a matrix."""

    def __init__(self, columns: slice, kind: type[Features] | Cached, prior_weight: float) -> None:
        super().__init__()
        self.columns = columns
        self.shared, self.joined, self.prior_weight = kind.shared, kind.joined, prior_weight  # type: ignore[misc]

    @classmethod
    def from_context(cls, context: FeatureContext) -> Features:
        """Raise an error, because the features are not computed from signals."""
        raise NotImplementedError

    @property
    def out_features(self) -> int:
        """Number of columns."""
        return self.columns.stop - self.columns.start

    def feature_names(self, scale_names: object = None) -> list[str]:
        """Return no names."""
        return []

    def compute(self, x: Tensor) -> Tensor:
        """Return the columns."""
        return x[:, self.columns]


def compute(X: np.ndarray) -> tuple[np.ndarray, dict[str, Cached]]:
    """Return all features of signals of one channel (n, F), and the columns of each kind."""
    encoder = MAEPretrainer.from_pretrained()
    signals = torch.from_numpy(X.astype(np.float32))
    context = FeatureContext(
        n_channels=1,
        n_timepoints=X.shape[-1],
        signal_encoder=encoder.model_.signal_encoder,
        pooling=encoder.pooling,
        layers=encoder.readout_layers,
        thresholds=encoder.thresholds_,
    )
    parts: list[np.ndarray] = []
    columns: dict[str, Cached] = {}
    for name, kind in FEATURES.items():
        features = kind.from_context(context)
        with torch.inference_mode():
            if kind.max_fit_signals:
                features.fit(signals.split(BATCH), len(signals))
            parts.append(torch.cat([features(batch) for batch in signals.split(BATCH)]).numpy())
        start = sum(part.shape[1] for part in parts[:-1])
        columns[name] = Cached(slice(start, start + parts[-1].shape[1]), kind, kind.prior_weight)
    return np.concatenate(parts, axis=1), columns


def splits(codes: np.ndarray, k: int | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield indices of training and validation signals."""
    if k is None:
        yield from StratifiedKFold(2, shuffle=True, random_state=0).split(codes, codes)
        return
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        chosen = np.concatenate([rng.permutation(np.flatnonzero(codes == code))[:k] for code in np.unique(codes)])
        rest = np.setdiff1d(np.arange(len(codes)), chosen)
        if len(rest) >= len(codes) / 4:
            yield np.sort(chosen), rest


def variants(columns: dict[str, Cached]) -> dict[str, dict[str, object]]:
    """Return the changes of each variant: prior weights by kind, basis of the features, pseudo-samples, factor."""
    # Without a pretrainer, no linear model uses the embedding of an encoder.
    default = {name: cached.prior_weight * (name != "embedding") for name, cached in columns.items()}
    used = [name for name, weight in default.items() if weight]
    changed: dict[str, dict[str, object]] = {"default": {}}
    changed |= {f"without {name}": {"weights": {**default, name: 0}} for name in used}
    changed["without statistics + competition"] = {"joined": False}
    changed |= {f"only {name}": {"weights": {name: 1}} for name in default}
    changed["only statistics + competition"] = {"weights": {"statistics": 1, "competition": 1}, "only joined": True}
    for name, weight in [
        ("summary", 0.1),
        ("summary", 1.0),
        ("quarters", 1.0),
        ("shapelets", 1.0),
        ("spectrum", 1.0),
        ("embedding", 0.3),
        ("embedding", 1.0),
    ]:
        changed[f"prior weight of {name} {weight:g}"] = {"weights": {**default, name: weight}}
    changed["linear"] = {"linear": True, "limit": np.inf}
    changed |= {f"features limited to {limit:g}": {"limit": limit} for limit in (1.5, 3.0, np.inf)}
    changed |= {f"{number} pseudo-samples": {"pseudo_samples": number} for number in (3, 30)}
    changed |= {f"expected factor {factor:g}": {"factor": factor} for factor in (1.0, 10.0)}
    return {variant: {"weights": default, **change} for variant, change in changed.items()}


def evaluate(
    X: np.ndarray, codes: np.ndarray, fit: np.ndarray, test: np.ndarray, columns: dict[str, Cached], change: dict
) -> tuple[float, float]:
    """Return the accuracy and the log-loss of one variant."""
    weights = change["weights"]
    used = {
        name: Cached(kind.columns, kind, weights.get(name, 0))
        for name, kind in columns.items()
        if weights.get(name) or kind.shared
    }
    inputs = [model_input for model_input in model_inputs(used) if weights.get(model_input.kinds[-1])]
    if not change.get("joined", True):
        inputs = [model_input for model_input in inputs if len(model_input.kinds) < 3]
    if change.get("only joined"):
        inputs = [model_input for model_input in inputs if len(model_input.kinds) == 3]
    cached = {}
    with (
        mock.patch.object(LinearProbeClassifier, "limit", change.get("limit", LinearProbeClassifier.limit)),
        mock.patch.object(mixture, "PSEUDO_SAMPLES", change.get("pseudo_samples", mixture.PSEUDO_SAMPLES)),
        mock.patch.object(probe, "EXPECTED_FACTOR", change.get("factor", probe.EXPECTED_FACTOR)),
    ):
        model = LinearProbeClassifier(used, codes.max() + 1, inputs)
        for name, kind in used.items():
            raw = torch.from_numpy(np.ascontiguousarray(X[fit][:, kind.columns]))
            basis = PiecewiseLinearBasis(kind.out_features, model.limit)
            basis.fit(raw, torch.ones(len(raw)))
            cached[name] = KindFeatures(basis(raw).numpy(), basis)
            if change.get("linear"):
                cached[name].values[:, kind.out_features :] = 0
        features = FeaturesInMemory(model, X, fit, np.ones(len(fit)), 1, torch.device("cpu"), lambda step: None)
        with mock.patch.object(features, "compute", cached.__getitem__):
            fit_classifier_probe(model, features, codes[fit], np.ones(len(fit)))
    with torch.inference_mode():
        probabilities = softmax(model(torch.from_numpy(X[test])).double().numpy(), axis=1)
    accuracy = np.mean(probabilities.argmax(1) == codes[test])
    return float(accuracy), log_loss(codes[test], probabilities, labels=np.arange(codes.max() + 1))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets, as for accuracy.py")
    parser.add_argument("sets", nargs="*", metavar="SET", help="names of data sets (default: the development sets)")
    options = parser.parse_args()
    results: dict[tuple[str, int | None], list[np.ndarray]] = {}
    for name in options.sets or DEVELOPMENT:
        signals, y, _, _ = load(options.data, name)
        codes = np.unique(y, return_inverse=True)[1]
        X, columns = compute(signals)
        changes = variants(columns)
        for k in LABELS:
            chosen = list(splits(codes, k))
            for variant, change in changes.items():
                scores = [evaluate(X, codes, fit, test, columns, change) for fit, test in chosen]
                if scores:
                    results.setdefault((variant, k), []).append(np.mean(scores, axis=0))
    print("|".join(["", "variant", *(f"{k or 'all'}: accuracy|log-loss" for k in LABELS), ""]))
    print("|".join(["", "---", *["---:|---:"] * len(LABELS), ""]))
    for variant in dict.fromkeys(variant for variant, _ in results):
        means = [np.mean(results.get((variant, k), [[np.nan] * 2]), axis=0) for k in LABELS]
        print("|".join(["", variant, *(f"{accuracy:.3f}|{loss:.3f}" for accuracy, loss in means), ""]))


if __name__ == "__main__":
    main()
