"""Fuzz test of file readers: a corrupted file must either load or raise ValueError.

Run ``python tests/attacks/mutated_files.py [KIND ...] [--files N] [--seed S]``. For each kind of file that the package
reads, N randomly mutated copies of a valid file are read. A mutation overwrites, deletes or repeats bytes, truncates
the file, or replaces a value in the header. A read may take at most ten seconds, and the process may allocate at most
2 GB of additional memory. The script prints a Markdown table. Its exit status is 1 if a read takes longer or raises
another exception, such as MemoryError.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sktsmae import MAEAnomalyDetector, MAEClassifier, MAEPretrainer, WindowedClassifier
from sktsmae.datasets import read_signals
from sktsmae.models import CWT_MAE_RoPE, TF_MAE_Classifier, load_reference_mae
from sktsmae.training.checkpoint_files import read_checkpoint

MAX_SECONDS, MAX_MEMORY = 10, 2 * 2**30
# Parameters of a small `CWT_MAE_RoPE`, and below of a small `MAEPretrainer`.
SETTINGS = {
    "signal_len": 60,
    "cwt_scales": 4,
    "patch_size_freq": 2,
    "patch_size_time": 20,
    "embed_dim": 8,
    "depth": 1,
    "num_heads": 1,
    "decoder_embed_dim": 8,
    "decoder_depth": 1,
    "decoder_num_heads": 1,
}
SMALL = {"cwt_scales": 4, "patch_size": (2, 20), "embed_dim": 8, "depth": 1, "num_heads": 1, "decoder_embed_dim": 8}
# Values that replace a value in a header: numbers that may be out of range, and values of another type.
REPLACEMENTS = [
    b"0",
    b"-1",
    b"1e999",
    b"123456789012345678901234567890",
    b"2147483648",
    b"99999999",
    b'"x"',
    b"null",
    b"[]",
]


class TooSlow(BaseException):
    """Error of a read that takes too long. It is not an `Exception`, so that ``except Exception`` does not catch it."""


def write_pretrainer(path: Path) -> None:
    """Write a pretrainer by `MAEPretrainer.save`."""
    X = np.random.default_rng(0).normal(size=(4, 60))
    MAEPretrainer(**SMALL, max_epochs=0, random_state=0).fit(X).save(path)


def write_classifier(path: Path) -> None:
    """Write a classifier with a linear probe and a fine-tuned network by `MAEClassifier.save`."""
    X = np.random.default_rng(0).normal(size=(8, 60))
    pretrainer = MAEPretrainer(**SMALL, max_epochs=0)
    fitted = MAEClassifier(pretrainer=pretrainer, finetune="full", max_epochs=1, random_state=0).fit(X, [0, 1] * 4)
    fitted.save(path)


def write_anomaly_detector(path: Path) -> None:
    """Write an anomaly detector with windows by `MAEAnomalyDetector.save`."""
    X = np.random.default_rng(0).normal(size=(8, 60))
    MAEAnomalyDetector(features=("summary", "statistics")).fit(X).save(path)


def write_windowed_classifier(path: Path) -> None:
    """Write a classifier of recordings by `WindowedClassifier.save`."""
    X = list(np.random.default_rng(0).normal(size=(4, 60)))
    estimator = MAEClassifier(pretrainer=MAEPretrainer(**SMALL, max_epochs=0), random_state=0)
    WindowedClassifier(estimator, window=40).fit(X, [0, 1] * 2).save(path)


def write_state_dict(path: Path) -> None:
    """Write the state dict of an autoencoder to a .pth file."""
    torch.save(CWT_MAE_RoPE(**SETTINGS).state_dict(), path)


def write_checkpoint(path: Path) -> None:
    """Write a checkpoint of a pre-training run, and a copy that is not mutated."""
    X = np.random.default_rng(0).normal(size=(4, 60))
    pretrainer = MAEPretrainer(**SMALL, max_epochs=1, random_state=0, checkpoint_dir=path.parent / "run")
    pretrainer.fit(X)
    (path.parent / "run" / "epoch-000001.pt").rename(path)
    (path.parent / "original.pt").write_bytes(path.read_bytes())


def write_npy(path: Path) -> None:
    """Write an array to a .npy file."""
    np.save(path, np.random.default_rng(0).normal(size=(4, 60)))


def write_npz(path: Path) -> None:
    """Write signals and labels to a compressed .npz file."""
    np.savez_compressed(path, X=np.random.default_rng(0).normal(size=(4, 60)), y=["a", "b", "a", "b"])


def write_csv(path: Path) -> None:
    """Write a .csv file with column names, labels and a missing value."""
    rows = np.random.default_rng(0).normal(size=(4, 60)).round(4).astype(str)
    rows[1, 3] = ""
    column_names = ["label", *(f"t{time}" for time in range(60))]
    lines = [column_names, *([label, *row] for label, row in zip("abab", rows, strict=True))]
    path.write_text("".join(f"{','.join(line)}\n" for line in lines))


def write_ts(path: Path) -> None:
    """Write a .ts file with signals of two channels and unequal lengths, labels and a missing value."""
    rng = np.random.default_rng(0)
    lines = ["# a comment", "@problemName Two", "@timeStamps false", "@missing true", "@univariate false"]
    lines += ["@dimensions 2", "@equalLength false", "@classLabel true a b", "@data"]
    for row, length in enumerate((30, 20, 30, 25)):
        first, second = (",".join(rng.normal(size=length).round(4).astype(str)) for _ in range(2))
        lines.append(f"?,{first}:1.5,{second}:{'ab'[row % 2]}")
    path.write_text("\n".join(lines) + "\n")


def read_and_compare_checkpoint(path: Path) -> None:
    """Read a checkpoint as a resumed training run does, and check that its content equals that of the original."""
    folder = path.parent / "checkpoints"
    folder.mkdir(exist_ok=True)
    (folder / "epoch-000001.pt").write_bytes(path.read_bytes())
    original = torch.load(path.parent / "original.pt", weights_only=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        state = read_checkpoint(folder, original["description"])
    if state is None:
        raise ValueError("The checkpoint was skipped as unreadable.")
    assert all(torch.equal(state["module"][name], weights) for name, weights in original["module"].items())
    assert repr(state["optimizer"]) == repr(original["optimizer"])


# For each kind of file: its name, the function that writes a valid file, and the function that reads it.
KINDS: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], Any]]] = {
    "pretrainer": ("a.safetensors", write_pretrainer, MAEPretrainer.load),
    "classifier": ("a.safetensors", write_classifier, MAEClassifier.load),
    "anomaly-detector": ("a.safetensors", write_anomaly_detector, MAEAnomalyDetector.load),
    "windowed-classifier": ("a.safetensors", write_windowed_classifier, WindowedClassifier.load),
    "pretrainer, read by TF_MAE_Classifier": (
        "a.safetensors",
        write_pretrainer,
        partial(TF_MAE_Classifier, num_classes=2),
    ),
    "reference state dict": ("a.pth", write_state_dict, partial(load_reference_mae, **SETTINGS)),
    "checkpoint": ("a.pt", write_checkpoint, read_and_compare_checkpoint),
    "npy": ("a.npy", write_npy, read_signals),
    "npz": ("a.npz", write_npz, read_signals),
    "csv": ("a.csv", write_csv, partial(read_signals, label="label")),
    "ts": ("a.ts", write_ts, read_signals),
}


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the content of a file with one random mutation."""
    data = bytearray(content)
    # Half of the mutations are in the first 4 KB, because headers are at the start of a file.
    region = min(len(data), 4096) if rng.random() < 0.5 else len(data)
    position, length = int(rng.integers(region)), int(rng.integers(1, 64))
    kind = rng.integers(6)
    if kind == 0:
        for _ in range(int(rng.integers(1, 9))):
            data[int(rng.integers(region))] = int(rng.integers(256))
    elif kind == 1:
        del data[position:]
    elif kind == 2:
        del data[position : position + length]
    elif kind == 3:
        data[position:position] = data[position : position + length]
    elif kind == 4:
        data[position : position + length] = rng.bytes(length)
    else:
        return mutate_header(content, rng)
    return bytes(data)


def mutate_header(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace a value in the JSON header of a safetensors file, or in the first 4 KB of another file."""
    is_json = content[8:9] == b"{"
    size = struct.unpack("<Q", content[:8])[0] if is_json else min(len(content), 4096)
    start = 8 if is_json else 0
    header = content[start : start + size]
    if is_json and rng.random() < 0.8:
        # The package stores its metadata as a JSON string inside the JSON header.
        fields = json.loads(header)
        fields["__metadata__"]["sktsmae"] = replace_value(fields["__metadata__"]["sktsmae"].encode(), rng).decode()
        header = json.dumps(fields).encode()
    else:
        header = replace_value(header, rng)
    header_size = struct.pack("<Q", len(header)) if is_json else b""
    return header_size + header + content[start + size :]


def replace_value(text: bytes, rng: np.random.Generator) -> bytes:
    """Replace one randomly chosen JSON value (a number, true, false or null) by one of `REPLACEMENTS`."""
    matches = list(re.finditer(rb"-?\b\d+(\.\d+)?\b|true|false|null", text))
    if not matches:
        return text
    match = matches[int(rng.integers(len(matches)))]
    return text[: match.start()] + REPLACEMENTS[int(rng.integers(len(REPLACEMENTS)))] + text[match.end() :]


def attack(kind: str, count: int, seed: int) -> Counter[str]:
    """Read `count` mutated files of one kind, and count the outcomes: "loaded", "rejected" or "failed"."""
    name, write, read = KINDS[kind]
    outcomes: Counter[str] = Counter()
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        content = path.read_bytes()
        for number in range(count):
            path.write_bytes(mutate(content, rng))
            try:
                with time_limit():
                    read(path)
                outcome = "loaded"
            except ValueError:
                outcome = "rejected"
            except TooSlow:
                outcome = f"more than {MAX_SECONDS} s"
            except BaseException as error:
                outcome = f"{type(error).__name__}: {str(error)[:100]}"
            if outcome not in ("loaded", "rejected"):
                print(f"{kind}, file {number}, seed {seed}: {outcome}", file=sys.stderr)
                outcome = "failed"
            outcomes[outcome] += 1
    return outcomes


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise TooSlow inside the context after `MAX_SECONDS`."""

    def raise_too_slow(*_: Any) -> None:
        raise TooSlow(f"more than {MAX_SECONDS} s")

    signal.signal(signal.SIGALRM, raise_too_slow)
    signal.alarm(MAX_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def limit_memory() -> None:
    """Limit the address space of this process to `MAX_MEMORY` bytes more than it uses now."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MAX_MEMORY, resource.RLIM_INFINITY))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--files", type=int, default=10_000, help="number of mutated files per kind")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations")
    options = parser.parse_args()

    torch.set_num_threads(1)
    limit_memory()
    print("|kind|files|loaded|rejected|failed|time (s)|\n|---|---:|---:|---:|---:|---:|")
    failed = 0
    for kind in options.kinds or KINDS:
        start = time.perf_counter()
        outcomes = attack(kind, options.files, options.seed)
        counts = "|".join(str(outcomes[outcome]) for outcome in ("loaded", "rejected", "failed"))
        print(f"|{kind}|{options.files}|{counts}|{time.perf_counter() - start:.0f}|", flush=True)
        failed += outcomes["failed"]
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
