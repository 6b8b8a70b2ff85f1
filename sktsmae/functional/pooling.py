"""Pooling over time: of series to fractions of time above thresholds and longest runs, of tokens to embeddings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

# Quantiles that serve as thresholds. They are evenly spaced on the logit scale, hence dense in the tails, where rare
# shapes appear.
QUANTILES = tuple(torch.sigmoid(torch.linspace(-3.5, 3.5, 8)).tolist())
NUM_QUARTERS = 4
# Number of time steps that are compared with the thresholds at once: the result stays in the cache of the processor.
_STEPS = 16


def quarter_bounds(length: int) -> list[tuple[int, int]]:
    """Return the bounds of the four quarters of a series.

    Parameters
    ----------
    length : int
        Length of the series, at least 1.

    Returns
    -------
    list of tuple of int
        Start and stop of each quarter. No quarter is empty, so those of a series shorter than four samples overlap.

    Examples
    --------
    >>> from sktsmae.functional.pooling import quarter_bounds
    >>> quarter_bounds(10), quarter_bounds(2)
    ([(0, 2), (2, 5), (5, 7), (7, 10)], [(0, 1), (0, 1), (1, 2), (1, 2)])
    """
    bounds = [quarter * length // NUM_QUARTERS for quarter in range(NUM_QUARTERS + 1)]
    return [(start, max(start + 1, stop)) for start, stop in pairwise(bounds)]


def quantile_thresholds(values: Tensor) -> Tensor:
    """Return thresholds for each series: quantiles of its values.

    Parameters
    ----------
    values : Tensor of shape (C, n)
        Values of each series in the training signals.

    Returns
    -------
    Tensor of shape (C, 8)
        The quantiles 3, 8, 18, 38, 62, 82, 92 and 97 %.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.pooling import quantile_thresholds
    >>> quantile_thresholds(torch.arange(101.0)[None]).round().tolist()
    [[3.0, 8.0, 18.0, 38.0, 62.0, 82.0, 92.0, 97.0]]
    """
    ordered = values.sort(-1).values
    place = torch.tensor(QUANTILES, device=values.device) * (values.shape[-1] - 1)
    below = place.long()
    above = (below + 1).clamp(max=values.shape[-1] - 1)
    return torch.lerp(ordered[:, below], ordered[:, above], (place - below).to(values.dtype))


def threshold_statistics(series: Tensor, thresholds: Tensor) -> Tensor:
    """Compute the fractions of time that series are above thresholds, and their longest runs above and below them.

    Parameters
    ----------
    series : Tensor of shape (B, C, T)
        Series of at least four samples.
    thresholds : Tensor of shape (C, K)
        Thresholds of each series.

    Returns
    -------
    Tensor of shape (B, C, K, 7), float32
        The fraction of time above the threshold; the longest run above it and the longest run not above it, as
        fractions of the time; and the fraction of each quarter of the time above it.

    Notes
    -----
    One pass over the time handles all series and thresholds at once, so that the intermediate results fit the cache of
    the processor. (Longest runs by a cumulative maximum over whole series took ten times as long.)

    References
    ----------
    A. Dempster et al., "MiniRocket", KDD 2021 (fractions above thresholds); C. W. Tan et al., "MultiRocket", 2022
    (longest runs).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.pooling import threshold_statistics
    >>> series = torch.tensor([0.0, 1, 1, 1, 0, 0, 1, 0])[None, None]
    >>> threshold_statistics(series, torch.tensor([[0.5]])).flatten().tolist()
    [0.5, 0.375, 0.25, 0.5, 1.0, 0.0, 0.5]
    """
    n_timepoints = series.shape[-1]
    quarters = quarter_bounds(n_timepoints)
    compute = _compute_as_scan if torch.onnx.is_in_onnx_export() else _compute
    limits = thresholds.T[..., None]  # (K, C, 1)
    fractions, longest = compute(series.permute(2, 1, 0).contiguous(), limits, quarters)
    widths = torch.tensor([stop - start for start, stop in quarters], device=series.device) / n_timepoints
    fraction = (torch.stack(fractions, dim=-1) * widths).sum(-1)
    statistics = torch.stack((fraction, *(longest / n_timepoints).unbind(0), *fractions), dim=-1)  # (K, C, B, 7)
    return statistics.permute(2, 1, 0, 3)  # (B, C, K, 7)


def _compute(series: Tensor, limits: Tensor, quarters: list[tuple[int, int]]) -> tuple[list[Tensor], Tensor]:
    """Compute the statistics of series (T, C, B) for limits (K, C, 1).

    Returns the fraction above the limits in each quarter (K, C, B), and the longest runs above and not above them
    (2, K, C, B).
    """
    shape = (2, limits.shape[0], *series.shape[1:])
    whole = torch.int16 if len(series) < 2**15 else torch.int32
    run, longest = torch.zeros(2, *shape, dtype=whole, device=series.device)
    fractions = []
    for start, stop in quarters:
        count = torch.zeros(shape[1:], device=series.device)
        for samples in series[start:stop].split(_STEPS):
            above = samples[:, None] > limits  # (steps, K, C, B)
            count += above.sum(0)
            for flags in torch.stack((above, ~above), dim=1):
                run.add_(1).mul_(flags)  # starts again at 0 when it is interrupted
                torch.maximum(longest, run, out=longest)
        fractions.append(count / (stop - start))
    return fractions, longest


def _compute_as_scan(series: Tensor, limits: Tensor, quarters: list[tuple[int, int]]) -> tuple[list[Tensor], Tensor]:
    """Compute the same with a Scan operator, since `_compute` would become ten thousand nodes of an ONNX file."""
    from torch._higher_order_ops.scan import scan  # PyTorch has no public name for it yet

    below = torch.tensor([False, True])[:, None, None, None]

    def step(state: list[Tensor], sample: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        count, run, longest = state
        flags = torch.logical_xor(sample > limits, below).float()
        run = (run + 1) * flags
        return [count + flags, run, torch.maximum(longest, run)], []

    zeros = torch.zeros_like(series[0].expand(2, limits.shape[0], -1, -1))
    run = longest = zeros
    fractions = []
    for start, stop in quarters:
        # Copies, since a scan does not accept the same tensor twice.
        (count, run, longest), _ = scan(step, [zeros, run.clone(), longest.clone()], series[start:stop])
        fractions.append(count[0] / (stop - start))
    return fractions, longest


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
        The series of each feature in each row of patches, which is a frequency band.
    """
    bands: Tensor = tokens[:, 1:].unflatten(1, grid)  # (B, rows, columns, D)
    return bands.transpose(2, 3).flatten(1, 2)


def pool_bands(tokens: Tensor, grid: tuple[int, int], thresholds: Tensor) -> Tensor:
    """Pool the tokens of each frequency band by statistics over time.

    Parameters
    ----------
    tokens : Tensor of shape (B, 1 + N, D)
        The class token, which is not used, and the patch tokens.
    grid : tuple of int
        Number of rows and columns of patches; N is their product.
    thresholds : Tensor of shape (rows * D, 8)
        Thresholds of each feature in each row of patches, which is a frequency band.

    Returns
    -------
    Tensor of shape (B, 20 * rows * D)
        For each feature and band: the mean, maximum, minimum and standard deviation; the mean and maximum of each
        quarter; and the fraction of time above each threshold.
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
    return torch.cat([*whole, *parts, *fractions], dim=1).flatten(1)


# Functions that pool the tokens (B, 1 + N, D) of a grid of patches to one embedding (B, D'), by the name that the
# parameter `pooling` of `MAEPretrainer` takes.
POOLINGS: dict[str, Callable[[Tensor, tuple[int, int], Tensor], Tensor]] = {
    "mean": lambda tokens, grid, thresholds: tokens[:, 1:].mean(1),
    "max": lambda tokens, grid, thresholds: tokens[:, 1:].amax(1),
    "cls": lambda tokens, grid, thresholds: tokens[:, 0],
    "bands": pool_bands,
}
