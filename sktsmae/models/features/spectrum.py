"""The power spectrum and the autocorrelation of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ...functional.gaps import map_unpadded
from ...functional.spectra import autocorrelation, welch
from ...functional.standardization import standardize
from .base import FeatureContext, Features

# Window lengths of Welch's method: short windows have little variance, long windows resolve narrow bands.
WINDOWS = (32, 128, 512)
MAX_LAGS = 128
# Added to the power (relative to the variance) before its logarithm, because the logarithm of rounding noise is
# arbitrary.
_FLOOR = 1e-4


class Spectrum(Features):
    """Logarithmic power spectra of each channel for several window lengths, and its autocorrelation.

    The Ricker wavelet has about one cycle and resolves frequencies coarsely. These features distinguish narrow bands.
    Each channel is standardised, so they do not depend on its mean and amplitude.

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.
    n_timepoints : int
        Length T of a signal. Windows are not longer.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Spectrum
    >>> Spectrum(2, 300)(torch.randn(5, 2, 300)).shape
    torch.Size([5, 716])
    """

    prior_weight: ClassVar[float] = 0.25

    def __init__(self, n_channels: int, n_timepoints: int) -> None:
        super().__init__()
        self.n_channels = self.num_blocks = n_channels
        self.windows = sorted({max(2, min(window, n_timepoints)) for window in WINDOWS})
        self.num_lags = max(1, min(n_timepoints - 1, MAX_LAGS))

    @classmethod
    def from_context(cls, context: FeatureContext) -> Spectrum:
        """Build the features for signals of one shape.

        Parameters
        ----------
        context : FeatureContext
            Shape of the signals.

        Returns
        -------
        Spectrum
            The features.
        """
        return cls(context.n_channels, context.n_timepoints)

    @property
    def out_features(self) -> int:
        """Number of features of a signal.

        Returns
        -------
        int
            Half of each window length, and the number of lags, per channel.
        """
        return self.n_channels * (sum(window // 2 for window in self.windows) + self.num_lags)

    def feature_names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Return the names of the features of a signal.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            Not used.

        Returns
        -------
        list of str
            For example ``ch0_log_power_0.0625_window128`` for the frequency of 0.0625 cycles per sample, or
            ``ch0_autocorrelation_lag3``.
        """
        kinds = [
            f"log_power_{number / window:.4g}_window{window}"
            for window in self.windows
            for number in range(1, window // 2 + 1)
        ]
        kinds += [f"autocorrelation_lag{lag + 1}" for lag in range(self.num_lags)]
        return [f"ch{channel}_{kind}" for channel in range(self.n_channels) for kind in kinds]

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals. Leading and trailing NaN is padding, which is ignored.

        Returns
        -------
        Tensor of shape (B, F), float32
            All features of the first channel, then those of the second channel, and so on.
        """
        return map_unpadded(self._compute, x)

    def _compute(self, x: Tensor) -> Tensor:
        """Compute the features of signals without padding."""
        x = standardize((x[:, None] if x.ndim == 2 else x).float(), -1)  # (B, M, T)
        spectra = [torch.log(welch(x, window) + _FLOOR) for window in self.windows]
        return torch.cat((*spectra, autocorrelation(x, self.num_lags)), dim=-1).flatten(1)
