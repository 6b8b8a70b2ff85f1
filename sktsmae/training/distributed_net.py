"""The skorch net that trains a pretext task in several processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..signals.batch_shard import BatchShard
from ..signals.world import World
from .pretext_net import PretextNet


class DistributedNet(PretextNet):
    """A net that trains a pretext task in several processes, each on its shard of every batch.

    Every process draws the random numbers of the whole batch and uses those of its shard. Gradients and losses are
    averaged over the signals of the whole batch. All processes therefore end with the same weights as a training in one
    process.

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
            Further arguments of the `signal_losses` of the pretext task.

        Returns
        -------
        Tensor of shape (b,)
            One loss per signal.
        """
        if not isinstance(x, BatchShard):  # a call outside of training
            return super().apply_module(x, **arguments)
        channels = self.module_.signal_encoder.num_channels(x.samples.shape[1:])
        drawn = self.module_.draw(channels * len(x), torch.device(self.device))
        rows = slice(channels * x.start, channels * (x.start + len(x.samples)))
        return super().apply_module(x.samples, drawn={name: value[rows] for name, value in drawn.items()}, **arguments)

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
            ``loss``, the mean loss of the whole batch, and ``y_pred``, the losses of the shard.
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
            ``loss``, the mean loss of the whole batch, and ``y_pred``, the losses of the shard.
        """
        step: dict[str, Any] = super().validation_step(batch, **fit_params)
        (step["loss"],) = self.world.means([step["loss"]])
        return step
