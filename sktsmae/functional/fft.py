"""Preparation of signals for fast Fourier transforms (FFT)."""

from __future__ import annotations

import torch
from torch import Tensor


def mirror_indices(n_timepoints: int, margin: int, device: torch.device) -> Tensor:
    """Return the indices that extend a signal by mirrored samples at each end.

    Parameters
    ----------
    n_timepoints : int
        Length T of the signal.
    margin : int
        Number of samples by which each end is extended, which may exceed T.
    device : torch.device
        Device of the result.

    Returns
    -------
    Tensor of int of shape (T + 2 * margin,)
        Indices into the signal.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.fft import mirror_indices
    >>> mirror_indices(4, 2, torch.device("cpu")).tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    period = max(1, 2 * (n_timepoints - 1))
    indices = torch.arange(-margin, n_timepoints + margin, device=device) % period
    return torch.minimum(indices, period - indices) if n_timepoints > 1 else torch.zeros_like(indices)


def mirrored(x: Tensor, margin: int) -> Tensor:
    """Subtract the first value of each signal, and extend the signals by mirrored samples at each end.

    The subtraction makes constant signals and their transforms exactly zero.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals.
    margin : int
        Number of samples by which each end is extended, which may exceed T.

    Returns
    -------
    Tensor of shape (..., T + 2 * margin)
        The extended signals.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.fft import mirrored
    >>> mirrored(torch.tensor([1.0, 2.0, 4.0]), 1).tolist()
    [1.0, 0.0, 1.0, 3.0, 1.0]
    """
    return (x - x[..., :1])[..., mirror_indices(x.shape[-1], margin, x.device)]


def fast_length(n: int) -> int:
    """Return the smallest even number 2^a 3^b 5^c that is at least n. Real FFTs of such lengths are fast.

    Parameters
    ----------
    n : int
        The number, at least 1.

    Returns
    -------
    int
        The length.

    Examples
    --------
    >>> from sktsmae.functional.fft import fast_length
    >>> fast_length(1001)
    1024
    """
    best = 1 << max(1, (n - 1).bit_length())
    fives = 1
    while fives < best:
        threes = fives
        while threes < best:
            best = min(best, threes << max(1, (-(-n // threes) - 1).bit_length()))
            threes *= 3
        fives *= 5
    return best
