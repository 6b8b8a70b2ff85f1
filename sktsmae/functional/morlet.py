"""Magnitude of the continuous wavelet transform (CWT) with the complex Morlet wavelet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .fft import fast_length, mirrored
from .wavelets import BOUNDARIES, CHUNK_BYTES, DIFF_ORDERS, differences

# Half the length of a wavelet, in standard deviations of its Gaussian envelope.
_SUPPORT = 5
# Maximum of half the length of a wavelet, relative to the length of the signal. Longer wavelets are inaccurate.
_MAX_EXTENSION = 10
# The Ricker wavelet of scale s has its peak at the angular frequency sqrt(2) / s.
_RICKER_PEAK = math.sqrt(2)


def morlet_magnitude(
    x: Tensor,
    scales: Tensor,
    diff_orders: Sequence[int] = DIFF_ORDERS,
    finish: Callable[[Tensor], Tensor] | None = None,
    boundary: str = "zeros",
    w0: float = 6.0,
) -> Tensor:
    r"""Compute the magnitude of the transform of the views of signals with the complex Morlet wavelet.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals.
    scales : Tensor of shape (S,)
        Scales in samples of the Ricker wavelets with the same peak frequencies, so that the rows of both transforms
        show the same frequencies: :math:`\omega = \sqrt{2} / s`.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        The difference order of each view, as in `functional.wavelets.differences`.
    finish : callable, default=None
        Function that maps the transforms (b, S, T) of b views to a tensor of the same shape, as in
        `functional.wavelets.cwt_of_views`. None returns the transforms unchanged.
    boundary : {"zeros", "reflect"}, default="zeros"
        Extension beyond the ends: "zeros" extends each view by zeros, "reflect" mirrors the signal.
    w0 : float, default=6
        Number of radians of the oscillation within one standard deviation of the envelope. The standard deviation of
        the frequency response is the peak frequency divided by `w0`.

    Returns
    -------
    Tensor of shape (..., V, S, T), dtype of `x` or float32 if `x` has an integer dtype
        The magnitudes, which are not negative.

    Raises
    ------
    ValueError
        If a difference order or the boundary is unknown.

    References
    ----------
    C. Torrence and G. P. Compo, "A practical guide to wavelet analysis", Bulletin of the American Meteorological
    Society 79, 1998.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.morlet import morlet_magnitude
    >>> from sktsmae.functional.scales import scale_grid
    >>> morlet_magnitude(torch.randn(5, 100), scale_grid(16)).shape
    torch.Size([5, 3, 16, 100])
    """
    if any(order not in DIFF_ORDERS for order in diff_orders):
        raise ValueError(f"diff_orders={diff_orders!r}: give only the orders 0, 1 and 2.")
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary={boundary!r}: choose 'zeros' or 'reflect'.")
    x = x if x.is_floating_point() else x.float()
    n_timepoints = x.shape[-1]
    # NumPy, because torch.onnx.export cannot trace sizes that are computed from tensors.
    widths = np.array(scales.tolist()) * w0 / _RICKER_PEAK  # standard deviations of the envelopes, in samples
    half = math.ceil(min(_SUPPORT * widths.max(), _MAX_EXTENSION * n_timepoints))
    margin = 0
    if boundary == "reflect":
        margin = half + 1
        x = mirrored(x, margin)
    views = differences(x, diff_orders)  # (..., V, T')
    rows = views.reshape(-1, views.shape[-1])
    kept = slice(margin, margin + n_timepoints)
    finish = finish or (lambda magnitudes: magnitudes)
    if torch.onnx.is_in_onnx_export():
        transforms = finish(_by_convolution(rows, widths, w0, half)[..., kept])
    else:
        n_fft = fast_length(rows.shape[-1] + half)
        bank = torch.from_numpy(_spectra(widths, w0, n_fft)).to(device=x.device, dtype=x.dtype)  # (S, F)
        chunk_bytes = CHUNK_BYTES if x.device.type == "cpu" else 64 * CHUNK_BYTES
        chunk = max(1, chunk_bytes // (len(bank) * n_fft * x.element_size()))
        transforms = torch.cat([finish(_by_fft(part, bank, n_fft)[..., kept]) for part in rows.split(chunk)])
    return transforms.reshape(*views.shape[:-1], len(scales), n_timepoints)


def _spectra(widths: np.ndarray, w0: float, n_fft: int) -> np.ndarray:
    """Return the spectra (S, F) at F frequencies of wavelets of unit energy, which are real and 0 at frequency 0."""
    angular = 2 * math.pi * np.fft.rfftfreq(n_fft)
    spectra: np.ndarray = np.exp(-((widths[:, None] * angular - w0) ** 2) / 2)
    spectra[:, 0] = 0
    spectra *= np.sqrt(2 * math.sqrt(math.pi) * widths)[:, None]
    return spectra


def _by_fft(rows: Tensor, bank: Tensor, n_fft: int) -> Tensor:
    """Return the magnitudes (b, S, n_fft) of the transforms of b series."""
    product = torch.fft.rfft(rows, n_fft)[:, None] * bank  # (b, S, F)
    magnitudes: Tensor = torch.fft.ifft(F.pad(product, (0, n_fft - product.shape[-1]))).abs()
    return magnitudes


def _by_convolution(rows: Tensor, widths: np.ndarray, w0: float, half: int) -> Tensor:
    """Return the same by convolution, for ONNX export, because FFTs in ONNX Runtime are slow."""
    n_fft = fast_length(2 * half + 1)
    bank = _spectra(widths, w0, n_fft)
    centred = np.roll(np.fft.ifft(bank, n_fft), half, axis=-1)[:, : 2 * half + 1]
    kernels = np.concatenate([centred.real, centred.imag])[:, None, ::-1]  # reversed: conv1d computes a correlation
    weight = torch.from_numpy(kernels.copy()).to(device=rows.device, dtype=rows.dtype)
    real, imaginary = F.conv1d(rows[:, None], weight, padding=half).chunk(2, dim=1)
    return (real.square() + imaginary.square()).sqrt()
