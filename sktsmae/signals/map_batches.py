"""Application of a function batch by batch, on several cores, with smaller batches when memory runs out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .batches import load_batch
from .memory import reused_memory


def map_batches(
    function: Callable[[Tensor], Tensor],
    X: np.ndarray,
    batch_size: int,
    device: torch.device,
    rows: np.ndarray | None = None,
    *,
    draws: bool = False,
) -> np.ndarray:
    """Apply a function batch by batch, and halve the batch size whenever memory runs out.

    On the CPU, as many batches as torch has threads are processed at the same time, one thread per batch. The threads
    of a single operation wait for each other hundreds of times per batch; if other programs use the cores, too, each
    of these waits may last for milliseconds.

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
    draws : bool, default=False
        Whether the function draws random numbers, so that the batches must be processed in their order.

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
    apply = partial(_apply, function, X, rows, device)
    results: Any = None
    with ExitStack() as stack:
        threads = 1 if draws or device.type != "cpu" or size == count else torch.get_num_threads()
        run = stack.enter_context(_concurrently(threads))
        while start < count:
            stops = range(start, min(count, start + threads * size), size)
            slices = [slice(begin, min(count, begin + size)) for begin in stops]
            try:
                group: list[np.ndarray] = run(apply, slices)
            except (MemoryError, RuntimeError) as error:
                if size == 1 or not _is_out_of_memory(error):
                    raise
                size //= 2
                warnings.warn(f"out of memory: continuing with batches of {size}.", UserWarning, stacklevel=2)
                continue
            if len(group[0]) == count:  # a single batch, which need not be copied
                return group[0]
            if results is None:
                results = np.empty((count, *group[0].shape[1:]), dtype=group[0].dtype)
                # The context begins after this allocation, because `results` is used after the context ends.
                stack.enter_context(reused_memory(device))
            for batch_slice, result in zip(slices, group, strict=True):
                results[batch_slice] = result
            start = slices[-1].stop
    return results


@torch.inference_mode()  # which holds for a single thread
def _apply(
    function: Callable[[Tensor], Tensor],
    X: np.ndarray,
    rows: np.ndarray | None,
    device: torch.device,
    batch_slice: slice,
) -> np.ndarray:
    batch = load_batch(X, batch_slice if rows is None else rows[batch_slice]).to(device)
    result: np.ndarray = function(batch).cpu().numpy()
    return result


@contextmanager
def _concurrently(threads: int) -> Iterator[Callable[[Callable[[slice], np.ndarray], list[slice]], list[np.ndarray]]]:
    """Yield a function that applies another one to each slice of a list, on the given number of threads."""
    if threads == 1:
        yield lambda function, slices: [function(batch_slice) for batch_slice in slices]
        return
    try:
        with ThreadPoolExecutor(threads, initializer=partial(torch.set_num_threads, 1)) as pool:
            yield lambda function, slices: list(pool.map(function, slices))
    finally:
        torch.set_num_threads(threads)  # the calls above also change the default of new threads


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error is an out-of-memory error. On the CPU, torch raises a RuntimeError."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
