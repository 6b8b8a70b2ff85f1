"""The skorch net that trains a pretext task."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .net import Net


class PretextNet(Net):
    """A net that trains a pretext task, whose output is one loss per signal."""

    def apply_module(self, x: Any, **arguments: Any) -> Tensor:
        """Compute the losses of a batch.

        Parameters
        ----------
        x : Tensor
            Signals or spectrograms.
        **arguments
            Further arguments of the `signal_losses` of the pretext task.

        Returns
        -------
        Tensor of shape (B,)
            One loss per signal.
        """
        losses: Tensor = self.module_.signal_losses(x.to(self.device), **arguments)
        return losses
