"""Fractions of time above thresholds in each quarter of a signal."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ...functional.quarters import NUM_QUARTERS
from ...functional.thresholds import quarter_fractions
from .statistics import WaveletStatistics


class QuarterStatistics(WaveletStatistics):  # numpydoc ignore=PR02
    """Fractions of time above thresholds in each quarter of a signal, for the series of `WaveletStatistics`.

    They depend on the position of a waveform in time, unlike `WaveletStatistics`. Probes do not use them, because they
    do harm if there are few signals that are not aligned in time, and otherwise the other kinds of features suffice.

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.
    n_timepoints : int
        Length T of a signal.
    cwt_scales : int, sequence of float or None, default=None
        Scales in samples, as in `WaveletStatistics`.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        Difference order of each view.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import QuarterStatistics
    >>> x = torch.randn(50, 2, 100)
    >>> statistics = QuarterStatistics(2, 100, [1.0, 3.0, 9.0])
    >>> statistics.fit([x], 50)
    >>> statistics(x).shape
    torch.Size([50, 864])
    """

    joined: ClassVar[bool] = False
    prior_weight: ClassVar[float] = 0.0
    channel_prior_weight: ClassVar[float] = 0.0
    statistic_names: ClassVar[tuple[str, ...]] = tuple(
        f"fraction_above_{{quantile}}_quarter{quarter + 1}" for quarter in range(NUM_QUARTERS)
    )

    def _statistics(self, series: Tensor) -> Tensor:
        """Compute the fractions of series (B, M * (1 + V * S + K), T')."""
        return quarter_fractions(series, self.thresholds)
