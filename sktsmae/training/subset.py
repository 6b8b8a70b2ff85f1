"""Choice of a random subset of samples that represents all classes."""

from __future__ import annotations

import numpy as np


def choose_samples(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Choose samples at random.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Class indices.
    count : int
        Number of samples to choose. If it is less than twice the number of classes, that number is chosen.
    seed : int
        Seed of the random choice.

    Returns
    -------
    ndarray of int of shape (m,)
        Increasing indices into `codes`: all, or a random subset with the same fraction of each class and at least one
        sample per class.
    """
    classes, counts = np.unique(codes, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    by_class = shuffled[codes[shuffled].argsort(kind="stable")]
    position = np.arange(len(codes)) - np.searchsorted(codes[by_class], codes[by_class])  # within the class
    fraction = position / counts[np.searchsorted(classes, codes[by_class])]
    return np.sort(by_class[fraction.argsort(kind="stable")[: max(2 * len(classes), count)]])
