"""Hashes of signals, by which signals that were seen before are recognised."""

from __future__ import annotations

import torch
from torch import Tensor


def fingerprint(x: Tensor) -> Tensor:
    """Compute a hash of signals.

    Parameters
    ----------
    x : Tensor of shape (B, ...), float32
        Signals.

    Returns
    -------
    Tensor of shape (B,), int64
        The hashes. They do not depend on the sign of a zero or on the bits of a NaN.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.fingerprint import fingerprint
    >>> first, second, third = fingerprint(torch.tensor([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0]])).tolist()
    >>> first == second, first == third
    (True, False)
    """
    bits = torch.where(x.isnan(), torch.inf, x + 0.0).flatten(1).contiguous().view(torch.int32).long()
    generator = torch.Generator("cpu").manual_seed(0)
    factors = torch.randint(-(2**62), 2**62, (bits.shape[1],), generator=generator, device="cpu")
    return (bits * factors.to(x.device)).sum(1)  # integers overflow without an error
