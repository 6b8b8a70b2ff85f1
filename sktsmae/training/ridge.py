"""Ridge regression with leave-one-out (LOO) predictions, without a copy of the features in double precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

# Penalties to choose from.
ALPHAS = np.logspace(-1, 5, 13)
# Number of values that are converted to float64 at once (32 MB).
_CHUNK_VALUES = 2**22


class FeatureBlock:
    """Some of the features of weighted samples. They are centred and converted to float64 chunk by chunk.

    Parameters
    ----------
    values : ndarray of shape (n, F)
        Features.
    weights : ndarray of shape (n,)
        Sample weights, which are positive.

    Attributes
    ----------
    mean : ndarray of shape (F,), float64
        Weighted means of the features.
    """

    def __init__(self, values: np.ndarray, weights: np.ndarray) -> None:
        self.values = values
        self._root = np.sqrt(weights.astype(np.float64))[:, None]
        fractions = weights.astype(np.float64) / weights.sum(dtype=np.float64)
        means = [fractions @ values[:, part].astype(np.float64) for part in _chunks(values.shape[1], len(values))]
        self.mean = np.concatenate(means)

    @property
    def width(self) -> int:
        """Number of features F.

        Returns
        -------
        int
            The number.
        """
        return self.values.shape[1]

    @cached_property
    def gram(self) -> np.ndarray:
        """Gram matrix of the samples.

        Returns
        -------
        ndarray of shape (n, n), float64
            Products of the centred features of each pair of samples, which are multiplied by the square roots of the
            weights.
        """
        gram = np.zeros((len(self.values), len(self.values)))
        for _, columns in self.columns():
            gram += columns @ columns.T
        return gram

    def columns(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the centred features, multiplied by the square roots of the weights, in chunks of columns.

        Yields
        ------
        part : slice
            The columns.
        chunk : ndarray of shape (n, columns), float64
            Their values.
        """
        for part in _chunks(self.width, len(self.values)):
            yield part, self._root * (self.values[:, part] - self.mean[part])

    def rows(self, part: slice) -> np.ndarray:
        """Return the centred features of some samples, multiplied by the square roots of the weights.

        Parameters
        ----------
        part : slice
            The samples.

        Returns
        -------
        ndarray of shape (b, F), float64
            Their features.
        """
        rows: np.ndarray = self._root[part] * (self.values[part] - self.mean)
        return rows


class RidgeFit(NamedTuple):
    """The result of a ridge regression.

    Attributes
    ----------
    weights : list of ndarray of shape (C, F)
        Coefficients of the features of each block.
    bias : ndarray of shape (C,)
        Intercepts.
    loo : ndarray of shape (n, C)
        Leave-one-out predictions.
    """

    weights: list[np.ndarray]
    bias: np.ndarray
    loo: np.ndarray


def fit_ridge(
    blocks: Sequence[FeatureBlock],
    factors: Sequence[float],
    targets: np.ndarray,
    weights: np.ndarray,
    judged: np.ndarray | None = None,
) -> RidgeFit:
    """Fit a ridge regression with the penalty that minimises the squared error of the leave-one-out predictions.

    Parameters
    ----------
    blocks : sequence of FeatureBlock
        The features, which all have the same sample weights.
    factors : sequence of float
        Factors by which the features of each block are multiplied. The same penalty applies to all products, so their
        scales matter.
    targets : ndarray of shape (n, C)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights, which are positive.
    judged : ndarray of bool of shape (n,), default=None
        The samples whose leave-one-out predictions determine the penalty. None uses all. If there are none, the penalty
        is the smallest.

    Returns
    -------
    RidgeFit
        Coefficients, intercepts and leave-one-out predictions.

    References
    ----------
    G. H. Golub, M. Heath and G. Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter",
    Technometrics 21, 1979 (leave-one-out predictions from one decomposition).
    """
    weights = weights.astype(np.float64)
    judged = np.ones(len(targets)) if judged is None else judged
    total, root = weights.sum(), np.sqrt(weights)[:, None]
    target_mean = weights @ targets / total
    y = root * (targets - target_mean)  # (n, C)
    width = sum(block.width for block in blocks)
    fit = _fit_samples if len(targets) <= width else _fit_features
    coefficients, loo_residual = fit(blocks, factors, y, weights / total, judged)
    means = [weight @ block.mean for weight, block in zip(coefficients, blocks, strict=True)]
    return RidgeFit(coefficients, target_mean - sum(means), targets - loo_residual / root)


def _fit_samples(
    blocks: Sequence[FeatureBlock], factors: Sequence[float], y: np.ndarray, fractions: np.ndarray, judged: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Fit by the Gram matrix of the samples, the smaller one; return coefficients (C, F) and LOO residuals (n, C)."""
    gram = sum(factor**2 * block.gram for block, factor in zip(blocks, factors, strict=True))
    values, left = eigh(gram, overwrite_a=True, check_finite=False, driver="evd")
    values = values.clip(0)
    projected, leverage = left.T @ y, left**2  # (n, C), (n, n)
    best_error = np.inf
    for alpha in ALPHAS:
        shrinkage = values / (values + alpha)
        residual = y - left @ (shrinkage[:, None] * projected)
        # The intercept is not penalised, so it adds its own leverage.
        loo_residual = residual / (1 - leverage @ shrinkage - fractions).clip(1e-10)[:, None]
        error = (judged @ loo_residual**2).sum()
        if error < best_error:
            best_error, best_alpha, best_residual = error, alpha, loo_residual
    dual = left @ (projected / (values + best_alpha)[:, None])  # (n, C)
    coefficients = []
    for block, factor in zip(blocks, factors, strict=True):
        parts = [columns.T @ dual for _, columns in block.columns()]
        coefficients.append(factor**2 * np.concatenate(parts).T)
    return coefficients, best_residual


def _fit_features(
    blocks: Sequence[FeatureBlock], factors: Sequence[float], y: np.ndarray, fractions: np.ndarray, judged: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Fit by the Gram matrix of the features, if there are fewer of them; return the same as `_fit_samples`."""
    widths = [block.width for block in blocks]
    gram, covariance = np.zeros((sum(widths), sum(widths))), np.zeros((sum(widths), y.shape[1]))

    def chunks() -> Iterator[tuple[slice, np.ndarray]]:
        for part in _chunks(len(y), sum(widths)):
            rows = [factor * block.rows(part) for block, factor in zip(blocks, factors, strict=True)]
            yield part, np.concatenate(rows, axis=1)

    for part, x in chunks():
        gram += x.T @ x
        covariance += x.T @ y[part]
    values, right = eigh(gram, overwrite_a=True, check_finite=False, driver="evd")
    scale = np.sqrt(values.clip(max(1e-12 * values[-1], 1e-300)))
    values = values.clip(0)
    projected = right.T @ covariance / scale[:, None]  # (F, C)
    shrinkages = values / (values + ALPHAS[:, None])  # (alphas, F)
    loo_residuals = np.empty((len(ALPHAS), *y.shape))
    for part, x in chunks():
        left = x @ right / scale
        leverages = left**2 @ shrinkages.T  # (b, alphas)
        for number, shrinkage in enumerate(shrinkages):
            residual = y[part] - left @ (shrinkage[:, None] * projected)
            remaining = (1 - leverages[:, number] - fractions[part]).clip(1e-10)
            loo_residuals[number, part] = residual / remaining[:, None]
    best = np.argmin([(judged @ residual**2).sum() for residual in loo_residuals])
    solution = right @ (scale[:, None] * projected / (values + ALPHAS[best])[:, None])  # (F, C)
    coefficients = np.split(solution.T, np.cumsum(widths)[:-1], axis=1)
    return [factor * weight for factor, weight in zip(factors, coefficients, strict=True)], loo_residuals[best]


def _chunks(count: int, size: int) -> Iterator[slice]:
    """Yield slices of `count` rows or columns of `size` values each."""
    step = max(1, _CHUNK_VALUES // max(1, size))
    for start in range(0, count, step):
        yield slice(start, min(count, start + step))
