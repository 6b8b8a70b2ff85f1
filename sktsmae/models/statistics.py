"""Signals to statistics of their wavelet images: features that need thresholds, but no training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..functional.gaps import map_unpadded
from ..functional.pooling import NUM_PARTS, QUANTILES, quantile_thresholds, threshold_statistics
from ..functional.resampling import resample
from ..functional.wavelets import DIFF_ORDERS, log_scale_grid, scale_grid
from .scalogram import Scalogram

# A quarter of a shorter signal has too few samples to tell shares apart; it is resampled to this length.
MIN_LENGTH = 256
# Values of a row that its thresholds are taken from.
SAMPLE_SIZE = 20_000
# Rows of an image that are summed, and sums for each row of it.
_SUMMANDS, _SUMS_PER_ROW = 3, 2
# Of the thresholds every second one, beginning with the first in one row and with the second in the next.
_TURNS = 2
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


class WaveletStatistics(nn.Module):
    """Shares of time above thresholds, and longest runs, of a signal, of its wavelet image's rows and of their sums.

    A sum takes three rows of a channel, each over its mean amplitude in training, with signs: the response to a wavelet
    of another shape. K <= 2 V S of them are drawn once for all: two a row of the image, and none twice. Signals are not
    standardised: where level and amplitude tell nothing, standardise them before.

    Parameters
    ----------
    n_channels : int
        Channels M of a signal.
    n_timepoints : int
        Length T of a signal.
    cwt_scales : int, sequence of float or None, default=None
        Scales in samples, as in `Scalogram`; None for 24, of a signal resampled to 256 samples at least: 0.1, 1.1, ...,
        15.1, where shapes are told apart, and eight in equal ratios from there to a tenth of the signal.
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
    torch.Size([50, 1512])
    """

    scalogram: Scalogram
    scales: Tensor
    diff_orders: tuple[int, ...]
    thresholds: Tensor
    summands: Tensor
    signs: Tensor
    amplitudes: Tensor

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        cwt_scales: int | Sequence[float] | None = None,
        diff_orders: Sequence[int] = DIFF_ORDERS,
    ) -> None:
        super().__init__()
        length = max(n_timepoints, MIN_LENGTH)
        self._factor = factor = length / n_timepoints
        if cwt_scales is None:
            small = scale_grid(16).tolist()
            scales = small + log_scale_grid(9, small[-1], max(length / 10, 1.5 * small[-1]))[1:]
        else:
            scales = (scale_grid(cwt_scales) * factor).tolist()
        self.scales = torch.tensor(scales, dtype=torch.float64, device="cpu") / factor
        self.scalogram = Scalogram(scales, diff_orders, standardize=False, boundary="reflect")
        self.diff_orders = self.scalogram.diff_orders
        num_rows = self.scalogram.num_views * len(self.scales)
        summands, signs = _draw_sums(num_rows)
        self.register_buffer("summands", summands)
        self.register_buffer("signs", signs)
        self.register_buffer("amplitudes", torch.ones(n_channels, num_rows))
        num_thresholds = len(QUANTILES) // _TURNS
        self.register_buffer("thresholds", torch.zeros(n_channels * (1 + num_rows + summands.shape[1]), num_thresholds))

    @property
    def out_features(self) -> int:
        """Number of statistics of a signal.

        Returns
        -------
        int
            28 a row.
        """
        return self.thresholds.numel() * (3 + NUM_PARTS)

    def learn(self, batches: Iterable[Tensor], count: int) -> None:
        """Take amplitudes and thresholds from training signals.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T) or (B, M, T)
            The signals, NaN where a shorter one is padded at its ends.
        count : int
            How many they are.
        """
        per_signal = -(-SAMPLE_SIZE // count)
        number, kept = itertools.count(), []
        for batch in batches:
            most = min(per_signal, round(self._factor * batch.shape[-1]))
            kept.append(map_unpadded(partial(self._some_values, most=most, number=number), batch))
        values = torch.cat(kept).movedim(0, 2).flatten(2)  # (M, 1 + V * S, n)
        amplitudes = values[:, 1:].abs().mean(-1)
        self.amplitudes = torch.where(amplitudes > 0, amplitudes, 1)
        # Channel by channel: the sums of all together would take several times the memory.
        each = zip(values, self.amplitudes, strict=True)
        self.thresholds = torch.cat([_take_turns(quantile_thresholds(self._with_sums(*channel))) for channel in each])

    def _some_values(self, x: Tensor, most: int, number: Iterator[int]) -> Tensor:
        """Return the rows of signals at some times, (B, M, 1 + V * S, most), spread evenly."""
        rows = self._image_rows(x)  # (B, M, 1 + V * S, T')
        shares = torch.arange(most, device=rows.device) / most
        # Other times of each signal: signals may be aligned.
        shift = [next(number) * GOLDEN_RATIO % 1 for _ in range(len(rows))]
        places = (shares + torch.tensor(shift, dtype=torch.float64, device=rows.device)[:, None]) % 1  # (B, most)
        times = (places * rows.shape[-1]).long()
        return rows.gather(3, times[:, None, None].expand(-1, *rows.shape[1:3], -1))

    def forward(self, x: Tensor) -> Tensor:
        """Describe signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals, NaN where a shorter one is padded at its ends; time is counted without that.

        Returns
        -------
        Tensor of shape (B, M * (1 + V * S + K) * 28), float32
            For each channel, for the signal, each view and scale, and each sum of them, and for each threshold the
            seven statistics of `functional.pooling.threshold_statistics`.
        """
        return map_unpadded(lambda whole: threshold_statistics(self.rows(whole), self.thresholds).flatten(1), x)

    def rows(self, x: Tensor) -> Tensor:
        """Transform signals to rows.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals.

        Returns
        -------
        Tensor of shape (B, M * (1 + V * S + K), T'), float32
            For each channel the signal, a row for each view and scale, and sums of these.
        """
        return self._with_sums(self._image_rows(x), self.amplitudes).flatten(1, 2)

    def _image_rows(self, x: Tensor) -> Tensor:
        """Return each channel's signal and its image's rows (B, M, 1 + V * S, T')."""
        x = (x[:, None] if x.ndim == 2 else x).float()
        x = resample(x, max(NUM_PARTS, round(self._factor * x.shape[-1])))
        return torch.cat((x[:, :, None], self.scalogram(x).flatten(2, 3)), dim=2)

    def _with_sums(self, rows: Tensor, amplitudes: Tensor) -> Tensor:
        """Put sums of rows (..., 1 + V * S, n) below them."""
        image = rows[..., 1:, :] / amplitudes[..., None]
        # One summand after the other: a product of matrices would round by the number of signals.
        each = zip(self.summands, self.signs[..., None], strict=True)
        return torch.cat((rows, sum(image[..., summand, :] * sign for summand, sign in each)), dim=-2)

    def names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Name the statistics of a channel.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            A name for each scale; None for such as ``s2.5``, in samples.

        Returns
        -------
        list of str
            Such as ``signal_share_above_q18``, ``d0_s2.5_longest_below_q97``, ``d1_s10_share_above_q3_part2`` or
            ``d0_s1.1-d2_s7.1+d1_s3.1_share_above_q38``.
        """
        scale_names = scale_names or [f"s{scale:g}" for scale in self.scales.tolist()]
        image = [f"d{order}_{scale}" for order in self.diff_orders for scale in scale_names]
        signed = zip(self.summands.T.tolist(), self.signs.T.tolist(), strict=True)
        sums = [
            "".join(f"{'+' if sign > 0 else '-'}{image[row]}" for row, sign in zip(*each, strict=True))[1:]
            for each in signed
        ]
        parts = [f"_part{part + 1}" for part in range(NUM_PARTS)]
        whole = ["share_above", "longest_above", "longest_below"]
        kinds = [(kind, "") for kind in whole] + [("share_above", part) for part in parts]
        return [
            f"{row}_{kind}_q{100 * level:.0f}{part}"
            for number, row in enumerate(["signal", *image, *sums])
            for level in QUANTILES[number % _TURNS :: _TURNS]
            for kind, part in kinds
        ]


def _take_turns(quantiles: Tensor) -> Tensor:
    """Keep of a channel's rows (R, 8) in turns the first, third ... and the second, fourth ... quantile."""
    turn = torch.arange(len(quantiles), device=quantiles.device) % _TURNS
    kept: Tensor = quantiles.unflatten(1, (-1, _TURNS)).take_along_dim(turn[:, None, None], dim=2)[..., 0]
    return kept


def _draw_sums(num_rows: int) -> tuple[Tensor, Tensor]:
    """Return which rows are summed, (3, K), and their signs; the first is positive, and no two sums are the same."""
    generator = torch.Generator("cpu").manual_seed(0)
    num_sums = _SUMS_PER_ROW * num_rows
    summands = torch.rand(num_rows, num_sums, generator=generator, device="cpu").argsort(0)[:_SUMMANDS].sort(0).values
    signs = 2 * torch.randint(2, summands.shape, generator=generator, device="cpu") - 1
    signs[0] = 1
    summands, signs = torch.cat((summands, signs)).unique(dim=1).chunk(2)
    return summands, signs.float()
