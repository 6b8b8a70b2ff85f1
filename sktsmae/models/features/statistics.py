"""Threshold statistics of signals and of their wavelet coefficients, which need no trained network."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from ...functional.gaps import map_unpadded
from ...functional.resampling import resample
from ...functional.scales import log_scale_grid, scale_grid
from ...functional.signed_sums import signed_sums
from ...functional.thresholds import QUANTILES, quantile_thresholds, threshold_statistics
from ...functional.wavelets import DIFF_ORDERS
from ..scalogram import Scalogram
from .base import FeatureContext, Features, with_channels

# Shorter signals are resampled to this length, because they have too few samples for an accurate fraction of time.
MIN_LENGTH = 256
# Number of values of each series from which its thresholds are learned.
SAMPLE_SIZE = 20_000
# Number of coefficient series (coefficients of one view at one scale over time) in a random sum, and number of random
# sums per coefficient series.
_TERMS, _SUMS_PER_SERIES = 3, 2
# The thresholds of a series are every second quantile: the first, third, ... for series with an even index, and the
# second, fourth, ... for series with an odd index.
_STRIDE = 2
# Maximum number of series in a batch, so that they fit into the processor's cache, and of values, to limit the memory.
_MAX_SERIES, _MAX_VALUES = 64 * 72, 2**24
# Fractional part of the golden ratio.
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


class WaveletStatistics(Features):
    """Threshold statistics of signals, of their wavelet coefficients and of random sums of these coefficients.

    The statistics are fractions of time above thresholds, and longest runs above and below thresholds. They are
    computed for each channel of a signal, for its wavelet coefficients at each scale of each view, and for K <= 2 V S
    random sums. A random sum adds three coefficient series of one channel with random signs, after each series is
    divided by its mean absolute value in the training signals. A random sum equals the convolution with a wavelet of
    another shape. The sums are the same for all data sets with the same number of views and scales. Signals are not
    standardised, so standardise them first if their mean and amplitude are irrelevant.

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.
    n_timepoints : int
        Length T of a signal.
    cwt_scales : int, sequence of float or None, default=None
        Scales in samples, as in `Scalogram`. None uses 24 scales: 0.1, 1.1, ..., 15.1, which resolve short waveforms,
        and eight logarithmically spaced scales from 15.1 up to a tenth of the length. If signals are resampled to 256
        samples, these 24 scales and this length are those after resampling.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        Difference order of each view.

    Attributes
    ----------
    scales : Tensor of shape (S,), float64
        The scales in samples of the signals before resampling.
    diff_orders : tuple of int
        Difference order of each view.

    Raises
    ------
    ValueError
        If the scales are not positive and increasing, or if a difference order is unknown or repeated.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import WaveletStatistics
    >>> x = torch.randn(50, 2, 100)
    >>> statistics = WaveletStatistics(2, 100, [1.0, 3.0, 9.0])
    >>> statistics.fit([x], 50)
    >>> statistics(x).shape
    torch.Size([50, 648])
    """

    by_channel: ClassVar[bool] = True
    needs_wavelets: ClassVar[bool] = True
    joined: ClassVar[bool] = True
    # As much as the model on all joined kinds, so that one channel of many can be found.
    channel_prior_weight: ClassVar[float] = 2.0
    max_fit_signals: ClassVar[int] = SAMPLE_SIZE
    # Formats of the names of the statistics of one threshold, in which q18 stands for the 18 % quantile.
    statistic_names: ClassVar[tuple[str, ...]] = (
        "fraction_above_{quantile}",
        "longest_run_above_{quantile}",
        "longest_run_below_{quantile}",
    )

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
        self.n_channels = n_channels
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
        num_series = self.scalogram.num_views * len(self.scales)
        summands, signs = _draw_sums(num_series)
        self.register_buffer("summands", summands)
        self.register_buffer("signs", signs)
        self.register_buffer("amplitudes", torch.ones(n_channels, num_series))
        num_thresholds = len(QUANTILES) // _STRIDE
        thresholds = torch.zeros(n_channels * (1 + num_series + summands.shape[1]), num_thresholds)
        self.register_buffer("thresholds", thresholds)

    @classmethod
    def from_context(cls, context: FeatureContext) -> WaveletStatistics:
        """Build the statistics for signals of one shape.

        Parameters
        ----------
        context : FeatureContext
            Shape of the signals, scales and views.

        Returns
        -------
        WaveletStatistics
            The statistics, without thresholds.
        """
        return cls(context.n_channels, context.n_timepoints, context.cwt_scales, context.diff_orders)

    @property
    def out_features(self) -> int:
        """Number of features of a signal.

        Returns
        -------
        int
            One per statistic, threshold and series.
        """
        return self.thresholds.numel() * len(self.statistic_names)

    def batch_size(self, most: int, n_timepoints: int) -> int:
        """Return the number of signals to process per batch.

        Parameters
        ----------
        most : int
            Maximum number of signals, given by the user.
        n_timepoints : int
            Length of the signals.

        Returns
        -------
        int
            At least 1. The number is limited so that the series fit into the processor's cache and the memory.
        """
        num_series = len(self.thresholds)
        return max(1, min(most, _MAX_SERIES // num_series, _MAX_VALUES // (num_series * n_timepoints)))

    def fit(self, batches: Iterable[Tensor], n_signals: int) -> None:
        """Learn amplitudes and thresholds from training signals.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T) or (B, M, T)
            The signals. Leading and trailing NaN is padding.
        n_signals : int
            Number of signals in all batches together, including those that are skipped.
        """
        values_per_signal = -(-SAMPLE_SIZE // n_signals)
        signal_numbers, samples = itertools.count(), []
        for batch in batches:
            count = min(values_per_signal, round(self._factor * batch.shape[-1]))
            samples.append(map_unpadded(partial(self._sample_values, count=count, numbers=signal_numbers), batch))
        values = torch.cat(samples).movedim(0, 2).flatten(2)  # (M, 1 + V * S, n)
        amplitudes = values[:, 1:].abs().mean(-1)
        self.amplitudes = torch.where(amplitudes > 0, amplitudes, 1)
        # The channels are processed one by one, because the sums of all channels would need several times the memory.
        channels = zip(values, self.amplitudes, strict=True)
        quantiles = [quantile_thresholds(self._with_sums(*channel)) for channel in channels]
        self.thresholds = torch.cat([_every_second_quantile(of_channel) for of_channel in quantiles])

    def _sample_values(self, x: Tensor, count: int, numbers: Iterator[int]) -> Tensor:
        """Return the series of signals at `count` evenly spaced times per signal, (B, M, 1 + V * S, count)."""
        series = self._image_series(x)  # (B, M, 1 + V * S, T')
        fractions = torch.arange(count, device=series.device) / count
        # A golden-ratio sequence shifts the times from signal to signal, because signals may be aligned in time.
        shift = [next(numbers) * GOLDEN_RATIO % 1 for _ in range(len(series))]
        places = (fractions + torch.tensor(shift, dtype=torch.float64, device=series.device)[:, None]) % 1  # (B, count)
        times = (places * series.shape[-1]).long()
        return series.gather(3, times[:, None, None].expand(-1, *series.shape[1:3], -1))

    def compute(self, x: Tensor) -> Tensor:
        """Compute the statistics of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals. Leading and trailing NaN is padding, which is ignored.

        Returns
        -------
        Tensor of shape (B, F), float32
            For each channel and each of its 1 + V * S + K series (the signal, each view and scale, and each sum), and
            for each of four thresholds, the statistics that `statistic_names` lists.
        """
        return map_unpadded(lambda whole: self._statistics(self.series(whole)).flatten(1), x)

    def _statistics(self, series: Tensor) -> Tensor:
        """Compute the statistics of series (B, M * (1 + V * S + K), T')."""
        return threshold_statistics(series, self.thresholds)

    def series(self, x: Tensor) -> Tensor:
        """Return the series from which the statistics are computed.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals.

        Returns
        -------
        Tensor of shape (B, M * (1 + V * S + K), T'), float32
            For each channel: the signal, its wavelet coefficients at each scale of each view, and their random sums.
        """
        return self._with_sums(self._image_series(x), self.amplitudes).flatten(1, 2)

    def _image_series(self, x: Tensor) -> Tensor:
        """Return the signal and the wavelet coefficients of each channel, (B, M, 1 + V * S, T')."""
        x = with_channels(x)
        x = resample(x, max(1, round(self._factor * x.shape[-1])))
        return torch.cat((x[:, :, None], self.scalogram(x).flatten(2, 3)), dim=2)

    def _with_sums(self, series: Tensor, amplitudes: Tensor) -> Tensor:
        """Append the random sums of the coefficients to series (..., 1 + V * S, n)."""
        image = series[..., 1:, :] / amplitudes[..., None]
        return torch.cat((series, signed_sums(image, self.summands, self.signs)), dim=-2)

    def feature_names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Return the names of the statistics of a signal.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            A name for each scale. None uses names such as ``s2.5`` for a scale of 2.5 samples.

        Returns
        -------
        list of str
            For example ``ch0_signal_fraction_above_q18``, ``ch0_d0_s2.5_longest_run_below_q97`` or
            ``ch0_d0_s1.1-d2_s7.1+d1_s3.1_fraction_above_q38``.
        """
        scale_names = scale_names or [f"s{scale:g}" for scale in self.scales.tolist()]
        image = [f"d{order}_{scale}" for order in self.diff_orders for scale in scale_names]
        terms_of_sums = zip(self.summands.T.tolist(), self.signs.T.tolist(), strict=True)
        sums = [
            "".join(f"{'+' if sign > 0 else '-'}{image[index]}" for index, sign in zip(*terms, strict=True))[1:]
            for terms in terms_of_sums
        ]
        return [
            f"ch{channel}_{series}_{name.format(quantile=f'q{100 * quantile:.0f}')}"
            for channel in range(self.n_channels)
            for number, series in enumerate(["signal", *image, *sums])
            for quantile in QUANTILES[number % _STRIDE :: _STRIDE]
            for name in self.statistic_names
        ]


def _every_second_quantile(quantiles: Tensor) -> Tensor:
    """Return every second of the eight quantiles (R, 8) of R series, alternately from the first and the second on."""
    first = torch.arange(len(quantiles), device=quantiles.device) % _STRIDE
    selected: Tensor = quantiles.unflatten(1, (-1, _STRIDE)).take_along_dim(first[:, None, None], dim=2)[..., 0]
    return selected


def _draw_sums(num_series: int) -> tuple[Tensor, Tensor]:
    """Draw K different random sums of three series; return the indices of the series (3, K) and their signs (3, K)."""
    generator = torch.Generator("cpu").manual_seed(0)
    num_sums = _SUMS_PER_SERIES * num_series
    summands = torch.rand(num_series, num_sums, generator=generator, device="cpu").argsort(0)[:_TERMS].sort(0).values
    signs = 2 * torch.randint(2, summands.shape, generator=generator, device="cpu") - 1
    signs[0] = 1
    summands, signs = torch.cat((summands, signs)).unique(dim=1).chunk(2)
    return summands, signs.float()
