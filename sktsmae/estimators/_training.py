"""The training loop that pre-training and fine-tuning share; the only module that knows skorch."""

from __future__ import annotations

import copy
import math
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from tqdm.auto import tqdm

from ._batches import SignalDataset, as_fetched
from ._checkpoints import checkpoint_folder, describe_training, read_checkpoint, write_checkpoint
from ._memory import reused_memory
from ._validation import (
    DEVICE,
    NON_NEGATIVE_INT,
    NON_NEGATIVE_REAL,
    OPEN_SHARE,
    POSITIVE_INT,
    POSITIVE_REAL,
    SHARE,
)

# torch's generators belong to the process: one fit at a time may have them.
_GENERATORS = threading.RLock()

# The training parameters of both estimators that train.
TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "max_epochs": [NON_NEGATIVE_INT],
    "batch_size": [POSITIVE_INT],
    "lr": [POSITIVE_REAL],
    "weight_decay": [NON_NEGATIVE_REAL],
    "warmup_fraction": [SHARE],
    "gradient_clip": [POSITIVE_REAL, None],
    "early_stopping": ["boolean"],
    "validation_fraction": [OPEN_SHARE],
    "n_iter_no_change": [POSITIVE_INT],
    "device": DEVICE,
    "precision": [StrOptions({"auto", "float32", "bfloat16"})],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "callbacks": [list, None],
    "checkpoint_dir": [str, os.PathLike, None],
}


class Net(NeuralNet):
    """The loop of skorch with grouped parameters and mixed precision.

    Parameters
    ----------
    *args
        Arguments of `skorch.NeuralNet`.
    parameter_groups : list of dict
        The optimiser's parameters, each group with its learning rate and weight decay.
    autocast : bool
        Whether to compute in bfloat16 where that is safe.
    **kwargs
        Arguments of `skorch.NeuralNet`.
    """

    def __init__(self, *args: Any, parameter_groups: list[dict[str, Any]], autocast: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parameter_groups = parameter_groups
        self.autocast = autocast

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> Net:
        """Build the optimiser.

        Parameters
        ----------
        triggered_directly : bool, default=None
            Unused.

        Returns
        -------
        Net
            Itself.
        """
        self.optimizer_ = self.optimizer(self.parameter_groups, fused=True)
        return self

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Apply the module to a batch.

        Parameters
        ----------
        x : Tensor
            The batch.
        **fit_params
            Arguments of the module's `forward`.

        Returns
        -------
        Tensor
            What the module returns; of several things the first, since skorch holds on to all until the next batch is
            through, and an autoencoder's images are large.
        """
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16, enabled=self.autocast):
            output = super().infer(x, **fit_params)
        return output[0] if isinstance(output, tuple) else output

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Run an epoch; one of validation draws the same random numbers each time, so that epochs compare.

        Once a loss is not finite, neither are the weights.

        Parameters
        ----------
        iterator : DataLoader
            The batches.
        training : bool
            Whether to train.
        prefix : str
            Stands before the names in the history.
        step_fn : callable
            Takes a batch.
        **fit_params
            Arguments of `step_fn`.

        Raises
        ------
        FloatingPointError
            If training has diverged.
        """
        fixed = nullcontext() if training else seeded(0, torch.device(self.device))
        with fixed:
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        if training and not all(bool(torch.isfinite(weights).all()) for weights in self.module_.parameters()):
            clipped = "_clip" in dict(self.callbacks_)
            raise FloatingPointError(
                f"training diverged in epoch {len(self.history)}: weights are no longer finite. Lower lr={self.lr:g}"
                f"{'.' if clipped else ', or set gradient_clip.'}"
            )

    def release(self) -> None:
        """Drop what only training needs: optimiser, callbacks, held-out samples and the records of single batches."""
        self.optimizer_ = None
        self.train_split = None
        self.iterator_valid__collate_fn = None
        self.parameter_groups = []
        self.callbacks: list[Any] = []
        self.callbacks_: list[Any] = []
        for epoch in self.history:
            epoch.pop("batches", None)

    def __getstate__(self) -> dict[str, Any]:
        # The module is pickled as it is, so that a pickle that holds it elsewhere too holds its weights once.
        return {**self.__dict__, "device": "cpu"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class Progress(Callback):
    """A bar with an epoch's losses and the time left.

    Parameters
    ----------
    description : str
        What stands in front of the bar.
    total : int
        Epochs to come.
    """

    def __init__(self, description: str, total: int) -> None:
        self.description = description
        self.total = total

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
        self.bar_ = tqdm(total=self.total, desc=self.description, unit="epoch")
        self.shown_ = 0

    def on_epoch_end(self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Move the bar.

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
        self.bar_.update(len(net.history) - self.shown_)  # an interrupted training goes on with many at once
        self.shown_ = len(net.history)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if hasattr(self, "bar_"):
            self.bar_.close()


class Checkpoints(Callback):
    """Write a checkpoint after each epoch, and go on from one.

    Parameters
    ----------
    folder : Path
        Where the checkpoints are.
    description : dict of str to str
        What the training depends on.
    """

    def __init__(self, folder: Path, description: dict[str, str]) -> None:
        self.folder = folder
        self.description = description

    def restore(self, net: Net) -> None:
        """Set the net and its callbacks to where the newest checkpoint left them.

        Parameters
        ----------
        net : Net
            The net, about to be trained.
        """
        state = read_checkpoint(self.folder, self.description)
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


def train(
    estimator: BaseEstimator,
    module: nn.Module,
    criterion: type[nn.Module],
    dataset: SignalDataset,
    validation: SignalDataset,
    device: torch.device,
    layer_decay: float = 1.0,
    **criterion_settings: Any,
) -> Net:
    """Train a module by AdamW, with linear warm-up and cosine decay of the learning rate.

    Parameters
    ----------
    estimator : BaseEstimator
        Holds the training parameters of `TRAINING_CONSTRAINTS`.
    module : nn.Module
        What is trained, in place.
    criterion : type of nn.Module
        Maps the module's output and a batch's targets to the loss.
    dataset : SignalDataset
        Samples to train on.
    validation : SignalDataset
        Samples to stop by; none if it is empty.
    device : torch.device
        Where to compute.
    layer_decay : float, default=1
        Factor of the learning rate from each block to the one below.
    **criterion_settings
        Arguments of the criterion.

    Returns
    -------
    Net
        The net, holding the module and the history.
    """
    steps = estimator.max_epochs * math.ceil(len(dataset) / estimator.batch_size)
    schedule = partial(warmup_cosine, total=steps, warmup=max(1, round(estimator.warmup_fraction * steps)))
    progress = Progress(type(estimator).__name__, estimator.max_epochs)
    callbacks: list[Any] = [("_schedule", LRScheduler(LambdaLR, lr_lambda=schedule, step_every="batch"))]
    if estimator.gradient_clip is not None:
        callbacks.append(("_clip", GradientNormClipping(estimator.gradient_clip)))
    if len(validation):
        callbacks.append(("_stop", EarlyStopping(patience=estimator.n_iter_no_change, load_best=True)))
    if estimator.verbose:
        callbacks.append(("_progress", progress))
    checkpoints = None
    folder = checkpoint_folder(estimator)
    if folder is not None:
        checkpoints = Checkpoints(folder, describe_training(estimator, dataset))
        callbacks.append(("_checkpoints", checkpoints))
    own = copy.deepcopy(estimator.callbacks or [])
    net = Net(
        module,
        criterion,
        **{f"criterion__{name}": value for name, value in criterion_settings.items()},
        optimizer=torch.optim.AdamW,
        lr=estimator.lr,
        max_epochs=estimator.max_epochs,
        batch_size=estimator.batch_size,
        iterator_train__shuffle=True,
        iterator_train__collate_fn=as_fetched,
        iterator_valid__collate_fn=as_fetched,
        train_split=predefined_split(validation) if len(validation) else None,
        callbacks=callbacks + own,
        verbose=0,
        device=str(device),
        parameter_groups=parameter_groups(module.to(device), estimator.lr, estimator.weight_decay, layer_decay),
        autocast=estimator.precision == "bfloat16" or (estimator.precision == "auto" and device.type == "cuda"),
    )
    net.initialize()
    if estimator.max_epochs:
        net.notify("on_train_begin", X=dataset, y=None)
        if checkpoints is not None:
            checkpoints.restore(net)
        try:
            with reused_memory(device):
                net.fit_loop(dataset, epochs=estimator.max_epochs - len(net.history))
        except KeyboardInterrupt:
            # skorch's early stopping interrupts too; anything else comes from the user and is theirs.
            if not _stopped_early(net):
                raise
        finally:
            progress.close()
        net.notify("on_train_end", X=dataset, y=None)
    module.eval()
    net.release()
    net.callbacks = own
    return net


def hold_out(
    estimator: BaseEstimator, count: int, seed: int, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Split samples for early stopping, where that is asked for.

    Parameters
    ----------
    estimator : BaseEstimator
        Its `early_stopping` and `validation_fraction`.
    count : int
        Number of samples.
    seed : int
        Seeds the split.
    labels : ndarray of shape (count,), default=None
        Classes that both parts hold in proportion.

    Returns
    -------
    train, validation : ndarray of int
        Indices; none in the second without `early_stopping`.

    Raises
    ------
    ValueError
        If a part would be empty, or a class too small.
    """
    index = np.arange(count)
    if not estimator.early_stopping:
        return index, index[:0]
    fraction = estimator.validation_fraction
    try:
        train_rows, valid_rows = train_test_split(index, test_size=fraction, stratify=labels, random_state=seed)
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot hold out validation_fraction={fraction} of {count} samples ({error}); choose "
            "another fraction or early_stopping=False."
        ) from error
    return train_rows, valid_rows


def parameter_groups(
    module: nn.Module, lr: float, weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Group trainable parameters by learning rate and weight decay.

    Parameters
    ----------
    module : nn.Module
        Its parameters; those of an encoder are named ``encoder.*``.
    lr : float
        Learning rate of what lies above the encoder's last block.
    weight_decay : float
        Decay of matrices; biases, norms, tokens and position embeddings have none.
    layer_decay : float, default=1
        Factor of the learning rate from each block to the one below.

    Returns
    -------
    list of dict
        The optimiser's groups.

    References
    ----------
    H. Bao et al., "BEiT: BERT pre-training of image transformers", ICLR 2022 (layer-wise decay).
    """
    named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    levels = {name: _level(name) for name, _ in named}
    top = 1 + max((level for level in levels.values() if level is not None), default=0)
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in named:
        level = levels[name]
        rate = lr if level is None else lr * layer_decay ** (top - level)
        # Matrices and convolutions; tokens, position embeddings and projections of channels have three axes.
        decay = weight_decay if parameter.ndim in (2, 4) else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in groups.items()]


def warmup_cosine(step: int, total: int, warmup: int) -> float:
    """Return the factor of the learning rate at a step.

    Parameters
    ----------
    step : int
        Steps done.
    total : int
        Steps in all.
    warmup : int
        Steps of the linear rise.

    Returns
    -------
    float
        Rises from 1 / warmup to 1, then falls to 0 along a cosine.
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside the block, and leave the caller's generators as they were.

    Parameters
    ----------
    seed : int
        The seed.
    device : torch.device
        Where the block computes.
    """
    on_gpu = device.type == "cuda"
    with _GENERATORS, torch.random.fork_rng(devices=[device] if on_gpu else []):
        # torch.manual_seed would reach for generators that are not forked here.
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def draw_seed(random_state: Any) -> int:
    """Turn scikit-learn's `random_state` into one seed.

    Parameters
    ----------
    random_state : int, RandomState or None
        None asks the operating system rather than numpy's global generator, which stays untouched.

    Returns
    -------
    int
        A seed.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return int(check_random_state(random_state).randint(2**31 - 1))


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


def _stopped_early(net: Net) -> bool:
    return any(
        isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience for _, callback in net.callbacks_
    )


def _level(name: str) -> int | None:
    """Return the height of a parameter in the encoder, 0 for the embedding; None above it."""
    match = re.match(r"encoder\.(?:blocks\.(\d+)\.|(patch_embed|pos_embed|cls_token))", name)
    if match is None:
        return None
    return 0 if match[1] is None else int(match[1]) + 1
