"""Statistics of time series relative to thresholds: fractions of time above them, and longest runs above and below."""

from __future__ import annotations

import torch
from torch import Tensor

from .quarters import quarter_bounds

# Quantiles that serve as thresholds. They are evenly spaced on the logit scale, so that they are dense in the tails,
# where the extreme values of rare waveforms lie.
QUANTILES = tuple(torch.sigmoid(torch.linspace(-3.5, 3.5, 8)).tolist())
# Number of time steps that are compared with the thresholds at once. The result stays in the processor's cache.
_STEPS = 32
# Largest number of pairs of a series and a threshold for which `_compute_few` is faster than `_compute`.
_FEW = 1024


def quantile_thresholds(values: Tensor) -> Tensor:
    """Return eight quantiles of the values of each series, which serve as thresholds.

    Parameters
    ----------
    values : Tensor of shape (C, n)
        Values of C series from the training signals, n values per series.

    Returns
    -------
    Tensor of shape (C, 8)
        The 3, 8, 18, 38, 62, 82, 92 and 97 % quantiles of each series.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.thresholds import quantile_thresholds
    >>> quantile_thresholds(torch.arange(101.0)[None]).round().tolist()
    [[3.0, 8.0, 18.0, 38.0, 62.0, 82.0, 92.0, 97.0]]
    """
    ordered = values.sort(-1).values
    position = torch.tensor(QUANTILES, device=values.device) * (values.shape[-1] - 1)
    below = position.long()
    above = (below + 1).clamp(max=values.shape[-1] - 1)
    return torch.lerp(ordered[:, below], ordered[:, above], (position - below).to(values.dtype))


def threshold_statistics(series: Tensor, thresholds: Tensor) -> Tensor:
    """Compute the fraction of time that each series is above each threshold, and its longest runs above and below it.

    Parameters
    ----------
    series : Tensor of shape (B, C, T)
        C series per signal.
    thresholds : Tensor of shape (C, K)
        K thresholds of each series.

    Returns
    -------
    Tensor of shape (B, C, K, 3), float32
        The fraction of time above the threshold, the longest run above it, and the longest run not above it. Runs are
        fractions of the length.

    Notes
    -----
    A single pass over time processes all series and thresholds together, so that the intermediate results fit into the
    processor's cache. Computing the longest runs by a cumulative maximum over whole series took ten times as long. For
    few series, such as those of one signal, the calls of the pass take longer than their arithmetic, so that runs are
    found from the times at which they begin.

    References
    ----------
    A. Dempster et al., "MiniRocket", KDD 2021 (fractions above thresholds); C. W. Tan et al., "MultiRocket", 2022
    (longest runs).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.thresholds import threshold_statistics
    >>> series = torch.tensor([0.0, 1, 1, 1, 0, 0, 1, 0])[None, None]
    >>> threshold_statistics(series, torch.tensor([[0.5]])).flatten().tolist()
    [0.5, 0.375, 0.25]
    """
    in_onnx = torch.onnx.is_in_onnx_export()
    if not in_onnx and len(series) * thresholds.numel() <= _FEW:
        count, longest = _compute_few(series, thresholds)
        return torch.stack((count, *longest.unbind(0)), dim=-1) / series.shape[-1]  # (B, C, K, 3)
    compute = _compute_as_scan if in_onnx else _compute
    count, longest = compute(series.permute(2, 1, 0).contiguous(), thresholds.T[..., None])
    statistics = torch.stack((count, *longest.unbind(0)), dim=-1) / series.shape[-1]  # (K, C, B, 3)
    return statistics.permute(2, 1, 0, 3)  # (B, C, K, 3)


def quarter_fractions(series: Tensor, thresholds: Tensor) -> Tensor:
    """Compute the fraction of time that each series is above each threshold in each quarter of the signal.

    Parameters
    ----------
    series : Tensor of shape (B, C, T)
        C series per signal.
    thresholds : Tensor of shape (C, K)
        K thresholds of each series.

    Returns
    -------
    Tensor of shape (B, C, K, 4), float32
        The fraction of each quarter.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.thresholds import quarter_fractions
    >>> series = torch.tensor([0.0, 1, 1, 1, 0, 0, 1, 0])[None, None]
    >>> quarter_fractions(series, torch.tensor([[0.5]])).flatten().tolist()
    [0.5, 1.0, 0.0, 0.5]
    """
    limits = thresholds[..., None]  # (C, K, 1)
    quarters = quarter_bounds(series.shape[-1])
    fractions = [_above(series[:, :, None, start:stop], limits).mean(-1) for start, stop in quarters]
    return torch.stack(fractions, dim=-1)


def positions_above(series: Tensor, thresholds: Tensor) -> Tensor:
    """Compute the mean position in time of the values of each series above each threshold.

    Parameters
    ----------
    series : Tensor of shape (B, C, T)
        C series per signal.
    thresholds : Tensor of shape (C, K)
        K thresholds of each series.

    Returns
    -------
    Tensor of shape (B, C, K), float32
        The mean position, from -1 (first value) to 1 (last value); 0 if no value is above the threshold, or if there is
        only one value.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.thresholds import positions_above
    >>> series = torch.tensor([0.0, 1, 1, 1, 0])[None, None]
    >>> positions_above(series, torch.tensor([[-0.5, 0.5, 1.5]])).flatten().tolist()
    [0.0, 0.0, 0.0]
    >>> positions_above(torch.tensor([[[3.0, 1, 0, 0, 0]]]), torch.tensor([[0.5, 2.5]])).flatten().tolist()
    [-0.75, -1.0]
    """
    last = series.shape[-1] - 1
    # Whole numbers, whose sums are exact up to 8,192 time steps.
    position = torch.arange(-last, last + 1, 2, dtype=torch.float32, device=series.device)
    means = []
    for limits in thresholds.T[..., None]:
        above = _above(series, limits)
        count = above.sum(-1)
        means.append((above * position).sum(-1) / (max(1, last) * count.clamp(min=1)))
    return torch.stack(means, dim=-1)


def _above(series: Tensor, limits: Tensor) -> Tensor:
    """Return 1.0 where the values are above the limits, and 0.0 elsewhere.

    On a CPU, writing the results of a comparison as numbers is several times faster than converting them from booleans.
    """
    if torch.onnx.is_in_onnx_export():
        return (series > limits).float()
    shape = torch.broadcast_shapes(series.shape, limits.shape)
    return torch.gt(series, limits, out=torch.empty(shape, device=series.device))


def _compute(series: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the statistics of series (T, C, B) for thresholds `limits` (K, C, 1).

    Returns the number of time steps above the limits (K, C, B), and the longest runs above and not above them
    (2, K, C, B).
    """
    limits = limits.expand(-1, -1, series.shape[-1]).contiguous()  # the innermost loop is then over C * B
    dtype = torch.int16 if len(series) < 2**15 else torch.int32
    run, longest = torch.zeros(2, 2, *limits.shape, dtype=dtype, device=series.device)
    count = torch.zeros(limits.shape, device=series.device)
    for samples in series.split(_STEPS):
        above = _above(samples[:, None], limits)  # (steps, K, C, B)
        count += above.sum(0)
        above = above.to(dtype)
        for flags in torch.stack((above, 1 - above), dim=1):
            torch.addcmul(flags, run, flags, out=run)  # a run restarts at 0 when it is interrupted
            torch.maximum(longest, run, out=longest)
    return count, longest


def _compute_few(series: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the same for a few series (B, C, T) and thresholds (C, K), as (B, C, K) and (2, B, C, K).

    Runs last from one change of "above the threshold" to the next.
    """
    above = series[:, :, None] > thresholds[..., None]  # (B, C, K, T)
    begins = torch.ones_like(above)
    torch.ne(above[..., 1:], above[..., :-1], out=begins[..., 1:])
    first = begins.flatten().nonzero()[:, 0]
    lengths = first.diff(append=first.new_tensor([above.numel()]))
    # The rows of the runs above the thresholds, and then those of the runs not above them.
    rows = first // series.shape[-1] + torch.where(above.flatten()[first], 0, above[..., 0].numel())
    longest, total = lengths.new_zeros(2, 2, *above.shape[:-1])
    longest.view(-1).scatter_reduce_(0, rows, lengths, "amax")
    total.view(-1).scatter_add_(0, rows, lengths)
    return total[0], longest


def _compute_as_scan(series: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the same with a Scan operator, because `_compute` would become ten thousand nodes in an ONNX graph."""
    from torch._higher_order_ops.scan import scan  # PyTorch has no public API for it yet

    below = torch.tensor([False, True])[:, None, None, None]

    def step(state: list[Tensor], sample: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        count, run, longest = state
        flags = torch.logical_xor(sample > limits, below).float()
        run = (run + 1) * flags
        return [count + flags, run, torch.maximum(longest, run)], []

    zeros = torch.zeros_like(series[0].expand(2, limits.shape[0], -1, -1))
    # The tensors are cloned because a scan does not accept the same tensor twice.
    (count, _, longest), _ = scan(step, [zeros, zeros.clone(), zeros.clone()], series)
    return count[0], longest
