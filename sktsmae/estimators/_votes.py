"""Votes: how the class probabilities of windows become those of their recording."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import entr
from scipy.stats import trim_mean

# Fraction of the windows that the trimmed vote leaves out at each end.
_TRIMMED = 0.1


def soft_vote(proba: np.ndarray) -> np.ndarray:
    """Average probabilities.

    Parameters
    ----------
    proba : ndarray of shape (n_windows, C)
        Class probabilities of the windows of one recording.

    Returns
    -------
    ndarray of shape (C,)
        Class probabilities of the recording.
    """
    mean: np.ndarray = proba.mean(0)
    return mean


def confidence_vote(proba: np.ndarray) -> np.ndarray:
    """Average probabilities with the weight 1 - H / log(C), where H is the entropy of the probabilities of a window.

    Parameters
    ----------
    proba : ndarray of shape (n_windows, C)
        Class probabilities of the windows of one recording.

    Returns
    -------
    ndarray of shape (C,)
        Class probabilities of the recording; the mean if all windows have uniform probabilities.
    """
    confidence = 1 - entr(proba).sum(1) / np.log(max(2, proba.shape[1]))
    weights = confidence.clip(0) + np.finfo(np.float32).eps  # not all zero
    return np.average(proba, axis=0, weights=weights)


def trimmed_vote(proba: np.ndarray) -> np.ndarray:
    """Average the probabilities of each class without the lowest 10 % and the highest 10 %.

    Parameters
    ----------
    proba : ndarray of shape (n_windows, C)
        Class probabilities of the windows of one recording.

    Returns
    -------
    ndarray of shape (C,)
        Class probabilities of the recording, whose sum is 1. Fewer than ten windows are not trimmed.
    """
    # Each class may have a positive probability in less than 10 % of the windows. The mean then decides.
    trimmed = trim_mean(proba, _TRIMMED, axis=0) + np.finfo(np.float32).eps * proba.mean(0)
    mean: np.ndarray = trimmed / trimmed.sum()
    return mean


VOTES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "soft": soft_vote,
    "confidence": confidence_vote,
    "trimmed": trimmed_vote,
}
