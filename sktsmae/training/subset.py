"""Choice of a subset of the samples for linear models, if a fit on all samples would take too long."""

from __future__ import annotations

import warnings

import numpy as np

# The features of all samples are in memory during a fit.
MAX_SAMPLES = 20_000


def choose_samples(codes: np.ndarray, seed: int) -> np.ndarray:
    """Choose the samples on which the linear models of a probe are fitted.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Class indices.
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
    count = max(2 * len(classes), MAX_SAMPLES)
    if count < len(codes):
        warnings.warn(
            f"the linear models are fitted on {count} of {len(codes)} samples, because the features of all samples "
            "would take too much memory. To use all samples, make a pipeline of CWTTransformer(output='statistics') "
            "and another model.",
            UserWarning,
            stacklevel=4,
        )
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    by_class = shuffled[codes[shuffled].argsort(kind="stable")]
    position = np.arange(len(codes)) - np.searchsorted(codes[by_class], codes[by_class])  # within the class
    fraction = position / counts[np.searchsorted(classes, codes[by_class])]
    return np.sort(by_class[fraction.argsort(kind="stable")[:count]])
