"""Resampling of signals to another length."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def resample(x: Tensor, n_timepoints: int) -> Tensor:
    """Resample signals by linear interpolation; the first and the last sample keep their values.

    Parameters
    ----------
    x : Tensor of shape (..., T)
        Signals.
    n_timepoints : int
        Number of samples of the result.

    Returns
    -------
    Tensor of shape (..., n_timepoints)
        The resampled signals; `x` itself if it already has this length.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.resampling import resample
    >>> resample(torch.tensor([[0.0, 1.0, 2.0]]), 5).tolist()
    [[0.0, 0.5, 1.0, 1.5, 2.0]]
    """
    if x.shape[-1] == n_timepoints:
        return x
    rows = x.reshape(-1, 1, x.shape[-1])  # (signals, 1, T)
    resampled = F.interpolate(rows, n_timepoints, mode="linear", align_corners=True)
    return resampled.reshape(*x.shape[:-1], n_timepoints)  # (..., n_timepoints)
