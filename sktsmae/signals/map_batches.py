"""Application of a function batch by batch, with smaller batches when memory runs out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .batches import load_batch
from .memory import reused_memory


@torch.inference_mode()
def map_batches(
    function: Callable[[Tensor], Tensor],
    X: np.ndarray,
    batch_size: int,
    device: torch.device,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Apply a function batch by batch, and halve the batch size whenever memory runs out.

    Parameters
    ----------
    function : callable
        Maps samples (b, ...) on `device` to results (b, ...).
    X : ndarray of shape (n, ...)
        Samples.
    batch_size : int
        Number of samples per batch.
    device : torch.device
        Device that the function computes on.
    rows : ndarray of int of shape (m,), default=None
        The samples to use, at least one; None uses all.

    Returns
    -------
    ndarray of shape (m, ...), float32
        The results of all samples, in the order of `rows`.

    Warns
    -----
    UserWarning
        If memory runs out for a batch of several samples. For a single sample, the error is raised instead.
    """
    count = len(X) if rows is None else len(rows)
    size, start = min(batch_size, count), 0
    results: Any = None
    with ExitStack() as stack:
        while start < count:
            batch_slice = slice(start, start + size)
            try:
                batch = load_batch(X, batch_slice if rows is None else rows[batch_slice]).to(device)
                result: np.ndarray = function(batch).cpu().numpy()
            except (MemoryError, RuntimeError) as error:
                if size == 1 or not _is_out_of_memory(error):
                    raise
                size //= 2
                warnings.warn(f"out of memory: continuing with batches of {size}.", UserWarning, stacklevel=3)
                continue
            if len(result) == count:  # a single batch, which need not be copied
                return result
            if results is None:
                results = np.empty((count, *result.shape[1:]), dtype=result.dtype)
                # The context begins after this allocation, because `results` is used after the context ends.
                stack.enter_context(reused_memory(device))
            results[batch_slice] = result
            start += size
    return results


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error is an out-of-memory error. On the CPU, torch raises a RuntimeError."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
