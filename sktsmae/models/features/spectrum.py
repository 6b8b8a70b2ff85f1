"""The power spectrum and the autocorrelation of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ...functional.gaps import map_unpadded
from ...functional.spectra import autocorrelation, welch
from ...functional.standardization import standardize, unit_amplitude
from .base import FeatureContext, Features, with_channels

# Window lengths of Welch's method: short windows have little variance, long windows resolve narrow bands.
WINDOWS = (32, 128, 512)
MAX_LAGS = 128
# Frequency bands of electroencephalography, in Hz.
BANDS = {"delta": (0.5, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 100)}
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
    sampling_rate : float or None, default=None
        Sampling rate in Hz. If it is given, frequencies are named in Hz, and there are features for the power in each
        of the bands delta (0.5 to 4 Hz), theta (to 8 Hz), alpha (to 13 Hz), beta (to 30 Hz) and gamma (to 100 Hz) that
        the longest window resolves.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Spectrum
    >>> Spectrum(2, 300)(torch.randn(5, 2, 300)).shape
    torch.Size([5, 716])
    """

    by_channel: ClassVar[bool] = True
    prior_weight: ClassVar[float] = 0.25

    def __init__(self, n_channels: int, n_timepoints: int, sampling_rate: float | None = None) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.windows = sorted({max(2, min(window, n_timepoints)) for window in WINDOWS})
        self.num_lags = max(1, min(n_timepoints - 1, MAX_LAGS))
        self.sampling_rate = sampling_rate
        # Columns of the spectrum of the longest window in each band.
        self.bands: dict[str, list[int]] = {}
        if sampling_rate is not None:
            longest = self.windows[-1]
            frequencies = [sampling_rate * number / longest for number in range(1, longest // 2 + 1)]
            for name, (low, high) in BANDS.items():
                inside = [column for column, frequency in enumerate(frequencies) if low <= frequency < high]
                if inside:
                    self.bands[name] = inside

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
        return cls(context.n_channels, context.n_timepoints, context.sampling_rate)

    @property
    def out_features(self) -> int:
        """Number of features of a signal.

        Returns
        -------
        int
            Half of each window length, the number of lags, and the number of bands, per channel.
        """
        frequencies = sum(window // 2 for window in self.windows)
        return self.n_channels * (frequencies + self.num_lags + len(self.bands))

    def feature_names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Return the names of the features of a signal.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            Not used.

        Returns
        -------
        list of str
            For example ``ch0_log_power_0.0625_window128`` for the frequency of 0.0625 cycles per sample,
            ``ch0_autocorrelation_lag3`` or, with a sampling rate, ``ch0_log_power_6.25Hz_window128`` or
            ``ch0_log_power_alpha``.
        """
        rate, unit = (1.0, "") if self.sampling_rate is None else (self.sampling_rate, "Hz")
        kinds = [
            f"log_power_{rate * number / window:.4g}{unit}_window{window}"
            for window in self.windows
            for number in range(1, window // 2 + 1)
        ]
        kinds += [f"autocorrelation_lag{lag + 1}" for lag in range(self.num_lags)]
        kinds += [f"log_power_{name}" for name in self.bands]
        return [f"ch{channel}_{kind}" for channel in range(self.n_channels) for kind in kinds]

    def compute(self, x: Tensor) -> Tensor:
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
        return map_unpadded(self._of_unpadded, x)

    def _of_unpadded(self, x: Tensor) -> Tensor:
        """Compute the features of signals without padding."""
        x = standardize(unit_amplitude(with_channels(x)), -1)  # (B, M, T)
        powers = [welch(x, window) for window in self.windows]
        bands = [powers[-1][..., columns].mean(-1, keepdim=True) for columns in self.bands.values()]
        logarithms = [torch.log(power + _FLOOR) for power in (*powers, *bands)]
        spectra, in_bands = logarithms[: len(powers)], logarithms[len(powers) :]
        return torch.cat((*spectra, autocorrelation(x, self.num_lags), *in_bands), dim=-1).flatten(1)
