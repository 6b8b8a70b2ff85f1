"""Files that were tampered with: each ends in a load or in the documented error.

``python tests/attacks/mutated_files.py [KIND ...] [--files N] [--seed S]`` writes a file of every kind that the package
reads, changes N copies of each - bytes flipped, cut out, doubled, the end missing, numbers in a header exchanged for
others - and reads them, each within ten seconds and 2 GB of memory beyond what the process has at the start. Prints a
Markdown table and fails if a file ended otherwise.
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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.commands._signals import read_signals
from sktsmae.estimators._checkpoints import read_checkpoint
from sktsmae.models import CWT_MAE_RoPE, TF_MAE_Classifier, load_reference_mae

SECONDS, MEMORY = 10, 2 * 2**30
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
NUMBERS = [b"0", b"-1", b"1e999", b"123456789012345678901234567890", b"2147483648", b"99999999", b'"x"', b"null", b"[]"]


class TooSlow(BaseException):
    """No reader may catch it."""


def mae(path: Path) -> None:
    """Write a pretrainer."""
    X = np.random.default_rng(0).normal(size=(4, 60))
    MAEPretrainer(**SMALL, max_epochs=0, random_state=0).fit(X).save(path)


def classifier(path: Path) -> None:
    """Write a classifier with a probe and a network."""
    X = np.random.default_rng(0).normal(size=(8, 60))
    pretrainer = MAEPretrainer(**SMALL, max_epochs=0)
    fitted = MAEClassifier(pretrainer=pretrainer, finetune="full", max_epochs=1, random_state=0).fit(X, [0, 1] * 4)
    fitted.save(path)


def weights(path: Path) -> None:
    """Write a .pth file."""
    torch.save(CWT_MAE_RoPE(**SETTINGS).state_dict(), path)


def checkpoint(path: Path) -> None:
    """Write a checkpoint of a training."""
    X = np.random.default_rng(0).normal(size=(4, 60))
    pretrainer = MAEPretrainer(**SMALL, max_epochs=1, random_state=0, checkpoint_dir=path.parent / "run")
    pretrainer.fit(X)
    (path.parent / "run" / "epoch-000001.pt").rename(path)
    (path.parent / "original.pt").write_bytes(path.read_bytes())


def npy(path: Path) -> None:
    """Write an array."""
    np.save(path, np.random.default_rng(0).normal(size=(4, 60)))


def npz(path: Path) -> None:
    """Write an archive, compressed, of signals and labels."""
    np.savez_compressed(path, X=np.random.default_rng(0).normal(size=(4, 60)), y=["a", "b", "a", "b"])


def csv(path: Path) -> None:
    """Write a table with names, labels and a missing value."""
    rows = np.random.default_rng(0).normal(size=(4, 60)).round(4).astype(str)
    rows[1, 3] = ""
    names = ["label", *(f"t{place}" for place in range(60))]
    lines = [names, *([label, *row] for label, row in zip("abab", rows, strict=True))]
    path.write_text("".join(f"{','.join(line)}\n" for line in lines))


def ts(path: Path) -> None:
    """Write an archive's file of signals of two channels, of unequal lengths, with labels and a missing value."""
    rng = np.random.default_rng(0)
    lines = ["# a comment", "@problemName Two", "@timeStamps false", "@missing true", "@univariate false"]
    lines += ["@dimensions 2", "@equalLength false", "@classLabel true a b", "@data"]
    for place, length in enumerate((30, 20, 30, 25)):
        first, second = (",".join(rng.normal(size=length).round(4).astype(str)) for _ in range(2))
        lines.append(f"?,{first}:1.5,{second}:{'ab'[place % 2]}")
    path.write_text("\n".join(lines) + "\n")


def go_on(path: Path) -> None:
    """Read a checkpoint as a training does that goes on; what is read must be what was written."""
    folder = path.parent / "checkpoints"
    folder.mkdir(exist_ok=True)
    (folder / "epoch-000001.pt").write_bytes(path.read_bytes())
    original = torch.load(path.parent / "original.pt", weights_only=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        state = read_checkpoint(folder, original["description"])
    if state is None:
        raise ValueError("not readable")
    assert all(torch.equal(state["module"][name], weights) for name, weights in original["module"].items())
    assert repr(state["optimizer"]) == repr(original["optimizer"])


KINDS: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], Any]]] = {
    "pretrainer": ("a.safetensors", mae, MAEPretrainer.load),
    "classifier": ("a.safetensors", classifier, MAEClassifier.load),
    "encoder for a classifier": ("a.safetensors", mae, partial(TF_MAE_Classifier, num_classes=2)),
    "weights": ("a.pth", weights, partial(load_reference_mae, **SETTINGS)),
    "checkpoint": ("a.pt", checkpoint, go_on),
    "npy": ("a.npy", npy, read_signals),
    "npz": ("a.npz", npz, read_signals),
    "csv": ("a.csv", csv, partial(read_signals, label="label")),
    "ts": ("a.ts", ts, read_signals),
}


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Change a file in one of the ways of the head of this module."""
    data = bytearray(content)
    # Half of the changes fall into the first kilobytes, where headers are.
    reach = min(len(data), 4096) if rng.random() < 0.5 else len(data)
    place, length = int(rng.integers(reach)), int(rng.integers(1, 64))
    kind = rng.integers(6)
    if kind == 0:
        for _ in range(int(rng.integers(1, 9))):
            data[int(rng.integers(reach))] = int(rng.integers(256))
    elif kind == 1:
        del data[place:]
    elif kind == 2:
        del data[place : place + length]
    elif kind == 3:
        data[place:place] = data[place : place + length]
    elif kind == 4:
        data[place : place + length] = rng.bytes(length)
    else:
        return with_another_number(content, rng)
    return bytes(data)


def with_another_number(content: bytes, rng: np.random.Generator) -> bytes:
    """Exchange a number of a JSON header, or of what looks like text, for another value."""
    is_json = content[8:9] == b"{"
    size = struct.unpack("<Q", content[:8])[0] if is_json else min(len(content), 4096)
    start = 8 if is_json else 0
    header = content[start : start + size]
    if is_json and rng.random() < 0.8:  # the settings are JSON within the JSON
        outer = json.loads(header)
        outer["__metadata__"]["sktsmae"] = exchange(outer["__metadata__"]["sktsmae"].encode(), rng).decode()
        header = json.dumps(outer).encode()
    else:
        header = exchange(header, rng)
    lead = struct.pack("<Q", len(header)) if is_json else b""
    return lead + header + content[start + size :]


def exchange(text: bytes, rng: np.random.Generator) -> bytes:
    """Put another value in the place of a number or a word."""
    places = list(re.finditer(rb"-?\b\d+(\.\d+)?\b|true|false|null", text))
    if not places:
        return text
    match = places[int(rng.integers(len(places)))]
    return text[: match.start()] + NUMBERS[int(rng.integers(len(NUMBERS)))] + text[match.end() :]


def attack(kind: str, count: int, seed: int) -> Counter[str]:
    """Read changed files of a kind and count how they ended."""
    name, write, read = KINDS[kind]
    ends: Counter[str] = Counter()
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        content = path.read_bytes()
        for number in range(count):
            path.write_bytes(mutated(content, rng))
            signal.alarm(SECONDS)
            try:
                read(path)
                end = "loaded"
            except ValueError:
                end = "refused"
            except TooSlow:
                end = f"MORE THAN {SECONDS} s"
            except BaseException as error:
                end = f"{type(error).__name__}: {str(error)[:100]}"
            finally:
                signal.alarm(0)
            if end not in ("loaded", "refused"):
                print(f"{kind}, file {number}, seed {seed}: {end}", file=sys.stderr)
            ends[end if end in ("loaded", "refused") else "otherwise"] += 1
    return ends


def limit_memory() -> None:
    """Let allocations beyond the limit fail."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    def stop(*_: Any) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, stop)
    torch.set_num_threads(1)
    limit_memory()
    print("|kind|files|loaded|refused|otherwise|seconds|\n|---|---:|---:|---:|---:|---:|")
    failed = 0
    for kind in options.kinds or KINDS:
        start = time.perf_counter()
        ends = attack(kind, options.files, options.seed)
        counts = "|".join(str(ends[end]) for end in ("loaded", "refused", "otherwise"))
        print(f"|{kind}|{options.files}|{counts}|{time.perf_counter() - start:.0f}|", flush=True)
        failed += ends["otherwise"]
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
