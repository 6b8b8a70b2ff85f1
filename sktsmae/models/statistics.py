"""Signals to statistics of their wavelet images: features that need thresholds, but no training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from ..functional.statistics import LEVELS, NUM_PARTS, row_thresholds, threshold_statistics
from ..functional.wavelets import DIFF_ORDERS, log_scale_grid, scale_grid
from .scalogram import Scalogram

# A quarter of a shorter signal has too few samples to tell shares apart; it is resampled to this length.
MIN_LENGTH = 256
# Values of a row that its thresholds are taken from.
SAMPLE_SIZE = 20_000
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


class WaveletStatistics(nn.Module):
    """Shares of time above thresholds, and longest runs, of a signal and of each row of its wavelet image.

    Neither signals nor rows are standardised: where level and amplitude tell nothing, standardise the signals before.

    Parameters
    ----------
    n_channels : int
        Channels M of a signal.
    n_timepoints : int
        Length T of a signal.
    cwt_scales : int, sequence of float or None, default=None
        Scales in samples, as in `Scalogram`; None for 24: 0.1, 1.1, ..., 15.1, where shapes are told apart, and eight
        in equal ratios from there to a tenth of the signal.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        Orders of difference of the views.

    Attributes
    ----------
    scales : Tensor of shape (S,), float64
        The scales in samples.
    diff_orders : tuple of int
        Orders of difference of the views.

    Raises
    ------
    ValueError
        If the scales are not positive and increasing, or an order of difference is unknown or repeated.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import WaveletStatistics
    >>> x = torch.randn(50, 2, 100)
    >>> statistics = WaveletStatistics(2, 100, [1.0, 3.0, 9.0])
    >>> statistics.learn([x], 50)
    >>> statistics(x).shape
    torch.Size([50, 1120])
    """

    scalogram: Scalogram
    scales: Tensor
    diff_orders: tuple[int, ...]
    thresholds: Tensor

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        cwt_scales: int | Sequence[float] | None = None,
        diff_orders: Sequence[int] = DIFF_ORDERS,
    ) -> None:
        super().__init__()
        length = max(n_timepoints, MIN_LENGTH)
        factor = length / n_timepoints
        if cwt_scales is None:
            small = scale_grid(16).tolist()
            scales = small + log_scale_grid(9, small[-1], max(length / 10, 1.5 * small[-1]))[1:]
        else:
            scales = (scale_grid(cwt_scales) * factor).tolist()
        self.scales = torch.tensor(scales, dtype=torch.float64) / factor
        self.scalogram = Scalogram(scales, diff_orders, standardize=False, padding="reflect", resample_to=length)
        self.diff_orders = self.scalogram.diff_orders
        num_rows = 1 + self.scalogram.num_views * len(self.scales)
        self.register_buffer("thresholds", torch.zeros(n_channels * num_rows, len(LEVELS)))

    @property
    def out_features(self) -> int:
        """Number of statistics of a signal.

        Returns
        -------
        int
            56 a row.
        """
        return self.thresholds.numel() * (3 + NUM_PARTS)

    def learn(self, batches: Iterable[Tensor], count: int) -> None:
        """Take the thresholds from training signals.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T) or (B, M, T)
            The signals.
        count : int
            How many they are.
        """
        per_signal = -(-SAMPLE_SIZE // count)
        values, seen = [], 0
        for batch in batches:
            rows = self.rows(batch)  # (B, C, T)
            length = rows.shape[-1]
            shares = torch.arange(min(per_signal, length), device=rows.device) / min(per_signal, length)
            # Other times of each signal, spread evenly: signals may be aligned.
            shift = (seen + torch.arange(len(rows), device=rows.device, dtype=torch.float64)) * GOLDEN_RATIO
            times = ((shares + shift[:, None]) % 1 * length).long()  # (B, n)
            values.append(rows.gather(2, times[:, None].expand(-1, rows.shape[1], -1)))
            seen += len(rows)
        self.thresholds = row_thresholds(torch.cat(values).transpose(0, 1).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        """Describe signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals.

        Returns
        -------
        Tensor of shape (B, M * (1 + V * S) * 56), float32
            For each channel, for the signal and then each view and scale, and for each threshold the seven statistics
            of `functional.statistics.threshold_statistics`.
        """
        return threshold_statistics(self.rows(x), self.thresholds).flatten(1)

    def rows(self, x: Tensor) -> Tensor:
        """Transform signals to rows.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals.

        Returns
        -------
        Tensor of shape (B, M * (1 + V * S), T'), float32
            For each channel the signal, and a row for each view and scale.
        """
        x = x[:, None] if x.ndim == 2 else x
        images = self.scalogram(x).flatten(2, 3)  # (B, M, V * S, T')
        signal = self.scalogram.resampled(x.float())[:, :, None]
        return torch.cat((signal, images), dim=2).flatten(1, 2)

    def names(self) -> list[str]:
        """Name the statistics of a channel.

        Returns
        -------
        list of str
            Such as ``signal_share_above_q18``, ``d0_s2.5_longest_below_q97`` or ``d1_s10_share_above_q3_part2``.
        """
        parts = [f"_part{part + 1}" for part in range(NUM_PARTS)]
        whole = ["share_above", "longest_above", "longest_below"]
        names = [(kind, "") for kind in whole] + [("share_above", part) for part in parts]
        rows = ["signal", *(f"d{order}_s{scale:g}" for order in self.diff_orders for scale in self.scales.tolist())]
        return [f"{row}_{kind}_q{100 * level:.0f}{part}" for row in rows for level in LEVELS for kind, part in names]
