"""Statistics of the rows of wavelet images: how much of the time, and how long at a stretch, they are above a level."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

# Shares of a row's values that lie below its thresholds: even on a logit scale, so that they are dense in the tails,
# where rare shapes show.
QUANTILES = tuple(torch.sigmoid(torch.linspace(-3.5, 3.5, 8)).tolist())
NUM_PARTS = 4
# Samples that are compared with the thresholds at once: what comes of it stays in the processor's cache.
_STEPS = 16


def quantile_thresholds(values: Tensor) -> Tensor:
    """Return the thresholds of rows: quantiles of their values.

    Parameters
    ----------
    values : Tensor of shape (C, n)
        Values of each row in the training signals.

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


def threshold_statistics(rows: Tensor, thresholds: Tensor) -> Tensor:
    """Describe rows by the time that they spend above thresholds.

    Parameters
    ----------
    rows : Tensor of shape (B, C, T)
        Rows, at least four samples long.
    thresholds : Tensor of shape (C, K)
        Thresholds of each row.

    Returns
    -------
    Tensor of shape (B, C, K, 7), float32
        The share of the time above the threshold; the longest run above it, and the longest not above it, as shares of
        the time; and the share above it in each quarter of the time.

    Notes
    -----
    One pass over the time, all rows and thresholds at once: what is held fits the processor's cache. (Runs by a
    cumulative maximum over whole rows took ten times as long.)

    References
    ----------
    A. Dempster et al., "MiniRocket", KDD 2021 (shares above thresholds); C. W. Tan et al., "MultiRocket", 2022 (longest
    runs).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.pooling import threshold_statistics
    >>> rows = torch.tensor([0.0, 1, 1, 1, 0, 0, 1, 0])[None, None]
    >>> threshold_statistics(rows, torch.tensor([[0.5]])).flatten().tolist()
    [0.5, 0.375, 0.25, 0.5, 1.0, 0.0, 0.5]
    """
    n_timepoints = rows.shape[-1]
    series = rows.permute(2, 1, 0).contiguous()  # (T, C, B)
    limits = thresholds.T[..., None]  # (K, C, 1)
    bounds = [part * n_timepoints // NUM_PARTS for part in range(NUM_PARTS + 1)]
    runs = _scan if torch.onnx.is_in_onnx_export() else _count
    shares, longest = runs(series, limits, bounds)
    widths = torch.tensor(bounds, device=rows.device).diff() / n_timepoints
    share = (torch.stack(shares, dim=-1) * widths).sum(-1)
    return torch.stack((share, *(longest / n_timepoints).unbind(0), *shares), dim=-1).permute(
        2, 1, 0, 3
    )  # (B, C, K, 7)


def _count(series: Tensor, limits: Tensor, bounds: list[int]) -> tuple[list[Tensor], Tensor]:
    """Return the share above limits (K, C, 1) in each part of the time, and the longest runs above and not above."""
    shape = (2, limits.shape[0], *series.shape[1:])
    whole = torch.int16 if len(series) < 2**15 else torch.int32
    run, longest = torch.zeros(2, *shape, dtype=whole, device=series.device)
    shares = []
    for start, stop in pairwise(bounds):
        count = torch.zeros(shape[1:], device=series.device)
        for samples in series[start:stop].split(_STEPS):
            above = samples[:, None] > limits  # (steps, K, C, B)
            count += above.sum(0)
            for flags in torch.stack((above, ~above), dim=1):
                run.add_(1).mul_(flags)  # begins again where it is broken
                torch.maximum(longest, run, out=longest)
        shares.append(count / (stop - start))
    return shares, longest


def _scan(series: Tensor, limits: Tensor, bounds: list[int]) -> tuple[list[Tensor], Tensor]:
    """Do the same as a loop of the graph: in an ONNX file `_count` would be ten thousand nodes."""
    from torch._higher_order_ops.scan import scan  # PyTorch has no public name for it yet

    below = torch.tensor([False, True])[:, None, None, None]

    def step(state: list[Tensor], sample: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        count, run, longest = state
        flags = torch.logical_xor(sample > limits, below).float()
        run = (run + 1) * flags
        return [count + flags, run, torch.maximum(longest, run)], []

    nothing = torch.zeros_like(series[0].expand(2, limits.shape[0], -1, -1))
    run = longest = nothing
    shares = []
    for start, stop in pairwise(bounds):
        # Copies, since a scan refuses the same tensor twice.
        (count, run, longest), _ = scan(step, [nothing, run.clone(), longest.clone()], series[start:stop])
        shares.append(count[0] / (stop - start))
    return shares, longest
