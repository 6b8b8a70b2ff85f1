"""Train in several processes. Usage: ``torchrun train_together.py FILE FOLDER [SECONDS_PER_STEP]``.

All processes fit one pretrainer to the signals in FILE. Each process writes its process id, its losses, the number of
rows that it reads per epoch, and the final weights to FOLDER. It sleeps for SECONDS_PER_STEP after each step.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from skorch.callbacks import Callback

from sktsmae import MAEPretrainer

SETTINGS = {
    "cwt_scales": 16,
    "patch_size": (4, 25),
    "embed_dim": 32,
    "depth": 1,
    "num_heads": 2,
    "decoder_embed_dim": 32,
    "max_epochs": 17,
    "batch_size": 16,
    "random_state": 0,
    "device": "cpu",
}


class RecordingMemmap(np.memmap):
    """A memory-mapped array that records the indices of the rows read from it in an epoch."""

    rows: ClassVar[set[int]] = set()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, np.ndarray):
            self.rows.update(index.tolist())
        return super().__getitem__(index)


class Losses(Callback):
    """A callback that writes the loss of each step and the number of rows read in each epoch to files."""

    def __init__(self, path: Path, seconds: float) -> None:
        self.path = path
        self.seconds = seconds

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, loss: Any = None, **_: Any) -> None:
        with open(self.path, "a") as file:
            file.write(f"{loss.item()!r}\n")
        time.sleep(self.seconds)

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        RecordingMemmap.rows.clear()

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        with open(self.path.with_suffix(".rows"), "a") as file:
            file.write(f"{len(RecordingMemmap.rows)}\n")


def train(path: Path, folder: Path, rank: str, seconds: float = 0.0) -> MAEPretrainer:
    """Fit a pretrainer and write its results to files. The rank of a single process is "alone"."""
    torch.set_num_threads(1)
    (folder / f"{rank}.pid").write_text(str(os.getpid()))
    callbacks = [Losses(folder / f"{rank}.losses", seconds)]
    X = np.load(path, mmap_mode="r").view(RecordingMemmap)
    checkpoints = folder / ("checkpoints-alone" if rank == "alone" else "checkpoints")
    pretrainer = MAEPretrainer(**SETTINGS, early_stopping=True, callbacks=callbacks, checkpoint_dir=checkpoints).fit(X)
    torch.save(pretrainer.model_.state_dict(), folder / f"{rank}.pt")
    return pretrainer


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]), os.environ["RANK"], *map(float, sys.argv[3:]))
