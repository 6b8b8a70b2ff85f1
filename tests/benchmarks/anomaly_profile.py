"""Benchmark of anomalies within signals: anomalies of six kinds, planted in synthetic recordings.

Run ``python tests/benchmarks/anomaly_profile.py [--recordings N] [--seed S] [--windows]``. The recordings resemble an
electrocardiogram (ECG), or the acceleration of a walking person. Each method sees 20 normal recordings of 1,000
samples, and then scores each time step of N recordings with one anomaly each. The score is the average precision per
time step, averaged over recordings; there is no point adjustment. The baselines are the matrix profile (the distance of
z-normalised windows from their nearest neighbours in the normal recordings) and Sub-PCA (the reconstruction error of
windows by principal components that explain 95 % of the variance in the normal recordings).

By default, the window length of the baselines is the one that `MAEAnomalyDetector` chooses, the dominant period. With
``--windows``, the baselines are also measured with fixed lengths. Design choices were made with seed 0. The script
prints a Markdown table; the last results are in ``anomaly_profile.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score

from sktsmae import MAEAnomalyDetector
from sktsmae.functional.windows import dominant_period, mean_of_covering_windows

LENGTH, NORMAL = 1000, 20
KINDS = ("spike", "level shift", "variance", "missing beat", "frequency change", "reversed segment")
Planted = tuple[np.ndarray, np.ndarray]


def electrocardiogram(rng: np.random.Generator, kind: str = "", start: int = 0, length: int = 0) -> Planted:
    """Return a recording with five Gaussian waves per beat, and the time steps of a missing beat or fast beats."""
    period, t, changed = rng.uniform(70, 90), np.arange(LENGTH), np.zeros(LENGTH, bool)
    heights = np.array([0.15, -0.1, 1, -0.25, 0.3]) * (1 + 0.1 * rng.normal(size=5))
    beats = np.cumsum(period * (1 + 0.04 * rng.normal(size=40))) - period * rng.uniform(1, 2)
    if kind == "missing beat":
        missing = beats[beats > start][0]
        beats = beats[beats != missing]
        changed[int(missing) - 20 : int(missing) + 30] = True
    if kind == "frequency change":
        faster = np.arange(start + period / 3, start + length - period / 4, period / 1.8)
        beats = np.concatenate([beats[(beats < start) | (beats > start + length)], faster])
        changed[start : start + length] = True
    x = 0.1 * np.sin(2 * np.pi * (t / rng.uniform(300, 500) + rng.random())) + 0.03 * rng.normal(size=LENGTH)
    for height, offset, width in zip(heights, (-14, -2, 0, 2, 20), (2, 0.8, 0.9, 0.8, 3.6), strict=True):
        x += (height * np.exp(-0.5 * ((t[:, None] - beats - offset) / width) ** 2)).sum(1)
    return x, changed


def acceleration(rng: np.random.Generator, kind: str = "", start: int = 0, length: int = 0) -> Planted:
    """Return a recording of steps with four harmonics, and the time steps of a missing step or fast steps."""
    drift = np.convolve(rng.normal(size=LENGTH), np.full(50, 50**-0.5), "same")
    speed, changed = np.exp(0.05 * drift) / rng.uniform(45, 60), np.zeros(LENGTH, bool)
    if kind == "frequency change":
        changed[start : start + length] = True
        speed[changed] *= 1.8
    phase = np.cumsum(speed) + rng.random()
    heights = np.array([1, 0.6, 0.35, 0.2]) * (1 + 0.1 * rng.normal(size=4))
    offsets = np.array([0, 1, 2.2, 0.5]) + 0.1 * rng.normal(size=4)
    harmonics = np.sin(2 * np.pi * np.outer(phase, np.arange(1, 5)) + offsets) @ heights
    x = harmonics * np.exp(0.1 * rng.normal(size=60))[phase.astype(int)]
    if kind == "missing beat":
        changed = phase.astype(int) == int(phase[start]) + 1
        step = x[changed]
        x[changed] = np.linspace(step[0], step[-1], len(step))
    return x + 0.1 * rng.normal(size=LENGTH), changed


def plant(kind: str, family: Callable[..., Planted], rng: np.random.Generator) -> Planted:
    """Return a recording with an anomaly of 50 to 240 samples (a spike: 7 to 9), and its time steps."""
    start, length = int(rng.integers(200, 700)), int(rng.integers(60, 120))
    x, changed = family(rng, kind, start, 2 * length)
    inside, std = slice(start, start + length), x.std()
    if kind == "spike":
        width = int(rng.integers(1, 4))
        x[start : start + width] += rng.choice([-1.5, 1.5]) * std
        inside = slice(start - 3, start + width + 3)
    elif kind == "level shift":
        x[inside] += rng.choice([-0.7, 0.7]) * std
    elif kind == "variance":
        x[inside] += 0.3 * std * rng.normal(size=length)
    elif kind == "reversed segment":
        x[inside] = x[inside][::-1].copy()
    if not changed.any():
        changed[inside] = True
    return x, changed


def windows(X: np.ndarray, length: int, stride: int = 1) -> np.ndarray:
    """Return the windows of recordings."""
    return np.lib.stride_tricks.sliding_window_view(X, length, axis=1)[:, ::stride].reshape(-1, length)


def per_time_step(values: np.ndarray, count: int, length: int) -> np.ndarray:
    """Return the mean value of the windows that contain a time step."""
    return mean_of_covering_windows(torch.from_numpy(values.reshape(count, -1)), length).numpy()


def matrix_profile(train: np.ndarray, test: np.ndarray, length: int) -> np.ndarray:
    """Return the distances of z-normalised windows from every third window of the normal recordings."""
    parts = [torch.from_numpy(windows(X, length, stride)) for X, stride in ((train, 3), (test, 1))]
    normal, new = ((part - part.mean(1, keepdim=True)) / (part.std(1, keepdim=True) + 1e-3) for part in parts)
    nearest = torch.cat([torch.cdist(chunk, normal).amin(1) for chunk in new.split(2000)])
    return per_time_step(nearest.numpy(), len(test), length)


def sub_pca(train: np.ndarray, test: np.ndarray, length: int) -> np.ndarray:
    """Return the reconstruction errors of windows by the principal components of normal windows."""
    pca, new = PCA(0.95).fit(windows(train, length, 3)), windows(test, length)
    errors = ((new - pca.inverse_transform(pca.transform(new))) ** 2).sum(1)
    return per_time_step(errors, len(test), length)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=16, metavar="N", help="recordings per kind of anomaly")
    parser.add_argument("--seed", type=int, default=1, help="seed of the recordings (default: 1)")
    parser.add_argument("--windows", action="store_true", help="also measure the baselines with other window lengths")
    options = parser.parse_args()
    scores: dict[str, dict[str, float]] = {}
    for number, family in enumerate((electrocardiogram, acceleration)):
        rng = np.random.default_rng([options.seed, number])
        train = np.stack([family(rng)[0] for _ in range(NORMAL)]).astype(np.float32)
        period = dominant_period(torch.from_numpy(train)[:, None])
        start = time.perf_counter()
        detector = MAEAnomalyDetector().fit(train)
        print(f"{family.__name__}: period {period}, fit {time.perf_counter() - start:.1f} s", flush=True)
        for kind in KINDS:
            pairs = [plant(kind, family, rng) for _ in range(options.recordings)]
            X, labels = (np.stack(part) for part in zip(*pairs, strict=True))
            X = X.astype(np.float32)
            profiles = {"MAEAnomalyDetector()": detector.anomaly_profile(X)}
            fixed = [50, 80, 120] if options.windows else []
            for name, length in [("", period), *((f", {length} samples", length) for length in fixed)]:
                profiles[f"matrix profile{name}"] = matrix_profile(train, X, length)
                profiles[f"Sub-PCA{name}"] = sub_pca(train, X, length)
            for name, profile in profiles.items():
                precision = [average_precision_score(*pair) for pair in zip(labels, profile, strict=True)]
                scores.setdefault(name, {})[f"{family.__name__}, {kind}"] = float(np.mean(precision))
    print("|".join(["", "recording, anomaly", *scores, ""]))
    print("|".join(["", "---", *["---:"] * len(scores), ""]))
    for row in scores["Sub-PCA"]:
        print("|".join(["", row, *(f"{values[row]:.3f}" for values in scores.values()), ""]))
    for kind in (*KINDS, ""):
        cells = [np.mean([value for row, value in of.items() if row.endswith(kind)]) for of in scores.values()]
        print("|".join(["", f"mean, {kind or 'all'}", *(f"{value:.3f}" for value in cells), ""]))


if __name__ == "__main__":
    main()
