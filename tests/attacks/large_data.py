"""Much data, and many calls: memory stays bounded by a batch.

``python tests/attacks/large_data.py [--megabytes N] [--minutes N]`` fits a pretrainer on signals ten times as large as
the memory that the process may take beyond what it has after importing - from a memory-mapped file, a zarr array and a
torch data set - transforms them, and then predicts and transforms for some minutes. Prints Markdown tables, and fails
if memory is not enough or grows.
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
# Reads whole signals, and computes on 100 samples of each, so that reading is what counts.
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
# Megabytes by which memory may differ between the halves of a run: what the allocator happens to hold.
GROWTH = 8
# The same of a peak. What would be held of all signals, if it were, is a hundred times as much.
PEAK = 32


class Files(Dataset):
    """A file a signal would be the usual case; here they are rows of one."""

    def __init__(self, path: Path) -> None:
        self.X = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, row: int) -> np.ndarray:
        return np.asarray(self.X[row])


KINDS: dict[str, Any] = {
    "memory-mapped": lambda folder: np.load(folder / "X.npy", mmap_mode="r"),
    "zarr": lambda folder: zarr.open_array(folder / "X.zarr", mode="r"),
    "data set": lambda folder: Files(folder / "X.npy"),
}


def write(folder: Path, megabytes: int) -> None:
    """Write signals of so many megabytes, as a .npy file and as a zarr array, some of them at a time."""
    count = megabytes * MEGABYTE // (4 * LENGTH)
    mapped = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (count, LENGTH))
    chunked = zarr.create_array(
        folder / "X.zarr", shape=mapped.shape, chunks=(2, LENGTH), dtype="float32", compressors=None
    )
    some = make_signals(64, LENGTH, random_state=0)
    for start in range(0, count, 64):
        part = some[: count - start] * np.float32(1 + start / count)
        mapped[start : start + 64] = part
        chunked[start : start + 64] = part
    mapped.flush()


def private() -> int:
    """Return the bytes of memory that this process has for itself: without files that are mapped."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmData"].split()[0]) * 1024


def anonymous() -> int:
    """Return the bytes of the physical memory that this process has for itself."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) * 1024


def peak(function: Any, X: np.ndarray) -> float:
    """Return the megabytes that a call takes for a while, beyond what the process has before it."""
    before = anonymous()
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back
    function(X)
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return (int(fields["VmHWM"].split()[0]) - int(fields["RssFile"].split()[0])) / 1024 - before / MEGABYTE


def fit(kind: str, folder: Path, allowed: int) -> None:
    """Fit and transform with no more memory than is allowed, and print how long that took."""
    torch.set_num_threads(1)
    MAEPretrainer(**{**SMALL, "max_epochs": 0}).fit(np.random.default_rng(0).normal(size=(4, 200)))
    resource.setrlimit(resource.RLIMIT_DATA, (private() + allowed, resource.RLIM_INFINITY))
    try:
        np.ones(2 * allowed, dtype=np.uint8)
    except MemoryError:
        pass
    else:
        raise SystemExit("the limit does not hold on this system")
    X = KINDS[kind](folder)
    begin = time.perf_counter()
    pretrainer = MAEPretrainer(**SMALL, random_state=0).fit(X)
    middle = time.perf_counter()
    embeddings = pretrainer.transform(X)
    end = time.perf_counter()
    assert np.isfinite(embeddings).all()
    print(f"|{kind}|{X.shape[0] if hasattr(X, 'shape') else len(X)}|{middle - begin:.0f}|{end - middle:.0f}|")


def call(minutes: float) -> bool:
    """Predict much, then again and again, and print what memory that takes; return whether it grows."""
    X, y = load_sparwatch(return_X_y=True)
    X = X[:, 0]
    classifier = MAEClassifier(random_state=0).fit(X[::8], y[::8])
    statistics = CWTTransformer(output="statistics").fit(X[::8])
    print("\n|signals|`predict_proba`: MB at most, for a while|\n|---:|---:|")
    classifier.predict_proba(X)
    few, many = (peak(classifier.predict_proba, np.tile(X, (repeats, 1))) for repeats in (1, 16))
    print(f"|{len(X)}|{few:.0f}|\n|{16 * len(X)}|{many:.0f}|", flush=True)
    begin, seen = time.monotonic(), []
    while time.monotonic() - begin < 60 * minutes:
        for count in (1, 30, 7):
            some = X[len(seen) % 100 :][:count]
            classifier.predict_proba(some)
            classifier.transform(some)
            statistics.transform(some)
        seen.append(anonymous() / MEGABYTE)
    settled = seen[len(seen) // 10 :]  # until then what is kept fills
    first, last = (float(np.median(half)) for half in np.array_split(settled, 2))
    print("\n|minutes|rounds of nine calls|MB, median of the first half|of the second|\n|---:|---:|---:|---:|")
    print(f"|{minutes:g}|{len(seen)}|{first:.1f}|{last:.1f}|", flush=True)
    return last > first + GROWTH or many > few + PEAK


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2560, help="size of the signals, ten times what is allowed")
    parser.add_argument("--minutes", type=float, default=60, help="of calls")
    parser.add_argument("--fit", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    allowed = options.megabytes * MEGABYTE // 10
    if options.fit:
        fit(options.fit[0], Path(options.fit[1]), allowed)
        return
    print(f"{options.megabytes} MB of signals of {LENGTH} samples, {allowed // MEGABYTE} MB of memory.\n")
    print("|kind|signals|fit, s|transform, s|\n|---|---:|---:|---:|", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.megabytes)
        for kind in KINDS:
            command = [sys.executable, __file__, "--fit", kind, folder, "--megabytes", str(options.megabytes)]
            failed |= subprocess.run(command, check=False).returncode != 0
    failed |= call(options.minutes)
    sys.exit(failed)


if __name__ == "__main__":
    main()
