"""Fitted estimators as pickles and as files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..models.checkpoints import to_jsonable
from ._validation import check_signals, resolve_device

# Attributes that a file keeps beside the weights, where the estimator has them.
_KEPT = ("input_shape_", "n_features_in_", "n_iter_", "history_", "seed_", "offset_")


class NetworkMixin:
    """Keeps a fitted network: moves it to the device for work, and to the CPU for a pickle that loads without a GPU."""

    device: Any

    def _networks(self) -> list[nn.Module]:
        """Return what there is to move."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        for network in self._networks():
            network.cpu()  # the next call moves it back to the device
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return state

    def _ready(self, X: Any) -> tuple[np.ndarray, torch.device]:
        """Return X checked, and the device, with the networks on it; for every method but `fit`."""
        check_is_fitted(self)
        X = check_signals(self, X, reset=False)
        device = resolve_device(self.device, fitted=True)
        for network in self._networks():
            network.to(device)
        return X, device


@contextmanager
def damaged_description(path: Any) -> Iterator[None]:
    """Turn whatever a tampered description raises into an error that names the file.

    Parameters
    ----------
    path : str or path-like
        The file.
    """
    try:
        yield
    except Exception as error:
        raise ValueError(f"{path}: what stands beside the weights is damaged ({error!r}).") from error


def dump_estimator(estimator: BaseEstimator) -> dict[str, Any]:
    """Describe an estimator by what JSON can hold.

    Parameters
    ----------
    estimator : BaseEstimator
        A fitted estimator.

    Returns
    -------
    dict
        Its parameters, those left out that are objects, and its fitted attributes.
    """
    params = {name: _encode(value) for name, value in estimator.get_params(deep=False).items()}
    fitted = {name: to_jsonable(getattr(estimator, name)) for name in _KEPT if hasattr(estimator, name)}
    if hasattr(estimator, "feature_names_in_"):
        fitted["feature_names_in_"] = estimator.feature_names_in_.tolist()
    return {"params": {name: value for name, value in params.items() if _is_json(value)}, "fitted": fitted}


def params_of(description: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that `dump_estimator` described.

    Parameters
    ----------
    description : dict
        From `dump_estimator`.

    Returns
    -------
    dict
        Arguments of the estimator.
    """
    return {
        name: dict(value["items"]) if isinstance(value, dict) else value
        for name, value in description["params"].items()
    }


def restore_fitted(estimator: BaseEstimator, description: dict[str, Any]) -> None:
    """Set the fitted attributes that `dump_estimator` described.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets them.
    description : dict
        From `dump_estimator`.
    """
    for name, value in description["fitted"].items():
        if name == "input_shape_":
            value = tuple(value)
        elif name == "feature_names_in_":
            value = np.array(value, dtype=object)
        elif name == "offset_":
            value = np.array(value)
        setattr(estimator, name, value)


def _encode(value: Any) -> Any:
    """Return what JSON keeps as it is: a dict as its items, since its keys may be numbers."""
    if isinstance(value, dict):
        return {"items": [[to_jsonable(key), to_jsonable(entry)] for key, entry in value.items()]}
    return to_jsonable(value)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
