"""Validation of the shape and the values of signals and spectrograms."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from .centring import centre
from .containers import as_array
from .ragged import RAGGED
from .sources import StoredSignals
from .world import World

# Largest allowed absolute value. Larger values may overflow float32 in the wavelet transform or in a sum of squares
# over an image.
LARGEST = 1e15
_OTHER_LENGTHS = "Signals of other lengths can be given as a list of arrays, and shorter ones can be padded with NaN."


def check_signals(
    estimator: BaseEstimator,
    X: Any,
    *,
    reset: bool,
    min_samples: int = 1,
    world: World = World(),  # noqa: B008 - frozen
) -> np.ndarray:
    """Validate signals or spectrograms, and store their shape in the estimator or compare it with the stored one.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator. Its ``n_features_in_``, ``input_shape_`` and ``offset_`` are set if `reset` is True, and read
        otherwise.
    X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Signals of one channel or of M channels, or spectrograms; numpy, pandas, torch or lists, or a source that
        `StoredSignals` reads.
    reset : bool
        Whether the estimator is being fitted.
    min_samples : int, default=1
        Minimum number of samples.
    world : World, default=World()
        The processes that train together. Each process validates only its shard of stored signals.

    Returns
    -------
    ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        The validated array, copied only if X is not an array. If there is one channel, the channel axis is removed.
        Stored signals are returned as `StoredSignals`. Signals are returned as `CentredSignals` if their mean is over
        1,000 times their standard deviation, or if the results of the estimator do not depend on the mean.

    Warns
    -----
    UserWarning
        If signals lack a channel, or if X may have its axes in another order.

    Raises
    ------
    ValueError, TypeError
        If X does not have one of these shapes, contains infinity, text or a sample without numbers, or if its samples
        differ in shape from those in `fit`.
    """
    # An estimator with `signal_len` resamples signals, so it accepts any length after `fit`.
    any_length = not reset and getattr(estimator, "signal_len", None) is not None
    X = as_array(X, length=0 if reset or any_length else getattr(estimator, "input_shape_", (0,))[-1])
    if world.size > 1 and isinstance(X, np.memmap):
        X = StoredSignals(X)
    name = type(estimator).__name__
    if not 2 <= X.ndim <= 4:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead: X must be (n_samples, length), (n_samples, channels, "
            f"length) or a spectrogram. Reshape your data using X.reshape(1, -1) if it is one signal."
        )
    if X.ndim == 3 and X.shape[1] == 1 and not isinstance(X, StoredSignals):
        X = X[:, 0]
    if any_length and X.ndim == 4:
        raise ValueError(f"X has shape {X.shape}, which is a spectrogram, but {name} resamples signals; give signals.")
    if isinstance(X, StoredSignals):
        incomplete = _check_stored(X, name, min_samples, world)
        checked: Any = X
    else:
        checked, incomplete = _check_in_memory(estimator, X, reset, min_samples, any_length)
    if incomplete:
        warnings.warn(
            f"{incomplete} of {len(X)} signals in X lack a channel, all of whose values are NaN; these channels are "
            "ignored.",
            UserWarning,
            stacklevel=3,
        )
    _check_shape(estimator, checked, reset, any_length)
    if checked.ndim < 4:
        return centre(estimator, checked, reset)
    if reset:
        estimator.offset_ = np.zeros(())
    return checked


def _check_in_memory(
    estimator: BaseEstimator, X: Any, reset: bool, min_samples: int, any_length: bool
) -> tuple[np.ndarray, int]:
    """Validate an array in memory; return it as an array, and the number of signals that lack a channel."""
    if X.ndim == 2 and not any_length:
        if not reset and len(getattr(estimator, "input_shape_", (0,))) > 1:
            raise ValueError(_shape_message(type(estimator).__name__, estimator.input_shape_, X.shape[1:]))
        try:
            checked = validate_data(
                estimator, X, reset=reset, ensure_min_samples=min_samples, ensure_all_finite="allow-nan"
            )
        except ValueError as error:
            if "is expecting" not in str(error):
                raise
            raise ValueError(f"{error} Each feature is one sample of a signal. {_OTHER_LENGTHS}") from error
    else:
        checked = check_array(
            X,
            ensure_2d=False,
            allow_nd=True,
            ensure_min_samples=min_samples,
            ensure_all_finite="allow-nan",
            estimator=estimator,
            input_name="X",
        )
    # `_check_shape` refuses an empty axis.
    return checked, 0 if 0 in checked.shape[1:] else _check_values(checked)


def _check_shape(estimator: BaseEstimator, X: Any, reset: bool, any_length: bool) -> None:
    """Store the shape of the samples if `reset` is True, and compare it with the stored shape otherwise."""
    if 0 in X.shape[1:]:
        raise ValueError(f"X has shape {X.shape}: every axis must have at least one element.")
    if reset and (X.ndim > 2 or isinstance(X, StoredSignals)):
        estimator.n_features_in_ = X.shape[1]
        vars(estimator).pop("feature_names_in_", None)  # from an earlier fit on a DataFrame
    if reset and X.ndim == 3 and X.shape[1] > X.shape[2]:
        warnings.warn(
            f"X has {X.shape[1]} channels of {X.shape[2]} samples each; if time is its second axis, give "
            "X.transpose(0, 2, 1).",
            UserWarning,
            stacklevel=4,
        )
    if reset:
        estimator.input_shape_ = X.shape[1:]
    elif estimator.input_shape_ != X.shape[1:] and not any_length:
        raise ValueError(_shape_message(type(estimator).__name__, estimator.input_shape_, X.shape[1:]))


def _check_stored(X: StoredSignals, name: str, min_samples: int, world: World) -> int:
    """Validate the shard of stored signals of this process; return the number of signals that lack a channel."""
    if len(X) < min_samples:
        raise ValueError(
            f"Found array with {len(X)} sample(s) (shape={X.shape}) while a minimum of {min_samples} is required by "
            f"{name}."
        )
    return sum(X.for_each_part(partial(_check_part, X.shape[1:]), world.shard(len(X))))


def _check_part(shape: tuple[int, ...], part: np.ndarray, start: int) -> int:
    """Validate some of the stored signals, the first of which has the index `start`; return as `_check_values`."""
    if part.shape[1:] != shape:
        raise ValueError(RAGGED)
    incomplete = _check_values(part, start)
    if part.dtype.kind == "f" and np.isinf(part).any():
        raise ValueError(f"Input X contains infinity, at or after sample {start}; remove samples with infinity.")
    return incomplete


def _check_values(X: np.ndarray, start: int = 0) -> int:
    """Raise if values are not numbers, or too large for float32; return the number of signals that lack a channel."""
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X has dtype {X.dtype}; give numbers.")
    if X.dtype.kind != "f" or not X.size:
        return 0
    incomplete = 0
    highest, lowest = float(X.max()), float(X.min())
    if np.isnan(highest):
        if X.ndim == 4:
            raise ValueError("X is a spectrogram and contains NaN; fill the gaps before the wavelet transform.")
        missing = np.isnan(X).all(-1).reshape(len(X), -1)  # channels without values
        empty = missing.all(1)
        if empty.any():
            raise ValueError(
                f"X contains only NaN in sample {start + int(empty.argmax())}; remove the samples without values. "
                "(Only gaps between known values are interpolated.)"
            )
        incomplete = int(missing.any(1).sum())
        highest, lowest = float(np.nanmax(X)), float(np.nanmin(X))
    if LARGEST < max(highest, -lowest) < np.inf:
        raise ValueError(f"X contains values beyond {LARGEST:g}, too large for float32; scale the signals down.")
    return incomplete


def _shape_message(name: str, fitted: tuple[int, ...], given: tuple[int, ...]) -> str:
    return (
        f"X has samples of shape {given}, but {name} was fitted on samples of shape {fitted}; give samples of "
        f"that shape. {_OTHER_LENGTHS}"
    )
