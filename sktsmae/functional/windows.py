"""Windows of signals: distances from a bank of windows, and values per time step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .spectra import autocorrelation
from .standardization import standardize

# Added to the standard deviation of a window before the division, so that the noise of flat windows stays small.
# Signals should have a standard deviation of about 1.
FLAT_STD = 0.05


def squared_window_distances(x: Tensor, bank: Tensor, step: int = 1) -> Tensor:
    """Compute the squared Euclidean distances between all windows of signals and the windows of a bank.

    Parameters
    ----------
    x : Tensor of shape (B, C, T)
        Signals with C series.
    bank : Tensor of shape (K, C, n)
        Windows of n samples.
    step : int, default=1
        Distance between two samples of a window, in samples of the signals.

    Returns
    -------
    Tensor of shape (B, K, T - (n - 1) * step)
        The distances.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.windows import squared_window_distances
    >>> squared_window_distances(torch.tensor([[[1.0, 2.0, 4.0]]]), torch.tensor([[[1.0, 2.0]]])).tolist()
    [[[0.0, 5.0]]]
    """
    products = F.conv1d(x, bank, dilation=step)
    energy = F.conv1d(x.square().sum(1, keepdim=True), torch.ones_like(bank[:1, :1]), dilation=step)  # (B, 1, windows)
    return (energy + bank.square().sum((1, 2))[:, None] - 2 * products).clamp_min(0)


def squared_normalised_window_distances(x: Tensor, bank: Tensor, step: int = 1) -> Tensor:
    """Compute the squared distances between all windows of signals and the windows of a bank, after z-normalisation.

    Each window is shifted to a mean of 0 and divided by its standard deviation plus 0.05, so that only its shape
    counts. The constant keeps the noise of flat windows small if signals have a standard deviation of about 1.

    Parameters
    ----------
    x : Tensor of shape (B, T)
        Signals.
    bank : Tensor of shape (K, n)
        Windows of n samples.
    step : int, default=1
        Distance between two samples of a window, in samples of the signals.

    Returns
    -------
    Tensor of shape (B, K, T - (n - 1) * step)
        The distances.

    References
    ----------
    C.-C. M. Yeh et al., "Matrix profile I: all pairs similarity joins for time series", ICDM 2016.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.windows import squared_normalised_window_distances
    >>> x, bank = torch.tensor([[1.0, 3.0, 2.0, 5.0]]), torch.tensor([[10.0, 12.0]])
    >>> squared_normalised_window_distances(x, bank).round().tolist()
    [[[0.0, 7.0, 0.0]]]
    """
    n = bank.shape[1]
    bank = bank - bank.mean(1, keepdim=True)
    bank = bank / (bank.std(1, correction=0, keepdim=True) + FLAT_STD)
    # float64, because the variance is the difference of two means
    mean, mean_square = (
        F.conv1d(power[:, None], torch.full_like(power[:1, None, :n], 1 / n), dilation=step)
        for power in (x.double(), x.double().square())
    )
    std = (mean_square - mean.square()).clamp_min(0).sqrt().to(x.dtype)  # (B, 1, windows)
    energy = n * (std / (std + FLAT_STD)).square() + bank.square().sum(1)[:, None]
    return (energy - 2 * F.conv1d(x[:, None], bank[:, None], dilation=step) / (std + FLAT_STD)).clamp_min(0)


def mean_of_covering_windows(values: Tensor, length: int) -> Tensor:
    """Average the values of all windows that contain a time step.

    Parameters
    ----------
    values : Tensor of shape (..., W)
        One value per window. Window i contains the time steps i to i + length - 1.
    length : int
        Number of time steps in a window.

    Returns
    -------
    Tensor of shape (..., W + length - 1)
        The means.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.windows import mean_of_covering_windows
    >>> mean_of_covering_windows(torch.tensor([1.0, 3.0]), 2).tolist()
    [1.0, 2.0, 3.0]
    """
    count = values.shape[-1]
    sums = F.pad(values.double().cumsum(-1), (1, 0))
    time = torch.arange(count + length - 1, device=values.device)
    first, last = (time - length + 1).clamp_min(0), time.clamp_max(count - 1) + 1
    return ((sums[..., last] - sums[..., first]) / (last - first)).to(values.dtype)


def dominant_period(x: Tensor) -> int:
    """Return the lag of the largest peak of the mean autocorrelation of smoothed signals.

    Signals are smoothed by a moving average over a 64th of their length, because the time between two narrow peaks,
    such as heartbeats, varies by more than the width of a peak.

    Parameters
    ----------
    x : Tensor of shape (B, M, T)
        Signals.

    Returns
    -------
    int
        The lag in samples, from 2 to T / 2; T / 8 if the autocorrelation has no peak above 0.1.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.windows import dominant_period
    >>> dominant_period(torch.sin(torch.arange(200) * 2 * torch.pi / 25)[None, None])
    25
    """
    n_timepoints = x.shape[-1]
    lags, half = max(1, n_timepoints // 2), n_timepoints // 128
    smooth = F.avg_pool1d(x, 2 * half + 1, 1, half, count_include_pad=False)
    mean = autocorrelation(standardize(smooth, -1), lags).mean((0, 1))  # (lags,), from lag 1 on
    inside = mean[1:-1]
    peaks = (inside > mean[:-2]) & (inside >= mean[2:]) & (inside > 0.1)
    if not bool(peaks.any()):
        return max(1, n_timepoints // 8)
    return int(torch.where(peaks, inside, -1).argmax()) + 2
