"""Stress test of checkpoints: training runs are killed at random times and resumed.

Run ``python tests/attacks/killed_trainings.py [--kills N] [--seed S]``. A pretrainer and a classifier are trained in
processes that are killed (SIGKILL) N times in total, every third time while a checkpoint is being written. After each
kill, a new process resumes the training run. The script prints a Markdown table. Its exit status is 1 if a weight or a
loss is not bitwise equal to that of an uninterrupted training run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch

SMALL = {"cwt_scales": 16, "patch_size": (4, 25), "embed_dim": 64, "depth": 2, "num_heads": 2, "max_epochs": 40}


def train(kind: str, folder: Path | None) -> str:
    """Train an estimator, and return a hash of its weights and of the losses of all epochs."""
    torch.set_num_threads(1)
    bunch = load_sparwatch()
    X, y = bunch.data[::8, 0], bunch.target[::8]
    common = {"random_state": 0, "device": "cpu", "checkpoint_dir": folder, "early_stopping": True}
    estimator: MAEPretrainer | MAEClassifier = MAEPretrainer(**SMALL, **common, validation_fraction=0.2)
    if kind == "classifier":
        pretrainer = MAEPretrainer(**{**SMALL, "max_epochs": 10})
        estimator = MAEClassifier(
            pretrainer=pretrainer,
            finetune="full",
            max_epochs=25,
            n_iter_no_change=20,
            validation_fraction=0.3,
            **common,
        )
    estimator.fit(X, y)
    digest = hashlib.sha256()
    for weights in estimator.model_.state_dict().values():
        digest.update(weights.numpy().tobytes())
    digest.update(repr([(row["train_loss"], row["valid_loss"]) for row in estimator.history_]).encode())
    return digest.hexdigest()


def start(kind: str, folder: Path) -> subprocess.Popen[str]:
    """Start or resume a training run in a new process."""
    return subprocess.Popen([sys.executable, __file__, "--train", kind, str(folder)], stdout=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str], folder: Path, while_writing: bool, rng: np.random.Generator) -> bool:
    """Kill a training run at a random time after its next checkpoint.

    If `while_writing` is True, wait until the run starts to write another checkpoint. Return whether a checkpoint was
    being written.
    """
    earlier = checkpoints(folder)
    # Without a new checkpoint between two kills, the training run would make no progress.
    while process.poll() is None and checkpoints(folder) <= earlier:
        time.sleep(0.001)
    deadline = time.monotonic() + rng.uniform(0, 0.3)
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    while while_writing and process.poll() is None and not is_writing(folder):
        time.sleep(0.0002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return is_writing(folder)


def checkpoints(folder: Path) -> set[str]:
    """Return the paths of all complete checkpoints."""
    # Path.rglob raises an error if the training run deletes a directory at the same time; os.walk does not.
    return {
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.startswith("epoch-") and not os.path.basename(parent).startswith(".epoch-")
    }


def is_writing(folder: Path) -> bool:
    """Return whether there is a temporary directory in which a checkpoint is written."""
    return any(name.startswith(".epoch-") for _, directories, _ in os.walk(folder) for name in directories)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25, help="total number of kills")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random delays before the kills")
    parser.add_argument("--train", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        print(train(options.train[0], Path(options.train[1])))
        return
    rng = np.random.default_rng(options.seed)
    failed = False
    print(
        "|estimator|kills|kills while writing a checkpoint|equal to an uninterrupted training run|time (s)|\n"
        "|---|---:|---:|---|---:|"
    )
    for kind, kills in (("pretrainer", options.kills // 2), ("classifier", options.kills - options.kills // 2)):
        begin = time.monotonic()
        expected = train(kind, None)
        killed, killed_while_writing, equal = 0, 0, True
        while killed < kills:
            with tempfile.TemporaryDirectory() as folder:
                process = start(kind, Path(folder))
                while killed < kills:
                    was_writing = kill(process, Path(folder), killed % 3 == 2, rng)
                    if process.returncode != -signal.SIGKILL:
                        break  # the process ended before the kill
                    killed, killed_while_writing = killed + 1, killed_while_writing + was_writing
                    process = start(kind, Path(folder))
                equal &= process.communicate()[0].strip() == expected
        cells = [kind, killed, killed_while_writing, "yes" if equal else "NO", f"{time.monotonic() - begin:.0f}"]
        print("|".join(["", *map(str, cells), ""]), flush=True)
        failed |= not equal
    sys.exit(failed)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
