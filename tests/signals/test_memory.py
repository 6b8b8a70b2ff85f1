"""Tests of the context in which freed memory is reused for new tensors."""

from __future__ import annotations

import platform
import resource
import threading
from pathlib import Path

import pytest
import torch

from sktsmae.signals import memory
from sktsmae.signals.memory import reused_memory

BLOCK_SIZE = 64 * 2**20  # bytes
CPU = torch.device("cpu")


def page_faults(count: int) -> int:
    """Allocate, fill and free a large block of memory `count` times. Return the number of page faults."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        block = bytearray(BLOCK_SIZE)  # allocated by malloc; NumPy would use huge pages
        block[:: resource.getpagesize()] = b"x" * (BLOCK_SIZE // resource.getpagesize())
        del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident_memory() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the malloc settings exist only in glibc")
def test_memory_is_reused_in_the_context_and_released_at_its_end():
    before = resident_memory()
    with reused_memory(CPU):
        page_faults(1)
        # Without reuse, the first access to each page of each block would be a page fault.
        assert page_faults(5) < BLOCK_SIZE // resource.getpagesize()
    assert resident_memory() < before + BLOCK_SIZE // 2


def test_overlapping_contexts_are_counted_until_the_last_one_ends():
    entered = threading.Event()
    leave = threading.Event()

    def wait_in_context() -> None:
        with reused_memory(CPU):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=wait_in_context)

    def raise_in_context() -> None:
        with reused_memory(CPU):
            thread.start()
            entered.wait()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        raise_in_context()
    assert memory._active_blocks == 1
    leave.set()
    thread.join()
    assert memory._active_blocks == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the malloc settings exist only in glibc")
def test_nested_contexts_change_and_restore_the_malloc_settings_once(monkeypatch):
    calls = []

    class FakeLibrary:
        def __init__(self, name: str | None) -> None:
            self.mallopt = lambda *setting: calls.append(setting)
            self.malloc_trim = lambda padding: calls.append("trim")

    monkeypatch.setattr(memory.ctypes, "CDLL", FakeLibrary)
    with reused_memory(CPU), reused_memory(CPU):
        assert calls == [(memory._MMAP_MAX, 0), (memory._TRIM_THRESHOLD, memory._LARGEST)]
    assert calls[2:] == [*memory._ADAPTED.items(), "trim"]
    with reused_memory(torch.device("meta")):
        assert calls[-1] == "trim"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the malloc settings exist only in glibc")
def test_an_open_context_on_another_device_does_not_delay_restoring_the_malloc_settings():
    on_cpu, on_other_device = reused_memory(CPU), reused_memory(torch.device("meta"))
    with on_cpu:
        on_other_device.__enter__()
    assert memory._active_blocks == 0  # the only context on the CPU has ended
    on_other_device.__exit__(None, None, None)
    assert memory._active_blocks == 0
