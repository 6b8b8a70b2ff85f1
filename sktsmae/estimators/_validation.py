"""What every estimator asks of its input, its device and its parameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, validate_data

from ._batches import CentredSignals, StoredSignals, mean_levels, spread_rows
from ._containers import RAGGED, as_array
from ._processes import Processes

POSITIVE_INT = Interval(Integral, 1, None, closed="left")
NON_NEGATIVE_INT = Interval(Integral, 0, None, closed="left")
POSITIVE_REAL = Interval(Real, 0, None, closed="neither")
NON_NEGATIVE_REAL = Interval(Real, 0, None, closed="left")
OPEN_SHARE = Interval(Real, 0, 1, closed="neither")
SHARE = Interval(Real, 0, 1, closed="left")
SCALES = [POSITIVE_INT, "array-like"]
SAMPLING_RATE = [POSITIVE_REAL, None]
DEVICE = [str, torch.device]
# Leaves room in float32 for the gain of the wavelets and for the sum of squares over an image.
LARGEST = 1e15
# Levels in terms of what a signal varies by: beyond, float32 and the wavelets' arithmetic keep three digits or fewer.
MOST_LEVEL = 1000
_OTHER_LENGTHS = "Signals of other lengths come as a list of arrays; or shorter ones padded with NaN."


def check_signals(
    estimator: BaseEstimator,
    X: Any,
    *,
    reset: bool,
    min_samples: int = 1,
    processes: Processes = Processes(),  # noqa: B008 - frozen
) -> np.ndarray:
    """Check signals or spectrograms, and remember or compare their size.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_``, ``input_shape_`` and ``offset_`` if `reset`, and is asked for them otherwise.
    X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Signals of one channel or of M, or spectrograms; numpy, pandas, torch or lists, or what `StoredSignals` reads.
    reset : bool
        Whether this is `fit`.
    min_samples : int, default=1
        How many rows are needed.
    processes : Processes, default=Processes()
        Each looks at its part of what is stored in a file.

    Returns
    -------
    ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        The array as it came, copied only where it was no array; one channel has no axis of its own. Or, where its level
        is over 1,000 times what it varies by or makes no difference, `CentredSignals`; what is stored, `StoredSignals`.

    Raises
    ------
    ValueError, TypeError
        If X is no such array, or infinite, or of another size than in `fit`.
    """
    # A network that resamples has been fitted on signals of all sizes.
    any_size = not reset and getattr(estimator, "signal_len", None) is not None
    X = as_array(X, length=0 if reset or any_size else getattr(estimator, "input_shape_", (0,))[-1])
    if processes.count > 1 and isinstance(X, np.memmap):
        X = StoredSignals(X)
    name = type(estimator).__name__
    if not 2 <= X.ndim <= 4:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead: X must be (n_samples, length), (n_samples, channels, "
            f"length) or a spectrogram. Reshape your data using X.reshape(1, -1) if it is one signal."
        )
    if X.ndim == 3 and X.shape[1] == 1 and not isinstance(X, StoredSignals):
        X = X[:, 0]
    if any_size and X.ndim == 4:
        raise ValueError(f"X has shape {X.shape}, a spectrogram; {name} resamples signals, so give signals.")
    if isinstance(X, StoredSignals):
        _check_stored(X, name, min_samples, processes)
        checked: Any = X
    elif X.ndim == 2 and not any_size:
        if not reset and len(getattr(estimator, "input_shape_", (0,))) > 1:
            raise ValueError(_size_message(name, estimator.input_shape_, X.shape[1:]))
        try:
            checked = validate_data(
                estimator, X, reset=reset, ensure_min_samples=min_samples, ensure_all_finite="allow-nan"
            )
        except ValueError as error:
            if "is expecting" not in str(error):
                raise
            raise ValueError(f"{error} A feature is a sample of a signal. {_OTHER_LENGTHS}") from error
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
    if 0 in checked.shape[1:]:
        raise ValueError(f"X has shape {checked.shape}: every axis must have at least one entry.")
    if reset and (checked.ndim > 2 or isinstance(checked, StoredSignals)):
        estimator.n_features_in_ = checked.shape[1]
        vars(estimator).pop("feature_names_in_", None)  # of an earlier fit on a DataFrame
    if reset and checked.ndim == 3 and checked.shape[1] > checked.shape[2]:
        warnings.warn(
            f"X has {checked.shape[1]} channels of {checked.shape[2]} samples each; if time comes first in it, give "
            "X.transpose(0, 2, 1).",
            UserWarning,
            stacklevel=3,
        )
    if not isinstance(checked, StoredSignals):
        _check_values(checked)
    if reset:
        estimator.input_shape_ = checked.shape[1:]
    elif estimator.input_shape_ != checked.shape[1:] and not any_size:
        raise ValueError(_size_message(name, estimator.input_shape_, checked.shape[1:]))
    if checked.ndim < 4:
        return _centred(estimator, checked, reset)
    if reset:
        estimator.offset_ = np.zeros(())
    return checked


def _check_stored(X: StoredSignals, name: str, min_samples: int, processes: Processes) -> None:
    """Refuse what is stored elsewhere for what would be refused of an array, reading a few megabytes at a time."""
    if len(X) < min_samples:
        raise ValueError(
            f"Found array with {len(X)} sample(s) (shape={X.shape}) while a minimum of {min_samples} is required by "
            f"{name}."
        )
    own = processes.part(len(X))
    step = max(1, 2**21 // max(1, math.prod(X.shape[1:])))
    for start in own[::step]:
        try:
            part = X[start : min(start + step, own.stop)]
        except ValueError as error:  # items that cannot be stacked
            raise ValueError(RAGGED) from error
        if part.shape[1:] != X.shape[1:]:
            raise ValueError(RAGGED)
        _check_values(part, start)
        if part.dtype.kind == "f" and np.isinf(part).any():
            raise ValueError(f"Input X contains infinity, in the samples from {start} on; leave those out.")


def _check_values(X: np.ndarray, start: int = 0) -> None:
    """Refuse what is no numbers, too large for float32, or missing altogether."""
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X has dtype {X.dtype}; give numbers.")
    if X.dtype.kind != "f" or not X.size:
        return
    highest, lowest = float(X.max()), float(X.min())
    if np.isnan(highest):
        if X.ndim == 4:
            raise ValueError("X is a spectrogram and contains NaN; fill the gaps of the signals that it is made of.")
        missing = np.isnan(X)
        empty = missing.all(-1).reshape(len(X), -1).any(1)
        if empty.any():
            raise ValueError(
                f"X contains NaN alone in sample {start + int(empty.argmax())}, or in one of its channels; leave such "
                "samples out. (A sample with some values is interpolated between them.)"
            )
        highest, lowest = float(np.nanmax(X)), float(np.nanmin(X))
    if LARGEST < max(highest, -lowest) < np.inf:
        raise ValueError(f"X holds values too large for float32, beyond {LARGEST:g}; scale the signals down.")


def _centred(estimator: BaseEstimator, X: np.ndarray, reset: bool) -> Any:
    """Return X less an offset, if its level is so large that float32 would lose what varies; set `offset_` in `fit`."""
    if getattr(estimator, "_forgets_level", False):
        if reset:
            estimator.offset_ = np.zeros(X.shape[1:-1])
        return CentredSignals(X, None)
    if reset:
        estimator.offset_ = _large_levels(X)
    offset = getattr(estimator, "offset_", np.zeros(()))
    return CentredSignals(X, offset) if offset.any() else X


def _large_levels(X: np.ndarray) -> np.ndarray:
    """Return the level of each channel where it is over 1,000 times what signals vary by; 0 elsewhere."""
    some = np.asarray(X[spread_rows(len(X), max(1, min(256, 2**22 // math.prod(X.shape[1:]))))], dtype=np.float64)
    gaps = np.isnan(some).any()
    deviations = np.nanstd(some, -1) if gaps else some.std(-1)  # (n, ...)
    spread = np.array([np.median(own[own > 0]) if own.any() else np.inf for own in np.atleast_2d(deviations.T)])
    spread = spread.reshape(X.shape[1:-1])
    levels = mean_levels(some)
    level = np.median(levels, axis=0)
    offset = np.where(np.abs(level) > MOST_LEVEL * spread, level, 0.0)
    if (np.median(np.abs(levels - offset), axis=0) > MOST_LEVEL * spread).any():
        warnings.warn(
            f"the levels of the signals in X differ by more than {MOST_LEVEL} times what a signal varies by; float32 "
            "keeps few digits of that. Subtract from each signal its own mean.",
            UserWarning,
            stacklevel=5,
        )
    return offset


def resolve_device(device: str | torch.device, fitted: bool = False) -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    device : str or torch.device
        "auto" for a CUDA GPU where there is one and the CPU elsewhere, or torch's name of a device.
    fitted : bool, default=False
        Whether the estimator is fitted already. It may then have been moved from another machine, so that the CPU
        stands in, with a warning, for a device that is missing here.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If the name is unknown or there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.zeros(1, device=resolved).cpu()  # there, and able to compute
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        message = f"device={str(device)!r} is not available on this machine"
        if not fitted:
            raise ValueError(f"{message}; use device='cpu', or 'auto' to take what there is.") from error
        warnings.warn(f"{message}; computing on the CPU.", UserWarning, stacklevel=2)
        return torch.device("cpu")
    return resolved


@contextmanager
def rollback_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Give an estimator back the attributes that it had, if the block raises.

    Parameters
    ----------
    estimator : BaseEstimator
        Which one.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _size_message(name: str, fitted: tuple[int, ...], given: tuple[int, ...]) -> str:
    return (
        f"X has samples of shape {given}, but {name} was fitted on samples of shape {fitted}; give X that shape. "
        f"{_OTHER_LENGTHS}"
    )
