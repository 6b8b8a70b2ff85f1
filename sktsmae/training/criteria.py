"""Loss modules (skorch calls them criteria), which return the mean loss of a batch."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..functional.losses import weighted_cross_entropy


class MeanLoss(nn.Module):
    """The mean of the losses that a network returns as its output."""

    def forward(self, losses: Tensor, targets: Any) -> Tensor:
        """Return the mean loss.

        Parameters
        ----------
        losses : Tensor of shape (B,)
            One loss per signal.
        targets : object
            Not used.

        Returns
        -------
        Tensor of shape ()
            The mean.
        """
        return losses.mean()


class WeightedCrossEntropy(nn.Module):
    """The mean cross entropy with sample weights.

    Parameters
    ----------
    label_smoothing : float
        Probability that is spread over all classes.
    """

    def __init__(self, label_smoothing: float) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        logits : Tensor of shape (B, C)
            Logits of the classes.
        targets : tuple of Tensor of shape (B,)
            Class indices and sample weights.

        Returns
        -------
        Tensor of shape ()
            The mean loss.
        """
        labels, weights = targets
        return weighted_cross_entropy(logits, labels, weights, self.label_smoothing).mean()


class WeightedSquaredError(nn.Module):
    """The mean squared error with sample weights."""

    def forward(self, outputs: Tensor, targets: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        outputs : Tensor of shape (B, 1)
            Outputs of a network.
        targets : tuple of Tensor of shape (B,)
            Target values and sample weights.

        Returns
        -------
        Tensor of shape ()
            The mean loss.
        """
        values, weights = targets
        return ((outputs[:, 0].float() - values).square() * weights).mean()
