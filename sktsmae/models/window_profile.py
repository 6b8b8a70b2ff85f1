"""Profiles of signals: for each time step, the distance of its windows from windows of normal signals."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..functional.fingerprint import fingerprint
from ..functional.gaps import missing_channels, unpadded_extent, zero_missing_channels
from ..functional.scales import log_scale_grid
from ..functional.windows import (
    mean_of_covering_windows,
    squared_normalised_window_distances,
    squared_window_distances,
)
from .scalogram import Scalogram

# Number of scales of the wavelets, the smallest scale in samples, and the largest as a fraction of the window length
# (`tests/benchmarks/anomaly_profile.md`).
_NUM_SCALES, _SMALLEST_SCALE, _LARGEST_SCALE = 4, 0.7, 0.2
# Maximum number of samples in a window. Longer windows are subsampled; each sample is still in other windows.
_MAX_SAMPLES = 128
# Quantiles of the distances in normal signals that correspond to a profile of 0 and of 1, and the maximum number of
# signals in which they are measured.
_QUANTILES, _MAX_SCORED = (0.5, 0.99), 8


class WindowDistance(nn.Module):
    """Two distances of the windows of a signal from the nearest windows of normal signals, averaged for each time step.

    There are two distances. One is between the samples of a channel and its wavelet coefficients at four scales up to a
    fifth of the length of the window, each divided by its standard deviation in the normal signals. The other one is
    between z-normalised samples, as in the matrix profile, so that only the shape counts.

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.
    length : int
        Number of samples in a window.
    n_windows : int
        Number of windows K per channel that are drawn from the normal signals.

    References
    ----------
    C.-C. M. Yeh et al., "Matrix profile I: all pairs similarity joins for time series", ICDM 2016.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models.window_profile import WindowDistance
    >>> distance = WindowDistance(n_channels=2, length=20, n_windows=50)
    >>> distance.fit(torch.randn(10, 2, 100))
    >>> distance(torch.randn(3, 2, 100)).shape
    torch.Size([2, 3, 2, 100])
    """

    centre: Tensor
    scale: Tensor
    bank: Tensor
    owners: Tensor
    quantiles: Tensor

    def __init__(self, n_channels: int, length: int, n_windows: int) -> None:
        super().__init__()
        self.length, self.step = length, -(-length // _MAX_SAMPLES)
        largest = max(_LARGEST_SCALE * length, 2 * _SMALLEST_SCALE)
        scales = log_scale_grid(_NUM_SCALES, _SMALLEST_SCALE, largest)
        self.scalogram = Scalogram(scales, (0,), standardize=False, boundary="reflect")
        series, samples = 1 + _NUM_SCALES, -(-length // self.step)
        self.register_buffer("centre", torch.zeros(n_channels, series, 1))
        self.register_buffer("scale", torch.ones(n_channels, series, 1))
        self.register_buffer("bank", torch.zeros(n_channels, n_windows, series, samples))
        # Fingerprint of the signal of each window.
        self.register_buffer("owners", torch.zeros(n_windows, dtype=torch.int64))
        self.register_buffer("quantiles", torch.tensor([0.0, 1.0])[:, None, None].repeat(1, 2, n_channels))

    def fit(self, x: Tensor) -> None:
        """Draw windows from normal signals, and compute the distances in these signals.

        Parameters
        ----------
        x : Tensor of shape (n, M, T), float32
            Normal signals, at least two. Leading and trailing NaN is padding.
        """
        views = self._views(x)
        std, self.centre = views.std((0, 3), correction=0)[..., None], views.mean((0, 3))[..., None]
        self.scale = torch.where(std > 0, std, 1.0)
        windows = ((views - self.centre) / self.scale).unfold(3, self.length, 1)[..., :: self.step]
        count = windows.shape[3]
        generator = torch.Generator("cpu").manual_seed(0)
        places = torch.randint(len(x) * count, (len(self.owners),), generator=generator, device="cpu").to(x.device)
        self.bank = windows[places // count, :, :, places % count].movedim(0, 1).contiguous()  # (M, K, C, samples)
        self.owners = fingerprint(x)[places // count]
        few = x[torch.linspace(0, len(x) - 1, min(len(x), _MAX_SCORED)).long()]
        distances = torch.cat([self._distances(part) for part in few.split(1)], dim=1)  # (2, n, M, T)
        median, upper = np.quantile(distances.cpu().numpy(), _QUANTILES, axis=(1, 3))  # (2, M)
        self.quantiles = torch.from_numpy(np.stack((median, np.where(upper > median, upper, median + 1)))).to(x)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the distances in signals.

        Parameters
        ----------
        x : Tensor of shape (B, M, T), float32
            Signals. Leading and trailing NaN is padding. Windows of a signal in `fit` are not compared with each other.

        Returns
        -------
        Tensor of shape (2, B, M, T), float32
            Both distances, each averaged over the windows that contain a time step, and shifted and scaled so that its
            median is 0 and its 99 % quantile is 1 for normal signals.
        """
        median, upper = self.quantiles[:, :, None, :, None]  # (2, 1, M, 1)
        scaled: Tensor = (self._distances(x) - median) / (upper - median)
        return scaled

    def _distances(self, x: Tensor) -> Tensor:
        """Return both mean distances (2, B, M, T) of the windows that contain a time step."""
        views = (self._views(x) - self.centre) / self.scale
        own = self.owners == fingerprint(x)[:, None]  # (B, K)
        own = (own & ~own.all(1, keepdim=True))[..., None]
        channels = []
        for of_channel, windows in zip(views.unbind(1), self.bank, strict=True):
            both = (
                squared_window_distances(of_channel, windows, self.step),
                squared_normalised_window_distances(of_channel[:, 0], windows[:, 0], self.step),
            )
            nearest = torch.stack([squares.masked_fill(own, torch.inf).amin(1).sqrt() for squares in both])
            channels.append(mean_of_covering_windows(nearest, views.shape[-1] - nearest.shape[-1] + 1))  # (2, B, T)
        return torch.stack(channels, dim=2)

    def _views(self, x: Tensor) -> Tensor:
        """Return the samples and the wavelet coefficients of signals, (B, M, C, T)."""
        start, stop = unpadded_extent(x)
        time = torch.arange(x.shape[-1], device=x.device).expand(len(x), -1)
        # Extend the first and the last value to the padding.
        time = torch.minimum(torch.maximum(time, start[:, None]), stop[:, None] - 1)
        x = x.take_along_dim(time[:, None], dim=2)
        return torch.cat((x[:, :, None], self.scalogram(x).squeeze(2)), dim=2)


class WindowProfile(nn.Module):
    """The distance of a signal from normal signals, for each time step: the largest distance over the channels.

    The distance of a channel is the mean of two numbers: the largest distance of values over three window lengths, and
    the mean distance of shapes over these lengths, as in `WindowDistance` (`tests/benchmarks/anomaly_profile.md`).

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.
    window_length : int
        Number of samples w. The windows have w / 2, w and 2 w samples: a short event needs short windows, and a missing
        beat needs long ones. If w is 0, the windows have one sample.
    n_windows : int
        Number of windows K per length and channel that are drawn from the normal signals.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import WindowProfile
    >>> profile = WindowProfile(n_channels=2, window_length=20, n_windows=50)
    >>> profile.fit(torch.randn(10, 2, 100))
    >>> profile(torch.randn(3, 2, 100)).shape
    torch.Size([3, 100])
    """

    def __init__(self, n_channels: int, window_length: int, n_windows: int) -> None:
        super().__init__()
        self.window_length, self.n_windows = window_length, n_windows
        lengths = sorted({max(1, length) for length in (window_length // 2, window_length, 2 * window_length)})
        self.distances = nn.ModuleList(WindowDistance(n_channels, length, n_windows) for length in lengths)

    def fit(self, x: Tensor) -> None:
        """Draw windows from normal signals.

        Parameters
        ----------
        x : Tensor of shape (n, T) or (n, M, T), float32
            Normal signals, at least two, which are not shorter than the longest windows.
        """
        for distance in self.distances:
            distance.fit(x[:, None] if x.ndim == 2 else x)  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        """Compute the profiles of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T), float32
            Signals. Leading and trailing NaN is padding. Windows of a signal in `fit` are not compared with each other.

        Returns
        -------
        Tensor of shape (B, T), float32
            The profiles: about 0 for normal signals, which rarely exceed 1. NaN where a signal has padding.
        """
        x = x[:, None] if x.ndim == 2 else x
        padding, missing = x.isnan().all(1), missing_channels(x)
        x = zero_missing_channels(x)
        distances = torch.stack([distance(x) for distance in self.distances])  # (lengths, 2, B, M, T)
        values, shapes = distances.unbind(1)
        profiles = (values.amax(0) + shapes.mean(0)) / 2  # (B, M, T)
        if missing is not None:
            profiles = profiles.masked_fill(missing[..., None], -torch.inf)
        return profiles.amax(1).masked_fill(padding, torch.nan)
