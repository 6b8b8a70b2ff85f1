"""Centring of signals whose mean is too large for the precision of float32."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .batches import spread_rows

# Largest ratio of a mean to a standard deviation. Above it, the wavelet transform in float32 has at most three
# significant digits.
MAX_MEAN_TO_STD = 1000


class CentredSignals:
    """An array-like view of signals minus an offset, in float64, so that the result can be converted to float32.

    Parameters
    ----------
    X : ndarray of shape (n, T) or (n, M, T)
        Signals.
    offset : ndarray of shape () or (M,), float64, or None
        Offset of each channel. None uses the mean of each channel of each signal.
    """

    def __init__(self, X: np.ndarray, offset: np.ndarray | None) -> None:
        self.X = X
        self.offset = offset
        self.shape, self.ndim, self.dtype = X.shape, X.ndim, np.dtype(np.float64)

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index: Any) -> np.ndarray:
        signals = np.asarray(self.X[index], dtype=np.float64)
        offset = channel_means(signals) if self.offset is None else self.offset
        centred: np.ndarray = signals - offset[..., None]
        return centred


def channel_means(signals: np.ndarray) -> np.ndarray:
    """Return the mean of each channel of each signal, ignoring NaN.

    Parameters
    ----------
    signals : ndarray of shape (b, ..., T), float64
        Signals with NaN for missing values. Each channel has at least one value.

    Returns
    -------
    ndarray of shape (b, ...)
        The means.
    """
    means: np.ndarray = signals.mean(-1)
    return np.nanmean(signals, -1) if np.isnan(means).any() else means


def centre(estimator: BaseEstimator, X: np.ndarray, reset: bool) -> Any:
    """Subtract an offset from signals if float32 would otherwise lose their variation.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator, which stores the offset as ``offset_``.
    X : ndarray of shape (n, T) or (n, M, T)
        Signals.
    reset : bool
        Whether to compute the offset, as in `fit`, or to use the stored one.

    Returns
    -------
    ndarray or CentredSignals of the same shape
        The signals, minus the offset if it is not 0.

    Warns
    -----
    UserWarning
        If no common offset fits all signals.
    """
    if getattr(estimator, "_ignores_mean", False):
        if reset:
            estimator.offset_ = np.zeros(X.shape[1:-1])
        return CentredSignals(X, None)
    if reset:
        estimator.offset_ = _large_means(X)
    offset = getattr(estimator, "offset_", np.zeros(()))
    return CentredSignals(X, offset) if offset.any() else X


def _large_means(X: np.ndarray) -> np.ndarray:
    """Return the mean of each channel if it is over 1,000 times the standard deviation of a signal, and 0 otherwise."""
    some = np.asarray(X[spread_rows(len(X), max(1, min(256, 2**22 // math.prod(X.shape[1:]))))], dtype=np.float64)
    gaps = np.isnan(some).any()
    deviations = np.nanstd(some, -1) if gaps else some.std(-1)  # (n, ...)
    spread = np.array([np.median(own[own > 0]) if own.any() else np.inf for own in np.atleast_2d(deviations.T)])
    spread = spread.reshape(X.shape[1:-1])
    means = channel_means(some)
    mean = np.median(means, axis=0)
    offset = np.where(np.abs(mean) > MAX_MEAN_TO_STD * spread, mean, 0.0)
    if (np.median(np.abs(means - offset), axis=0) > MAX_MEAN_TO_STD * spread).any():
        warnings.warn(
            f"the means of the signals in X differ by more than {MAX_MEAN_TO_STD} standard deviations, so that float32 "
            "loses most digits of the signals. Subtract the mean of each signal.",
            UserWarning,
            stacklevel=5,
        )
    return offset
