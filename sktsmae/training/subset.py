"""Choice of a subset of the samples for linear models, if a fit on all samples would take too long."""

from __future__ import annotations

import warnings

import numpy as np

# Leave-one-out predictions of n samples need an n x n matrix and the features in float64. With more samples or values,
# a fit would take minutes.
MAX_SAMPLES, MAX_VALUES = 4000, 10**8


def choose_samples(codes: np.ndarray, num_features: int, seed: int) -> np.ndarray:
    """Choose the samples on which the linear models of a probe are fitted.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Class indices.
    num_features : int
        Number of features of a sample.
    seed : int
        Seed of the random choice.

    Returns
    -------
    ndarray of int of shape (m,)
        Increasing indices into `codes`: all, or a random subset with the same fraction of each class and at least one
        sample per class.

    Warns
    -----
    UserWarning
        If not all samples are chosen.
    """
    classes, counts = np.unique(codes, return_counts=True)
    count = max(2 * len(classes), min(MAX_SAMPLES, MAX_VALUES // num_features))
    if count < len(codes):
        warnings.warn(
            f"the linear models are fitted on {count} of {len(codes)} samples, because all samples with {num_features} "
            "features each would take too much time and memory. To use all samples, make a pipeline of "
            "CWTTransformer(output='statistics') and another model.",
            UserWarning,
            stacklevel=4,
        )
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    by_class = shuffled[codes[shuffled].argsort(kind="stable")]
    position = np.arange(len(codes)) - np.searchsorted(codes[by_class], codes[by_class])  # within the class
    fraction = position / counts[np.searchsorted(classes, codes[by_class])]
    return np.sort(by_class[fraction.argsort(kind="stable")[:count]])
