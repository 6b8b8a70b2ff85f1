"""Scales of the wavelets: grids of scales, and the frequencies that they correspond to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import cast

import torch
from torch import Tensor


def scale_grid(cwt_scales: int | Sequence[float]) -> Tensor:
    """Return the scales that the parameter `cwt_scales` specifies.

    Parameters
    ----------
    cwt_scales : int or sequence of float
        Either the number n of scales of the linear grid 0.1, 1.1, ..., n - 0.9, or the scales themselves. Scales are in
        samples, positive and increasing.

    Returns
    -------
    Tensor of shape (S,), float64
        The scales in samples.

    Raises
    ------
    ValueError
        If `cwt_scales` is empty or not numeric, or if the scales are not positive, finite and increasing.

    Examples
    --------
    >>> from sktsmae.functional.scales import scale_grid
    >>> scale_grid(3).tolist()
    [0.1, 1.1, 2.1]
    """
    if isinstance(cwt_scales, Integral):
        if cwt_scales < 1:
            raise ValueError(f"cwt_scales={cwt_scales}: the number of scales must be at least 1.")
        return torch.arange(int(cwt_scales), dtype=torch.float64, device="cpu") + 0.1
    try:
        values = [float(scale) for scale in cast(Sequence[float], cwt_scales)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"cwt_scales={cwt_scales!r}: give the number of scales or a sequence of numbers.") from error
    scales = torch.tensor(values, dtype=torch.float64, device="cpu")
    if scales.numel() == 0 or not bool(torch.isfinite(scales).all()) or bool((scales <= 0).any()):
        raise ValueError(f"cwt_scales={cwt_scales!r}: give one or more scales, all positive and finite, in samples.")
    if bool((scales.diff() <= 0).any()):
        raise ValueError(f"cwt_scales={cwt_scales!r}: the scales must increase; sort them and remove duplicates.")
    return scales


def log_scale_grid(num_scales: int, smallest: float, largest: float) -> list[float]:
    """Return logarithmically spaced scales, rounded to four significant digits.

    Parameters
    ----------
    num_scales : int
        Number of scales.
    smallest, largest : float
        The first and the last scale, in samples. At scales far below 0.7, the samples of the wavelet
        do not sum to 0, so the wavelet responds to the mean of a signal.

    Returns
    -------
    list of float
        The scales.

    Examples
    --------
    >>> from sktsmae.functional.scales import log_scale_grid
    >>> log_scale_grid(4, 0.7, 5.6)
    [0.7, 1.4, 2.8, 5.6]
    """
    ratio = (largest / smallest) ** (1 / max(1, num_scales - 1))
    return [float(f"{smallest * ratio**index:.4g}") for index in range(num_scales)]


def peak_frequency(scales: Tensor, sampling_rate: float = 1.0) -> Tensor:
    r"""Return the peak frequency of the Ricker wavelet at each scale, which is also that of `functional.morlet`.

    Parameters
    ----------
    scales : Tensor of shape (S,)
        Scales :math:`s` in samples.
    sampling_rate : float, default=1
        Sampling rate :math:`r` in Hz.

    Returns
    -------
    Tensor of shape (S,)
        :math:`\sqrt{2} r / (2 \pi s)` in Hz, or in cycles per sample if the sampling rate is 1. At scales
        below 0.45 samples, the peak frequency exceeds the Nyquist frequency. At much smaller scales, only one sample of
        the wavelet differs from 0, so its spectrum is flat.

    References
    ----------
    C. Torrence and G. P. Compo, "A practical guide to wavelet analysis", Bulletin of the American Meteorological
    Society 79, 1998: the spectrum is proportional to :math:`(s \omega)^2 e^{-(s \omega)^2 / 2}`, which is maximal at
    :math:`s \omega = \sqrt{2}`.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.scales import peak_frequency
    >>> peak_frequency(torch.tensor([1.0, 10.0]), sampling_rate=100).int().tolist()
    [22, 2]
    """
    return math.sqrt(2) * sampling_rate / (2 * math.pi * scales)
