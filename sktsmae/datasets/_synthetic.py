"""Synthetic signals for pre-training without recordings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from ._families import Signals, draw_signals

# Number of signals that are drawn together, with one random generator per block. The size is large enough that the
# overhead of NumPy calls is negligible, and small enough for the CPU cache. With another size, each seed would give
# other signals.
_BLOCK_SIZE = 128
# In shorter signals, the families of waveforms cannot be distinguished.
_MIN_TIMEPOINTS = 8
_PARAMETERS: dict[str, list[Any]] = {
    "n_timepoints": [Interval(Integral, _MIN_TIMEPOINTS, None, closed="left")],
    "random_state": ["random_state"],
}


@validate_params(
    {"n_samples": [Interval(Integral, 1, None, closed="left")], **_PARAMETERS}, prefer_skip_nested_validation=True
)
def make_signals(n_samples: int = 100, n_timepoints: int = 512, *, random_state: Any = None) -> Signals:
    """Generate synthetic signals: smooth curves, oscillations, pulses, steps, noise and mixtures of them.

    Parameters
    ----------
    n_samples : int, default=100
        Number of signals.
    n_timepoints : int, default=512
        Length of a signal, at least 8.
    random_state : int, RandomState or None, default=None
        Seed or generator. With an int, each call returns the same signals, and a larger `n_samples` appends
        signals. With None, the seed comes from the operating system, not from NumPy's global generator.

    Returns
    -------
    ndarray of shape (n_samples, n_timepoints), float32
        Signals with mean 0 and standard deviation 1. No signal is constant.

    Raises
    ------
    ValueError, TypeError
        If a parameter has the wrong type or is too small.

    See Also
    --------
    stream_signals : Generates the same signals as an infinite stream of batches.

    References
    ----------
    S. Xie et al., "CauKer: classification time series foundation models can be pretrained on synthetic data only",
    2025 (pre-training on nonlinear mixtures of Gaussian processes).

    Examples
    --------
    >>> from sktsmae.datasets import make_signals
    >>> X = make_signals(10, 200, random_state=0)
    >>> X.shape, X.dtype
    ((10, 200), dtype('float32'))
    """
    blocks = _blocks(_seed(random_state), n_timepoints, 0)
    return np.concatenate(list(itertools.islice(blocks, -(-n_samples // _BLOCK_SIZE))))[:n_samples]


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
    """Generate the signals of `make_signals` as an infinite stream of batches.

    Parameters
    ----------
    n_timepoints : int, default=512
        Length of a signal, at least 8.
    batch_size : int, default=256
        Number of signals per batch.
    random_state : int, RandomState or None, default=None
        Seed or generator. With an int, each call returns the same batches. Concatenated, they are equal to the result
        of `make_signals` with the same seed.
    start : int, default=0
        Index of the first batch, so that an interrupted training can resume. The batches before it are not generated.

    Returns
    -------
    iterator of ndarray of shape (batch_size, n_timepoints), float32
        Signals with mean 0 and standard deviation 1. No signal is constant.

    Raises
    ------
    ValueError, TypeError
        If a parameter has the wrong type or is too small.

    See Also
    --------
    make_signals : Generates a given number of signals.

    Examples
    --------
    >>> from sktsmae.datasets import make_signals, stream_signals
    >>> batches = stream_signals(200, batch_size=5, random_state=0, start=1)
    >>> bool((next(batches) == make_signals(10, 200, random_state=0)[5:]).all())
    True
    """
    # `_batches` is a separate generator, so that this call validates the parameters at once.
    return _batches(_seed(random_state), n_timepoints, batch_size, start)


def _batches(seed: int, n_timepoints: int, batch_size: int, start: int) -> Iterator[Signals]:
    first_block, skip = divmod(start * batch_size, _BLOCK_SIZE)
    pending: Signals = np.empty((0, n_timepoints), np.float32)
    for block in _blocks(seed, n_timepoints, first_block):
        pending, skip = np.concatenate([pending, block[skip:]]), 0
        num_ready = len(pending) // batch_size * batch_size
        for begin in range(0, num_ready, batch_size):
            yield pending[begin : begin + batch_size].copy()
        pending = pending[num_ready:]


def _blocks(seed: int, n_timepoints: int, first_block: int) -> Iterator[Signals]:
    for block in itertools.count(first_block):
        yield draw_signals(np.random.default_rng([seed, block]), _BLOCK_SIZE, n_timepoints)


def _seed(random_state: Any) -> int:
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return int(check_random_state(random_state).randint(2**31 - 1))
