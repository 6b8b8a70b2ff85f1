"""Preparation of signals before they are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..models import Scalogram, Waveform


def sampling_rate_of(estimator: Any, sampling_rate: float | None) -> float | None:
    """Return the given sampling rate, or the estimator's sampling rate if the given one is None.

    Parameters
    ----------
    estimator : estimator
        An estimator of this package.
    sampling_rate : float or None
        The given sampling rate in Hz.

    Returns
    -------
    float or None
        The sampling rate in Hz; None if it is unknown.
    """
    return getattr(estimator, "sampling_rate", None) if sampling_rate is None else sampling_rate


def pick_channel(x: np.ndarray, channel: int) -> np.ndarray:
    """Return one channel of a signal.

    Parameters
    ----------
    x : ndarray of shape (T,) or (M, T)
        The signal.
    channel : int
        Index of the channel.

    Returns
    -------
    ndarray of shape (T,)
        The channel.

    Raises
    ------
    ValueError
        If the channel does not exist.
    """
    channels = np.atleast_2d(x)
    if not -len(channels) <= channel < len(channels):
        raise ValueError(
            f"channel={channel}: the signal has {len(channels)} channel(s); give 0 to {len(channels) - 1}."
        )
    signal: np.ndarray = channels[channel]
    return signal


def pad_to_fitted_length(estimator: Any, x: Any) -> np.ndarray:
    """Append NaN to a signal that is shorter than the signals in `fit`.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this package.
    x : array-like of shape (..., T)
        A signal.

    Returns
    -------
    ndarray of shape (..., T')
        The padded signal. The signal is not padded if it is long enough, if it is a spectrogram, or if the estimator
        resamples signals.
    """
    check_is_fitted(estimator)
    x = np.asarray(x)
    missing = estimator.input_shape_[-1] - x.shape[-1]
    if missing <= 0 or x.ndim > 2 or getattr(estimator, "signal_len", None) is not None:
        return x
    return np.pad(x.astype(float), [*[(0, 0)] * (x.ndim - 1), (0, missing)], constant_values=np.nan)


def without_padding(x: np.ndarray) -> np.ndarray:
    """Remove the leading and trailing padding of a signal.

    Parameters
    ----------
    x : ndarray of shape (..., T)
        A signal padded with NaN, or a spectrogram.

    Returns
    -------
    ndarray of shape (..., T')
        The signal from the first to the last sample that has a value in at least one channel.
    """
    known = np.flatnonzero((x == x).reshape(-1, x.shape[-1]).any(0))  # NaN differs from itself
    return x[..., known[0] : known[-1] + 1] if len(known) else x


def original_scales(scales: np.ndarray, x: np.ndarray, columns: int) -> tuple[np.ndarray, float]:
    """Return the scales of an image, and the time between two columns, in samples of the original signal.

    Parameters
    ----------
    scales : ndarray of shape (S,)
        Scales in columns of the image.
    x : ndarray of shape (..., T)
        The original signal. To compute the image, its padding was removed and the rest resampled to `columns` samples.
    columns : int
        Number of columns of the image.

    Returns
    -------
    tuple of ndarray of shape (S,) and float
        The scales and the time, in samples.
    """
    length = without_padding(x).shape[-1]
    step = (length - 1) / max(1, columns - 1) if length > 1 else 1.0
    return scales * step, step


def scales_of_images(scalogram: Scalogram, x: np.ndarray, columns: int) -> tuple[np.ndarray | None, float]:
    """Return the scales of the images of a network, and the time between two columns, as `original_scales` does.

    Parameters
    ----------
    scalogram : Scalogram
        The scalogram of the network.
    x : ndarray of shape (..., T)
        The original signal.
    columns : int
        Number of columns of the image.

    Returns
    -------
    tuple of ndarray of shape (S,) or None, and float
        The scales and the time, in samples; None for waveforms, which have no scales.
    """
    scales, step = original_scales(scalogram.scales.cpu().numpy(), x, columns)
    return None if isinstance(scalogram, Waveform) else scales, step
