"""What happens between the epochs of a training: a bar and checkpoints."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from skorch import NeuralNet
from skorch.callbacks import Callback
from tqdm import TqdmWarning

from ._checkpoints import read_checkpoint, write_checkpoint
from ._nets import Net
from ._processes import Processes, launched_processes

with warnings.catch_warnings():
    # In a notebook without ipywidgets the bar is one of text, which needs no remark.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's."""

    def with_callbacks(method: Any) -> Any:
        """Stand in for scikit-learn's decorator.

        Parameters
        ----------
        method : callable
            The method.

        Returns
        -------
        callable
            The same.
        """
        return method


class Progress(Callback):
    """A bar with the epoch, its losses and the time left, which moves with each batch.

    Parameters
    ----------
    description : str
        What stands in front of the bar.
    epochs : int
        Epochs to come.
    batches : int
        Batches in each.
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
            Unused.
        **kwargs
            Unused.
        """
        self.bar_ = tqdm(total=self.epochs * self.batches, desc=self.description, unit="batch")

    def on_epoch_begin(
        self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        """Say which epoch it is.

        Parameters
        ----------
        net : NeuralNet
            The net.
        dataset_train, dataset_valid : object
            Unused.
        **kwargs
            Unused.
        """
        epoch = len(net.history)
        self.bar_.set_description(f"{self.description}, epoch {epoch}/{self.epochs}", refresh=False)
        self.bar_.update((epoch - 1) * self.batches - self.bar_.n)  # an interrupted training goes on with many at once

    def on_batch_end(self, net: NeuralNet, batch: Any = None, training: bool | None = None, **kwargs: Any) -> None:
        """Move the bar.

        Parameters
        ----------
        net : NeuralNet
            The net.
        batch : object
            Unused.
        training : bool
            Whether it is no batch of validation.
        **kwargs
            Unused.
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
            Unused.
        **kwargs
            Unused.
        """
        last = net.history[-1]
        self.bar_.set_postfix({key: f"{last[key]:.4f}" for key in ("train_loss", "valid_loss") if key in last})

    def close(self) -> None:
        """Leave the bar as it stands."""
        if hasattr(self, "bar_"):
            self.bar_.close()


class Tasks(Callback):
    """Tell scikit-learn's callbacks of each epoch.

    Parameters
    ----------
    estimator : BaseEstimator
        Has the callbacks, by ``set_callbacks``.
    """

    def __init__(self, estimator: BaseEstimator) -> None:
        self.estimator = estimator
        self.stopped = False

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Begin an epoch's task.

        Parameters
        ----------
        net : NeuralNet
            The net.
        **kwargs
            Unused.
        """
        self.task_ = self.estimator._callback_fit_ctx.subcontext(task_name="epoch")
        self.task_.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """End an epoch's task.

        Parameters
        ----------
        net : NeuralNet
            The net; the metadata are its losses.
        **kwargs
            Unused.
        """
        (metadata,) = history_rows(net)[-1:]
        self.stopped = bool(self.task_.call_on_fit_task_end(estimator=self.estimator, metadata=metadata))


class StopWhereTold(Callback):
    """Stop where one of scikit-learn's callbacks says so, once the epoch has been kept.

    Parameters
    ----------
    tasks : Tasks
        Knows what they say.
    """

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Stop, perhaps.

        Parameters
        ----------
        net : NeuralNet
            The net.
        **kwargs
            Unused.

        Raises
        ------
        KeyboardInterrupt
            If training is to stop, as skorch's callbacks say it.
        """
        if self.tasks.stopped:
            raise KeyboardInterrupt


@contextmanager
def tasks_of_fit(estimator: BaseEstimator) -> Iterator[None]:
    """Tell scikit-learn's callbacks that a fit begins and ends.

    Parameters
    ----------
    estimator : BaseEstimator
        Has the callbacks, by ``set_callbacks``, or none.

    Yields
    ------
    None
    """
    task = None
    if hasattr(estimator, "_skl_callbacks"):
        task = estimator._init_callback_context(max_subtasks=estimator.max_epochs)
        task.call_on_fit_task_begin(estimator=estimator)
    yield
    if task is not None:
        task.call_on_fit_task_end(estimator=estimator)


class Checkpoints(Callback):
    """Write a checkpoint after each epoch, and go on from one.

    Parameters
    ----------
    folder : Path
        Where the checkpoints are.
    description : dict of str to str
        What the training depends on.
    processes : Processes
        Those that train together, of which the first one reads for all.
    """

    def __init__(self, folder: Path, description: dict[str, str], processes: Processes) -> None:
        self.folder = folder
        self.description = description
        self.processes = processes

    def restore(self, net: Net) -> None:
        """Set the net and its callbacks to where the newest checkpoint left them.

        Parameters
        ----------
        net : Net
            The net, about to be trained.
        """
        state = self.processes.ask_first(lambda: read_checkpoint(self.folder, self.description))
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
            Unused.
        **kwargs
            Unused.
        """
        if launched_processes().rank:
            return  # the first one writes
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
            "stopping": {} if stop is None else {name: _plain(getattr(stop, name)) for name in names},
            "generator": torch.default_generator.get_state(),
            "generator_cuda": torch.cuda.get_rng_state(net.device) if on_gpu else None,
        }
        write_checkpoint(self.folder, len(net.history), state)


def history_rows(net: Net) -> list[dict[str, float]]:
    """Return what is known of each epoch, ready for a DataFrame.

    Parameters
    ----------
    net : Net
        A trained net.

    Returns
    -------
    list of dict
        One an epoch: ``epoch``, ``dur`` in seconds, ``train_loss`` and, with a validation set, ``valid_loss``.
    """
    kinds = {"epoch": int, "train_loss": float, "valid_loss": float, "dur": float}  # losses come as numpy's
    return [{key: kind(row[key]) for key, kind in kinds.items() if key in row} for row in net.history]


def _plain(value: Any) -> Any:
    """Return a number of numpy's as Python's, which a checkpoint may hold; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value
