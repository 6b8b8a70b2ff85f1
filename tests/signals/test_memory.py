from __future__ import annotations

import platform
import resource
import threading
from pathlib import Path

import pytest
import torch

from sktsmae.signals import memory
from sktsmae.signals.memory import reused_memory

LARGE = 64 * 2**20
CPU = torch.device("cpu")


def page_faults(count: int) -> int:
    """Fill a large block `count` times and return the number of page faults."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        block = bytearray(LARGE)  # malloc, without numpy's large pages
        block[:: resource.getpagesize()] = b"x" * (LARGE // resource.getpagesize())
        del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the limits are changed only for glibc")
def test_memory_is_allocated_once_and_released_at_the_end():
    before = resident()
    with reused_memory(CPU):
        page_faults(1)
        assert page_faults(5) < LARGE // resource.getpagesize()
    assert resident() < before + LARGE // 2


def test_context_managers_may_overlap_and_raise():
    entered = threading.Event()
    leave = threading.Event()

    def other() -> None:
        with reused_memory(CPU):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=other)

    def failing() -> None:
        with reused_memory(CPU):
            thread.start()
            entered.wait()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert memory._active_blocks == 1
    leave.set()
    thread.join()
    assert memory._active_blocks == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the limits are changed only for glibc")
def test_malloc_limits_are_restored(monkeypatch):
    calls = []

    class Library:
        def __init__(self, name: str | None) -> None:
            self.mallopt = lambda *setting: calls.append(setting)
            self.malloc_trim = lambda padding: calls.append("trim")

    monkeypatch.setattr(memory.ctypes, "CDLL", Library)
    with reused_memory(CPU), reused_memory(CPU):
        assert calls == [(memory._MMAP_MAX, 0), (memory._TRIM_THRESHOLD, memory._LARGEST)]
    assert calls[2:] == [*memory._ADAPTED.items(), "trim"]
    with reused_memory(torch.device("meta")):
        assert calls[-1] == "trim"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the limits are changed only for glibc")
def test_a_context_on_another_device_does_not_prevent_restoring_the_limits():
    on_cpu, on_other_device = reused_memory(CPU), reused_memory(torch.device("meta"))
    with on_cpu:
        on_other_device.__enter__()
    assert memory._active_blocks == 0  # the only context on the CPU has ended and restored the limits
    on_other_device.__exit__(None, None, None)
    assert memory._active_blocks == 0
