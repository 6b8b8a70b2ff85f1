"""Stress test of memory: data sets larger than the memory limit, and many calls in one process.

Run ``python tests/attacks/large_data.py [--megabytes N] [--minutes N]``. A pretrainer is fitted on signals from a
memory-mapped file, a zarr array and a torch data set, and transforms them. After a first fit on a few signals, the
process may allocate only a tenth of the size of the signals. Then a classifier and a transformer are called repeatedly
for some minutes. The script prints Markdown tables. Its exit status is 1 if the memory is insufficient or grows too
much.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from torch.utils.data import Dataset

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch, make_signals

LENGTH = 20_000
# A small encoder. Signals are resampled to 100 samples, so that most of the time is spent on reading.
SMALL = {
    "signal_len": 100,
    "cwt_scales": 8,
    "embed_dim": 32,
    "depth": 1,
    "max_epochs": 1,
    "batch_size": 32,
    "pooling": "mean",
}
MEGABYTE = 2**20
# Maximum increase in MB of the median memory from the first to the second half of the repeated calls. Freed memory that
# the allocator does not return to the operating system varies by a few MB.
MAX_GROWTH = 8
# Maximum increase in MB of the peak memory of `predict_proba` if there are 16 times as many signals. Holding the
# wavelet coefficients of all these signals would need hundreds of MB.
MAX_PEAK_GROWTH = 32


class MappedSignals(Dataset):
    """A torch data set that reads single signals from a memory-mapped .npy file."""

    def __init__(self, path: Path) -> None:
        self.X = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, row: int) -> np.ndarray:
        return np.asarray(self.X[row])


# For each kind of source: a function that opens it in the folder of the files.
KINDS: dict[str, Any] = {
    "memory-mapped": lambda folder: np.load(folder / "X.npy", mmap_mode="r"),
    "zarr": lambda folder: zarr.open_array(folder / "X.zarr", mode="r"),
    "torch data set": lambda folder: MappedSignals(folder / "X.npy"),
}


def write(folder: Path, megabytes: int) -> None:
    """Write signals with a total size of `megabytes` to a .npy file and a zarr array."""
    count = megabytes * MEGABYTE // (4 * LENGTH)
    mapped = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (count, LENGTH))
    chunked = zarr.create_array(
        folder / "X.zarr", shape=mapped.shape, chunks=(2, LENGTH), dtype="float32", compressors=None
    )
    base = make_signals(64, LENGTH, random_state=0)
    for start in range(0, count, 64):
        block = base[: count - start] * np.float32(1 + start / count)
        mapped[start : start + 64] = block
        chunked[start : start + 64] = block
    mapped.flush()


def process_memory(field: str) -> int:
    """Return a field of /proc/self/status in bytes.

    VmData is the size of the private writable memory, and RssAnon its resident part. Neither includes read-only mapped
    files.
    """
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields[field].split()[0]) * 1024


def peak_memory(function: Any, X: np.ndarray) -> float:
    """Return the peak memory of a call in MB, without the memory that was used before the call and without files."""
    before = process_memory("RssAnon")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak memory (VmHWM)
    function(X)
    return (process_memory("VmHWM") - process_memory("RssFile") - before) / MEGABYTE


def fit(kind: str, folder: Path, allowed: int) -> None:
    """Fit and transform with at most `allowed` bytes of additional memory, and print a row of the table."""
    torch.set_num_threads(1)
    MAEPretrainer(**{**SMALL, "max_epochs": 0}).fit(np.random.default_rng(0).normal(size=(4, 200)))
    resource.setrlimit(resource.RLIMIT_DATA, (process_memory("VmData") + allowed, resource.RLIM_INFINITY))
    try:
        np.ones(2 * allowed, dtype=np.uint8)
    except MemoryError:
        pass
    else:
        raise SystemExit("This system does not enforce RLIMIT_DATA, so the test cannot run.")
    X = KINDS[kind](folder)
    fit_start = time.perf_counter()
    pretrainer = MAEPretrainer(**SMALL, random_state=0).fit(X)
    transform_start = time.perf_counter()
    embeddings = pretrainer.transform(X)
    end = time.perf_counter()
    assert np.isfinite(embeddings).all()
    count = X.shape[0] if hasattr(X, "shape") else len(X)
    print(f"|{kind}|{count}|{transform_start - fit_start:.0f}|{end - transform_start:.0f}|")


def call_repeatedly(minutes: float) -> bool:
    """Print the memory of predictions for few and many signals, and of many small calls.

    Return whether the memory grows too much.
    """
    X, y = load_sparwatch(return_X_y=True)
    X = X[:, 0]
    classifier = MAEClassifier(random_state=0).fit(X[::8], y[::8])
    statistics = CWTTransformer(output="statistics").fit(X[::8])
    print("\n|signals|peak memory of `predict_proba` (MB)|\n|---:|---:|")
    classifier.predict_proba(X)
    peak_few, peak_many = (peak_memory(classifier.predict_proba, np.tile(X, (repeats, 1))) for repeats in (1, 16))
    print(f"|{len(X)}|{peak_few:.0f}|\n|{16 * len(X)}|{peak_many:.0f}|", flush=True)
    begin, memory = time.monotonic(), []
    while time.monotonic() - begin < 60 * minutes:
        for count in (1, 30, 7):
            selected = X[len(memory) % 100 :][:count]
            classifier.predict_proba(selected)
            classifier.transform(selected)
            statistics.transform(selected)
        memory.append(process_memory("RssAnon") / MEGABYTE)
    after_warmup = memory[len(memory) // 10 :]  # the first calls fill caches
    first, second = (float(np.median(half)) for half in np.array_split(after_warmup, 2))
    print(
        "\n|minutes|rounds of nine calls|median memory in the first half (MB)|median memory in the second half (MB)|\n"
        "|---:|---:|---:|---:|"
    )
    print(f"|{minutes:g}|{len(memory)}|{first:.1f}|{second:.1f}|", flush=True)
    return second > first + MAX_GROWTH or peak_many > peak_few + MAX_PEAK_GROWTH


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2560, help="size of the signals; a tenth may be allocated")
    parser.add_argument("--minutes", type=float, default=60, help="duration of the repeated calls")
    parser.add_argument("--fit", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    allowed = options.megabytes * MEGABYTE // 10
    if options.fit:
        fit(options.fit[0], Path(options.fit[1]), allowed)
        return
    print(
        f"Size of the signals (of {LENGTH} samples): {options.megabytes} MB. "
        f"Limit of the additional memory: {allowed // MEGABYTE} MB.\n"
    )
    print("|source|signals|fit time (s)|transform time (s)|\n|---|---:|---:|---:|", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.megabytes)
        for kind in KINDS:
            command = [sys.executable, __file__, "--fit", kind, folder, "--megabytes", str(options.megabytes)]
            failed |= subprocess.run(command, check=False).returncode != 0
    failed |= call_repeatedly(options.minutes)
    sys.exit(failed)


if __name__ == "__main__":
    main()
