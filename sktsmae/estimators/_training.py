"""The training that pre-training and fine-tuning share."""

from __future__ import annotations

import copy
import math
import os
import re
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import StrOptions
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from ._batches import SignalDataset, as_fetched
from ._callbacks import Checkpoints, Progress, StopWhereTold, Tasks
from ._checkpoints import checkpoint_folder, describe_training
from ._memory import reused_memory
from ._nets import Net, SharingNet
from ._processes import launched_processes
from ._validation import (
    DEVICE,
    NON_NEGATIVE_INT,
    NON_NEGATIVE_REAL,
    OPEN_SHARE,
    POSITIVE_INT,
    POSITIVE_REAL,
    SHARE,
)

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


def train(
    estimator: BaseEstimator,
    module: nn.Module,
    criterion: type[nn.Module],
    dataset: SignalDataset,
    validation: SignalDataset,
    device: torch.device,
    layer_decay: float = 1.0,
    **criterion_settings: Any,
) -> tuple[Net, FloatingPointError | None]:
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
    net : Net
        The net, holding the module and the history.
    diverged : FloatingPointError or None
        What to raise once what was learned before is in safety.

    Raises
    ------
    FloatingPointError
        If training diverges in its first epoch.
    """
    batches = math.ceil(len(dataset) / estimator.batch_size)
    steps = estimator.max_epochs * batches
    schedule = partial(warmup_cosine, total=steps, warmup=max(1, round(estimator.warmup_fraction * steps)))
    progress = Progress(type(estimator).__name__, estimator.max_epochs, batches)
    callbacks: list[Any] = [("_schedule", LRScheduler(LambdaLR, lr_lambda=schedule, step_every="batch"))]
    # Whoever stops the training comes after those who tell of the epoch.
    if estimator.verbose and launched_processes().rank == 0:
        callbacks.append(("_progress", progress))
    tasks = Tasks(estimator) if hasattr(estimator, "_skl_callbacks") else None
    if tasks is not None:
        callbacks.append(("_tasks", tasks))
    if len(validation):
        callbacks.append(("_stop", EarlyStopping(patience=estimator.n_iter_no_change, load_best=True)))
    checkpoints = None
    folder = checkpoint_folder(estimator)
    if folder is not None:
        checkpoints = Checkpoints(folder, describe_training(estimator, dataset), dataset.processes)
        callbacks.append(("_checkpoints", checkpoints))
    if tasks is not None:
        callbacks.append(("_end", StopWhereTold(tasks)))
    net = _build_net(
        estimator,
        module,
        criterion,
        dataset,
        device,
        layer_decay,
        callbacks,
        train_split=predefined_split(validation) if len(validation) else None,
        **{f"criterion__{name}": value for name, value in criterion_settings.items()},
    )
    diverged = None
    if estimator.max_epochs:
        net.notify("on_train_begin", X=dataset, y=None)
        try:
            if checkpoints is not None:
                checkpoints.restore(net)
            with reused_memory(device):
                net.fit_loop(dataset, epochs=estimator.max_epochs - len(net.history))
        except KeyboardInterrupt:
            # skorch's early stopping interrupts too; anything else comes from the user and is theirs.
            if not _stopped_early(net):
                raise
        except FloatingPointError as error:
            if not len(net.history):
                raise
            diverged = error
        finally:
            progress.close()
        net.notify("on_train_end", X=dataset, y=None)
    module.eval()
    net.release()
    return net, diverged


def train_on(
    estimator: BaseEstimator,
    module: nn.Module,
    criterion: type[nn.Module],
    dataset: SignalDataset,
    device: torch.device,
    moments: dict[str, Any] | None,
) -> tuple[Net, dict[str, Any]]:
    """Train a module for one more pass, over samples that have arrived.

    Parameters
    ----------
    estimator : BaseEstimator
        Holds the training parameters of `TRAINING_CONSTRAINTS`.
    module : nn.Module
        What is trained, in place.
    criterion : type of nn.Module
        Maps the module's output and a batch's targets to the loss.
    dataset : SignalDataset
        The samples.
    device : torch.device
        Where to compute.
    moments : dict or None
        What the optimiser knew of each parameter, by its name, after the pass before. None: this is the first, in which
        the learning rate rises.

    Returns
    -------
    net : Net
        The net, holding the module and the history of the pass.
    moments : dict
        What the optimiser knows of each parameter now.

    Raises
    ------
    FloatingPointError
        If training diverges.
    """
    rising = math.ceil(len(dataset) / estimator.batch_size) if moments is None else 1
    schedule = LRScheduler(LambdaLR, lr_lambda=lambda step: min(1.0, (step + 1) / rising), step_every="batch")
    net = _build_net(estimator, module, criterion, dataset, device, 1.0, [("_schedule", schedule)], train_split=None)
    known = net.optimizer_.state
    if moments is not None:
        for name, weights in module.named_parameters():
            known[weights] = {key: value.to(device, copy=True) for key, value in moments[name].items()}
    net.notify("on_train_begin", X=dataset, y=None)
    with reused_memory(device):
        net.fit_loop(dataset, epochs=1)
    net.notify("on_train_end", X=dataset, y=None)
    module.eval()
    moments = {name: known[weights] for name, weights in module.named_parameters()}
    net.release()
    return net, moments


def _build_net(
    estimator: BaseEstimator,
    module: nn.Module,
    criterion: type[nn.Module],
    dataset: SignalDataset,
    device: torch.device,
    layer_decay: float,
    callbacks: list[Any],
    **settings: Any,
) -> Net:
    """Return an initialized net of an estimator's parameters, with its user's callbacks after ours."""
    if estimator.gradient_clip is not None:
        callbacks = [*callbacks, ("_clip", GradientNormClipping(estimator.gradient_clip))]
    kind: Any = Net
    if dataset.processes.count > 1:
        kind = partial(SharingNet, processes=dataset.processes)
    net: Net = kind(
        module,
        criterion,
        optimizer=torch.optim.AdamW,
        lr=estimator.lr,
        max_epochs=estimator.max_epochs,
        batch_size=estimator.batch_size,
        iterator_train__shuffle=True,
        iterator_train__collate_fn=as_fetched,
        iterator_valid__collate_fn=as_fetched,
        callbacks=callbacks + copy.deepcopy(estimator.callbacks or []),
        verbose=0,
        device=str(device),
        parameter_groups=parameter_groups(module.to(device), estimator.lr, estimator.weight_decay, layer_decay),
        autocast=estimator.precision == "bfloat16" or (estimator.precision == "auto" and device.type == "cuda"),
        **settings,
    )
    net.initialize()
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


def _stopped_early(net: Net) -> bool:
    return any(
        (isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience)
        or (isinstance(callback, Tasks) and callback.stopped)
        for _, callback in net.callbacks_
    )


def _level(name: str) -> int | None:
    """Return the height of a parameter in the encoder, 0 for the embedding; None above it."""
    match = re.match(r"encoder\.(?:blocks\.(\d+)\.|(patch_embed|pos_embed|cls_token))", name)
    if match is None:
        return None
    return 0 if match[1] is None else int(match[1]) + 1
