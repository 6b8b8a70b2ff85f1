"""Distances of signals from shapelets, which are short dilated windows of other signals."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .windows import FLAT_STD

# Largest squared distance, relative to the squared values of a shapelet, that may be a rounding error.
_ROUNDING = 1e-5


def dilated_windows(x: Tensor, length: int, dilation: int) -> Tensor:
    """Return all windows of signals whose samples are `dilation` samples apart.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals. A signal that is shorter than a window continues with its last value.
    length : int
        Number of samples n of a window.
    dilation : int
        Distance between two samples of a window.

    Returns
    -------
    Tensor of shape (..., n, W)
        The W windows.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.shapelets import dilated_windows
    >>> dilated_windows(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2, 3).tolist()
    [[[1.0, 2.0], [4.0, 5.0]]]
    """
    reach = dilation * (length - 1)
    if x.shape[-1] <= reach:
        x = F.pad(x, (0, reach + 1 - x.shape[-1]), mode="replicate")
    count = x.shape[-1] - reach
    return torch.stack([x[..., start : start + count] for start in range(0, reach + 1, dilation)], dim=-2)


def normalise_windows(windows: Tensor) -> Tensor:
    """Shift windows to a mean of 0, and divide them by their standard deviation plus 0.05.

    Parameters
    ----------
    windows : Tensor of shape (..., n, W)
        Windows of n samples.

    Returns
    -------
    Tensor of shape (..., n, W)
        Windows of which only the shape counts.
    """
    centred = windows - windows.mean(-2, keepdim=True)
    return centred / (centred.square().mean(-2, keepdim=True).sqrt() + FLAT_STD)


def smallest_distances(windows: Tensor, shapelets: Tensor) -> Tensor:
    """Compute the Euclidean distance between each shapelet and the most similar window of each signal.

    Parameters
    ----------
    windows : Tensor of shape (B, M, n, W)
        All windows of M channels.
    shapelets : Tensor of shape (M, K, n)
        K shapelets of each channel.

    Returns
    -------
    Tensor of shape (B, M, K)
        The distances, divided by the square root of n. Distances below 0.3 % of the norm of a shapelet, which may be
        rounding errors, are 0.

    References
    ----------
    L. Ye and E. Keogh, "Time series shapelets: a new primitive for data mining", KDD 2009.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.shapelets import dilated_windows, smallest_distances
    >>> windows = dilated_windows(torch.tensor([[[0.0, 1.0, 3.0, 2.0]]]), 2, 1)
    >>> smallest_distances(windows, torch.tensor([[[3.0, 2.0], [0.0, 3.0]]])).tolist()
    [[[0.0, 0.7071067690849304]]]
    """
    # The energies of the windows are one more row of the matrix product, so that its result is read only once.
    energies = windows.square().sum(-2, keepdim=True)
    products = F.pad(-2 * shapelets, (0, 1), value=1.0) @ torch.cat((windows, energies), dim=-2)  # (B, M, K, W)
    own_energies = shapelets.square().sum(-1)
    squared = products.amin(-1) + own_energies
    return torch.where(squared > _ROUNDING * own_energies, squared / shapelets.shape[-1], 0.0).sqrt()
