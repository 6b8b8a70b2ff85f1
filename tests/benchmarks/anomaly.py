"""Benchmark of anomaly detection: one class of a data set is normal, and the others are anomalies.

Run ``python tests/benchmarks/anomaly.py DATA [SET ...] [--development]``, with DATA as for ``accuracy.py``. Each class
with at least ten training signals is normal in turn. The detectors are fitted on its training signals, and the score
is the area under the ROC curve (AUROC) for the test signals of this class against those of the others. To limit the
time, at most three classes per data set are normal (evenly spaced), with at most 100 training signals, 50 normal test
signals and 50 anomalies, drawn at random.

With ``--development``, design choices are compared instead, without test splits: the detectors are fitted on half of
the training signals of the normal class, and tested on the other half and on the training signals of the other
classes. Only the data sets in `accuracy.DEVELOPMENT` are used.

The script prints a Markdown table; the last results are in ``anomaly.md``.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accuracy import DEVELOPMENT, load
from scipy.stats import rankdata
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from sktsmae import CWTTransformer, MAEAnomalyDetector, MAEPretrainer

MIN_SIGNALS, MAX_CLASSES, MAX_TRAIN, MAX_TEST = 10, 3, 100, 50
OURS = "MAEAnomalyDetector()"
Method = Callable[[np.ndarray, np.ndarray], np.ndarray]


def detect(train: np.ndarray, test: np.ndarray, **params: object) -> np.ndarray:
    """Return the anomaly scores of the detector of this package."""
    return -MAEAnomalyDetector(window_length=None, **params).fit(train).score_samples(test)


def simple_features(X: np.ndarray) -> np.ndarray:
    """Return mean, standard deviation, quantiles, and the mean and standard deviation of the absolute difference."""
    quantiles = np.quantile(X, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], axis=1).T
    steps = np.abs(np.diff(X, axis=1))
    return np.column_stack([X.mean(1), X.std(1), quantiles, steps.mean(1), steps.std(1)])


def scikit_learn(train: np.ndarray, test: np.ndarray, name: str, features: str) -> np.ndarray:
    """Return the anomaly scores of a detector of scikit-learn on standardised samples or standardised features."""
    transform = {"raw": np.asarray, "simple": simple_features}[features]
    detectors = {
        "IsolationForest": IsolationForest(random_state=0),
        "LocalOutlierFactor": LocalOutlierFactor(novelty=True, n_neighbors=min(20, len(train) - 1)),
        "OneClassSVM": OneClassSVM(),
    }
    detector = make_pipeline(StandardScaler(), detectors[name]).fit(transform(train))
    return -detector.score_samples(transform(test))


def nearest(train: np.ndarray, test: np.ndarray, k: int = 1) -> np.ndarray:
    """Return the mean distance to the k nearest training signals."""
    return NearestNeighbors(n_neighbors=min(k, len(train))).fit(train).kneighbors(test)[0].mean(1)


BASELINES: dict[str, Method] = {
    f"{name}, {features}": partial(scikit_learn, name=name, features=features)
    for features in ("raw", "simple")
    for name in ("IsolationForest", "LocalOutlierFactor", "OneClassSVM")
} | {"1-NN distance, raw": nearest}


def on_features(train: np.ndarray, test: np.ndarray, method: Method) -> np.ndarray:
    """Return the sum of the logarithmic scores of a method on standardised statistics and competing kernels."""
    total = np.zeros(len(test))
    for kind in ("statistics", "competition"):
        transformer = CWTTransformer(output=kind).fit(train)
        a, b = transformer.transform(train), transformer.transform(test)
        scale = a.std(0) + np.median(a.std(0)) / 2
        a, b = (np.clip((part - a.mean(0)) / scale, -3, 3) for part in (a, b))
        total += np.log(np.maximum(method(a, b), 1e-9))
    return total


def ledoit_wolf(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the Mahalanobis distance on principal components, with the covariance matrix of Ledoit and Wolf."""
    pca = PCA(0.99, svd_solver="full").fit(train)
    return LedoitWolf().fit(pca.transform(train)).mahalanobis(pca.transform(test))


def embedded(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the distance to the nearest training signal, between standardised embeddings."""
    encoder = MAEPretrainer.from_pretrained()
    scaler = StandardScaler().fit(features := encoder.transform(train))
    return nearest(scaler.transform(features), scaler.transform(encoder.transform(test)))


def reconstruct(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the reconstruction error of a pretrainer that is fitted on the normal signals."""
    return -MAEPretrainer(random_state=0).fit(train).score_samples(test)


def both(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the mean rank by distance and by reconstruction error."""
    return rankdata(detect(train, test)) + rankdata(reconstruct(train, test))


def disagree(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the difference of two reconstructions, as in TFMAE (Y. Fang et al., ICDE 2024).

    The first one does not see the times of the highest variance; the second one does not see the scales of the lowest
    amplitude.
    """
    model = MAEPretrainer(random_state=0).fit(train).model_
    rows, columns = model.encoder.grid_size
    with torch.inference_mode():
        image = model.scalogram(torch.from_numpy(np.asarray(test, np.float32)))
        patches = model.encoder.patchify(image).unflatten(1, (rows, columns))
        variance = patches[:, 0].var(-1)[:, None].expand(-1, rows, -1)  # of the finest scales, in each column
        weakness = -patches.square().mean((2, 3))[..., None].expand(-1, -1, columns)
        ties = 1e-3 * torch.rand(len(patches), rows, columns, generator=torch.Generator().manual_seed(0))
        first, second = (model.reconstruct(image, (noise + ties).flatten(1)) for noise in (variance, weakness))
        return (first.pred_spec - second.pred_spec).square().mean((1, 2)).numpy()


KINDS = ("summary", "statistics", "positions", "competition", "spectrum")
VARIANTS: dict[str, Method] = {
    **{kind: partial(detect, features=(kind,)) for kind in KINDS},
    "statistics, competition, spectrum": partial(detect, features=("statistics", "competition", "spectrum")),
    "all five": partial(detect, features=KINDS),
    "default features, 1-NN": partial(on_features, method=nearest),
    "default features, 3-NN": partial(on_features, method=partial(nearest, k=3)),
    "default features, PCA and Ledoit-Wolf": partial(on_features, method=ledoit_wolf),
    "embedding, 1-NN": embedded,
    "reconstruction": reconstruct,
    "distance and reconstruction, mean rank": both,
    "disagreement of two masks": disagree,
}


def splits(folder: Path, name: str, development: bool) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the training signals, the test signals and the labels (1 for an anomaly) for each normal class."""
    X, y, X_test, y_test = load(folder, name)
    classes = [label for label in np.unique(y) if (y == label).sum() >= MIN_SIGNALS]
    for number in sorted({round(place) for place in np.linspace(0, len(classes) - 1, min(MAX_CLASSES, len(classes)))}):
        rng = np.random.default_rng(number)
        normal = rng.permutation(np.flatnonzero(y == classes[number]))
        train, rest = normal[:MAX_TRAIN], np.flatnonzero(y_test == classes[number])
        if development:
            half = len(normal) // 2
            train, rest, X_test, y_test = normal[:half][:MAX_TRAIN], normal[half:], X, y
        inliers = rng.permutation(rest)[:MAX_TEST]
        outliers = rng.permutation(np.flatnonzero(y_test != classes[number]))[:MAX_TEST]
        test = np.concatenate([inliers, outliers])
        yield X[train], X_test[test], np.repeat([0, 1], [len(inliers), len(outliers)])


def measure(folder: Path, name: str, methods: dict[str, Method], development: bool) -> dict[str, float]:
    """Return the columns of a data set: means over its normal classes."""
    runs = []
    for train, test, labels in splits(folder, name, development):
        start = time.perf_counter()
        detector = MAEAnomalyDetector(window_length=None).fit(train)  # windows do not change the scores
        scores = -detector.score_samples(test)
        seconds = time.perf_counter() - start
        alarms = scores > -detector.offset_
        run = {OURS: roc_auc_score(labels, scores)}
        run |= {title: roc_auc_score(labels, method(train, test)) for title, method in methods.items()}
        run |= {"false alarms": alarms[labels == 0].mean(), "detected": alarms[labels == 1].mean()}
        runs.append({"classes": 0.0, **run, "time (s)": seconds})
    return {**{column: float(np.mean([run[column] for run in runs])) for column in runs[0]}, "classes": len(runs)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with the data sets")
    parser.add_argument("sets", nargs="*", metavar="SET", help="names of data sets (default: those in published.csv)")
    parser.add_argument("--development", action="store_true", help="compare design choices, without test splits")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = options.data / "published.csv"
    with open(table if table.exists() else options.data.parent / "published.csv", newline="") as file:
        published = {row["dataset"] for row in csv.DictReader(file)}
    available = [path.stem for path in sorted(options.data.glob("*.npz")) if path.stem in published]
    methods = VARIANTS if options.development else BASELINES
    rows: list[dict[str, float]] = []
    for name in options.sets or (DEVELOPMENT if options.development else available):
        if not any(True for _ in splits(options.data, name, options.development)):
            print(f"|{name}|no class has {MIN_SIGNALS} training signals|")
            continue
        row = measure(options.data, name, methods, options.development)
        if not rows:
            print("|".join(["", "data set", *row, ""]))
            print("|".join(["", "---", *["---:"] * len(row), ""]))
        rows.append(row)
        print_row(name, row)
    print_row("mean", {column: float(np.mean([row[column] for row in rows])) for column in rows[0]})


def print_row(name: str, row: dict[str, float]) -> None:
    """Print a row of the table."""
    digits = {"classes": 0, "time (s)": 1}
    print(
        "|".join(["", name, *(f"{value:.{digits.get(column, 3)}f}" for column, value in row.items()), ""]), flush=True
    )


if __name__ == "__main__":
    main()
