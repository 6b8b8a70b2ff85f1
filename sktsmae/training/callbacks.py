"""Callbacks of skorch for the progress bar and for checkpoints, and the history that skorch records."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from tqdm import TqdmWarning

from ..signals.sharding import World, launched_world
from .net import Net
from .resume import read_checkpoint, write_checkpoint

with warnings.catch_warnings():
    # In a notebook without ipywidgets, tqdm warns and shows a text bar. The warning would not help users.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm


def progress_bar(description: str, steps: int, unit: str, verbose: int) -> Any:
    """Return a progress bar, which is a context manager.

    Parameters
    ----------
    description : str
        Text in front of the bar.
    steps : int
        Number of steps.
    unit : str
        Name of a step.
    verbose : int
        0 hides the bar.

    Returns
    -------
    tqdm
        The bar; its method ``update`` moves it by one step.
    """
    return tqdm(total=steps, desc=description, unit=unit, disable=not verbose)


class Progress(Callback):
    """A progress bar that shows the epoch, its losses and the remaining time, and advances after each batch.

    Parameters
    ----------
    description : str
        Text in front of the bar.
    epochs : int
        Number of epochs.
    batches : int
        Number of batches per epoch.
    """

    def __init__(self, description: str, epochs: int, batches: int) -> None:
        self.description = description
        self.epochs = epochs
        self.batches = batches

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Show the bar.

        Parameters
        ----------
        net : NeuralNet
            The net.
        X, y : object
            Not used.
        **kwargs
            Not used.
        """
        self.bar_ = progress_bar(self.description, self.epochs * self.batches, "batch", verbose=1)

    def on_epoch_begin(
        self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        """Show the number of the epoch.

        Parameters
        ----------
        net : NeuralNet
            The net.
        dataset_train, dataset_valid : object
            Not used.
        **kwargs
            Not used.
        """
        epoch = len(net.history)
        self.bar_.set_description(f"{self.description}, epoch {epoch}/{self.epochs}", refresh=False)
        self.bar_.update((epoch - 1) * self.batches - self.bar_.n)  # a resumed training skips epochs

    def on_batch_end(self, net: NeuralNet, batch: Any = None, training: bool | None = None, **kwargs: Any) -> None:
        """Advance the bar by one step.

        Parameters
        ----------
        net : NeuralNet
            The net.
        batch : object
            Not used.
        training : bool
            Whether the batch is a training batch; validation batches do not advance the bar.
        **kwargs
            Not used.
        """
        if training:
            self.bar_.update()

    def on_epoch_end(self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Show the losses.

        Parameters
        ----------
        net : NeuralNet
            The net.
        dataset_train, dataset_valid : object
            Not used.
        **kwargs
            Not used.
        """
        last = net.history[-1]
        self.bar_.set_postfix({key: f"{last[key]:.4f}" for key in ("train_loss", "valid_loss") if key in last})

    def close(self) -> None:
        """Close the bar and leave it on the screen."""
        if hasattr(self, "bar_"):
            self.bar_.close()


class Checkpoints(Callback):
    """A callback that writes a checkpoint after each epoch, and resumes from the newest checkpoint.

    Parameters
    ----------
    folder : Path
        Directory of the checkpoints.
    description : dict of str to str
        Description of the training, from `describe_training`.
    world : World
        The processes that train together. Rank 0 reads the checkpoint and sends it to the others.
    """

    def __init__(self, folder: Path, description: dict[str, str], world: World) -> None:
        self.folder = folder
        self.description = description
        self.world = world

    def restore(self, net: Net) -> None:
        """Set the net and its callbacks to the state of the newest checkpoint.

        Parameters
        ----------
        net : Net
            The net, before its training.
        """
        state = self.world.broadcast_from_rank0(lambda: read_checkpoint(self.folder, self.description))
        if state is None:
            return
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        net.history.extend(state["history"])
        callbacks = dict(net.callbacks_)
        schedule = callbacks["_schedule"]
        schedule.batch_idx_ = state["steps"]
        schedule.lr_scheduler_.last_epoch = state["steps"]
        for name, value in state["stopping"].items():
            setattr(callbacks["_stop"], name, value)
        torch.default_generator.set_state(state["generator"])
        if state["generator_cuda"] is not None and torch.device(net.device).type == "cuda":
            torch.cuda.set_rng_state(state["generator_cuda"], net.device)

    def on_epoch_end(self, net: Net, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Write a checkpoint.

        Parameters
        ----------
        net : Net
            The net.
        dataset_train, dataset_valid : object
            Not used.
        **kwargs
            Not used.
        """
        if launched_world().rank:
            return  # only rank 0 writes
        callbacks = dict(net.callbacks_)
        stop = callbacks.get("_stop")
        names = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")
        on_gpu = torch.device(net.device).type == "cuda"
        state = {
            "description": self.description,
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "history": history_rows(net),
            "steps": callbacks["_schedule"].lr_scheduler_.last_epoch,
            "stopping": {} if stop is None else {name: _to_python(getattr(stop, name)) for name in names},
            "generator": torch.default_generator.get_state(),
            "generator_cuda": torch.cuda.get_rng_state(net.device) if on_gpu else None,
        }
        write_checkpoint(self.folder, len(net.history), state)


def history_rows(net: Net) -> list[dict[str, float]]:
    """Return the history of a training, one row per epoch.

    Parameters
    ----------
    net : Net
        A trained net.

    Returns
    -------
    list of dict
        One dict per epoch with ``epoch``, ``dur`` in seconds, ``train_loss`` and, with a validation set,
        ``valid_loss``. `pandas.DataFrame` accepts this list.
    """
    kinds = {"epoch": int, "train_loss": float, "valid_loss": float, "dur": float}  # losses are numpy scalars
    return [{key: kind(row[key]) for key, kind in kinds.items() if key in row} for row in net.history]


def _to_python(value: Any) -> Any:
    """Convert a numpy scalar to a Python number, because checkpoints cannot contain numpy scalars."""
    return value.item() if isinstance(value, np.generic) else value
