"""Ridge regression with leave-one-out (LOO) predictions."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

# Penalties to choose from.
ALPHAS = np.logspace(-1, 5, 13)


def fit_ridge(
    features: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    judged: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a ridge regression with the penalty that minimises the squared error of the leave-one-out predictions.

    Parameters
    ----------
    features : ndarray of shape (n, F)
        Features. The same penalty applies to all of them, so their scales matter.
    targets : ndarray of shape (n,) or (n, C)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights, which are positive.
    judged : ndarray of bool of shape (n,), default=None
        The samples whose leave-one-out predictions determine the penalty. None uses all. If there are none, the penalty
        is the smallest.

    Returns
    -------
    weight : ndarray of shape (F,) or (C, F)
        Coefficients of the features.
    bias : ndarray of shape () or (C,)
        Intercepts.
    loo : ndarray of shape (n,) or (n, C)
        Leave-one-out predictions.

    References
    ----------
    G. H. Golub, M. Heath and G. Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter",
    Technometrics 21, 1979 (leave-one-out predictions from one decomposition).
    """
    outputs = targets.reshape(len(targets), -1).astype(np.float64)  # (n, C)
    weights = weights.astype(np.float64)  # makes all that follows float64
    judged = np.ones(len(targets)) if judged is None else judged
    total, root = weights.sum(), np.sqrt(weights)[:, None]
    mean, target_mean = weights @ features / total, weights @ outputs / total
    x, y = root * (features - mean), root * (outputs - target_mean)
    # With x = U S V', everything follows from U' y and S, which a decomposition of the smaller Gram matrix gives.
    if x.shape[0] <= x.shape[1]:
        values, left = eigh(x @ x.T, overwrite_a=True, check_finite=False, driver="evd")
    else:
        values, right = eigh(x.T @ x, overwrite_a=True, check_finite=False, driver="evd")
        left = x @ right / np.sqrt(values.clip(max(1e-12 * values[-1], 1e-300)))
    values = values.clip(0)
    projected, leverage = left.T @ y, left**2  # (R, C), (n, R)
    best_error = np.inf
    for alpha in ALPHAS:
        shrinkage = values / (values + alpha)
        residual = y - left @ (shrinkage[:, None] * projected)
        # The intercept is not penalised, so it adds its own leverage.
        loo_residual = residual / (1 - leverage @ shrinkage - weights / total).clip(1e-10)[:, None]
        error = (judged @ loo_residual**2).sum()
        if error < best_error:
            best_error, best_alpha, best_residual = error, alpha, loo_residual
    solution = projected / (values + best_alpha)[:, None]  # (R, C)
    weight = (x.T @ (left @ solution)).T  # V S U' y / (S^2 + alpha), (C, F)
    loo = outputs - best_residual / root
    shape = targets.shape[1:]
    return weight.reshape(*shape, -1), (target_mean - weight @ mean).reshape(shape), loo.reshape(targets.shape)
