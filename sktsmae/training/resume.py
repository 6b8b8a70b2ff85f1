"""Checkpoint files, from which an interrupted training resumes."""

from __future__ import annotations

import os
import shutil
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from ..models.atomic import atomic_write
from ..models.to_jsonable import to_jsonable
from ..signals.batches import load_batch, spread_rows
from ..signals.dataset import SignalDataset
from .parameters import TrainingParameters

# Number of checkpoints to keep. The second newest is used if the newest cannot be read.
KEPT = 2
# Parameters that may change when a training is resumed, because its result does not depend on them.
_FREE = {"checkpoint_dir", "device", "verbose", "callbacks", "sampling_rate"}


def checkpoint_folder(params: TrainingParameters) -> Path | None:
    """Return the directory of the checkpoints of an estimator.

    Parameters
    ----------
    params : TrainingParameters
        The estimator, with `checkpoint_dir` and `random_state`.

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


def describe_training(
    params: TrainingParameters, dataset: SignalDataset, start: nn.Module | None = None
) -> dict[str, str]:
    """Describe the parameters, data and initial weights of a training.

    Parameters
    ----------
    params : TrainingParameters
        The estimator with its parameters.
    dataset : SignalDataset
        The samples and their targets. The description has a checksum of at most 64 samples and of all targets.
    start : nn.Module or None, default=None
        Network whose weights initialise the training; None if the initial weights are random.

    Returns
    -------
    dict of str to str
        Values by name.
    """
    described = {
        name: type(value).__name__ if isinstance(value, BaseEstimator) else repr(to_jsonable(value))
        for name, value in params.get_params().items()
        if name.split("__")[-1] not in _FREE
    }
    some = load_batch(dataset.X, dataset.index[spread_rows(len(dataset), 64)])
    return {
        **described,
        "the shape of X": str((len(dataset), *dataset.X.shape[1:])),
        "the values of X and y": _checksum([some, *dataset.targets]),
        "the initial network": "drawn by the seed" if start is None else _describe(start),
    }


def write_checkpoint(folder: Path, epoch: int, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically, and delete all checkpoints except the two newest.

    Parameters
    ----------
    folder : Path
        An existing directory.
    epoch : int
        Number of completed epochs.
    state : dict
        State of the training: tensors, numbers and strings, in dicts and lists.
    """
    with atomic_write(folder / f"epoch-{epoch:06d}.pt") as path, open(path, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    for old in _newest_first(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def read_checkpoint(folder: Path, description: dict[str, str]) -> dict[str, Any] | None:
    """Read the newest readable checkpoint.

    Parameters
    ----------
    folder : Path
        Directory of the checkpoints; it is created if it is missing.
    description : dict of str to str
        Description of the training to resume, from `describe_training`.

    Returns
    -------
    dict or None
        The state; None if there is no checkpoint.

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
    for leftover in folder.glob(".epoch-*"):  # a process was killed while it wrote a checkpoint
        shutil.rmtree(leftover, ignore_errors=True)
    for path in _newest_first(folder):
        try:
            with zipfile.ZipFile(path) as archive:  # torch.load does not verify the checksums
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
                "Give an empty directory, or the parameters and data of that training. (To train longer, set "
                "warm_start=True or use partial_fit.)"
            )
        return state
    return None


def _describe(network: nn.Module) -> str:
    return f"{_checksum(network.state_dict().values())}, with the settings {getattr(network, 'settings', None)}"


def _checksum(tensors: Iterable[Tensor]) -> str:
    checksum = 0
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous().numpy()
        checksum = zlib.crc32(values.tobytes(), checksum)
    return f"checksum {checksum:08x}"


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*.pt"), reverse=True)
