"""Ridge regression with leave-one-out (LOO) predictions."""

from __future__ import annotations

import numpy as np
from sklearn import config_context
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

# Penalties to choose from.
ALPHAS = np.logspace(-1, 5, 13)


def fit_ridge(
    features: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a ridge regression with the penalty that minimises the squared error of the leave-one-out predictions.

    Parameters
    ----------
    features : ndarray of shape (n, F)
        Features, which are standardised for the fit.
    targets : ndarray of shape (n,) or (n, C)
        Target values.
    weights : ndarray of shape (n,)
        Sample weights.

    Returns
    -------
    weight : ndarray of shape (F,) or (C, F)
        Coefficients of the features before standardisation.
    bias : ndarray of shape () or (C,)
        Intercepts.
    loo : ndarray of shape (n,) or (n, C)
        Leave-one-out predictions.
    """
    scaler = StandardScaler().fit(features, sample_weight=weights)
    ridge = RidgeCV(ALPHAS, scoring="neg_mean_squared_error", store_cv_results=True)
    with config_context(enable_metadata_routing=False):  # if it were True, RidgeCV would refuse sample weights
        ridge.fit(scaler.transform(features), targets, sample_weight=weights)
    weight = ridge.coef_ / scaler.scale_
    loo = ridge.cv_results_[..., list(ALPHAS).index(ridge.alpha_)]
    return weight, ridge.intercept_ - weight @ scaler.mean_, loo
