"""Signals at other lengths."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def resample(x: Tensor, n_timepoints: int) -> Tensor:
    """Resample signals by linear interpolation, the ends kept.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals.
    n_timepoints : int
        Samples they are to have.

    Returns
    -------
    Tensor of shape (..., n_timepoints)
        The signals, as they are where the length is the same.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.resampling import resample
    >>> resample(torch.tensor([[0.0, 1.0, 2.0]]), 5).tolist()
    [[0.0, 0.5, 1.0, 1.5, 2.0]]
    """
    if x.shape[-1] == n_timepoints:
        return x
    rows = x.reshape(-1, 1, x.shape[-1])
    return F.interpolate(rows, n_timepoints, mode="linear", align_corners=True).reshape(*x.shape[:-1], n_timepoints)
