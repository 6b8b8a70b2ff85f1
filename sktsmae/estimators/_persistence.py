"""Metadata of saved estimators: their parameters and fitted attributes as JSON."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..models.to_jsonable import to_jsonable

# Names of the rules by which the command line reads signals.
_RULES = {"columns", "long", "id", "time", "x_key"}
# Bounds of the column names in a file, which no table that fits into memory exceeds. A cell of a text file has at most
# 2**17 characters, the limit of Python's reader.
_MAX_COLUMNS, _MAX_NAME = 10**7, 2**17
# Largest number of channels of a signal in a file, each of which takes time and memory when a network is built.
_MAX_CHANNELS = 10**5


def _read_shape(value: Any) -> tuple[int, ...]:
    shape = tuple(operator.index(size) for size in value)
    if not 1 <= len(shape) <= 3 or min(shape) < 1 or (len(shape) > 1 and shape[0] > _MAX_CHANNELS):
        raise ValueError(f"{value!r} is not the shape of a signal")
    return shape


def _read_offset(value: Any) -> np.ndarray:
    offset = np.array(value, dtype=np.float64)
    if offset.ndim > 1 or not np.isfinite(offset).all():
        raise ValueError(f"{value!r} is not an offset of the channels")
    return offset


def _read_rules(value: Any) -> dict[str, Any]:
    """Return the arguments of `datasets.ReadingRules`; they are names and a truth value, and never paths."""
    columns, names = value["columns"], [value[name] for name in ("id", "time", "x_key")]
    texts = [*columns, *(name for name in names if name is not None)]
    if not (isinstance(columns, list) and isinstance(value["long"], bool) and set(value) == _RULES):
        raise ValueError(f"{str(value)[:100]} are not rules for reading signals")
    if len(columns) > _MAX_COLUMNS or not all(isinstance(text, str) and len(text) <= _MAX_NAME for text in texts):
        raise ValueError("the names of columns are not texts, or too many or too long")
    return {**value, "columns": tuple(columns)}


# Fitted attributes that are saved if the estimator has them, and functions that convert and check their JSON values.
_SAVED_ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    "input_shape_": _read_shape,
    "n_features_in_": operator.index,
    "n_iter_": operator.index,
    "history_": lambda value: [dict(epoch) for epoch in value],
    "seed_": operator.index,
    "offset_": _read_offset,
    "channel_offset_": _read_offset,
    "readout_layers_": lambda value: None if value is None else [operator.index(layer) for layer in value],
    "feature_names_in_": lambda value: np.array([str(name) for name in value], dtype=object),
    "reading_rules_": _read_rules,
}
# Parameters that a file does not set, because they name files, devices or code of the computer that reads it.
_NOT_SAVED = ("callbacks", "checkpoint_dir", "device")
# Largest batch size of a file, which determines the memory that predictions take.
_MAX_BATCH_SIZE = 4096
# The values that a file can set of parameters that may also name another file.
_KEYWORDS = {"init": ("auto", "shipped", "random"), "pretrainer": (None, "scratch")}


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
        The parameters, except objects and parameters that name files, devices or code, and the fitted attributes.
    """
    params = {name: _encode(value) for name, value in estimator.get_params(deep=False).items()}
    fitted = {name: to_jsonable(getattr(estimator, name)) for name in _SAVED_ATTRIBUTES if hasattr(estimator, name)}
    return {"params": {name: value for name, value in params.items() if _is_saved(name, value)}, "fitted": fitted}


def params_of(description: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters in saved metadata.

    Parameters
    ----------
    description : dict
        From `dump_estimator`.

    Returns
    -------
    dict
        Keyword arguments of the estimator. Those that name files, devices or code are left out.
    """
    return {
        name: dict(value["items"]) if isinstance(value, dict) else value
        for name, value in description["params"].items()
        if _is_saved(name, value)
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
    fitted = description["fitted"]
    for name, read in _SAVED_ATTRIBUTES.items():
        if name in fitted:
            setattr(estimator, name, read(fitted[name]))
    if not hasattr(estimator, "input_shape_"):
        raise ValueError("there is no input_shape_")


def _encode(value: Any) -> Any:
    """Convert a value for JSON. A dict becomes a list of items, because its keys may be numbers."""
    if isinstance(value, dict):
        return {"items": [[to_jsonable(key), to_jsonable(entry)] for key, entry in value.items()]}
    return to_jsonable(value)


def _is_saved(name: str, value: Any) -> bool:
    """Return whether a file contains a parameter."""
    if name in _NOT_SAVED or (name in _KEYWORDS and value not in _KEYWORDS[name]):
        return False
    if name == "batch_size" and isinstance(value, int) and value > _MAX_BATCH_SIZE:
        return False
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
