"""Warnings about parameters that were set but have no effect in the configuration of an estimator."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

# Parameters that only a training loop uses.
LOOP_PARAMETERS = (
    "lr",
    "weight_decay",
    "warmup_fraction",
    "gradient_clip",
    "early_stopping",
    "precision",
    "callbacks",
    "checkpoint_dir",
)
STOPPING_PARAMETERS = ("validation_fraction", "n_iter_no_change")


def warn_unused(estimator: BaseEstimator, unused: Mapping[str, Iterable[str]]) -> None:
    """Warn about parameters that differ from their default but have no effect.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator.
    unused : mapping of str to iterable of str
        Names of parameters. Each key consists of the reason why they have no effect, a colon and the remedy, such as
        ``"finetune='none': choose another value of finetune"``.

    Warns
    -----
    UserWarning
        One warning per reason. It names the parameters, the reason and the remedy.
    """
    params = estimator.get_params(deep=False)
    for reason, names in unused.items():
        changed = [f"{name}={params[name]!r}" for name in changed_parameters(estimator, names)]
        if changed:
            because, remedy = reason.split(": ")
            verb, pronoun = ("has", "it") if len(changed) == 1 else ("have", "them")
            warnings.warn(
                f"{', '.join(changed)} {verb} no effect with {because}; {remedy} to use {pronoun}.",
                UserWarning,
                stacklevel=4,
            )


def changed_parameters(
    estimator: BaseEstimator, names: Iterable[str], reference: BaseEstimator | None = None
) -> list[str]:
    """Return the names of the parameters that differ from their default, or from those of another estimator.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator.
    names : iterable of str
        Names of parameters.
    reference : BaseEstimator, default=None
        The other estimator. None compares with the defaults.

    Returns
    -------
    list of str
        A part of `names`, in the same order.
    """
    reference = type(estimator)() if reference is None else reference
    params, other = estimator.get_params(deep=False), reference.get_params(deep=False)
    return [name for name in names if not _same(params[name], other[name])]


def _same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    try:
        return bool(np.array_equal(value, default))
    except (TypeError, ValueError):
        return False
