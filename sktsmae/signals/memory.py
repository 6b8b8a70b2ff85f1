"""Reuse of freed memory on the CPU, for code that allocates large tensors many times per second."""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Parameters of mallopt in malloc.h of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
# Values after the context: the maximum of each threshold that glibc adapts dynamically, and the default of M_MMAP_MAX.
_ADAPTED = {_TRIM_THRESHOLD: 64 * 2**20, _MMAP_THRESHOLD: 32 * 2**20, _MMAP_MAX: 65536}
_LARGEST = 2**31 - 1

_lock = threading.Lock()
_active_blocks = 0


@contextmanager
def reused_memory(device: torch.device) -> Iterator[None]:
    """Reuse freed memory for new tensors inside the context, and return it to the operating system at the end.

    By default, glibc returns the memory of a large tensor to the operating system when the tensor is freed. The system
    then clears every page of the next tensor, which takes 7 to 25 % of a training step on a CPU. At the end of the
    context, the thresholds of malloc are set to the maximum values that glibc chooses dynamically. With other C
    libraries and on GPUs, this function has no effect.

    Parameters
    ----------
    device : torch.device
        Device that the context computes on.
    """
    global _active_blocks
    if device.type != "cpu" or platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    with _lock:
        _active_blocks += 1
        if _active_blocks == 1:
            libc.mallopt(_MMAP_MAX, 0)
            libc.mallopt(_TRIM_THRESHOLD, _LARGEST)
    try:
        yield
    finally:
        with _lock:
            _active_blocks -= 1
            if _active_blocks == 0:
                for parameter, value in _ADAPTED.items():
                    libc.mallopt(parameter, value)
                libc.malloc_trim(0)
