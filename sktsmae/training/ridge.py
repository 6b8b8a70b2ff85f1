"""Ridge regression with leave-one-out (LOO) predictions, without a copy of the features in double precision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dtrtri
from threadpoolctl import ThreadpoolController

from .moments import CentredMoments, Moments, chunks

# Penalties to choose from.
ALPHAS = np.logspace(-1, 5, 13)
# Largest number of samples, or of features if there are fewer, for which BLAS uses one thread. After each matrix
# product its threads wait actively for the next one, which slows down other programs, and BLAS if these use the cores.
MAX_ROWS_FOR_ONE_THREAD = 1500

# Number of samples with whose leave-one-out predictions penalties are compared if there are more samples than features.
_SEARCH_SAMPLES = 2000
# Largest number of samples of which the Gram matrix of a block is kept (128 MB), and not computed for each model.
_MAX_KEPT_ROWS = 4000

# The number of threads is a setting of the process, so only one thread at a time may change it.
_limit_lock = threading.Lock()


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
        means = [fractions @ values[:, part].astype(np.float64) for part in chunks(values.shape[1], len(values))]
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

    def add_gram(self, total: np.ndarray, factor: float) -> None:
        """Add the Gram matrix of the samples, whose features are multiplied by a factor, to a matrix in place.

        The Gram matrix contains the products of the centred features of each pair of samples, which are multiplied by
        the square roots of the weights.

        Parameters
        ----------
        total : ndarray of shape (n, n), float64
            The matrix, in Fortran order. Only the lower triangle is filled.
        factor : float
            The factor.
        """
        if len(self.values) <= _MAX_KEPT_ROWS:
            total += factor**2 * self._gram
        else:
            self._sum_products(total, factor)

    @cached_property
    def _gram(self) -> np.ndarray:
        """Gram matrix of the samples, which several models can use."""
        gram = np.zeros((len(self.values), len(self.values)), order="F")
        self._sum_products(gram, 1.0)
        return gram

    def _sum_products(self, total: np.ndarray, factor: float) -> None:
        """Add the same, computed chunk by chunk."""
        for _, columns in self.columns():
            dsyrk(factor**2, columns.T, beta=1.0, c=total, trans=True, lower=True, overwrite_c=True)

    def columns(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the centred features, multiplied by the square roots of the weights, in chunks of columns.

        Yields
        ------
        part : slice
            The columns.
        chunk : ndarray of shape (n, columns), float64
            Their values.
        """
        for part in chunks(self.width, len(self.values)):
            yield part, self._root * (self.values[:, part] - self.mean[part])


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
    """Fit a ridge regression with a penalty for which leave-one-out predictions have a small squared error.

    Among the penalties of a grid, it is found by steps to smaller errors from the middle. If there are more samples
    than features, the errors of up to 2,000 samples are compared.

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
    Technometrics 21, 1979 (leave-one-out predictions without fitting again).
    """
    width = sum(block.width for block in blocks)
    judged = np.ones(len(targets)) if judged is None else judged
    with _limited_blas_threads(min(len(targets), width)):
        if len(targets) <= width:
            return _fit_samples(blocks, factors, targets, weights.astype(np.float64), judged)
        parts = (factor * block.values for block, factor in zip(blocks, factors, strict=True))
        features = np.concatenate(list(parts), axis=1)
        sums = Moments(width, targets.shape[1])
        sums.add(features, targets, weights)
        moments = sums.centred()
        del sums  # which are as large as the result
        coefficients, bias, loo = solve_ridge(moments, features, targets, weights, judged)
        starts = np.cumsum([block.width for block in blocks])[:-1]
        of_blocks = zip(factors, np.split(coefficients, starts, axis=1), strict=True)
        return RidgeFit([factor * weight for factor, weight in of_blocks], bias, loo)


def solve_ridge(
    moments: CentredMoments, features: np.ndarray, targets: np.ndarray, weights: np.ndarray, judged: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute a ridge regression from sums over samples, with the penalty that suits some of these samples best.

    Parameters
    ----------
    moments : CentredMoments
        Sums over all samples.
    features : ndarray of shape (n, F)
        Features of n of these samples.
    targets : ndarray of shape (n, C)
        Their targets.
    weights : ndarray of shape (n,)
        Their weights, which are positive.
    judged : ndarray of bool of shape (n,)
        Those of the n samples whose leave-one-out predictions determine the penalty. Of more than 2,000, a random
        subset of 2,000 is used.

    Returns
    -------
    coefficients : ndarray of shape (C, F)
        Coefficients of the features.
    bias : ndarray of shape (C,)
        Intercepts.
    loo : ndarray of shape (n, C)
        Leave-one-out predictions of the n samples: each is predicted by the regression on all other samples.
    """
    alphas: list[float] = ALPHAS.tolist()
    samples = features, targets, weights
    some = np.random.default_rng(0).permutation(np.flatnonzero(judged))[:_SEARCH_SAMPLES]
    some_samples = [values[some] for values in samples]
    error = cache(lambda index: float((weights[some] @ _solve(moments, alphas[index], *some_samples)[1] ** 2).sum()))
    best = _descend(error, len(alphas))
    coefficients, residuals = _solve(moments, alphas[best], *samples)
    return coefficients.T, moments.target_mean - moments.mean @ coefficients, targets - residuals


def _solve(
    moments: CentredMoments, alpha: float, features: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients (F, C) for a penalty, and the leave-one-out residuals (n, C) of n samples."""
    decomposed = _decompose(moments.gram, alpha)
    coefficients = cho_solve((decomposed, True), moments.products, check_finite=False)
    residuals = np.empty(targets.shape)
    for part in chunks(len(features), features.shape[1]):
        centred = features[part] - moments.mean
        rotated = solve_triangular(decomposed, centred.T, lower=True, check_finite=False)  # (F, chunk)
        leverage = weights[part] * ((rotated**2).sum(0) + 1 / moments.weight)
        residual = targets[part] - moments.target_mean - centred @ coefficients
        residuals[part] = residual / (1 - leverage).clip(1e-10)[:, None]
    return coefficients, residuals


def _decompose(gram: np.ndarray, alpha: float) -> np.ndarray:
    """Return the Cholesky decomposition (lower triangle) of a matrix plus `alpha` times the identity."""
    shifted = gram.copy(order="F")
    np.fill_diagonal(shifted, shifted.diagonal() + alpha)
    decomposed: np.ndarray = cholesky(shifted, lower=True, overwrite_a=True, check_finite=False)
    return decomposed


def _descend(function: Callable[[int], float], count: int) -> int:
    """Return the index, below `count`, of a minimum of a function, by steps to smaller values from the middle."""
    best = count // 2
    while True:
        neighbours = range(max(0, best - 1), min(count, best + 2))
        previous, best = best, min(neighbours, key=function)
        if best == previous:
            return best


def _fit_samples(
    blocks: Sequence[FeatureBlock],
    factors: Sequence[float],
    targets: np.ndarray,
    weights: np.ndarray,
    judged: np.ndarray,
) -> RidgeFit:
    """Fit by the Gram matrix of the samples, which is smaller than that of the features if there are more features."""
    total, root = weights.sum(), np.sqrt(weights)[:, None]
    target_mean = weights @ targets / total
    y = root * (targets - target_mean)  # (n, C)
    gram = np.zeros((len(y), len(y)), order="F")
    for block, factor in zip(blocks, factors, strict=True):
        block.add_gram(gram, factor)
    # The features are centred, so the intercept is an eigenvector with the eigenvalue 0. Another eigenvalue makes the
    # inverse below more accurate, and has no effect on `y`, which is centred, too.
    intercept, eigenvalue = root / np.sqrt(total), gram.trace() / len(y)
    dsyrk(eigenvalue, intercept, beta=1.0, c=gram, lower=True, overwrite_c=True)

    @cache
    def solve(index: int) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the error for one penalty, the dual coefficients, and the leave-one-out residuals."""
        alpha = ALPHAS[index]
        decomposed = _decompose(gram, alpha)
        dual = cho_solve((decomposed, True), y, check_finite=False)  # (n, C)
        inverse, _ = dtrtri(decomposed, lower=True, overwrite_c=True)
        diagonal = np.einsum("ij,ij->j", inverse, inverse)  # of the inverse of the whole matrix
        # The intercept is not penalised, so it adds its own leverage.
        unexplained = diagonal - weights / total / (alpha + eigenvalue)  # divided by the penalty
        residuals = dual / unexplained.clip(1e-10 / alpha)[:, None]
        return float((judged @ residuals**2).sum()), dual, residuals

    _, dual, residuals = solve(_descend(lambda index: solve(index)[0], len(ALPHAS)))
    coefficients = []
    for block, factor in zip(blocks, factors, strict=True):
        parts = [columns.T @ dual for _, columns in block.columns()]
        coefficients.append(factor**2 * np.concatenate(parts).T)
    means = [weight @ block.mean for weight, block in zip(coefficients, blocks, strict=True)]
    return RidgeFit(coefficients, target_mean - sum(means), targets - residuals / root)


@contextmanager
def _limited_blas_threads(num_rows: int) -> Iterator[None]:
    """Limit BLAS to one thread inside the context if matrices have few rows."""
    if num_rows > MAX_ROWS_FOR_ONE_THREAD:
        yield
        return
    with _limit_lock, _blas().limit(limits=1):
        yield


@cache  # finding the libraries takes milliseconds
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
