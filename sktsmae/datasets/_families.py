"""Generators of families of synthetic signals, and of mixtures and distortions of them.

A family is a function that generates n signals of t samples as an array of shape (n, t). Parameters that are drawn once
per signal have shape (n, 1). Times are in samples unless a docstring gives another unit; `u` is the time as a
fraction of t. Frequencies `f` are in cycles per sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Signals = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]
Family = Callable[[np.random.Generator, int, int], Signals]


def draw_signals(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Generate signals of random families, mix some of them with other signals, and distort some of them.

    Parameters
    ----------
    rng : Generator
        Random number generator.
    n : int
        Number of signals.
    t : int
        Number of samples per signal.

    Returns
    -------
    ndarray of shape (n, t), float32
        Signals with mean 0 and standard deviation 1.
    """
    x, rows = _draw_unmixed(rng, n, t), np.arange(n)
    for fraction in _MIX_FRACTIONS:
        rows = rows[_random_rows(rng, len(rows), fraction)]
        # Mix with newly drawn signals, so that no two signals have a component in common.
        x[rows] = _mix(rng, x[rows], _draw_unmixed(rng, len(rows), t))
    for distortion, fraction in _DISTORTIONS:
        rows = _random_rows(rng, n, fraction)
        x[rows] = distortion(rng, _standardise(x[rows]))
    return _replace_flat(rng, x)


def _draw_unmixed(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Generate signals of random families, with random signs; some are warped in time."""
    x = _draw_families(rng, n, t, tuple(_FAMILIES), tuple(_FAMILIES.values()))
    warped = _random_rows(rng, n, 0.2)
    x[warped] = _interpolate(x[warped], _time_warp(rng, len(warped), t, 0.05, 1.0) * (t - 1))
    return _standardise(x) * rng.choice(np.array([-1, 1], np.float32), (n, 1))


def _replace_flat(rng: np.random.Generator, x: Signals) -> Signals:
    """Replace signals that are constant or not finite by noise, and standardise all signals."""
    with np.errstate(invalid="ignore", over="ignore"):
        std = x.std(1)
        flat = np.flatnonzero(~((std > 1e-4 * np.abs(x).max(1)) & np.isfinite(std)))
    x[flat] = _normal(rng, len(flat), x.shape[1])
    # Standardise twice, because the mean of a signal with a large offset is rounded in float32.
    return _standardise(_standardise(x))


# --- Building blocks of the families ---


def _random_rows(rng: np.random.Generator, n: int, fraction: float) -> Indices:
    return np.flatnonzero(rng.random(n) < fraction)


def _uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Signals:
    return low + np.float32(high - low) * rng.random(shape, np.float32)


def _log_uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Signals:
    return np.exp(_uniform(rng, float(np.log(low)), float(np.log(max(high, low))), *shape))


def _normal(rng: np.random.Generator, *shape: int) -> Signals:
    return rng.standard_normal(shape, np.float32)


def _standardise(x: Signals) -> Signals:
    x = x - x.mean(1, keepdims=True)
    return x / (x.std(1, keepdims=True) + np.float32(1e-9))


def _draw_families(
    rng: np.random.Generator, n: int, t: int, families: Sequence[Family], weights: Sequence[float] | None = None
) -> Signals:
    """Generate each signal by a family drawn at random; without weights, all families have the same probability."""
    w = np.ones(len(families)) if weights is None else np.array(weights)
    choice = rng.choice(len(families), n, p=w / w.sum())
    x = np.empty((n, t), np.float32)
    for i, family in enumerate(families):
        rows = np.flatnonzero(choice == i)
        if len(rows):
            x[rows] = family(rng, len(rows), t)
    return x


def _take(values: Signals, index: Indices) -> Signals:
    return np.take_along_axis(values, index, 1)


def _interpolate(x: Signals, time: Signals) -> Signals:
    """Evaluate signals at fractional times by linear interpolation."""
    index = np.clip(time.astype(np.intp), 0, x.shape[1] - 2)
    left = _take(x, index)
    return left + (time - index.astype(np.float32)) * (_take(x, index + 1) - left)


def _shaped_noise(rng: np.random.Generator, n: int, t: int, density: Callable[[Signals], Signals]) -> Signals:
    """Draw stationary Gaussian processes with a spectral density, which is a function of the frequency."""
    # The inverse FFT is periodic. The size is at least 2 t, so that the start and the end of a signal do not correlate.
    size = 2 ** int(np.ceil(np.log2(2 * t)))
    f = np.fft.rfftfreq(size).astype(np.float32)
    f[0] = f[1]  # the density of coloured noise is infinite at frequency 0
    noise = _normal(rng, n, 2 * len(f)).view(np.complex64)
    return _standardise(np.fft.irfft(noise * np.sqrt(density(f)), size)[:, :t].astype(np.float32))


def _smooth(rng: np.random.Generator, n: int, t: int, low: float, high: float) -> Signals:
    """Draw Gaussian processes with RBF kernel and a length scale between low * t and high * t."""
    scale = _log_uniform(rng, max(low * t, 1), max(high * t, 1), n, 1)
    return _shaped_noise(rng, n, t, lambda f: np.exp(-2 * (np.pi * f * scale) ** 2))


def _time_warp(rng: np.random.Generator, n: int, t: int, low: float, high: float) -> Signals:
    """Draw increasing times from 0 to 1; the logarithm of their speed has a standard deviation from low to high."""
    speed = np.exp(_log_uniform(rng, low, high, n, 1) * np.clip(_smooth(rng, n, t, 0.03, 0.4), -3, 3))
    time = np.cumsum(speed, 1, dtype=np.float64)
    return ((time - time[:, :1]) / (time[:, -1:] - time[:, :1])).astype(np.float32)


def _random_segments(
    rng: np.random.Generator, n: int, t: int, low: float, high: float
) -> tuple[Indices, Signals, Signals]:
    """Cut signals into segments at random times, with at least one cut and on average low to high cuts per signal.

    Returns, for each sample, the index of its segment, the time since the start of the segment, and the length of the
    segment.
    """
    cut = rng.random((n, t), np.float32) < _log_uniform(rng, low, max(high, low), n, 1) / t
    cut[np.arange(n), rng.integers(1, t, n)] = True
    time = np.arange(t, dtype=np.float32)
    begin = np.maximum.accumulate(np.where(cut, time, 0), 1)
    next_cut = np.minimum.accumulate(np.where(cut, time, t)[:, ::-1], 1)[:, ::-1]
    end = np.concatenate([next_cut[:, 1:], np.full((n, 1), t, np.float32)], 1)
    return np.cumsum(cut, 1), time - begin, end - begin


def _segment_values(rng: np.random.Generator, segment: Indices) -> Signals:
    """Draw a normally distributed value per segment, and return the value of each sample's segment."""
    return _take(_normal(rng, len(segment), int(segment.max()) + 1), segment)


def _phases(rng: np.random.Generator, n: int, t: int, max_cycles: float) -> Signals:
    """Draw phases in cycles, which increase by 0.5 to max_cycles per signal at a nearly constant or a varying speed."""
    return _log_uniform(rng, 0.5, max_cycles, n, 1) * _time_warp(rng, n, t, 0.005, 0.5) + _uniform(rng, 0, 1, n, 1)


# --- The families ---


def _gaussian_processes(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Sums and products of up to three Gaussian processes with RBF, Matern, rational quadratic or periodic kernel."""
    x = _draw_families(rng, n, t, _KERNELS)
    for _ in range(2):
        other, draw = _draw_families(rng, n, t, _KERNELS), rng.random((n, 1))
        x = np.where(draw < 0.4, x, np.where(draw < 0.75, x + _log_uniform(rng, 0.2, 2, n, 1) * other, x * other))
    return x


def _rbf(rng: np.random.Generator, n: int, t: int) -> Signals:
    return _smooth(rng, n, t, 2 / t, 0.4)


def _matern(rng: np.random.Generator, n: int, t: int) -> Signals:
    scale, nu = _log_uniform(rng, 1, t, n, 1), rng.choice(np.array([0.5, 1.5, 2.5], np.float32), (n, 1))
    return _shaped_noise(rng, n, t, lambda f: (1 + (2 * np.pi * f * scale) ** 2 / (2 * nu)) ** -(nu + 0.5))


def _rational_quadratic(rng: np.random.Generator, n: int, t: int) -> Signals:
    # The rational quadratic kernel is a mixture of RBF kernels of all length scales; a sum of three approximates it.
    return sum((_smooth(rng, n, t, 2 / t, 0.4) for _ in range(3)), np.zeros((n, t), np.float32))


def _harmonics(rng: np.random.Generator, n: int, t: int) -> Signals:
    """A fundamental frequency, constant or drifting, with harmonics of decreasing amplitude."""
    phase, decay = 2 * np.pi * _phases(rng, n, t, t / 8), _uniform(rng, 0.3, 2.5, n, 1)
    parts = (_normal(rng, n, 1) * k**-decay * np.sin(k * phase + _uniform(rng, 0, 7, n, 1)) for k in range(1, 7))
    return sum(parts, np.zeros((n, t), np.float32))


_KERNELS = (_rbf, _matern, _rational_quadratic, _harmonics)


def _coloured_noise(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Noise with power spectral density 1 / f^a for a from -0.5 to 3, or band-limited noise."""
    slope, centre = _uniform(rng, -0.5, 3, n, 1), _log_uniform(rng, 2 / t, 0.4, n, 1)
    width, narrow = centre * _log_uniform(rng, 0.03, 0.5, n, 1) + 0.5 / t, rng.random((n, 1)) < 0.35
    return _shaped_noise(rng, n, t, lambda f: np.where(narrow, np.exp(-(((f - centre) / width) ** 2)), f**-slope))


def _waveforms(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Square, triangle, sawtooth and trapezoidal waves."""
    cycle = _phases(rng, n, t, t / 6) % 1
    peak = np.where(rng.random((n, 1)) < 0.5, 0.5, _uniform(rng, 0.02, 0.98, n, 1))
    triangle = np.minimum(cycle / peak, (1 - cycle) / (1 - peak))
    # Clipped waves change sign where the triangle wave crosses a threshold. The threshold lies between the smallest and
    # the largest sample; otherwise the clipped wave could be constant.
    low, high = triangle.min(1, keepdims=True), triangle.max(1, keepdims=True)
    edges = _log_uniform(rng, 1, 100, n, 1) * (triangle - low - _uniform(rng, 0.1, 0.9, n, 1) * (high - low))
    return np.where(rng.random((n, 1)) < 0.4, triangle, np.clip(edges, -1, 1))


def _chirps(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Oscillations with a frequency sweep, frequency modulation and a varying amplitude."""
    start, u = _log_uniform(rng, 1, t / 4, n, 1), np.linspace(0, 1, t, dtype=np.float32)
    rate = np.log(_log_uniform(rng, 1, t / 4, n, 1) / start) + np.float32(1e-3)
    sweep = start * np.expm1(rate * u) / rate
    wobble = _log_uniform(rng, 0.01, 1, n, 1) * np.sin(2 * np.pi * _phases(rng, n, t, 12))
    envelope = np.exp(_log_uniform(rng, 0.05, 1.5, n, 1) * _smooth(rng, n, t, 0.05, 0.5))
    return envelope * np.sin(2 * np.pi * (sweep + wobble + _uniform(rng, 0, 1, n, 1)))


def _beats(rng: np.random.Generator, n: int, t: int) -> Signals:
    """A template of Gaussian peaks, repeated with jitter of period and amplitude, like heartbeats."""
    phase = _phases(rng, n, t, t / 12)
    cycle = np.floor(phase)
    segment = cycle.astype(np.intp)
    x = np.zeros((n, t), np.float32)
    for _ in range(5):
        width = _log_uniform(rng, 0.01, 0.2, n, 1)
        offset = (phase - cycle - _uniform(rng, 0, 1, n, 1) + 0.5) % 1 - 0.5
        height = _normal(rng, n, 1) * (1 + _uniform(rng, 0, 0.2, n, 1) * _segment_values(rng, segment))
        x += height * np.exp(-0.5 * (offset / width) ** 2)
    return x


def _bursts(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Bursts of noise or of an oscillation at random times."""
    segment, since, _ = _random_segments(rng, n, t, 1, 10)
    rise = _log_uniform(rng, 0.5, t / 8, n, 1)
    envelope = since / rise * np.exp(np.maximum(1 - since / rise, -30)) * np.exp(0.7 * _segment_values(rng, segment))
    carrier = _draw_families(rng, n, t, (_coloured_noise, _harmonics))
    return (envelope * (segment > 0) + _log_uniform(rng, 1e-3, 0.1, n, 1)) * _standardise(carrier)


def _spikes(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Spikes with exponential decay at random times, all positive or of both signs."""
    segment, since, _ = _random_segments(rng, n, t, 1, t / 10)
    height = _segment_values(rng, segment) ** rng.integers(1, 4, (n, 1)) * (segment > 0)
    return height * np.exp(-since / _log_uniform(rng, 0.3, t / 10, n, 1))


def _steps(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Piecewise constant signals, with arbitrary values or with two values."""
    segment, _, _ = _random_segments(rng, n, t, 1, min(40, t / 4))
    value = _segment_values(rng, segment)
    return np.where(rng.random((n, 1)) < 0.4, segment % 2, value)


def _polylines(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Pauses at random positions, with linear or smooth transitions between them, as in movements or in trends."""
    segment, since, length = _random_segments(rng, n, t, 2, min(30, t / 3))
    position = _normal(rng, n, int(segment.max()) + 2)
    start, end = _take(position, segment), _take(position, segment + 1)
    linear = np.clip(_log_uniform(rng, 1, 10, n, 1) * (since / length - 0.5) + 0.5, 0, 1)
    smooth = linear * linear * (3 - 2 * linear)
    return start + (end - start) * np.where(rng.random((n, 1)) < 0.4, linear, smooth)


def _outlines(rng: np.random.Generator, n: int, t: int) -> Signals:
    """The radius or a coordinate of the points along a closed contour, which is given by a Fourier series."""
    order = np.arange(-16, 17)
    decay = np.abs(order).clip(1) ** -_uniform(rng, 0.3, 2, n, 1) * (np.abs(order) <= rng.integers(2, 17, (n, 1)))
    coefficients = _normal(rng, n, 2 * len(order)).view(np.complex64) * decay * _log_uniform(rng, 0.1, 1, n, 1)
    coefficients[:, order == 0], coefficients[:, order == 1] = 0, 1
    # The series is evaluated by FFT, because the rounding of a matrix product would depend on the number of threads.
    size = max(t, 2 * 16 + 1)
    spectrum = np.zeros((n, size), np.complex64)
    spectrum[:, order] = coefficients
    outline = np.fft.ifft(spectrum, norm="forward")[:, np.arange(t) * size // t].astype(np.complex64)
    return np.where(rng.random((n, 1)) < 0.8, np.abs(outline), outline.real)


def _spectra(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Spectra: one to eight Gaussian or Lorentzian peaks on a slowly varying baseline."""
    u = np.linspace(0, 1, t, dtype=np.float32)
    x = _log_uniform(rng, 0.01, 1, n, 1) * _smooth(rng, n, t, 0.2, 0.6)
    lorentzian, count = rng.random((n, 1)) < 0.4, rng.integers(1, 9, (n, 1))
    for i in range(8):
        d = ((u - _uniform(rng, 0, 1, n, 1)) / _log_uniform(rng, 1 / t, 0.15, n, 1)) ** 2
        x += (i < count) * _log_uniform(rng, 0.1, 3, n, 1) * np.where(lorentzian, 1 / (1 + d), np.exp(-0.5 * d))
    return x


def _oscillators(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Sums of two damped oscillations, which restart at random times with random amplitudes."""
    segment, since, _ = _random_segments(rng, n, t, 0.3, 8)
    impulse = np.where(rng.random((n, 1)) < 0.7, segment > 0, True) * _segment_values(rng, segment)
    x = np.zeros((n, t), np.float32)
    for _ in range(2):
        period = _log_uniform(rng, 3, t / 2, n, 1)
        decay = period * _log_uniform(rng, 0.5, 10, n, 1)
        x += impulse * _normal(rng, n, 1) * np.exp(-since / decay) * np.cos(2 * np.pi * since / period)
    return x


def _regimes(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Ornstein-Uhlenbeck processes whose mean and volatility change at random times."""
    segment, _, _ = _random_segments(rng, n, t, 1, 8)
    scale = _log_uniform(rng, 1, t, n, 1)
    noise = _shaped_noise(rng, n, t, lambda f: 1 / (1 + (2 * np.pi * f * scale) ** 2))
    volatility = np.exp(_uniform(rng, 0, 1.5, n, 1) * _segment_values(rng, segment))
    return volatility * noise + _log_uniform(rng, 0.1, 5, n, 1) * _segment_values(rng, segment)


def _appliances(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Power consumption of appliances that are switched on and off, some with an inrush current."""
    x = np.zeros((n, t), np.float32)
    for _ in range(3):
        segment, since, _ = _random_segments(rng, n, t, 0.5, min(24, t / 4))
        inrush = _uniform(rng, 0, 2, n, 1) * np.exp(-since / _log_uniform(rng, 0.5, t / 30, n, 1))
        on = (segment + rng.integers(0, 2, (n, 1))) % 2
        x += _log_uniform(rng, 0.05, 2, n, 1) * on * (1 + inrush * (rng.random((n, 1)) < 0.5))
    return x


def _shapelets(rng: np.random.Generator, n: int, t: int) -> Signals:
    """One to three short patterns (a plateau, ramp, parabola or sine wave) at random times, with noise."""
    u = np.linspace(0, 1, t, dtype=np.float32)
    x = _log_uniform(rng, 1e-3, 0.5, n, 1) * _coloured_noise(rng, n, t)
    for i in range(3):
        v = (u - _uniform(rng, -0.05, 0.85, n, 1)) / _log_uniform(rng, 4 / t, 0.5, n, 1)  # 0 to 1 in the pattern
        inside = (v >= 0) & (v < 1) & (rng.integers(1, 4, (n, 1)) > i)
        wave = np.sin(2 * np.pi * v * rng.integers(1, 4, (n, 1)))
        # np.select uses the first true condition, so each of the five patterns has a probability of about 0.2.
        kind = [rng.random((n, 1)) < probability for probability in (0.2, 0.25, 0.33, 0.5)]
        shape = np.select(kind, [np.ones_like(v), v, 1 - v, 4 * v * (1 - v)], wave)
        x += inside * shape * _uniform(rng, 0.5, 2, n, 1) * rng.choice(np.array([-1, 1, 1], np.float32), (n, 1))
    return x


def _growth_curves(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Sums of linear, exponential and logistic growth curves, some with a few outliers."""
    u = np.linspace(0, 1, t, dtype=np.float32)
    curve = np.tanh((u - _uniform(rng, 0, 1, n, 1)) / _log_uniform(rng, 2 / t, 0.5, n, 1))
    second = np.tanh((u - _uniform(rng, 0, 1, n, 1)) / _log_uniform(rng, 2 / t, 0.5, n, 1))
    weights = _normal(rng, 4, n, 1) * (rng.random((4, n, 1)) < 0.6)
    x = weights[0] * u + weights[1] * np.exp(_uniform(rng, -8, 8, n, 1) * (u - 0.5)) + weights[2] * second + curve
    outlier = (rng.random((n, t)) < 2 / t) * (rng.random((n, 1)) < 0.3)
    return _standardise(x) + outlier * _normal(rng, n, t)


def _neurons(rng: np.random.Generator, n: int, t: int) -> Signals:
    """FitzHugh-Nagumo neurons, driven by a random current."""
    current = _uniform(rng, -0.2, 0.8, n, 1) + _log_uniform(rng, 0.01, 1, n, 1) * _coloured_noise(rng, n, t)
    dt, slowness = _log_uniform(rng, 0.05, 0.4, n), _log_uniform(rng, 2, 20, n)
    v, w, path = _uniform(rng, -2, 2, n), _uniform(rng, -0.5, 1, n), np.empty((t, n), np.float32)
    for k, drive in enumerate(np.ascontiguousarray(current.T)):
        v = np.clip(v + dt * (v - v * v * v / 3 - w + drive), -3, 3)
        w = w + dt / slowness * (v + np.float32(0.7) - np.float32(0.8) * w)
        path[k] = v
    return path.T


# The families and their sampling weights. To add a family, write a function above and add it here.
_FAMILIES: dict[Family, float] = {
    _gaussian_processes: 12,
    _coloured_noise: 6,
    _harmonics: 6,
    _waveforms: 4,
    _chirps: 5,
    _beats: 10,
    _bursts: 5,
    _spikes: 4,
    _steps: 4,
    _polylines: 8,
    _outlines: 9,
    _spectra: 8,
    _oscillators: 5,
    _regimes: 3,
    _appliances: 4,
    _shapelets: 5,
    _growth_curves: 3,
    _neurons: 3,
}


# --- Mixtures and distortions ---


# Fraction of the signals that are mixed with a second signal, and fraction of these that are mixed with a third.
_MIX_FRACTIONS = (0.4, 0.35)


def _apply_nonlinearity(rng: np.random.Generator, x: Signals) -> Signals:
    """Apply a random nonlinearity or a random delay to each signal, or neither."""
    # Of the four additional choices, the first is the delay; the other three leave the signal unchanged.
    choice, x, t = rng.choice(len(_NONLINEARITIES) + 4, len(x)), x.copy(), x.shape[1]
    for i, nonlinearity in enumerate(_NONLINEARITIES):
        x[choice == i] = nonlinearity(x[choice == i])
    rows = np.flatnonzero(choice == len(_NONLINEARITIES))
    lag = _log_uniform(rng, 1, t / 4, len(rows), 1)
    x[rows] = _interpolate(x[rows], np.maximum(np.arange(t, dtype=np.float32) - lag, 0))
    return _standardise(x)


_NONLINEARITIES: tuple[Callable[[Signals], Signals], ...] = (
    np.tanh,
    lambda x: np.sin(2 * x),
    np.square,
    np.abs,
    lambda x: np.maximum(x, 0),
    lambda x: x / (1 + np.exp(-np.clip(x, -30, 30))),
    lambda x: np.cumsum(x, 1),
    lambda x: np.diff(x, axis=1, prepend=x[:, :1]),
)


def _mix(rng: np.random.Generator, a: Signals, b: Signals) -> Signals:
    """Add, multiply or concatenate pairs of signals, after a random nonlinearity."""
    (n, t), draw = a.shape, rng.random((len(a), 1))
    a, b = _apply_nonlinearity(rng, a), _apply_nonlinearity(rng, b)
    added = a + _log_uniform(rng, 0.1, 2, n, 1) * b
    joined = np.where(np.arange(t) < t * _uniform(rng, 0.2, 0.8, n, 1), a, b)
    multiplied = a * (b + _uniform(rng, 0, 2, n, 1))
    return _standardise(np.where(draw < 0.6, added, np.where(draw < 0.85, multiplied, joined)))


def _with_trend(rng: np.random.Generator, x: Signals) -> Signals:
    n, t = x.shape
    slow = np.where(rng.random((n, 1)) < 0.5, np.linspace(-1.7, 1.7, t), _smooth(rng, n, t, 0.2, 0.6))
    return x + _normal(rng, n, 1) * slow.astype(np.float32)


def _with_constant_ends(rng: np.random.Generator, x: Signals) -> Signals:
    n, t = x.shape
    begin, end = _uniform(rng, 0, 0.4, n, 1) * t, _uniform(rng, 0.6, 1, n, 1) * t
    return _interpolate(x, np.clip(np.arange(t, dtype=np.float32), begin, np.minimum(end, t - 1)))


def _zero_order_hold(rng: np.random.Generator, x: Signals) -> Signals:
    width = rng.integers(2, max(3, x.shape[1] // 30), (len(x), 1))
    return _take(x, np.arange(x.shape[1]) // width * width)


def _clipped(rng: np.random.Generator, x: Signals) -> Signals:
    return np.clip(x, -_log_uniform(rng, 0.3, 3, len(x), 1), _log_uniform(rng, 0.3, 3, len(x), 1))


def _with_noise(rng: np.random.Generator, x: Signals) -> Signals:
    white = _normal(rng, *x.shape)
    noise = np.where(rng.random((len(x), 1)) < 0.8, white, _coloured_noise(rng, *x.shape))
    return x + _log_uniform(rng, 0.003, 1, len(x), 1) * noise


def _quantised(rng: np.random.Generator, x: Signals) -> Signals:
    step = _log_uniform(rng, 0.03, 1, len(x), 1)
    return np.round(x / step) * step


# The distortions, in the order in which a measuring instrument causes them, and the fraction of signals for each.
_DISTORTIONS: tuple[tuple[Callable[[np.random.Generator, Signals], Signals], float], ...] = (
    (_with_trend, 0.12),
    (_with_constant_ends, 0.06),
    (_clipped, 0.06),
    (_with_noise, 0.4),
    (_zero_order_hold, 0.03),
    (_quantised, 0.05),
)
