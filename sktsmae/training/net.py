"""Nets of skorch with mixed precision, parameter groups and a check for divergence, in one or several processes."""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor

from ..signals.sharding import BatchShard, World
from .seeds import seeded


class Net(NeuralNet):
    """A skorch net with parameter groups, mixed precision and a check for divergence.

    Parameters
    ----------
    *args
        Arguments of `skorch.NeuralNet`.
    parameter_groups : list of dict
        Parameter groups of the optimizer, each with its learning rate and weight decay.
    autocast : bool
        Whether to use automatic mixed precision with bfloat16.
    user_callbacks : list
        Callbacks from the user. The net keeps only these after training.
    **kwargs
        Arguments of `skorch.NeuralNet`.
    """

    def __init__(
        self,
        *args: Any,
        parameter_groups: list[dict[str, Any]],
        autocast: bool,
        user_callbacks: list[Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.parameter_groups = parameter_groups
        self.autocast = autocast
        self.user_callbacks = user_callbacks
        self.divergence = ""

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> Net:
        """Build the optimizer.

        Parameters
        ----------
        triggered_directly : bool, default=None
            Not used.

        Returns
        -------
        Net
            The net itself.
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
            The output of the module.
        """
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16, enabled=self.autocast):
            return self.apply_module(x, **fit_params)

    def apply_module(self, x: Any, **arguments: Any) -> Any:
        """Call the module.

        Parameters
        ----------
        x : Tensor
            The batch.
        **arguments
            Further arguments of the module.

        Returns
        -------
        Tensor
            The output of the module.
        """
        return super().infer(x, **arguments)

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Run one epoch. Validation uses the same random numbers in each epoch, so that epochs can be compared.

        If the weights are not finite after the epoch, the weights and the history from before the epoch are restored.

        Parameters
        ----------
        iterator : DataLoader
            The batches.
        training : bool
            Whether the epoch is a training epoch; False means validation.
        prefix : str
            Prefix of the names in the history.
        step_fn : callable
            Processes one batch.
        **fit_params
            Arguments of `step_fn`.

        Raises
        ------
        FloatingPointError
            If the training has diverged.
        """
        if not training:
            with seeded(0, torch.device(self.device)):
                super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        before = {name: value.clone() for name, value in self.module_.state_dict().items()}
        super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        if not all(bool(torch.isfinite(weights).all()) for weights in self.module_.parameters()):
            self.module_.load_state_dict(before)
            epoch, clipped = len(self.history), "_clip" in dict(self.callbacks_)
            del self.history[-1]
            raise FloatingPointError(
                f"training diverged in epoch {epoch}: weights are no longer finite. The weights from before that epoch "
                f"({epoch - 1} completed) are kept. Lower lr={self.lr:g}{'.' if clipped else ', or set gradient_clip.'}"
            )

    def raise_if_diverged(self) -> None:
        """Raise if the training diverged after its first epoch. The estimator then has the last finite weights.

        Raises
        ------
        FloatingPointError
            If the training has diverged.
        """
        if self.divergence:
            raise FloatingPointError(self.divergence)

    def release(self) -> None:
        """Delete what only training needs: optimizer, built-in callbacks, validation samples and losses per batch."""
        self.optimizer_ = None
        self.train_split = None
        self.iterator_valid__collate_fn = None
        self.parameter_groups = []
        self.callbacks = self.user_callbacks
        self.callbacks_: list[Any] = []
        for epoch in self.history:
            epoch.pop("batches", None)

    def __getstate__(self) -> dict[str, Any]:
        # NeuralNet would serialise the module separately. The estimator also refers to the module, and this way the
        # pickle contains its weights once.
        return {**self.__dict__, "device": "cpu"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class PretextNet(Net):
    """A net that trains a pretext task, whose output is one loss per signal."""

    def apply_module(self, x: Any, **arguments: Any) -> Tensor:
        """Compute the losses of a batch.

        Parameters
        ----------
        x : Tensor
            Signals or spectrograms.
        **arguments
            Random arguments of the pretext task.

        Returns
        -------
        Tensor of shape (B,)
            One loss per signal.
        """
        losses: Tensor = self.module_.signal_losses(x.to(self.device), **arguments)
        return losses


class DistributedNet(PretextNet):
    """A net that trains a pretext task in several processes, each on its shard of every batch.

    Every process draws the random numbers of the whole batch, and gradients and losses are averaged over the signals of
    the batch. All processes therefore have the same weights, which equal the weights of a training in one process.

    Parameters
    ----------
    *args
        Arguments of `Net`.
    world : World
        The processes that train together.
    **kwargs
        Arguments of `Net`.
    """

    def __init__(self, *args: Any, world: World, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.world = world

    def apply_module(self, x: Any, **arguments: Any) -> Any:
        """Compute the losses of a shard.

        Parameters
        ----------
        x : BatchShard
            The shard.
        **arguments
            Random arguments of the pretext task.

        Returns
        -------
        Tensor of shape (b,)
            One loss per signal.
        """
        if not isinstance(x, BatchShard):  # a call outside of training
            return super().apply_module(x, **arguments)
        channels = self.module_.signal_encoder.num_channels(x.samples.shape[1:])
        drawn = self.module_.draw(channels * len(x), torch.device(self.device))
        own = slice(channels * x.start, channels * (x.start + len(x.samples)))
        return super().apply_module(x.samples, drawn={name: value[own] for name, value in drawn.items()}, **arguments)

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
        """Compute the loss of a shard, scaled so that its mean over the processes is the mean loss of the batch.

        Parameters
        ----------
        y_pred, y_true : object
            As in `skorch.NeuralNet`.
        X : BatchShard
            The shard.
        training : bool, default=False
            Whether the batch is a training batch.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        loss: Tensor = super().get_loss(y_pred, y_true, X=X, training=training)
        return loss * (self.world.size * X.weight)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the gradients of a shard, and average them over the processes.

        Parameters
        ----------
        batch : tuple
            A shard of a batch, and its targets.
        **fit_params
            Arguments of the module's `forward`.

        Returns
        -------
        dict
            ``loss`` of the batch, and ``y_pred``.
        """
        step: dict[str, Any] = super().train_step_single(batch, **fit_params)
        gradients = [weights.grad for weights in self.module_.parameters() if weights.grad is not None]
        *means, step["loss"] = self.world.means([*gradients, step["loss"].detach()])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean)
        return step

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the loss of a shard, and average it over the processes.

        Parameters
        ----------
        batch : tuple
            A shard of a batch, and its targets.
        **fit_params
            Arguments of the module's `forward`.

        Returns
        -------
        dict
            ``loss`` of the batch, and ``y_pred``.
        """
        step: dict[str, Any] = super().validation_step(batch, **fit_params)
        (step["loss"],) = self.world.means([step["loss"]])
        return step
