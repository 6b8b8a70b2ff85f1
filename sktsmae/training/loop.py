"""The training loop of pre-training and fine-tuning."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import Any

import torch
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from ..signals.dataset import SignalDataset, keep_batch
from ..signals.launch import launched_world
from ..signals.memory import reused_memory
from .checkpoint_callback import Checkpoints
from .checkpoint_files import checkpoint_folder
from .description import describe_training
from .net import Net
from .parameter_groups import parameter_groups
from .parameters import TrainingParameters
from .progress_callback import Progress
from .schedule import warmup_cosine


def train(
    params: TrainingParameters,
    module: nn.Module,
    criterion: nn.Module,
    dataset: SignalDataset,
    validation: SignalDataset,
    device: torch.device,
    *,
    max_epochs: int,
    min_warmup_steps: int = 1,
    net_class: Any = Net,
    layer_decay: float = 1.0,
    start: nn.Module | None = None,
) -> Net:
    """Train a module with AdamW, with linear warm-up and cosine decay of the learning rate.

    Parameters
    ----------
    params : TrainingParameters
        The estimator with the parameters of the training.
    module : nn.Module
        The module, trained in place.
    criterion : nn.Module
        Maps the output of the module and the targets of a batch to the loss.
    dataset : SignalDataset
        Training samples.
    validation : SignalDataset
        Validation samples for early stopping; empty without early stopping.
    device : torch.device
        Device to compute on.
    max_epochs : int
        Number of epochs.
    min_warmup_steps : int, default=1
        Minimum number of warm-up steps.
    net_class : callable, default=Net
        Class of the skorch net, or a function with the same arguments.
    layer_decay : float, default=1
        Layer-wise learning rate decay: the learning rate of each block of the encoder is `layer_decay` times the
        learning rate of the next block.
    start : nn.Module or None, default=None
        Network with the initial weights of the module; None if they are random. Checkpoints of a training with other
        initial weights are refused.

    Returns
    -------
    Net
        The trained net with the module and the history. If the training diverged after its first epoch, the module has
        the last finite weights, and `Net.raise_if_diverged` raises an error.

    Raises
    ------
    FloatingPointError
        If the training diverges in its first epoch.
    """
    batches_per_epoch = math.ceil(len(dataset) / params.batch_size)
    steps = max_epochs * batches_per_epoch
    schedule = partial(warmup_cosine, total=steps, warmup=max(min_warmup_steps, round(params.warmup_fraction * steps)))
    progress = Progress(type(params).__name__, max_epochs, batches_per_epoch)
    callbacks: list[Any] = [("_schedule", LRScheduler(LambdaLR, lr_lambda=schedule, step_every="batch"))]
    # EarlyStopping raises an exception, so the progress bar is before it in the list and shows the last losses.
    if params.verbose and launched_world().rank == 0:
        callbacks.append(("_progress", progress))
    if len(validation):
        callbacks.append(("_stop", EarlyStopping(patience=params.n_iter_no_change, load_best=True)))
    checkpoints = None
    folder = checkpoint_folder(params)
    if folder is not None:
        checkpoints = Checkpoints(folder, describe_training(params, dataset, start), dataset.world)
        callbacks.append(("_checkpoints", checkpoints))
    net = _build_net(net_class, params, module, criterion, dataset, validation, device, layer_decay, callbacks)
    if max_epochs:
        _fit(net, dataset, max_epochs, device, checkpoints, progress)
    module.eval()
    net.release()
    return net


def train_one_pass(
    params: TrainingParameters,
    module: nn.Module,
    criterion: nn.Module,
    dataset: SignalDataset,
    device: torch.device,
    optimizer_state: dict[str, Any] | None,
    *,
    min_warmup_steps: int = 1,
    net_class: Any = Net,
) -> tuple[Net, dict[str, Any]]:
    """Train a module for one pass over new samples.

    Parameters
    ----------
    params : TrainingParameters
        The estimator with the parameters of the training.
    module : nn.Module
        The module, trained in place.
    criterion : nn.Module
        Maps the output of the module and the targets of a batch to the loss.
    dataset : SignalDataset
        The samples.
    device : torch.device
        Device to compute on.
    optimizer_state : dict or None
        State of the optimizer after the previous pass, by parameter name. None in the first pass, during which the
        learning rate warms up.
    min_warmup_steps : int, default=1
        Minimum number of steps of the warm-up, including those of earlier passes.
    net_class : callable, default=Net
        Class of the skorch net, or a function with the same arguments.

    Returns
    -------
    net : Net
        The net with the module and the history of the pass.
    optimizer_state : dict
        State of the optimizer after this pass, by parameter name.

    Raises
    ------
    FloatingPointError
        If the training diverges.
    """
    steps = math.ceil(len(dataset) / params.batch_size) if optimizer_state is None else 1
    # Weights that are not trained, such as those of a teacher, have an empty state.
    earlier = max((int(state["step"]) for state in (optimizer_state or {}).values() if state), default=0)
    warmup = max(min_warmup_steps, steps)
    schedule = LRScheduler(LambdaLR, lr_lambda=lambda step: min(1.0, (earlier + step + 1) / warmup), step_every="batch")
    empty = SignalDataset(dataset.X, dataset.index[:0])
    net = _build_net(net_class, params, module, criterion, dataset, empty, device, 1.0, [("_schedule", schedule)])
    state = net.optimizer_.state
    if optimizer_state is not None:
        for name, weights in module.named_parameters():
            state[weights] = {key: value.to(device, copy=True) for key, value in optimizer_state[name].items()}
    net.notify("on_train_begin", X=dataset, y=None)
    with reused_memory(device):
        net.fit_loop(dataset, epochs=1)
    net.notify("on_train_end", X=dataset, y=None)
    module.eval()
    optimizer_state = {name: state[weights] for name, weights in module.named_parameters()}
    net.release()
    return net, optimizer_state


def _build_net(
    net_class: Any,
    params: TrainingParameters,
    module: nn.Module,
    criterion: nn.Module,
    dataset: SignalDataset,
    validation: SignalDataset,
    device: torch.device,
    layer_decay: float,
    callbacks: list[Any],
) -> Net:
    """Return an initialized net. It calls its built-in callbacks before those of the user."""
    if params.gradient_clip is not None:
        callbacks = [*callbacks, ("_clip", GradientNormClipping(params.gradient_clip))]
    user_callbacks = copy.deepcopy(params.callbacks or [])
    net: Net = net_class(
        module,
        criterion,
        optimizer=torch.optim.AdamW,
        lr=params.lr,
        batch_size=params.batch_size,
        iterator_train__shuffle=True,
        iterator_train__collate_fn=keep_batch,
        iterator_valid__collate_fn=keep_batch,
        train_split=predefined_split(validation) if len(validation) else None,
        callbacks=callbacks + user_callbacks,
        user_callbacks=user_callbacks,
        verbose=0,
        device=str(device),
        parameter_groups=parameter_groups(module.to(device), params.lr, params.weight_decay, layer_decay),
        autocast=params.precision == "bfloat16" or (params.precision == "auto" and device.type == "cuda"),
    )
    net.initialize()
    return net


def _fit(
    net: Net,
    dataset: SignalDataset,
    max_epochs: int,
    device: torch.device,
    checkpoints: Checkpoints | None,
    progress: Progress,
) -> None:
    """Run the epochs that remain after the newest checkpoint."""
    net.notify("on_train_begin", X=dataset, y=None)
    try:
        if checkpoints is not None:
            checkpoints.restore(net)
        with reused_memory(device):
            net.fit_loop(dataset, epochs=max_epochs - len(net.history))
    except KeyboardInterrupt:
        # Early stopping of skorch also raises KeyboardInterrupt. Any other KeyboardInterrupt is Ctrl-C.
        if not _stopped_early(net):
            raise
    except FloatingPointError as error:
        if not len(net.history):
            raise
        net.divergence = str(error)
    finally:
        progress.close()
    net.notify("on_train_end", X=dataset, y=None)


def _stopped_early(net: Net) -> bool:
    return any(
        isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience for _, callback in net.callbacks_
    )
