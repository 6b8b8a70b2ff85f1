"""Centring of signals whose mean is too large for the precision of float32."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .spread_rows import spread_rows

# Largest ratio of the mean to the standard deviation without centring. Above it, the wavelet transform in float32 has
# at most three significant digits.
MAX_MEAN_TO_STD = 1000


class CentredSignals:
    """An array-like that subtracts an offset from signals when it is indexed.

    The subtraction is in float64. A later conversion to float32 then keeps the variation of the signals.

    Parameters
    ----------
    X : ndarray of shape (n, T) or (n, M, T)
        Signals.
    offset : ndarray of shape () or (M,), float64, or None
        Offset of each channel. None subtracts the mean of each channel of each signal.
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
        Signals with NaN for missing values.

    Returns
    -------
    ndarray of shape (b, ...)
        The means; NaN for channels without values.
    """
    means: np.ndarray = signals.mean(-1)
    if not np.isnan(means).any():
        return means
    known = ~np.isnan(signals)
    with np.errstate(invalid="ignore"):
        averages: np.ndarray = np.where(known, signals, 0).sum(-1) / known.sum(-1)
    return averages


def centre(estimator: BaseEstimator, X: np.ndarray, reset: bool) -> Any:
    """Subtract an offset from signals if float32 would otherwise lose their variation.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator, which has the offset as attribute ``offset_``, or as the attribute that its class attribute
        ``_offset_attribute`` names.
    X : ndarray of shape (n, T) or (n, M, T)
        Signals.
    reset : bool
        True, as in `fit`, computes the offset; False uses its value.

    Returns
    -------
    ndarray or CentredSignals of the same shape
        `CentredSignals` if the offset is not 0, and X otherwise. For an estimator whose results do not depend on the
        mean, `CentredSignals` that subtract the mean of each signal.

    Warns
    -----
    UserWarning
        If the means of the signals differ so much that one offset per channel is not sufficient.
    """
    attribute = getattr(estimator, "_offset_attribute", "offset_")
    if getattr(estimator, "_ignores_mean", False):
        if reset:
            setattr(estimator, attribute, np.zeros(X.shape[1:-1]))
        return CentredSignals(X, None)
    if reset:
        setattr(estimator, attribute, _large_means(X))
    offset = getattr(estimator, attribute, np.zeros(()))
    return CentredSignals(X, offset) if offset.any() else X


def _large_means(X: np.ndarray) -> np.ndarray:
    """Return the median mean of each channel if it exceeds 1,000 median standard deviations, and 0 otherwise."""
    # A subset limits the time and the memory: at most 256 signals and, if possible, 32 MiB of float64.
    count = max(1, min(256, 2**22 // math.prod(X.shape[1:])))
    signals = np.asarray(X[spread_rows(len(X), count)], dtype=np.float64)
    means = channel_means(signals)
    stds = np.sqrt(channel_means((signals - means[..., None]) ** 2))  # (n,) or (n, M)
    # Constant signals are ignored. The offset of a channel with only constant signals, or without values, is 0.
    std = np.array([np.median(row[row > 0]) if (row > 0).any() else np.inf for row in np.atleast_2d(stds.T)])
    std = std.reshape(X.shape[1:-1])
    mean = _median(means)
    offset = np.where(np.abs(mean) > MAX_MEAN_TO_STD * std, mean, 0.0)
    if (_median(np.abs(means - offset)) > MAX_MEAN_TO_STD * std).any():
        warnings.warn(
            f"the means of the signals in X differ by more than {MAX_MEAN_TO_STD} standard deviations, so that float32 "
            "loses most digits of the signals. Subtract the mean of each signal.",
            UserWarning,
            stacklevel=5,
        )
    return offset


def _median(values: np.ndarray) -> np.ndarray:
    """Return the medians of values (n, ...) over n, ignoring NaN; 0 if all are NaN."""
    columns = values.reshape(len(values), -1).T
    medians = [np.median(known) if (known := column[~np.isnan(column)]).size else 0.0 for column in columns]
    return np.array(medians).reshape(values.shape[1:])
