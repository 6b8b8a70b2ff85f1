"""Summary statistics of each channel, such as its mean and its maximum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ...functional.gaps import map_unpadded
from ...functional.quarters import NUM_QUARTERS, quarter_bounds
from .base import FeatureContext, Features, with_channels


class SummaryStatistics(Features):
    """Mean, mean absolute deviation, minimum and maximum of each channel, and the mean of each quarter of the channel.

    Most other features do not depend on the mean of a signal, so all linear models of a probe also use this kind.

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import SummaryStatistics
    >>> SummaryStatistics(1)(torch.tensor([[0.0, 1.0, 2.0, 5.0]])).tolist()
    [[2.0, 1.5, 0.0, 5.0, 0.0, 1.0, 2.0, 5.0]]
    """

    shared: ClassVar[bool] = True
    prior_weight: ClassVar[float] = 0.3

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.n_channels = n_channels

    @classmethod
    def from_context(cls, context: FeatureContext) -> SummaryStatistics:
        """Build the features for signals of one shape.

        Parameters
        ----------
        context : FeatureContext
            Shape of the signals.

        Returns
        -------
        SummaryStatistics
            The features.
        """
        return cls(context.n_channels)

    @property
    def out_features(self) -> int:
        """Number of features of a signal.

        Returns
        -------
        int
            8 per channel.
        """
        return self.n_channels * (4 + NUM_QUARTERS)

    def columns_of_channel(self, channel: int) -> slice:
        """Return the columns of the features of one channel.

        Parameters
        ----------
        channel : int
            Number of the channel.

        Returns
        -------
        slice
            The columns.
        """
        return slice(channel, None, self.n_channels)

    def feature_names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Return the names of the features of a signal.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            Not used.

        Returns
        -------
        list of str
            For example ``ch0_mean``, ``ch1_max`` or ``ch0_mean_quarter2``.
        """
        quarters = [f"mean_quarter{quarter + 1}" for quarter in range(NUM_QUARTERS)]
        kinds = ["mean", "mean_absolute_deviation", "min", "max", *quarters]
        return [f"ch{channel}_{kind}" for kind in kinds for channel in range(self.n_channels)]

    def compute(self, x: Tensor) -> Tensor:
        """Compute the summary statistics of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals. Leading and trailing NaN is padding, which is ignored.

        Returns
        -------
        Tensor of shape (B, M * 8), float32
            The first statistic of all channels, then the second statistic of all channels, and so on.
        """
        return map_unpadded(_summarize, x)


def _summarize(x: Tensor) -> Tensor:
    """Compute the summary statistics of signals without padding."""
    x = with_channels(x)  # (B, M, T)
    quarters = [x[..., start:stop].mean(-1) for start, stop in quarter_bounds(x.shape[-1])]
    mean = x.mean(-1)
    deviation = (x - mean[..., None]).abs().mean(-1)  # a square could overflow float32
    return torch.cat([mean, deviation, x.amin(-1), x.amax(-1), *quarters], dim=1)
