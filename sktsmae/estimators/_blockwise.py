"""Lazy results for Dask arrays: a method is applied to each block of signals."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from ..signals.dask_signals import is_dask_array, row_blocks

Method = TypeVar("Method", bound=Callable[..., Any])


def blockwise(method: Method) -> Method:
    """Return a method that maps a Dask array of signals to a Dask array of results, and other signals as before.

    Parameters
    ----------
    method : callable
        Method of an estimator with the first argument X. The i-th result depends only on the i-th signal.

    Returns
    -------
    callable
        The method.
    """

    @wraps(method)
    def wrapper(  # numpydoc ignore=GL08
        self: Any, X: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if is_dask_array(X):
            return _map_blocks(self, method.__name__, X, args, kwargs)
        return method(self, X, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


def _map_blocks(estimator: Any, name: str, X: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return a Dask array of the results of a method."""
    import dask.array

    X = row_blocks(X)
    # The result for any signal shows the shape and the dtype, or raises the error for signals of another shape.
    example = _call(estimator, name, np.zeros((1, *X.shape[1:]), X.dtype), args, kwargs)
    snapshot = copy.copy(estimator)  # so that a later fit does not change the results
    vars(snapshot).pop("_accumulated", None)  # sums that only `partial_fit` needs
    call, fitted = dask.delayed(_call), dask.delayed(snapshot)
    results = [
        dask.array.from_delayed(call(fitted, name, block, args, kwargs), (size, *example.shape[1:]), example.dtype)
        for size, block in zip(X.chunks[0], X.to_delayed().ravel().tolist(), strict=True)
        if size
    ]
    return dask.array.concatenate(results)


def _call(estimator: Any, name: str, X: np.ndarray, args: tuple[Any, ...], kwargs: dict[str, Any]) -> np.ndarray:
    return np.asarray(getattr(estimator, name)(X, *args, **kwargs))
