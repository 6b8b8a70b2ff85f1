"""Checkpoints of a training: written in one step, the newest that can be read is gone on from."""

from __future__ import annotations

import os
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from ..models.checkpoints import to_jsonable
from ._batches import SignalDataset, load_batch, spread_rows

# The one before the newest stays, in case that the newest cannot be read.
KEPT = 2
# Parameters that may change between a training and its going on: they have no part in its result.
_FREE = {"checkpoint_dir", "device", "verbose", "callbacks", "sampling_rate"}


def checkpoint_folder(estimator: BaseEstimator) -> Path | None:
    """Return the folder of an estimator's checkpoints.

    Parameters
    ----------
    estimator : BaseEstimator
        Has `checkpoint_dir` and `random_state`.

    Returns
    -------
    Path or None
        None without `checkpoint_dir`.

    Raises
    ------
    ValueError
        If a second fit would have another seed, or the folder is a file.
    """
    if estimator.checkpoint_dir is None:
        return None
    if not isinstance(estimator.random_state, Integral):
        raise ValueError(
            f"random_state={estimator.random_state!r} with checkpoint_dir: give an int, so that what goes on is the "
            "training that stopped."
        )
    folder = Path(estimator.checkpoint_dir)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"checkpoint_dir={str(folder)!r} is a file; give a folder, which is made if it is missing.")
    return folder


def describe_training(estimator: BaseEstimator, dataset: SignalDataset) -> dict[str, str]:
    """Describe what a training's result depends on.

    Parameters
    ----------
    estimator : BaseEstimator
        Its parameters.
    dataset : SignalDataset
        The samples, of which some stand for all, and their targets.

    Returns
    -------
    dict of str to str
        Names and values.
    """
    params = {
        name: type(value).__name__ if isinstance(value, BaseEstimator) else repr(to_jsonable(value))  # described below
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] not in _FREE
    }
    some = load_batch(dataset.X, dataset.index[spread_rows(len(dataset), 64)])
    return {
        **params,
        "the shape of X": str((len(dataset), *dataset.X.shape[1:])),
        "the values of X and y": _checksum([some, *dataset.targets]),
        "the network at the start": _describe(_starting_network(estimator)),
    }


def write_checkpoint(folder: Path, epoch: int, state: dict[str, Any]) -> None:
    """Write a checkpoint in one step, and delete all but the newest.

    Parameters
    ----------
    folder : Path
        Where to; it is there.
    epoch : int
        Epochs done.
    state : dict
        Tensors, numbers and text, in dicts and lists.
    """
    path = folder / f"epoch-{epoch:06d}.pt"
    partial = path.with_suffix(".partial")
    try:
        with open(partial, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:  # a full disk, or an interruption
        partial.unlink(missing_ok=True)
        raise
    for old in _newest_first(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def read_checkpoint(folder: Path, description: dict[str, str]) -> dict[str, Any] | None:
    """Read the newest checkpoint that can be read.

    Parameters
    ----------
    folder : Path
        Where from; it is made if it is missing.
    description : dict of str to str
        The training that is to go on, from `describe_training`.

    Returns
    -------
    dict or None
        The state; None if there is no checkpoint.

    Raises
    ------
    ValueError
        If the checkpoint is of another training; the differences are named.

    Warns
    -----
    UserWarning
        If a checkpoint cannot be read; it is named, and the one before is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in _newest_first(folder):
        try:
            with zipfile.ZipFile(path) as archive:  # torch does not look at the checksums that it writes
                if (member := archive.testzip()) is not None:
                    raise ValueError(f"{member} is damaged")
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            stored = state["description"]
        except Exception as error:  # a damaged file can raise anything
            warnings.warn(
                f"{path} cannot be read ({type(error).__name__}); going on from the one before.", stacklevel=2
            )
            continue
        differing = [
            f"{name} was {stored.get(name)} and is {description.get(name)}"
            for name in sorted({*stored, *description})
            if stored.get(name) != description.get(name)
        ]
        if differing:
            raise ValueError(
                f"checkpoint_dir={str(folder)!r} holds another training: {'; '.join(differing)}. Give an empty folder, "
                "or what that training was given. (To train longer, fit again with warm_start, or use partial_fit.)"
            )
        return state
    return None


def _starting_network(estimator: BaseEstimator) -> Any:
    """Return the network that a training begins with; None if it draws its weights by its seed."""
    if hasattr(estimator, "pretrainer_"):
        return estimator.pretrainer_.model_
    return getattr(estimator, "model_", None) if getattr(estimator, "warm_start", False) else None


def _describe(network: Any) -> str:
    if network is None:
        return "drawn by the seed"
    return f"{_checksum(network.state_dict().values())} and of the settings {network.settings}"


def _checksum(tensors: Iterable[Tensor]) -> str:
    checksum = 0
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous().numpy()
        checksum = zlib.crc32(values.tobytes(), checksum)
    return f"of checksum {checksum:08x}"


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*.pt"), reverse=True)
