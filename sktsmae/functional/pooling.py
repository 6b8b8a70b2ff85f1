"""Pooling of the tokens of an encoder to one embedding."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .quarters import quarter_bounds


def band_rows(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Rearrange tokens to one time series per feature and frequency band.

    Parameters
    ----------
    tokens : Tensor of shape (B, 1 + N, D)
        The class token, which is dropped, and the patch tokens.
    grid : tuple of int
        Number of rows and columns of patches; N is their product.

    Returns
    -------
    Tensor of shape (B, rows * D, columns)
        The series of each feature in each frequency band. A band is a row of patches.
    """
    bands: Tensor = tokens[:, 1:].unflatten(1, grid)  # (B, rows, columns, D)
    return bands.transpose(2, 3).flatten(1, 2)  # (B, rows * D, columns)


def pool_bands(tokens: Tensor, grid: tuple[int, int], thresholds: Tensor) -> Tensor:
    """Pool the tokens of each frequency band to statistics over time.

    Parameters
    ----------
    tokens : Tensor of shape (B, 1 + N, D)
        The class token, which is not used, and the patch tokens.
    grid : tuple of int
        Number of rows and columns of patches; N is their product.
    thresholds : Tensor of shape (rows * D, 8)
        Eight thresholds of each feature in each frequency band. A band is a row of patches.

    Returns
    -------
    Tensor of shape (B, 20 * rows * D)
        Twenty statistics of each feature in each band: the mean, maximum, minimum and standard deviation; the mean and
        maximum of each quarter of the time; and the fraction of time above each threshold.
    """
    rows, columns = grid
    bands: Tensor = tokens[:, 1:].unflatten(1, grid)  # (B, rows, columns, D), with the features adjacent in memory
    quarters = [bands[:, :, start:stop] for start, stop in quarter_bounds(columns)]
    mean = bands.mean(2, keepdim=True)
    deviation = (bands - mean).square().mean(2).sqrt()  # torch.std takes ten times as long along this axis
    whole = [mean[:, :, 0], bands.amax(2), bands.amin(2), deviation]
    parts = [statistic for quarter in quarters for statistic in (quarter.mean(2), quarter.amax(2))]
    limits = thresholds.T.contiguous().unflatten(1, (rows, 1, -1))  # (8, rows, 1, D)
    above = torch.empty_like(bands, requires_grad=False)
    fractions = [torch.gt(bands.detach(), limit, out=above).mean(2) for limit in limits]
    return torch.cat([*whole, *parts, *fractions], dim=1).flatten(1)  # (B, 20 * rows * D)


# Functions of the tokens (B, 1 + N, D), the grid size and the thresholds; each returns one embedding (B, D') per
# signal. The keys are the allowed values of the parameter `pooling` of `MAEPretrainer`.
POOLINGS: dict[str, Callable[[Tensor, tuple[int, int], Tensor], Tensor]] = {
    "mean": lambda tokens, grid, thresholds: tokens[:, 1:].mean(1),
    "max": lambda tokens, grid, thresholds: tokens[:, 1:].amax(1),
    "cls": lambda tokens, grid, thresholds: tokens[:, 0],
    "bands": pool_bands,
}
