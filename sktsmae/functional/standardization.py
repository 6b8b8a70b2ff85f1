"""Standardisation of tensors to mean 0 and standard deviation 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

STD_FLOOR = 1e-5


def standardize(x: Tensor, dim: int | tuple[int, ...]) -> Tensor:
    """Subtract the mean and divide by the unbiased standard deviation, clamped at 1e-5.

    Parameters
    ----------
    x : Tensor
        Values. If all values along `dim` are equal, they become exactly 0.
    dim : int or tuple of int
        The axes over which the mean and the standard deviation are computed.

    Returns
    -------
    Tensor of the shape of `x`
        The standardised values.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.standardization import standardize
    >>> standardize(torch.tensor([1.0, 2.0, 3.0]), -1).round(decimals=3).tolist()
    [-1.0, 0.0, 1.0]
    """
    dims = (dim,) if isinstance(dim, int) else dim
    count = math.prod(x.shape[axis] for axis in dims)
    anchor = x
    for axis in dims:
        anchor = anchor.narrow(axis, 0, 1)
    # The first value is subtracted before the mean, so that a large constant becomes exactly 0 in spite of rounding.
    centred = x - anchor
    centred -= centred.mean(dims, keepdim=True)
    # The mean is already subtracted, so the norm divided by sqrt(count - 1) is the standard deviation. Computing the
    # norm is several times faster than torch.std.
    norm: Tensor = torch.linalg.vector_norm(centred, dim=dims, keepdim=True)
    return centred / (norm / math.sqrt(max(1, count - 1))).clamp(min=STD_FLOOR)


def unit_amplitude(x: Tensor) -> Tensor:
    """Multiply each signal by a power of two so that its range (maximum minus minimum) is between 1/2 and 1.

    Without this scaling, `standardize` would clamp the standard deviation of signals with tiny values (EEG in volts).

    Parameters
    ----------
    x : Tensor of shape (..., T), floating point
        Signals. If the range of a signal is within the rounding error of its values, the signal is unchanged.

    Returns
    -------
    Tensor of shape (..., T)
        The scaled signals. Multiplication by a power of two has no rounding error.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.standardization import unit_amplitude
    >>> unit_amplitude(torch.tensor([[3.0, 3.0, 3.0], [0.0, 5e-9, 1e-8]])).tolist()[0]
    [3.0, 3.0, 3.0]
    """
    span = x.amax(-1, keepdim=True) - x.amin(-1, keepdim=True)
    varies = span > 8 * torch.finfo(x.dtype).eps * x.abs().amax(-1, keepdim=True)
    # ONNX has no frexp. Close to a power of two, the exponent from log2 may be off by one, which matters only if
    # `standardize` clamps the standard deviation.
    exponent = torch.log2(span).floor() + 1 if torch.onnx.is_in_onnx_export() else torch.frexp(span).exponent
    exponent = torch.where(varies, exponent, 0).clamp(-126, 126)  # keeps the factor within the range of float32
    return x * torch.ldexp(torch.ones_like(span), -exponent)
