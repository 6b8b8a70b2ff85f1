"""Mean positions in time of the values above thresholds."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ...functional.thresholds import positions_above
from .statistics import WaveletStatistics


class PositionStatistics(WaveletStatistics):  # numpydoc ignore=PR02
    """Mean position in time of the values above each threshold, for the series of `WaveletStatistics`.

    They tell in which order waveforms occur, unlike `WaveletStatistics`.

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

    References
    ----------
    C. W. Tan et al., "MultiRocket: multiple pooling operators and transformations for fast and effective time series
    classification", Data Mining and Knowledge Discovery 36, 2022 (mean of the indices of positive values).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import PositionStatistics
    >>> x = torch.randn(50, 2, 100)
    >>> statistics = PositionStatistics(2, 100, [1.0, 3.0, 9.0])
    >>> statistics.fit([x], 50)
    >>> statistics(x).shape
    torch.Size([50, 216])
    """

    joined: ClassVar[bool] = False
    prior_weight: ClassVar[float] = 0.25
    channel_prior_weight: ClassVar[float] = 0.0
    statistic_names: ClassVar[tuple[str, ...]] = ("mean_position_above_{quantile}",)

    def _statistics(self, series: Tensor) -> Tensor:
        """Compute the positions of series (B, M * (1 + V * S + K), T')."""
        return positions_above(series, self.thresholds)
