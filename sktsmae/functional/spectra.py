"""Power spectra and autocorrelations of time series."""

from __future__ import annotations

import torch
from torch import Tensor


def welch(x: Tensor, length: int) -> Tensor:
    """Estimate the power spectrum by Welch's method, with half-overlapping Hann windows.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals.
    length : int
        Length of the windows. Signals that are shorter are padded with zeros.

    Returns
    -------
    Tensor of shape (..., length // 2)
        Power at the frequencies k / length cycles per sample, k = 1, ..., length // 2, in units of the variance per
        frequency.

    References
    ----------
    P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Transactions on Audio and
    Electroacoustics 15, 1967.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.spectra import welch
    >>> x = torch.sin(2 * torch.pi * torch.arange(256) / 8)
    >>> int(welch(x, 64).argmax()) + 1  # the frequency 1 / 8 is 8 / 64
    8
    """
    size = min(length, x.shape[-1])
    window = torch.hann_window(size + 2, periodic=False, dtype=x.dtype, device=x.device)[1:-1]  # without its zeros
    segments = x.unfold(-1, size, max(1, size // 2))
    segments = (segments - segments.mean(-1, keepdim=True)) * window
    power: Tensor = torch.fft.rfft(segments, n=length).abs().square().mean(-2) / window.square().sum()
    return power[..., 1:]


def autocorrelation(x: Tensor, num_lags: int) -> Tensor:
    """Compute the autocorrelation of signals.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals of mean 0 and standard deviation 1.
    num_lags : int
        Number of lags. For lags of T or more, the autocorrelation is 0.

    Returns
    -------
    Tensor of shape (..., num_lags)
        The (biased) autocorrelation at the lags 1, ..., `num_lags`.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.spectra import autocorrelation
    >>> autocorrelation(torch.tensor([1.0, -1.0, 1.0, -1.0]), 2).tolist()
    [-0.75, 0.5]
    """
    length = x.shape[-1]
    padded = length + max(length, num_lags + 1)  # so that no product wraps around
    correlation: Tensor = torch.fft.irfft(torch.fft.rfft(x, n=padded).abs().square(), n=padded)
    return correlation[..., 1 : num_lags + 1] / length
