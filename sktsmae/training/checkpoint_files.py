"""Checkpoint files, from which an interrupted training resumes."""

from __future__ import annotations

import os
import shutil
import warnings
import zipfile
from numbers import Integral
from pathlib import Path
from typing import Any

import torch

from ..models.atomic import atomic_write
from .parameters import TrainingParameters

# Number of checkpoints to keep. If the newest cannot be read, the second newest is used.
NUM_KEPT = 2


def checkpoint_folder(params: TrainingParameters) -> Path | None:
    """Return the directory of the checkpoints of an estimator.

    Parameters
    ----------
    params : TrainingParameters
        An estimator, of which only `checkpoint_dir` and `random_state` are used.

    Returns
    -------
    Path or None
        The directory; None if `checkpoint_dir` is None.

    Raises
    ------
    ValueError
        If `random_state` is not an int, or if the path is a file.
    """
    if params.checkpoint_dir is None:
        return None
    if not isinstance(params.random_state, Integral):
        raise ValueError(
            f"random_state={params.random_state!r} with checkpoint_dir: give an int, so that a resumed training is the "
            "same as the interrupted one."
        )
    folder = Path(params.checkpoint_dir)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"checkpoint_dir={str(folder)!r} is a file; give a directory (a missing one is created).")
    return folder


def write_checkpoint(folder: Path, epoch: int, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically, and delete all checkpoints except the two newest.

    Parameters
    ----------
    folder : Path
        Directory of the checkpoints, which must exist.
    epoch : int
        Number of completed epochs.
    state : dict
        State of the training: tensors, numbers and strings, in dicts and lists. Its item "description" is the result of
        `describe_training`.
    """
    with atomic_write(folder / f"epoch-{epoch:06d}.pt") as path, open(path, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    for old in _newest_first(folder)[NUM_KEPT:]:
        old.unlink(missing_ok=True)


def read_checkpoint(folder: Path, description: dict[str, str]) -> dict[str, Any] | None:
    """Read the newest readable checkpoint.

    Parameters
    ----------
    folder : Path
        Directory of the checkpoints; it is created if it is missing.
    description : dict of str to str
        Parameters, and checksums of the data and initial weights, of the training to resume, from `describe_training`.

    Returns
    -------
    dict or None
        The state; None if there is no readable checkpoint.

    Raises
    ------
    ValueError
        If the checkpoint belongs to another training. The message names the differences.

    Warns
    -----
    UserWarning
        If a checkpoint cannot be read. The message names the file, and the previous checkpoint is used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".epoch-*"):  # temporary directory of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    for path in _newest_first(folder):
        try:
            with zipfile.ZipFile(path) as archive:  # torch.load does not verify the checksums of the archive
                if (member := archive.testzip()) is not None:
                    raise ValueError(f"{member} is damaged")
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            stored = state["description"]
        except Exception as error:  # a damaged file can raise anything
            warnings.warn(
                f"{path} cannot be read ({type(error).__name__}); resuming from the previous checkpoint.", stacklevel=2
            )
            continue
        differing = [
            f"{name} was {stored.get(name)} and is {description.get(name)}"
            for name in sorted({*stored, *description})
            if stored.get(name) != description.get(name)
        ]
        if differing:
            raise ValueError(
                f"checkpoint_dir={str(folder)!r} contains checkpoints of another training: {'; '.join(differing)}. "
                "Give an empty directory, or the parameters and data of that training. To train a "
                "MAEPretrainer for more epochs, set warm_start=True and give an empty directory, or use partial_fit."
            )
        return state
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*.pt"), reverse=True)
