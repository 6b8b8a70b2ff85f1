"""Benchmark on generated problems. At least one family of classifiers cannot solve each of them.

Run ``python tests/benchmarks/blind_spots.py [--draws 5] [--file SET.npz ...]``. aeon is required (extra ``bench``).
Every problem has two classes and ten training signals per class unless its docstring says otherwise. The training and
test signals are drawn anew for each draw. The script prints a Markdown table of mean test accuracies and their standard
errors; the last results are in ``blind_spots.md``. ``--file`` adds real data sets in the format of ``accuracy.py``, of
which ten training signals per class are drawn.

Peers that need equal lengths get signals that are extended with their last value. Peers of a single channel get all
channels one after the other.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import load
from aeon.classification.convolution_based import MultiRocketHydraClassifier
from aeon.classification.feature_based import Catch22Classifier
from aeon.classification.interval_based import QUANTClassifier
from labels import draw
from scipy.signal import butter, sosfilt, welch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sktsmae import MAEClassifier

# Maximum number of test signals, and of samples of all test signals.
TEST_SIGNALS, TEST_SAMPLES = 100, 800_000
Rng = np.random.Generator


def _band(rng: Rng, low: float, high: float, length: int) -> np.ndarray:
    """Return noise of unit variance in a band of frequencies (cycles per sample)."""
    noise = sosfilt(butter(4, [2 * low, 2 * high], "bandpass", output="sos"), rng.standard_normal(length + 500))[500:]
    return noise / noise.std()


def _add(signal: np.ndarray, start: int, motif: np.ndarray) -> None:
    signal[start : start + len(motif)] += motif


_TIME = np.linspace(0, 1, 60, endpoint=False)
_WINDOW = np.hanning(60)
_RISING = _WINDOW * np.sin(2 * np.pi * (2 * _TIME + 5 * _TIME**2))  # a chirp
_BUMP = _WINDOW * np.sign(np.sin(2 * np.pi * 3 * _TIME))


def narrow_bands(rng: Rng, label: int) -> np.ndarray:
    """Which of two close narrow bands is stronger; 500 samples."""
    first, second = (1.0, 0.6) if label else (0.6, 1.0)
    pink = np.cumsum(rng.standard_normal(500)) * 0.1
    return first * _band(rng, 0.095, 0.105, 500) + second * _band(rng, 0.11, 0.12, 500) + pink


def modulation_rate(rng: Rng, label: int) -> np.ndarray:
    """Rate of the amplitude modulation of a carrier: 4 or 7 cycles in 500 samples."""
    time, phases = np.arange(500) / 500, rng.uniform(0, 2 * np.pi, 2)
    envelope = 1 + 0.8 * np.sin(2 * np.pi * (7 if label else 4) * time + phases[0])
    return envelope * np.sin(2 * np.pi * 60 * time + phases[1]) + 0.5 * rng.standard_normal(500)


def rare_motif(rng: Rng, label: int) -> np.ndarray:
    """A rising or a falling chirp of 60 samples in 2,000 samples of noise; two labels per class."""
    signal = 0.5 * rng.standard_normal(2000)
    _add(signal, rng.integers(0, 1940), 8 * (_RISING if label else _RISING[::-1]))
    return signal


def motif_order(rng: Rng, label: int) -> np.ndarray:
    """Two motifs in one order or the other, at random positions in 500 samples."""
    signal = 0.3 * rng.standard_normal(500)
    starts = np.sort(rng.choice(np.arange(0, 440, 65), 2, replace=False)) + rng.integers(0, 5, 2)
    for start, motif in zip(starts, (_RISING, _BUMP) if label else (_BUMP, _RISING), strict=True):
        _add(signal, start, 2 * motif)
    return signal


def level_only(rng: Rng, label: int) -> np.ndarray:
    """Noise with a mean of 0 or 0.3; 200 samples."""
    return 0.3 * label + rng.standard_normal(200)


def variance_only(rng: Rng, label: int) -> np.ndarray:
    """Noise with a standard deviation of 1 or 1.15, and a random mean; 200 samples."""
    return rng.standard_normal() + (1.15 if label else 1.0) * rng.standard_normal(200)


def phase_between_channels(rng: Rng, label: int) -> np.ndarray:
    """Two channels with the same sinusoid, a quarter of a period earlier or later; 200 samples. Report only."""
    phase = 2 * np.pi * 5 * np.arange(200) / 200 + rng.uniform(0, 2 * np.pi)
    shift = np.pi / 2 if label else -np.pi / 2
    return np.stack([np.sin(phase), np.sin(phase + shift)]) + 0.3 * rng.standard_normal((2, 200))


def one_channel_of_60(rng: Rng, label: int) -> np.ndarray:
    """60 channels of noise; channel 17 has a slower or a faster sinusoid; 100 samples."""
    signal = rng.standard_normal((60, 100))
    signal[17] += 1.5 * np.sin(2 * np.pi * (9 if label else 6) * np.arange(100) / 100 + rng.uniform(0, 2 * np.pi))
    return signal


def fifty_classes(rng: Rng, label: int) -> np.ndarray:
    """50 classes with two labels each: smooth random waveforms, shifted and noisy; 200 samples."""
    template = np.random.default_rng(1000 + label).standard_normal(12)
    waveform = np.interp(np.linspace(0, 11, 200), np.arange(12), template)
    return np.roll(waveform, rng.integers(-8, 9)) + 0.3 * rng.standard_normal(200)


def trend(rng: Rng, label: int) -> np.ndarray:
    """A rising or falling trend under a slow oscillation and noise; 20,000 samples."""
    time = np.linspace(-1, 1, 20_000)
    slow = np.sin(2 * np.pi * 3 * time + rng.uniform(0, 2 * np.pi))
    return (0.3 if label else -0.3) * time + slow + rng.standard_normal(20_000)


def heavy_tails(rng: Rng, label: int) -> np.ndarray:
    """Sine or sawtooth under noise of a Student t distribution with 1.5 degrees of freedom; 300 samples."""
    phase = 6 * np.arange(300) / 300 + rng.uniform()
    wave = np.sin(2 * np.pi * phase) if label else 2 * (phase % 1) - 1
    return 2 * wave + 0.3 * rng.standard_t(1.5, 300)


def unequal_lengths(rng: Rng, label: int) -> np.ndarray:
    """Sine or triangle of random frequency; 100 to 400 samples."""
    length = int(rng.integers(100, 401))
    phase = np.arange(length) / rng.uniform(20, 30) + rng.uniform()
    wave = np.sin(2 * np.pi * phase) if label else 2 * np.abs(2 * (phase % 1) - 1) - 1
    return wave + 0.2 * rng.standard_normal(length)


# Per problem: generator, number of classes, labels per class.
PROBLEMS: dict[str, tuple[Callable[[Rng, int], np.ndarray], int, int]] = {
    "narrow bands": (narrow_bands, 2, 10),
    "modulation rate": (modulation_rate, 2, 10),
    "rare motif": (rare_motif, 2, 2),
    "motif order": (motif_order, 2, 10),
    "level only": (level_only, 2, 10),
    "variance only": (variance_only, 2, 10),
    "phase between channels": (phase_between_channels, 2, 10),
    "one channel of 60": (one_channel_of_60, 2, 10),
    "50 classes": (fifty_classes, 50, 2),
    "trend": (trend, 2, 10),
    "heavy tails": (heavy_tails, 2, 10),
    "unequal lengths": (unequal_lengths, 2, 10),
}


def generate(problem: str, seed: int) -> tuple[Any, np.ndarray, Any, np.ndarray]:
    """Return the training and test signals of one draw; lists if the lengths are unequal."""
    make, num_classes, labels_per_class = PROBLEMS[problem]
    rng = np.random.default_rng(seed)
    sets: list[Any] = []
    test_signals = min(TEST_SIGNALS, TEST_SAMPLES // make(rng, 0).shape[-1])
    for count in (labels_per_class, test_signals // num_classes):
        y = np.repeat(np.arange(num_classes), count)
        signals = [make(rng, int(label)) for label in y]
        sets += [np.stack(signals) if len({signal.shape for signal in signals}) == 1 else signals, y]
    return tuple(sets)  # type: ignore[return-value]


def _equal_length(*parts: Any) -> list[np.ndarray]:
    """Return signals (n, M, T), float64: signals of unequal lengths are extended with their last value."""
    longest = max(signal.shape[-1] for signals in parts for signal in signals)
    arrays = [np.stack([_extend(signal, longest) for signal in signals]).astype(float) for signals in parts]
    return [X[:, None] if X.ndim == 2 else X for X in arrays]


def _extend(signal: np.ndarray, length: int) -> np.ndarray:
    return np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, length - signal.shape[-1])], "edge")


def _log_spectrum(X: np.ndarray) -> np.ndarray:
    spectra = welch(X, nperseg=min(128, X.shape[-1]), axis=-1)[1]
    return np.log(spectra + 1e-12).reshape(len(X), -1)


def peers(seed: int) -> dict[str, Any]:
    """Return the unfitted classifiers that are compared with ours."""
    ridge = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))
    return {
        "MultiRocket-Hydra": MultiRocketHydraClassifier(random_state=seed),
        "QUANT": QUANTClassifier(random_state=seed),
        "Welch + ridge": make_pipeline(FunctionTransformer(_log_spectrum), StandardScaler(), ridge),
        "Catch22 + forest": Catch22Classifier(estimator=RandomForestClassifier(200), random_state=seed),
    }


def scores(X: Any, y: np.ndarray, X_test: Any, y_test: np.ndarray, seed: int) -> dict[str, float]:
    """Return the test accuracy of each method, and the fit and predict time of ours."""
    start = time.perf_counter()
    results = {"MAEClassifier()": float(MAEClassifier(random_state=seed).fit(X, y).score(X_test, y_test))}
    seconds = time.perf_counter() - start
    equal, equal_test = _equal_length(X, X_test)
    for name, model in peers(seed).items():
        results[name] = float(np.mean(model.fit(equal, y).predict(equal_test) == y_test))
    return results | {"our time (s)": seconds}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*", metavar="PROBLEM", help="names of problems (default: all)")
    parser.add_argument("--draws", type=int, default=5, help="number of draws")
    parser.add_argument("--file", nargs="+", type=Path, default=[], help="data sets in the format of accuracy.py")
    options = parser.parse_args()
    titles = ["MAEClassifier()", *peers(0), "our time (s)"]
    print("|".join(["", "problem", *titles, ""]))
    print("|".join(["", "---", *["---:"] * len(titles), ""]), flush=True)
    for problem in options.problems or ([] if options.file else PROBLEMS):
        _print_row(problem, [scores(*generate(problem, seed), seed) for seed in range(options.draws)])
    for path in options.file:
        X, y, X_test, y_test = load(path.parent, path.stem)
        chosen = [draw(y, 10, seed) for seed in range(options.draws)]
        _print_row(path.stem, [scores(X[c], y[c], X_test, y_test, seed) for seed, c in enumerate(chosen)])


def _print_row(name: str, runs: list[dict[str, float]]) -> None:
    cells = []
    for column in runs[0]:
        values = [run[column] for run in runs]
        error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        cells.append(f"{np.mean(values):.1f}" if column.endswith("(s)") else f"{np.mean(values):.3f} ± {error:.3f}")
    print("|".join(["", name, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
