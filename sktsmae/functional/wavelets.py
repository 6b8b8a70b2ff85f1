"""Continuous wavelet transform (CWT) of signals and of their differences, with the Ricker wavelet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .fft import fast_length, mirrored

DIFF_ORDERS = (0, 1, 2)
BOUNDARIES = ("zeros", "reflect")
# Size in bytes of the transforms in one chunk on a CPU, chosen so that they stay in the processor's cache. On other
# devices, a chunk is 64 times as large.
CHUNK_BYTES = 2 * 2**20


def view_orders(diff_orders: Sequence[int]) -> tuple[int, ...]:
    """Check the difference orders of the views and return them as a tuple.

    Parameters
    ----------
    diff_orders : sequence of {0, 1, 2}
        The difference order of each view.

    Returns
    -------
    tuple of int
        The same orders.

    Raises
    ------
    ValueError
        If `diff_orders` is empty, or if an order is unknown or repeated.

    Examples
    --------
    >>> from sktsmae.functional.wavelets import view_orders
    >>> view_orders([0, 2])
    (0, 2)
    """
    orders = diff_orders.tolist() if hasattr(diff_orders, "tolist") else list(diff_orders)
    if not orders or any(order not in DIFF_ORDERS for order in orders) or len(set(orders)) < len(orders):
        raise ValueError(f"diff_orders={diff_orders!r}: give one or more of 0, 1 and 2, each at most once.")
    return tuple(int(order) for order in orders)


def ricker(scales: Tensor, length: int) -> Tensor:
    r"""Sample the Ricker wavelet at each scale.

    Parameters
    ----------
    scales : Tensor of shape (S,)
        Scales in samples.
    length : int
        Number of samples, which must be odd. The wavelet is centred on the middle sample.

    Returns
    -------
    Tensor of shape (S, length), dtype of `scales`
        :math:`\psi_s(t) = A (1 - t^2/s^2) e^{-t^2/(2 s^2)}` with :math:`A = 2 / (\sqrt{3 s} \pi^{1/4})`,
        which has unit energy.

    References
    ----------
    N. Ricker, "The form and laws of propagation of seismic wavelets", Geophysics 18, 1953.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.wavelets import ricker
    >>> ricker(torch.tensor([4.0]), 41).square().sum().round(decimals=3).item()
    1.0
    """
    time = torch.arange(length, dtype=scales.dtype, device=scales.device) - length // 2
    square = (time / scales[:, None]).square()
    amplitude = 2 / (torch.sqrt(3 * scales) * math.pi**0.25)
    wavelets: Tensor = amplitude[:, None] * (1 - square) * torch.exp(-square / 2)
    return wavelets


def kernel_length(scales: Tensor, n_timepoints: int) -> int:
    """Return the odd kernel length that all scales of a transform share.

    Parameters
    ----------
    scales : Tensor of shape (S,)
        Scales in samples.
    n_timepoints : int
        Length of the signals.

    Returns
    -------
    int
        Ten times the largest scale, but at most the length of the signals; rounded up to an odd number.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.wavelets import kernel_length
    >>> kernel_length(torch.tensor([1.0, 4.0]), 1000)
    41
    """
    length = min(int(10 * max(scales.tolist())), n_timepoints)
    return max(length, 1) | 1


def differences(x: Tensor, diff_orders: Sequence[int] = DIFF_ORDERS) -> Tensor:
    """Return views of signals: the signal itself, its first difference or its second difference.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        The difference order of each view: 0 is ``x[t]``, 1 is ``x[t] - x[t-1]``, 2 is ``x[t+1] - 2 x[t] + x[t-1]``. The
        first and last samples are replicated beyond the ends of a signal.

    Returns
    -------
    Tensor of shape (..., V, T)
        One view per order.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.wavelets import differences
    >>> differences(torch.tensor([1.0, 2.0, 4.0]), (0, 1, 2)).tolist()
    [[1.0, 2.0, 4.0], [0.0, 1.0, 2.0], [1.0, 1.0, -2.0]]
    """
    first = torch.diff(x, prepend=x[..., :1])
    second = torch.diff(first, append=torch.zeros_like(x[..., :1]))
    views = (x, first, second)
    return torch.stack([views[order] for order in diff_orders], dim=-2)


def cwt(x: Tensor, scales: Tensor, boundary: str = "zeros") -> Tensor:
    """Compute the continuous wavelet transform of signals with the Ricker wavelet.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals.
    scales : Tensor of shape (S,)
        Scales in samples.
    boundary : {"zeros", "reflect"}, default="zeros"
        Extension of a signal beyond its ends, as in `cwt_of_views`.

    Returns
    -------
    Tensor of shape (..., S, T), dtype of `x` or float32 if `x` has an integer dtype
        The convolution of each signal with each wavelet.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.wavelets import cwt
    >>> from sktsmae.functional.scales import scale_grid
    >>> cwt(torch.randn(5, 3, 100), scale_grid(16)).shape
    torch.Size([5, 3, 16, 100])
    """
    return cwt_of_views(x, scales, (0,), boundary=boundary).squeeze(-3)


def cwt_of_views(
    x: Tensor,
    scales: Tensor,
    diff_orders: Sequence[int] = DIFF_ORDERS,
    finish: Callable[[Tensor], Tensor] | None = None,
    boundary: str = "zeros",
) -> Tensor:
    """Compute the continuous wavelet transform of the views of signals by fast Fourier transforms (FFT).

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals.
    scales : Tensor of shape (S,)
        Scales in samples.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        The difference order of each view, as in `differences`.
    finish : callable, default=None
        Function that maps the transforms (b, S, T) of one view of b signals to a tensor of the same shape, for example
        `standardize`. It must treat each signal independently. It is called on each chunk of signals while the chunk is
        in the processor's cache. None returns the transforms unchanged.
    boundary : {"zeros", "reflect"}, default="zeros"
        Extension beyond the ends: "zeros" extends each view by zeros, "reflect" mirrors the signal. With "reflect", the
        mean of each wavelet is also subtracted from it, so that an offset of the signal has no effect.

    Returns
    -------
    Tensor of shape (..., V, S, T), dtype of `x` or float32 if `x` has an integer dtype
        The convolution of each view with each wavelet.

    Raises
    ------
    ValueError
        If a difference order or the boundary is unknown.

    Notes
    -----
    The second difference is ``d2[t] = d1[t+1] - d1[t]``. The transform is linear, so the same formula
    gives the transform of the second difference from that of the first difference. This saves a third of the FFTs. In
    float32, the formula is inaccurate if a signal is smooth over thousands of samples. However, merely storing such a
    signal in float32 causes an error in this view that is more than ten times larger. The transform of the first
    difference is not computed from that of the signal in this way, because the error would be larger.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.wavelets import cwt_of_views
    >>> from sktsmae.functional.scales import scale_grid
    >>> cwt_of_views(torch.randn(5, 100), scale_grid(16)).shape
    torch.Size([5, 3, 16, 100])
    """
    if any(order not in DIFF_ORDERS for order in diff_orders):
        raise ValueError(f"diff_orders={diff_orders!r}: give only the orders 0, 1 and 2.")
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary={boundary!r}: choose 'zeros' or 'reflect'.")
    x = x if x.is_floating_point() else x.float()
    if torch.onnx.is_in_onnx_export():
        views = _cwt_by_convolution(x, scales, diff_orders, boundary)
        return views if finish is None else finish(views)
    n_timepoints = x.shape[-1]
    bank = _filter_bank(tuple(scales.tolist()), n_timepoints, boundary, x.dtype, x.device)  # (S, F)
    margin = 0
    if boundary == "reflect":
        margin = kernel_length(scales, n_timepoints) // 2 + 1
        x = mirrored(x, margin)
    kept = slice(margin, margin + n_timepoints)
    if torch.is_grad_enabled() and x.requires_grad:
        n_fft = 2 * (bank.shape[1] - 1)
        spectra = torch.fft.rfft(differences(x, diff_orders), n_fft)[..., None, :]  # (..., V, 1, F)
        transforms: Tensor = torch.fft.irfft(spectra * bank, n_fft)[..., kept]
        if finish is not None:
            transforms = finish(transforms.flatten(0, -3)).reshape(transforms.shape)  # (..., V, S, T)
        return transforms
    out = _cwt_in_chunks(x.reshape(-1, x.shape[-1]), bank, kept, diff_orders, finish)  # (n, V, S, T)
    return out.reshape(*x.shape[:-1], *out.shape[1:])  # (..., V, S, T)


def _cwt_in_chunks(
    signals: Tensor,
    bank: Tensor,
    kept: slice,
    diff_orders: Sequence[int],
    finish: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    """Compute the transforms (n, V, S, T) of signals (n, T') with the spectra (S, F) of the wavelets at F frequencies.

    The slice `kept` selects the T samples of each transform to return. The notes of `cwt_of_views` describe the method.
    """
    num_scales, n_fft = len(bank), 2 * (bank.shape[1] - 1)
    out = _empty((len(signals), len(diff_orders), num_scales, kept.stop - kept.start), signals.dtype, signals.device)
    # A chunk is one view of several signals at all scales. If a single signal exceeds the chunk size, the scales are
    # divided into bands.
    max_rows = (CHUNK_BYTES if signals.device.type == "cpu" else 64 * CHUNK_BYTES) // (n_fft * signals.element_size())
    chunk_signals, num_bands = max(1, max_rows // num_scales), -(-num_scales // max(1, max_rows))
    band_scales = -(-num_scales // num_bands)
    # These buffers are reused by all chunks, because allocating memory takes longer than the arithmetic.
    product = _empty((chunk_signals, band_scales, bank.shape[1]), signals.dtype.to_complex(), signals.device)
    inverse = _empty((chunk_signals, band_scales, n_fft), signals.dtype, signals.device)
    for start in range(0, len(signals), chunk_signals):
        part = slice(start, start + chunk_signals)
        for source in {min(order, 1) for order in diff_orders}:  # order 2 is computed from order 1
            spectra = torch.fft.rfft(differences(signals[part], (source,)), n_fft)  # (b, 1, F)
            for low in range(0, num_scales, band_scales):
                band = slice(low, min(low + band_scales, num_scales))
                used = slice(len(spectra)), slice(band.stop - low)
                torch.mul(spectra, bank[band], out=product[used])
                transforms = torch.fft.irfft(product[used], n_fft, out=inverse[used])
                for view, order in enumerate(diff_orders):
                    if order == source:
                        out[part, view, band] = transforms[..., kept]
                    elif (source, order) == (1, 2):
                        after, before = transforms[..., kept.start + 1 : kept.stop + 1], transforms[..., kept]
                        torch.sub(after, before, out=out[part, view, band])
        if finish is not None:
            for view in range(len(diff_orders)):
                out[part, view] = finish(out[part, view])
    return out


def _cwt_by_convolution(x: Tensor, scales: Tensor, diff_orders: Sequence[int], boundary: str) -> Tensor:
    """Compute the result of `cwt_of_views` by convolution, for ONNX export.

    An ONNX graph cannot write into parts of a tensor in place, and FFTs in ONNX Runtime are slow.
    """
    n_timepoints = x.shape[-1]
    wavelets = ricker(scales, kernel_length(scales, n_timepoints))
    half = wavelets.shape[-1] // 2
    padding, offset = half, 0
    if boundary == "reflect":
        x = mirrored(x, half + 1)
        wavelets = wavelets - wavelets.mean(-1, keepdim=True)
        padding, offset = 0, 1
    views = differences(x, diff_orders)  # (..., V, T')
    rows = F.conv1d(views.reshape(-1, 1, views.shape[-1]), wavelets[:, None].to(x.dtype), padding=padding)
    transforms = rows.reshape(*views.shape[:-1], *rows.shape[1:])  # (..., V, S, at least T)
    return transforms[..., offset : offset + n_timepoints]


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # a tensor that is cached in inference mode could not be used in training
def _filter_bank(
    scales: tuple[float, ...], n_timepoints: int, boundary: str, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the spectra (S, F) of the wavelets at F frequencies. They are real because the wavelets are even."""
    grid = torch.tensor(scales, dtype=torch.float64)
    length = kernel_length(grid, n_timepoints)
    wavelets = ricker(grid, length)
    if boundary == "reflect":
        wavelets -= wavelets.mean(-1, keepdim=True)
        # The wrap-around of the circular convolution affects only the mirrored margins, which are removed.
        n_fft = fast_length(n_timepoints + 2 * (length // 2 + 1))
    else:
        # The last second difference needs one sample beyond the end of the signal. The wrap-around of the circular
        # convolution falls beyond that sample.
        n_fft = fast_length(n_timepoints + 1 + length // 2)
    kernel = F.pad(wavelets, (0, n_fft - length)).roll(-(length // 2), -1)
    spectrum: Tensor = torch.fft.rfft(kernel).real
    return spectrum.to(device=device, dtype=dtype)


def _empty(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return an uninitialised tensor. On a CPU, NumPy allocates it in huge pages, which is five times faster."""
    if device.type != "cpu":
        return torch.empty(shape, dtype=dtype, device=device)
    return torch.from_numpy(np.empty(shape, dtype=torch.empty(0, dtype=dtype).numpy().dtype))
