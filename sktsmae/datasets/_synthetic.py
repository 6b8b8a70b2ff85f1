"""Synthetic signals of many kinds, to pre-train on where no recordings may be used."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from ._families import Signals, draw_signals

# Signals are drawn this many at a time: enough for numpy's overhead to vanish, and small enough for the cache.
_BLOCK = 128
# Shorter signals leave the families no room to differ.
_SHORTEST = 8
_PARAMETERS: dict[str, list[Any]] = {
    "n_timepoints": [Interval(Integral, _SHORTEST, None, closed="left")],
    "random_state": ["random_state"],
}


@validate_params(
    {"n_samples": [Interval(Integral, 1, None, closed="left")], **_PARAMETERS}, prefer_skip_nested_validation=True
)
def make_signals(n_samples: int = 100, n_timepoints: int = 512, *, random_state: Any = None) -> Signals:
    """Draw signals of many kinds: smooth shapes, oscillations, pulses, steps, noise and mixtures of them.

    Parameters
    ----------
    n_samples : int, default=100
        How many signals.
    n_timepoints : int, default=512
        Length of a signal, at least 8.
    random_state : int, RandomState or None, default=None
        An int gives the same signals each time, and more of them with a larger `n_samples`. None asks the operating
        system rather than numpy's global generator.

    Returns
    -------
    ndarray of shape (n_samples, n_timepoints), float32
        Signals with mean 0 and standard deviation 1, none of them constant.

    Raises
    ------
    ValueError, TypeError
        If a parameter is of another type or too small.

    See Also
    --------
    stream_signals : The same signals, in batches without end.

    References
    ----------
    S. Xie et al., "CauKer: classification time series foundation models can be pretrained on synthetic data only",
    2025: Gaussian processes in graphs of nonlinear mixtures are enough to pre-train on.

    Examples
    --------
    >>> from sktsmae.datasets import make_signals
    >>> X = make_signals(10, 200, random_state=0)
    >>> X.shape, X.dtype
    ((10, 200), dtype('float32'))
    """
    blocks = _blocks(_seed(random_state), n_timepoints, 0)
    return np.concatenate(list(itertools.islice(blocks, -(-n_samples // _BLOCK))))[:n_samples]


@validate_params(
    {
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "start": [Interval(Integral, 0, None, closed="left")],
        **_PARAMETERS,
    },
    prefer_skip_nested_validation=True,
)
def stream_signals(
    n_timepoints: int = 512, *, batch_size: int = 256, random_state: Any = None, start: int = 0
) -> Iterator[Signals]:
    """Draw the signals of `make_signals` in batches without end.

    Parameters
    ----------
    n_timepoints : int, default=512
        Length of a signal, at least 8.
    batch_size : int, default=256
        Signals in a batch.
    random_state : int, RandomState or None, default=None
        An int gives the same batches each time: joined, they are what `make_signals` returns.
    start : int, default=0
        The batch to begin with, so that an interrupted training can go on; those before it are not drawn.

    Returns
    -------
    iterator of ndarray of shape (batch_size, n_timepoints), float32
        Signals with mean 0 and standard deviation 1, none of them constant.

    Raises
    ------
    ValueError, TypeError
        If a parameter is of another type or too small.

    See Also
    --------
    make_signals : A given number of signals.

    Examples
    --------
    >>> from sktsmae.datasets import make_signals, stream_signals
    >>> batches = stream_signals(200, batch_size=5, random_state=0, start=1)
    >>> bool((next(batches) == make_signals(10, 200, random_state=0)[5:]).all())
    True
    """
    # A generator would check its parameters only when the first batch is asked for.
    return _batches(_seed(random_state), n_timepoints, batch_size, start)


def _batches(seed: int, t: int, batch_size: int, start: int) -> Iterator[Signals]:
    first, skipped = divmod(start * batch_size, _BLOCK)
    held: Signals = np.empty((0, t), np.float32)
    for block in _blocks(seed, t, first):
        held, skipped = np.concatenate([held, block[skipped:]]), 0
        whole = len(held) // batch_size * batch_size
        for begin in range(0, whole, batch_size):
            yield held[begin : begin + batch_size].copy()
        held = held[whole:]


def _blocks(seed: int, t: int, first: int) -> Iterator[Signals]:
    return (draw_signals(np.random.default_rng([seed, k]), _BLOCK, t) for k in itertools.count(first))


def _seed(random_state: Any) -> int:
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return int(check_random_state(random_state).randint(2**31 - 1))
