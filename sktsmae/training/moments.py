"""Sums over samples from which a ridge regression on any number of samples can be computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
from scipy.linalg.blas import dsyrk

# Number of values that are converted to float64 at once (32 MB).
CHUNK_VALUES = 2**22


class CentredMoments(NamedTuple):
    """Weighted means, and weighted sums of products of centred values, in float64.

    Attributes
    ----------
    weight : float
        Sum of the sample weights.
    mean : ndarray of shape (F,)
        Means of the features.
    target_mean : ndarray of shape (C,)
        Means of the targets.
    gram : ndarray of shape (F, F)
        Sums of the products of two features; only the lower triangle is filled.
    products : ndarray of shape (F, C)
        Sums of the products of a feature and a target.
    """

    weight: float
    mean: np.ndarray
    target_mean: np.ndarray
    gram: np.ndarray
    products: np.ndarray


class Moments:
    """Weighted sums of features, targets and their products, in float64.

    Samples can be added one set after the other, so that only one set is in memory.

    Parameters
    ----------
    width : int
        Number of features F.
    num_targets : int
        Number of targets C.

    Attributes
    ----------
    weight : float
        Sum of the sample weights.
    features : ndarray of shape (F,)
        Weighted sum of the features.
    targets : ndarray of shape (C,)
        Weighted sum of the targets.
    gram : ndarray of shape (F, F)
        Weighted sum of the products of two features; only the lower triangle is filled.
    products : ndarray of shape (F, C)
        Weighted sum of the products of a feature and a target.

    Examples
    --------
    >>> import numpy as np
    >>> from sktsmae.training.moments import Moments
    >>> moments = Moments(2, 1)
    >>> moments.add(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [0.0]]), np.ones(2))
    >>> moments.gram.tolist()
    [[10.0, 0.0], [14.0, 20.0]]
    """

    def __init__(self, width: int, num_targets: int) -> None:
        self.weight = 0.0
        self.features, self.targets = np.zeros(width), np.zeros(num_targets)
        self.gram = np.zeros((width, width), order="F")  # the order that BLAS updates in place
        self.products = np.zeros((width, num_targets))

    def add(self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
        """Add samples.

        Parameters
        ----------
        features : ndarray of shape (n, F)
            Their features.
        targets : ndarray of shape (n, C)
            Their targets.
        weights : ndarray of shape (n,)
            Their weights, which are positive.
        """
        root = np.sqrt(weights.astype(np.float64))[:, None]
        self.weight += weights.sum(dtype=np.float64)
        for part in chunks(len(features), features.shape[1]):
            x, y = root[part] * features[part], root[part] * targets[part]
            self.features += root[part, 0] @ x
            self.targets += root[part, 0] @ y
            self.gram = dsyrk(1.0, x.T, beta=1.0, c=self.gram, lower=True, overwrite_c=True)
            self.products += x.T @ y

    @classmethod
    def total(cls, parts: Sequence[Self]) -> Self:
        """Return the sums over several sets of samples.

        Parameters
        ----------
        parts : sequence of Moments
            The sums over each set, which are not changed.

        Returns
        -------
        Moments
            The total.
        """
        total = cls(*parts[0].products.shape)
        for part in parts:
            total.weight += part.weight
            for name in ("features", "targets", "gram", "products"):
                np.add(getattr(total, name), getattr(part, name), out=getattr(total, name))
        return total

    def centred(self, columns: np.ndarray | None = None, factors: np.ndarray | float = 1.0) -> CentredMoments:
        """Return means, and sums of products of centred features and targets.

        Parameters
        ----------
        columns : ndarray of int of shape (f,), default=None
            The features to use, in increasing order. None uses all.
        factors : float or ndarray of shape (f,), default=1.0
            Factors by which these features are multiplied.

        Returns
        -------
        CentredMoments
            The results, which are copies.
        """
        columns = np.arange(len(self.features)) if columns is None else columns
        factors = np.broadcast_to(factors, columns.shape)
        mean, target_mean = factors * self.features[columns] / self.weight, self.targets / self.weight
        gram = self.gram.T[np.ix_(columns, columns)].T  # in the order that BLAS updates in place
        gram *= factors
        gram *= factors[:, None]
        gram = dsyrk(-self.weight, mean[:, None], beta=1.0, c=gram, lower=True, overwrite_c=True)
        products = factors[:, None] * self.products[columns] - np.outer(mean, self.targets)
        return CentredMoments(self.weight, mean, target_mean, gram, products)


def chunks(count: int, size: int) -> Iterator[slice]:
    """Divide rows or columns into chunks.

    Parameters
    ----------
    count : int
        Number of rows or columns.
    size : int
        Number of values in each of them.

    Yields
    ------
    slice
        Consecutive rows or columns with at most `CHUNK_VALUES` values, or a single one.
    """
    step = max(1, CHUNK_VALUES // max(1, size))
    for start in range(0, count, step):
        yield slice(start, min(count, start + step))
