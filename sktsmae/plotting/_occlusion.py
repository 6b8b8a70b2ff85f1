"""Occlusion: which times and frequencies of a signal a prediction depends on, for any classifier."""

from __future__ import annotations

from typing import Any

import numpy as np

NUM_SEGMENTS, NUM_BANDS = 16, 6


def occlude_times(signal: np.ndarray) -> np.ndarray:
    """Replace each of 16 time segments of a signal by a straight line.

    Parameters
    ----------
    signal : ndarray of shape (T,) or (M, T)
        The signal, without NaN.

    Returns
    -------
    ndarray of shape (16, T) or (16, M, T)
        The signal with the first, the second, ... segment replaced.
    """
    n_timepoints = signal.shape[-1]
    channels = np.atleast_2d(np.asarray(signal, np.float64))
    time = np.arange(n_timepoints)
    edges = np.linspace(0, n_timepoints, NUM_SEGMENTS + 1).round().astype(int)
    occluded = np.repeat(channels[None], NUM_SEGMENTS, axis=0)
    for copy, start, stop in zip(occluded, edges[:-1], edges[1:], strict=True):
        outside = (time < start) | (time >= stop)
        for row, channel in zip(copy, channels, strict=True):
            row[:] = np.interp(time, time[outside], channel[outside])
    return occluded.reshape(NUM_SEGMENTS, *signal.shape)


def occlude_bands(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Remove each of six frequency bands from a signal; a band is an octave, and the first one has all below.

    Parameters
    ----------
    signal : ndarray of shape (T,) or (M, T)
        The signal, without NaN.

    Returns
    -------
    occluded : ndarray of shape (6, T) or (6, M, T)
        The signal without the first, the second, ... band. The mean stays.
    edges : ndarray of shape (7,)
        Limits of the bands in cycles per sample, from 0 to 0.5.
    """
    spectrum, frequencies = np.fft.rfft(signal, axis=-1), np.fft.rfftfreq(signal.shape[-1])
    edges = np.concatenate([[0.0], 0.5 ** np.arange(NUM_BANDS, 0, -1)])
    inside = (frequencies > edges[:-1, None]) & (frequencies <= edges[1:, None])  # (bands, frequencies)
    inside = inside.reshape(NUM_BANDS, *[1] * (signal.ndim - 1), -1)
    return np.fft.irfft(np.where(inside, 0, spectrum), signal.shape[-1], axis=-1), edges


def occlusion(classifier: Any, signal: np.ndarray, code: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute how much the probability of a class falls if times or frequencies of a signal are occluded.

    Parameters
    ----------
    classifier : MAEClassifier
        The fitted classifier.
    signal : ndarray of shape (T,) or (M, T)
        The signal, without NaN.
    code : int
        Index of the class.

    Returns
    -------
    times : ndarray of shape (16,)
        The decrease of the probability for each time segment; negative if the probability rises.
    bands : ndarray of shape (6,)
        The same for each frequency band.
    edges : ndarray of shape (7,)
        Limits of the bands in cycles per sample.

    References
    ----------
    M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    """
    without_bands, edges = occlude_bands(signal)
    variants = np.concatenate([signal[None], occlude_times(signal), without_bands])
    probability = classifier.predict_proba(variants)[:, code]
    decrease = probability[0] - probability[1:]
    return decrease[:NUM_SEGMENTS], decrease[NUM_SEGMENTS:], edges
