"""Signals to a handful of numbers: their levels and amplitudes."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ..functional.gaps import map_unpadded

NUM_PARTS = 4


class SignalSummary(nn.Module):
    """Mean, mean absolute deviation, minimum and maximum of each channel, and the mean of each quarter of its time.

    Wavelets do not see levels, and among thousands of features of shapes a few of levels would drown.

    Parameters
    ----------
    n_channels : int
        Channels M of a signal.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import SignalSummary
    >>> SignalSummary(1)(torch.tensor([[0.0, 1.0, 2.0, 5.0]])).tolist()
    [[2.0, 1.5, 0.0, 5.0, 0.0, 1.0, 2.0, 5.0]]
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.n_channels = n_channels

    @property
    def out_features(self) -> int:
        """Length of what describes a signal.

        Returns
        -------
        int
            Eight a channel.
        """
        return self.n_channels * (4 + NUM_PARTS)

    def forward(self, x: Tensor) -> Tensor:
        """Describe signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals, NaN where a shorter one is padded at its ends; they are described without that.

        Returns
        -------
        Tensor of shape (B, M * 8), float32
            One kind of number after the other, of all channels each.
        """
        return map_unpadded(_summarize, x)


def _summarize(x: Tensor) -> Tensor:
    """Describe whole signals."""
    x = (x[:, None] if x.ndim == 2 else x).float()  # (B, M, T)
    length = x.shape[-1]
    # Of a signal of less than four samples the quarters share some.
    starts = [part * length // NUM_PARTS for part in range(NUM_PARTS + 1)]
    parts = [x[..., start : max(start + 1, stop)].mean(-1) for start, stop in pairwise(starts)]
    mean = x.mean(-1)
    deviation = (x - mean[..., None]).abs().mean(-1)  # a square of what float32 can just hold would not fit into it
    return torch.cat([mean, deviation, x.amin(-1), x.amax(-1), *parts], dim=1)
