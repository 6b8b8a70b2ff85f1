"""The pre-trained encoder of a classifier or regressor, which the parameter `pretrainer` specifies."""

from __future__ import annotations

import os
import warnings
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from ..training.checkpoint_files import checkpoint_folder
from ..training.parameters import TrainingParameters
from .pretrainer import MAEPretrainer

Pretrainer: TypeAlias = MAEPretrainer | FrozenEstimator | str | os.PathLike[str] | None


def fit_pretrainer(params: TrainingParameters, pretrainer: Pretrainer, X: np.ndarray, seed: int) -> MAEPretrainer:
    """Return the fitted pretrainer that the parameter `pretrainer` of an estimator specifies.

    Parameters
    ----------
    params : TrainingParameters
        The estimator. A pretrainer with default settings uses the estimator's `device`, `precision` and `verbose`. A
        pretrainer without `checkpoint_dir` uses a subdirectory of the estimator's `checkpoint_dir`.
    pretrainer : MAEPretrainer, FrozenEstimator, str, path-like or None
        The parameter of the estimator.
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Validated samples, with or without labels.
    seed : int
        Seed of a pretrainer whose `random_state` is None.

    Returns
    -------
    MAEPretrainer
        The fitted pretrainer.

    Raises
    ------
    ValueError
        If a frozen estimator is not a fitted MAEPretrainer.
    FileNotFoundError
        If `pretrainer` is the path of a missing file.
    """
    if isinstance(pretrainer, FrozenEstimator):
        if not isinstance(pretrainer.estimator, MAEPretrainer):
            raise ValueError(f"pretrainer={pretrainer!r}: the frozen estimator must be a fitted MAEPretrainer.")
        check_is_fitted(pretrainer.estimator)
        return pretrainer.estimator
    if pretrainer is None and X.ndim < 4:
        return MAEPretrainer.from_pretrained()
    if isinstance(pretrainer, (str, os.PathLike)) and pretrainer != "scratch":
        if not os.path.exists(pretrainer):
            raise FileNotFoundError(
                f"pretrainer={pretrainer!r}: no such file; give the path of a file written by MAEPretrainer.save, or "
                "'scratch'."
            )
        return MAEPretrainer.load(pretrainer)
    unfitted = _unfitted(params, pretrainer)
    if unfitted.random_state is None:
        unfitted.set_params(random_state=seed)
    folder = checkpoint_folder(params)
    if unfitted.checkpoint_dir is None and folder is not None:
        unfitted.set_params(checkpoint_dir=folder / "pretraining")
    return unfitted.fit(X)


def _unfitted(params: TrainingParameters, pretrainer: MAEPretrainer | str | None) -> MAEPretrainer:
    """Return an unfitted pretrainer: a clone of the given pretrainer, or a pretrainer with default settings."""
    if isinstance(pretrainer, MAEPretrainer):
        if "model_" in vars(pretrainer):
            warnings.warn(
                "pretrainer is already fitted, but a clone of it is fitted on X; give FrozenEstimator(pretrainer) to "
                "use its weights.",
                UserWarning,
                stacklevel=5,
            )
        return clone(pretrainer)
    shared: dict[str, Any] = {
        "device": params.device,
        "precision": params.precision,
        "verbose": params.verbose,
    }
    return MAEPretrainer(**shared) if pretrainer is None else MAEPretrainer(init="random", max_epochs=0, **shared)
