"""Metadata of saved estimators: their parameters and fitted attributes as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..models.to_jsonable import to_jsonable

# Fitted attributes that are saved if the estimator has them.
_SAVED_ATTRIBUTES = ("input_shape_", "n_features_in_", "n_iter_", "history_", "seed_", "offset_", "readout_layers_")


@contextmanager
def damaged_metadata(path: Any) -> Iterator[None]:
    """Convert any error inside the context to a ValueError that names the file.

    Parameters
    ----------
    path : str or path-like
        The file.
    """
    try:
        yield
    except Exception as error:
        raise ValueError(f"{path}: the metadata of the file is damaged ({error!r}); save it again.") from error


def dump_estimator(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the parameters and fitted attributes of an estimator as JSON values.

    Parameters
    ----------
    estimator : BaseEstimator
        A fitted estimator.

    Returns
    -------
    dict
        The parameters, except objects such as callbacks, and the fitted attributes.
    """
    params = {name: _encode(value) for name, value in estimator.get_params(deep=False).items()}
    fitted = {name: to_jsonable(getattr(estimator, name)) for name in _SAVED_ATTRIBUTES if hasattr(estimator, name)}
    if hasattr(estimator, "feature_names_in_"):
        fitted["feature_names_in_"] = estimator.feature_names_in_.tolist()
    return {"params": {name: value for name, value in params.items() if _is_json(value)}, "fitted": fitted}


def params_of(description: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters in saved metadata.

    Parameters
    ----------
    description : dict
        From `dump_estimator`.

    Returns
    -------
    dict
        Keyword arguments of the estimator.
    """
    return {
        name: dict(value["items"]) if isinstance(value, dict) else value
        for name, value in description["params"].items()
    }


def restore_fitted(estimator: BaseEstimator, description: dict[str, Any]) -> None:
    """Set fitted attributes from saved metadata.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator, changed in place.
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
    """Convert a value for JSON. A dict becomes a list of items, because its keys may be numbers."""
    if isinstance(value, dict):
        return {"items": [[to_jsonable(key), to_jsonable(entry)] for key, entry in value.items()]}
    return to_jsonable(value)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
