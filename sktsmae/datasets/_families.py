"""Families of synthetic signals, each a function that draws n signals of t samples at once, and mixtures of them.

Arrays are (n, t), what a signal has one of is (n, 1), and times are in samples unless they are shares of t.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Signals = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]
Maker = Callable[[np.random.Generator, int, int], Signals]


def draw_signals(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Draw signals of all families, mix some of them and distort some.

    Parameters
    ----------
    rng : Generator
        Random numbers.
    n : int
        How many signals.
    t : int
        Their length.

    Returns
    -------
    ndarray of shape (n, t), float32
        Signals with mean 0 and standard deviation 1.
    """
    x, rows = _pure(rng, n, t), np.arange(n)
    for share in _MIXED:
        rows = rows[_some(rng, len(rows), share)]
        # What is mixed in is drawn for this alone, so that no two signals share a part.
        x[rows] = _mix(rng, x[rows], _pure(rng, len(rows), t))
    for distortion, share in _DISTORTIONS:
        rows = _some(rng, n, share)
        x[rows] = distortion(rng, _standardise(x[rows]))
    return _never_flat(rng, x)


def _pure(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Draw signals of all families, either way up and some at a changing speed."""
    x = _shared_out(rng, n, t, tuple(_FAMILIES), tuple(_FAMILIES.values()))
    warped = _some(rng, n, 0.2)
    x[warped] = _interpolate(x[warped], _clock(rng, len(warped), t, 0.05, 1.0) * (t - 1))
    return _standardise(x) * rng.choice(np.array([-1, 1], np.float32), (n, 1))


def _never_flat(rng: np.random.Generator, x: Signals) -> Signals:
    """Standardise, and put noise in the place of what has no shape."""
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite goes as well
        std = x.std(1)
        flat = np.flatnonzero(~((std > 1e-4 * np.abs(x).max(1)) & np.isfinite(std)))
    x[flat] = _normal(rng, len(flat), x.shape[1])
    return _standardise(_standardise(x))  # twice, since float32 rounds the mean of a signal far from 0


# --- What the families are built of. ---


def _some(rng: np.random.Generator, n: int, share: float) -> Indices:
    return np.flatnonzero(rng.random(n) < share)


def _uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Signals:
    return low + np.float32(high - low) * rng.random(shape, np.float32)


def _log_uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Signals:
    return np.exp(_uniform(rng, float(np.log(low)), float(np.log(max(high, low))), *shape))


def _normal(rng: np.random.Generator, *shape: int) -> Signals:
    return rng.standard_normal(shape, np.float32)


def _standardise(x: Signals) -> Signals:
    x = x - x.mean(1, keepdims=True)
    return x / (x.std(1, keepdims=True) + np.float32(1e-9))


def _shared_out(
    rng: np.random.Generator, n: int, t: int, makers: Sequence[Maker], weights: Sequence[float] | None = None
) -> Signals:
    """Let each row be made by a maker drawn at random."""
    share = np.ones(len(makers)) if weights is None else np.array(weights)
    owner = rng.choice(len(makers), n, p=share / share.sum())
    x = np.empty((n, t), np.float32)
    for i, maker in enumerate(makers):
        rows = np.flatnonzero(owner == i)
        if len(rows):
            x[rows] = maker(rng, len(rows), t)
    return x


def _pick(values: Signals, index: Indices) -> Signals:
    return np.take_along_axis(values, index, 1)


def _interpolate(x: Signals, time: Signals) -> Signals:
    """Read signals between their samples."""
    before = np.clip(time.astype(np.intp), 0, x.shape[1] - 2)
    left = _pick(x, before)
    return left + (time - before.astype(np.float32)) * (_pick(x, before + 1) - left)


def _shaped_noise(rng: np.random.Generator, n: int, t: int, density: Callable[[Signals], Signals]) -> Signals:
    """Draw a stationary Gaussian process from its spectral density, of frequencies in cycles a sample."""
    size = 2 ** int(np.ceil(np.log2(2 * t)))  # twice as long, so that the ends do not join
    f = np.fft.rfftfreq(size).astype(np.float32)
    f[0] = f[1]
    noise = _normal(rng, n, 2 * len(f)).view(np.complex64)
    return _standardise(np.fft.irfft(noise * np.sqrt(density(f)), size)[:, :t].astype(np.float32))


def _smooth(rng: np.random.Generator, n: int, t: int, low: float, high: float) -> Signals:
    """Draw an RBF process whose length scale lies between two shares of the length."""
    scale = _log_uniform(rng, max(low * t, 1), max(high * t, 1), n, 1)
    return _shaped_noise(rng, n, t, lambda f: np.exp(-2 * (np.pi * f * scale) ** 2))


def _clock(rng: np.random.Generator, n: int, t: int, low: float, high: float) -> Signals:
    """Draw times that run from 0 to 1 at a changing speed, its spread drawn from an interval."""
    speed = np.exp(_log_uniform(rng, low, high, n, 1) * np.clip(_smooth(rng, n, t, 0.03, 0.4), -3, 3))
    time = np.cumsum(speed, 1, dtype=np.float64)
    return ((time - time[:, :1]) / (time[:, -1:] - time[:, :1])).astype(np.float32)


def _events(rng: np.random.Generator, n: int, t: int, low: float, high: float) -> tuple[Indices, Signals, Signals]:
    """Cut signals at random times; return each sample's piece, its time since the cut and the length of its piece."""
    cut = rng.random((n, t), np.float32) < _log_uniform(rng, low, max(high, low), n, 1) / t
    cut[np.arange(n), rng.integers(1, t, n)] = True  # at least one
    at = np.arange(t, dtype=np.float32)
    begin = np.maximum.accumulate(np.where(cut, at, 0), 1)
    later = np.minimum.accumulate(np.where(cut, at, t)[:, ::-1], 1)[:, ::-1]
    end = np.concatenate([later[:, 1:], np.full((n, 1), t, np.float32)], 1)
    return np.cumsum(cut, 1), at - begin, end - begin


def _levels_of(rng: np.random.Generator, piece: Indices) -> Signals:
    """Draw a level for each piece, and return that of each sample."""
    return _pick(_normal(rng, len(piece), int(piece.max()) + 1), piece)


def _phases(rng: np.random.Generator, n: int, t: int, most: float) -> Signals:
    """Draw running phases in cycles, steady or not, of half a cycle up to `most` in all."""
    return _log_uniform(rng, 0.5, most, n, 1) * _clock(rng, n, t, 0.005, 0.5) + _uniform(rng, 0, 1, n, 1)


# --- The families. ---


def _gaussian_processes(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Sums and products of up to three Gaussian processes: RBF, Matern, rational quadratic or periodic."""
    x = _shared_out(rng, n, t, _KERNELS)
    for _ in range(2):
        other, how = _shared_out(rng, n, t, _KERNELS), rng.random((n, 1))
        x = np.where(how < 0.4, x, np.where(how < 0.75, x + _log_uniform(rng, 0.2, 2, n, 1) * other, x * other))
    return x


def _rbf(rng: np.random.Generator, n: int, t: int) -> Signals:
    return _smooth(rng, n, t, 2 / t, 0.4)


def _matern(rng: np.random.Generator, n: int, t: int) -> Signals:
    scale, nu = _log_uniform(rng, 1, t, n, 1), rng.choice(np.array([0.5, 1.5, 2.5], np.float32), (n, 1))
    return _shaped_noise(rng, n, t, lambda f: (1 + (2 * np.pi * f * scale) ** 2 / (2 * nu)) ** -(nu + 0.5))


def _rational_quadratic(rng: np.random.Generator, n: int, t: int) -> Signals:
    # The kernel is a mixture of RBF kernels of all scales, of which a few will do.
    return sum((_smooth(rng, n, t, 2 / t, 0.4) for _ in range(3)), np.zeros((n, t), np.float32))


def _harmonics(rng: np.random.Generator, n: int, t: int) -> Signals:
    """A base frequency and overtones with decaying amplitudes, its speed steady or drifting."""
    phase, decay = 2 * np.pi * _phases(rng, n, t, t / 8), _uniform(rng, 0.3, 2.5, n, 1)
    parts = (_normal(rng, n, 1) * k**-decay * np.sin(k * phase + _uniform(rng, 0, 7, n, 1)) for k in range(1, 7))
    return sum(parts, np.zeros((n, t), np.float32))


_KERNELS = (_rbf, _matern, _rational_quadratic, _harmonics)


def _coloured_noise(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Noise of density 1/f^a, from blue to brown and beyond, or of a band."""
    slope, centre = _uniform(rng, -0.5, 3, n, 1), _log_uniform(rng, 2 / t, 0.4, n, 1)
    width, band = centre * _log_uniform(rng, 0.03, 0.5, n, 1) + 0.5 / t, rng.random((n, 1)) < 0.35
    return _shaped_noise(rng, n, t, lambda f: np.where(band, np.exp(-(((f - centre) / width) ** 2)), f**-slope))


def _waveforms(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Square, triangle and saw-tooth waves and anything between: trapezoids with edges of any steepness."""
    cycle = _phases(rng, n, t, t / 6) % 1
    peak = np.where(rng.random((n, 1)) < 0.5, 0.5, _uniform(rng, 0.02, 0.98, n, 1))
    triangle = np.minimum(cycle / peak, (1 - cycle) / (1 - peak))
    # The edges cross a level that the samples reach on both sides, or the wave would be flat.
    low, high = triangle.min(1, keepdims=True), triangle.max(1, keepdims=True)
    edges = _log_uniform(rng, 1, 100, n, 1) * (triangle - low - _uniform(rng, 0.1, 0.9, n, 1) * (high - low))
    return np.where(rng.random((n, 1)) < 0.4, triangle, np.clip(edges, -1, 1))


def _chirps(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Oscillations whose frequency sweeps or wobbles and whose amplitude changes."""
    start, u = _log_uniform(rng, 1, t / 4, n, 1), np.linspace(0, 1, t, dtype=np.float32)
    rate = np.log(_log_uniform(rng, 1, t / 4, n, 1) / start) + np.float32(1e-3)
    sweep = start * np.expm1(rate * u) / rate
    wobble = _log_uniform(rng, 0.01, 1, n, 1) * np.sin(2 * np.pi * _phases(rng, n, t, 12))
    envelope = np.exp(_log_uniform(rng, 0.05, 1.5, n, 1) * _smooth(rng, n, t, 0.05, 0.5))
    return envelope * np.sin(2 * np.pi * (sweep + wobble + _uniform(rng, 0, 1, n, 1)))


def _beats(rng: np.random.Generator, n: int, t: int) -> Signals:
    """A template of Gaussian bumps, repeated with jitter of period and amplitude as heart beats are."""
    phase = _phases(rng, n, t, t / 12)
    cycle = np.floor(phase)
    piece = cycle.astype(np.intp)
    x = np.zeros((n, t), np.float32)
    for _ in range(5):
        width = _log_uniform(rng, 0.01, 0.2, n, 1)
        offset = (phase - cycle - _uniform(rng, 0, 1, n, 1) + 0.5) % 1 - 0.5
        height = _normal(rng, n, 1) * (1 + _uniform(rng, 0, 0.2, n, 1) * _levels_of(rng, piece))
        x += height * np.exp(-0.5 * (offset / width) ** 2)
    return x


def _bursts(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Noise or an oscillation that rises at random times and fades."""
    piece, since, _ = _events(rng, n, t, 1, 10)
    rise = _log_uniform(rng, 0.5, t / 8, n, 1)
    envelope = since / rise * np.exp(np.maximum(1 - since / rise, -30)) * np.exp(0.7 * _levels_of(rng, piece))
    carrier = _shared_out(rng, n, t, (_coloured_noise, _harmonics))
    return (envelope * (piece > 0) + _log_uniform(rng, 1e-3, 0.1, n, 1)) * _standardise(carrier)


def _spikes(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Spikes that decay fast or slowly, of one sign or both."""
    piece, since, _ = _events(rng, n, t, 1, t / 10)
    height = _levels_of(rng, piece) ** rng.integers(1, 4, (n, 1)) * (piece > 0)
    return height * np.exp(-since / _log_uniform(rng, 0.3, t / 10, n, 1))


def _steps(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Levels that change at random times, to any value or to one of two."""
    piece, _, _ = _events(rng, n, t, 1, min(40, t / 4))
    level = _levels_of(rng, piece)
    return np.where(rng.random((n, 1)) < 0.4, piece % 2, level)


def _polylines(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Rests and moves between random positions, straight or gentle, as movements and piecewise trends are."""
    piece, since, length = _events(rng, n, t, 2, min(30, t / 3))
    level = _normal(rng, n, int(piece.max()) + 2)
    now, then = _pick(level, piece), _pick(level, piece + 1)
    share = np.clip(_log_uniform(rng, 1, 10, n, 1) * (since / length - 0.5) + 0.5, 0, 1)
    gentle = share * share * (3 - 2 * share)
    return now + (then - now) * np.where(rng.random((n, 1)) < 0.4, share, gentle)


def _outlines(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Distance from the centre along a closed outline with few bends, or one of its coordinates."""
    order = np.arange(-16, 17)
    decay = np.abs(order).clip(1) ** -_uniform(rng, 0.3, 2, n, 1) * (np.abs(order) <= rng.integers(2, 17, (n, 1)))
    bends = _normal(rng, n, 2 * len(order)).view(np.complex64) * decay * _log_uniform(rng, 0.1, 1, n, 1)
    bends[:, order == 0], bends[:, order == 1] = 0, 1
    # Summed by a Fourier transform, since a matrix product would round by the number of threads.
    size = max(t, 2 * 16 + 1)
    spectrum = np.zeros((n, size), np.complex64)
    spectrum[:, order] = bends
    outline = np.fft.ifft(spectrum, norm="forward")[:, np.arange(t) * size // t].astype(np.complex64)
    return np.where(rng.random((n, 1)) < 0.8, np.abs(outline), outline.real)


def _spectra(rng: np.random.Generator, n: int, t: int) -> Signals:
    """A few peaks, Gaussian or Lorentzian, on a slow base line."""
    u = np.linspace(0, 1, t, dtype=np.float32)
    x = _log_uniform(rng, 0.01, 1, n, 1) * _smooth(rng, n, t, 0.2, 0.6)
    lorentzian, count = rng.random((n, 1)) < 0.4, rng.integers(1, 9, (n, 1))
    for i in range(8):
        d = ((u - _uniform(rng, 0, 1, n, 1)) / _log_uniform(rng, 1 / t, 0.15, n, 1)) ** 2
        x += (i < count) * _log_uniform(rng, 0.1, 3, n, 1) * np.where(lorentzian, 1 / (1 + d), np.exp(-0.5 * d))
    return x


def _oscillators(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Damped oscillators that are struck at random times."""
    piece, since, _ = _events(rng, n, t, 0.3, 8)
    struck = np.where(rng.random((n, 1)) < 0.7, piece > 0, True) * _levels_of(rng, piece)
    x = np.zeros((n, t), np.float32)
    for _ in range(2):
        period = _log_uniform(rng, 3, t / 2, n, 1)
        decay = period * _log_uniform(rng, 0.5, 10, n, 1)
        x += struck * _normal(rng, n, 1) * np.exp(-since / decay) * np.cos(2 * np.pi * since / period)
    return x


def _regimes(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Ornstein-Uhlenbeck processes whose mean and volatility change at random times."""
    piece, _, _ = _events(rng, n, t, 1, 8)
    scale = _log_uniform(rng, 1, t, n, 1)
    noise = _shaped_noise(rng, n, t, lambda f: 1 / (1 + (2 * np.pi * f * scale) ** 2))
    volatility = np.exp(_uniform(rng, 0, 1.5, n, 1) * _levels_of(rng, piece))
    return volatility * noise + _log_uniform(rng, 0.1, 5, n, 1) * _levels_of(rng, piece)


def _loads(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Power meters: appliances that go on and off, some with an inrush."""
    x = np.zeros((n, t), np.float32)
    for _ in range(3):
        piece, since, _ = _events(rng, n, t, 0.5, min(24, t / 4))
        inrush = _uniform(rng, 0, 2, n, 1) * np.exp(-since / _log_uniform(rng, 0.5, t / 30, n, 1))
        on = (piece + rng.integers(0, 2, (n, 1))) % 2
        x += _log_uniform(rng, 0.05, 2, n, 1) * on * (1 + inrush * (rng.random((n, 1)) < 0.5))
    return x


def _shapelets(rng: np.random.Generator, n: int, t: int) -> Signals:
    """One to three short shapes - plateau, ramp, bump or wave - at random places on noise or on nothing."""
    u = np.linspace(0, 1, t, dtype=np.float32)
    x = _log_uniform(rng, 1e-3, 0.5, n, 1) * _coloured_noise(rng, n, t)
    for i in range(3):
        share = (u - _uniform(rng, -0.05, 0.85, n, 1)) / _log_uniform(rng, 4 / t, 0.5, n, 1)
        inside = (share >= 0) & (share < 1) & (rng.integers(1, 4, (n, 1)) > i)
        wave = np.sin(2 * np.pi * share * rng.integers(1, 4, (n, 1)))
        kind = [rng.random((n, 1)) < chance for chance in (0.2, 0.25, 0.33, 0.5)]  # each a fifth of all
        shape = np.select(kind, [np.ones_like(share), share, 1 - share, 4 * share * (1 - share)], wave)
        x += inside * shape * _uniform(rng, 0.5, 2, n, 1) * rng.choice(np.array([-1, 1, 1], np.float32), (n, 1))
    return x


def _growth(rng: np.random.Generator, n: int, t: int) -> Signals:
    """Mean functions: sums of lines, exponentials and logistic curves, with sparse anomalies."""
    u = np.linspace(0, 1, t, dtype=np.float32)
    curve = np.tanh((u - _uniform(rng, 0, 1, n, 1)) / _log_uniform(rng, 2 / t, 0.5, n, 1))
    second = np.tanh((u - _uniform(rng, 0, 1, n, 1)) / _log_uniform(rng, 2 / t, 0.5, n, 1))
    weights = _normal(rng, 4, n, 1) * (rng.random((4, n, 1)) < 0.6)
    x = weights[0] * u + weights[1] * np.exp(_uniform(rng, -8, 8, n, 1) * (u - 0.5)) + weights[2] * second + curve
    anomaly = (rng.random((n, t)) < 2 / t) * (rng.random((n, 1)) < 0.3)
    return _standardise(x) + anomaly * _normal(rng, n, t)


def _neurons(rng: np.random.Generator, n: int, t: int) -> Signals:
    """FitzHugh-Nagumo oscillators, which fire or relax, driven by a changing current."""
    current = _uniform(rng, -0.2, 0.8, n, 1) + _log_uniform(rng, 0.01, 1, n, 1) * _coloured_noise(rng, n, t)
    dt, slowness = _log_uniform(rng, 0.05, 0.4, n), _log_uniform(rng, 2, 20, n)
    v, w, path = _uniform(rng, -2, 2, n), _uniform(rng, -0.5, 1, n), np.empty((t, n), np.float32)
    for k, drive in enumerate(np.ascontiguousarray(current.T)):
        v = np.clip(v + dt * (v - v * v * v / 3 - w + drive), -3, 3)
        w = w + dt / slowness * (v + np.float32(0.7) - np.float32(0.8) * w)
        path[k] = v
    return path.T


# Each family with its weight in the draw. To add one, write its function above and name it here.
_FAMILIES: dict[Maker, float] = {
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
    _loads: 4,
    _shapelets: 5,
    _growth: 3,
    _neurons: 3,
}


# --- Mixtures and distortions. ---


# The share of the signals in which another is mixed, and of these the share in which a third is.
_MIXED = (0.4, 0.35)


def _bend(rng: np.random.Generator, x: Signals) -> Signals:
    """Apply a function drawn at random to each row."""
    owner, x, t = rng.choice(len(_BENDS) + 4, len(x)), x.copy(), x.shape[1]
    for i, bend in enumerate(_BENDS):
        x[owner == i] = bend(x[owner == i])  # what no function owns stays as it is
    rows = np.flatnonzero(owner == len(_BENDS))
    lag = _log_uniform(rng, 1, t / 4, len(rows), 1)
    x[rows] = _interpolate(x[rows], np.maximum(np.arange(t, dtype=np.float32) - lag, 0))
    return _standardise(x)


_BENDS: tuple[Callable[[Signals], Signals], ...] = (
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
    """Add, multiply or join two sets of signals, each row bent by a function drawn at random."""
    (n, t), how = a.shape, rng.random((len(a), 1))
    a, b = _bend(rng, a), _bend(rng, b)
    added = a + _log_uniform(rng, 0.1, 2, n, 1) * b
    joined = np.where(np.arange(t) < t * _uniform(rng, 0.2, 0.8, n, 1), a, b)
    return _standardise(np.where(how < 0.6, added, np.where(how < 0.85, a * (b + _uniform(rng, 0, 2, n, 1)), joined)))


def _with_trend(rng: np.random.Generator, x: Signals) -> Signals:
    n, t = x.shape
    slow = np.where(rng.random((n, 1)) < 0.5, np.linspace(-1.7, 1.7, t), _smooth(rng, n, t, 0.2, 0.6))
    return x + _normal(rng, n, 1) * slow.astype(np.float32)


def _with_rest(rng: np.random.Generator, x: Signals) -> Signals:
    n, t = x.shape
    begin, end = _uniform(rng, 0, 0.4, n, 1) * t, _uniform(rng, 0.6, 1, n, 1) * t
    return _interpolate(x, np.clip(np.arange(t, dtype=np.float32), begin, np.minimum(end, t - 1)))


def _held(rng: np.random.Generator, x: Signals) -> Signals:
    width = rng.integers(2, max(3, x.shape[1] // 30), (len(x), 1))
    return _pick(x, np.arange(x.shape[1]) // width * width)


def _clipped(rng: np.random.Generator, x: Signals) -> Signals:
    return np.clip(x, -_log_uniform(rng, 0.3, 3, len(x), 1), _log_uniform(rng, 0.3, 3, len(x), 1))


def _with_noise(rng: np.random.Generator, x: Signals) -> Signals:
    white = _normal(rng, *x.shape)
    noise = np.where(rng.random((len(x), 1)) < 0.8, white, _coloured_noise(rng, *x.shape))
    return x + _log_uniform(rng, 0.003, 1, len(x), 1) * noise


def _quantised(rng: np.random.Generator, x: Signals) -> Signals:
    step = _log_uniform(rng, 0.03, 1, len(x), 1)
    return np.round(x / step) * step


# In the order in which an instrument would apply them, each with the share of the signals that it strikes.
_DISTORTIONS: tuple[tuple[Callable[[np.random.Generator, Signals], Signals], float], ...] = (
    (_with_trend, 0.12),
    (_with_rest, 0.06),
    (_clipped, 0.06),
    (_with_noise, 0.4),
    (_held, 0.03),
    (_quantised, 0.05),
)
