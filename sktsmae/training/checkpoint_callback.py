"""The skorch callback that writes checkpoints and resumes from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

from ..signals.launch import launched_world
from ..signals.world import World
from .checkpoint_files import read_checkpoint, write_checkpoint
from .history import history_rows
from .net import Net


class Checkpoints(Callback):
    """A callback that writes a checkpoint after each epoch, and resumes from the newest checkpoint.

    Parameters
    ----------
    folder : Path
        Directory of the checkpoints.
    description : dict of str to str
        Description of the training, from `describe_training`.
    world : World
        The processes that train together. Rank 0 reads the checkpoint and sends it to the other ranks.
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
            The net, initialized but not trained.
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
        stop_attributes = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")
        on_gpu = torch.device(net.device).type == "cuda"
        state = {
            "description": self.description,
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "history": history_rows(net),
            "steps": callbacks["_schedule"].lr_scheduler_.last_epoch,
            "stopping": {} if stop is None else {name: _to_python(getattr(stop, name)) for name in stop_attributes},
            "generator": torch.default_generator.get_state(),
            "generator_cuda": torch.cuda.get_rng_state(net.device) if on_gpu else None,
        }
        write_checkpoint(self.folder, len(net.history), state)


def _to_python(value: Any) -> Any:
    """Convert a numpy scalar to a Python number, because checkpoints cannot contain numpy scalars."""
    return value.item() if isinstance(value, np.generic) else value
