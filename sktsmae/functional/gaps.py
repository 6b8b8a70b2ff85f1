"""Missing values: interpolation of gaps inside signals, and leading and trailing padding."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def fill_gaps(x: Tensor) -> Tensor:
    """Interpolate missing values inside signals linearly; padding stays NaN.

    Parameters
    ----------
    x : Tensor of shape (B, T) or (B, M, T)
        Signals; NaN marks a missing value. Each sample must have at least one value that is not NaN.

    Returns
    -------
    Tensor of the shape of `x`
        The signals without gaps. If one channel of a sample starts later or ends earlier than the others, it is
        extended by its first or last value. Leading and trailing padding, which is missing in all channels, stays NaN,
        and so does a channel without values.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.gaps import fill_gaps
    >>> nan = float("nan")
    >>> fill_gaps(torch.tensor([[[1, nan, 3, nan, nan], [nan, 5, nan, 5, nan]]])).tolist()
    [[[1.0, 2.0, 3.0, 3.0, nan], [5.0, 5.0, 5.0, 5.0, nan]]]
    """
    known = ~x.isnan()
    if bool(known.all()):
        return x
    last = x.shape[-1] - 1
    time = torch.arange(last + 1, device=x.device)
    # Indices of the nearest known values before and after each sample.
    before = torch.where(known, time, -1).cummax(-1).values
    after = torch.where(known, time, last + 1).flip(-1).cummin(-1).values.flip(-1)
    before, after = torch.where(before < 0, after, before), torch.where(after > last, before, after)
    values = x.nan_to_num()
    fraction = (time - before) / (after - before).clamp(min=1)
    before, after = before.clamp(0, last), after.clamp(0, last)  # those of a channel without values are outside
    filled = torch.lerp(values.gather(-1, before), values.gather(-1, after), fraction.clamp(0, 1).to(x.dtype))
    inside = _inside(x)
    return torch.where(known.any(-1, keepdim=True) & (inside if x.ndim == 2 else inside[:, None]), filled, torch.nan)


def missing_channels(x: Tensor) -> Tensor | None:
    """Find channels without values, such as those of a broken sensor.

    Parameters
    ----------
    x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
        Signals, or spectrograms, which have no missing values.

    Returns
    -------
    Tensor of shape (B, M), bool, or None
        True where a channel of a signal has no value; None if every channel has values, and in an ONNX graph.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.gaps import missing_channels
    >>> missing_channels(torch.tensor([[[1.0, 2.0], [float("nan"), float("nan")]]])).tolist()
    [[False, True]]
    """
    if x.ndim != 3 or torch.onnx.is_in_onnx_export() or not bool(x[..., 0].isnan().any()):
        return None
    missing = x.isnan().all(-1)
    return missing if bool(missing.any()) else None


def zero_missing_channels(x: Tensor) -> Tensor:
    """Replace the values of channels without values by zeros, except for the padding of the signals.

    Parameters
    ----------
    x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
        Signals or spectrograms.

    Returns
    -------
    Tensor of the shape of `x`
        Signals or spectrograms in which every channel has values.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.gaps import zero_missing_channels
    >>> zero_missing_channels(torch.tensor([[[1.0, 2.0], [float("nan"), float("nan")]]])).tolist()
    [[[1.0, 2.0], [0.0, 0.0]]]
    """
    missing = missing_channels(x)
    return x if missing is None else torch.where(missing[..., None] & _inside(x)[:, None], 0, x)


def map_unpadded(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a function to signals without their leading and trailing padding.

    Parameters
    ----------
    function : callable
        Function of signals of shape (b, T') or (b, M, T'), for any T', that returns a tensor of shape (b, ...). It
        must treat each signal independently, and the shape of its result must not depend on T'.
    x : Tensor of shape (B, T) or (B, M, T)
        Signals. NaN marks leading and trailing padding.

    Returns
    -------
    Tensor of shape (B, ...)
        The results. The function is called once if no signal has NaN, and otherwise once for each group of signals
        with the same leading and trailing padding.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.gaps import map_unpadded
    >>> map_unpadded(lambda x: x.mean(-1), torch.tensor([[1.0, 3.0], [1.0, float("nan")]])).tolist()
    [2.0, 1.0]
    """
    if torch.onnx.is_in_onnx_export() or not bool(x.isnan().any()):  # an ONNX graph accepts no padding
        return function(x)
    extents, group = torch.stack(unpadded_extent(x), dim=1).unique(dim=0, return_inverse=True)
    groups = [torch.nonzero(group == number)[:, 0] for number in range(len(extents))]
    parts = [function(x[rows, ..., start:stop]) for rows, (start, stop) in zip(groups, extents.tolist(), strict=True)]
    return torch.cat(parts)[torch.cat(groups).argsort()]


def unpadded_extent(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the indices at which the leading padding of signals ends and their trailing padding starts.

    Parameters
    ----------
    x : Tensor of shape (B, T) or (B, M, T)
        Signals; NaN marks a missing value.

    Returns
    -------
    start, stop : Tensor of shape (B,), int64
        Index of the first sample that has a value in any channel, and 1 plus the index of the last such sample.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.gaps import unpadded_extent
    >>> unpadded_extent(torch.tensor([[float("nan"), 1.0, float("nan"), 2.0, float("nan")]]))
    (tensor([1]), tensor([4]))
    """
    known = ~x.isnan()
    known = known if x.ndim == 2 else known.any(1)  # (B, T)
    return known.int().argmax(-1), known.shape[-1] - known.flip(-1).int().argmax(-1)


def _inside(x: Tensor) -> Tensor:
    """Return True for the time steps of signals (B, T) or (B, M, T) that are not padding, as a tensor (B, T)."""
    time = torch.arange(x.shape[-1], device=x.device)
    start, stop = unpadded_extent(x)
    return (time >= start[:, None]) & (time < stop[:, None])
