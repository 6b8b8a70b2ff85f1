"""The scalogram, a module that transforms signals to standardised time-frequency images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..functional.gaps import map_unpadded, zero_missing_channels
from ..functional.morlet import morlet_magnitude
from ..functional.resampling import resample
from ..functional.scales import scale_grid
from ..functional.standardization import standardize, unit_amplitude
from ..functional.wavelets import BOUNDARIES, DIFF_ORDERS, cwt_of_views, view_orders

WAVELETS = ("ricker", "morlet")


class Scalogram(nn.Module):
    """Continuous wavelet transform (CWT) of signals and of their differences, standardised per signal.

    Parameters
    ----------
    cwt_scales : int or sequence of float, default=64
        Number n of scales of the linear grid 0.1, 1.1, ..., n - 0.9, or increasing scales in samples.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        Difference order of each view: 0 is the signal, 1 its first difference and 2 its second difference.
    standardize : bool or "per_scale", default=True
        Whether to standardise each view over scales and time. "per_scale" instead standardises the signals, and then
        each scale of each view over time, so that no scale dominates the others.
    boundary : {"zeros", "reflect"}, default="zeros"
        Extension of a signal beyond its ends, as in `functional.wavelets.cwt_of_views`.
    resample_to : int or None, default=None
        Number of samples to which every signal is resampled before the transform. None does not resample.
    wavelet : {"ricker", "morlet"}, default="ricker"
        "morlet" computes magnitudes with the complex Morlet wavelet, as in `functional.morlet.morlet_magnitude`.
    w0 : float, default=6
        Number of radians of the Morlet wavelet within one standard deviation of its envelope.

    Raises
    ------
    ValueError
        If the scales are not positive and increasing, if a difference order is unknown or repeated, or if the
        standardisation, the boundary, the wavelet or `w0` is invalid.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Scalogram
    >>> Scalogram(cwt_scales=32)(torch.randn(4, 6, 100)).shape
    torch.Size([4, 6, 3, 32, 100])
    """

    def __init__(
        self,
        cwt_scales: int | Sequence[float] = 64,
        diff_orders: Sequence[int] = DIFF_ORDERS,
        standardize: bool | str = True,
        boundary: str = "zeros",
        resample_to: int | None = None,
        wavelet: str = "ricker",
        w0: float = 6.0,
    ) -> None:
        super().__init__()
        self.diff_orders = view_orders(diff_orders)
        if standardize not in (True, False, "per_scale"):
            raise ValueError(f"standardize={standardize!r}: give True, False or 'per_scale'.")
        if boundary not in BOUNDARIES:
            raise ValueError(f"boundary={boundary!r}: choose 'zeros' or 'reflect'.")
        if wavelet not in WAVELETS:
            raise ValueError(f"wavelet={wavelet!r}: choose 'ricker' or 'morlet'.")
        if not 1 <= w0 <= 1000:
            raise ValueError(f"w0={w0}: give a number from 1 to 1000.")
        self.wavelet = wavelet
        self.w0 = w0
        self.standardize = standardize
        self.boundary = boundary
        self.resample_to = resample_to
        # The scales are not a buffer, because the kernels are computed from them on the CPU in float64.
        self.scales = scale_grid(cwt_scales)

    @property
    def num_views(self) -> int:
        """Number of views V of a channel.

        Returns
        -------
        int
            Length of `diff_orders`.
        """
        return len(self.diff_orders)

    def forward(self, x: Tensor) -> Tensor:
        """Transform signals to standardised images, or split spectrograms into views and standardise the views.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.

        Returns
        -------
        Tensor of shape (B, V, S, T) or (B, M, V, S, T), float32
            Time-frequency images. The axis M is absent only if `x` has the shape (B, T).

        Raises
        ------
        ValueError
            If the number of channels of a spectrogram is not a multiple of the number of views.
        """
        if x.ndim == 4 and x.shape[1] % self.num_views:
            raise ValueError(
                f"x is a spectrogram with {x.shape[1]} channels, which is not a multiple of the {self.num_views} views "
                f"of diff_orders={self.diff_orders}; use the diff_orders with which the spectrogram was computed."
            )
        # In low precision, rounding would remove the small differences that the standardisation amplifies.
        with torch.autocast(x.device.type, enabled=False):
            x = self.resampled(x.float())
            axes = -1 if self.standardize == "per_scale" else (-2, -1)
            standardize_image = partial(standardize, dim=axes) if self.standardize else None
            if x.ndim < 4:
                x = unit_amplitude(x) if self.standardize else x
                # `standardize` has a lower limit for the standard deviation of a scale. If the signal is standardised,
                # this limit is relative to the amplitude of the signal.
                x = standardize(x, -1) if self.standardize == "per_scale" else x
                return self._cwt(x, standardize_image)
            image: Tensor = x.unflatten(1, (-1, self.num_views))  # (B, M, V, S, T)
            return image if standardize_image is None else standardize_image(image)

    def resampled(self, x: Tensor) -> Tensor:
        """Resample signals to the length at which they are transformed.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals, in which NaN marks leading and trailing padding, or spectrograms, which are returned unchanged.

        Returns
        -------
        Tensor of shape (B, T'), (B, M, T') or (B, M * V, S, T)
            The signals. T' is `resample_to`, or T if `resample_to` is None. Padding is removed before resampling, and
            channels without values are set to 0.
        """
        length = self.resample_to or x.shape[-1]
        if x.ndim == 4:
            return x
        return map_unpadded(lambda unpadded: resample(unpadded, length), zero_missing_channels(x))

    def transform(self, x: Tensor) -> Tensor:
        """Transform signals without standardising the images.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T), float32
            Signals.

        Returns
        -------
        Tensor of shape (B, V, S, T) or (B, M, V, S, T), float32
            Wavelet coefficients.
        """
        return self._cwt(self.resampled(x), None)

    def _cwt(self, x: Tensor, finish: Callable[[Tensor], Tensor] | None) -> Tensor:
        cwt = cwt_of_views if self.wavelet == "ricker" else partial(morlet_magnitude, w0=self.w0)
        return cwt(x, self.scales, self.diff_orders, finish, self.boundary)
