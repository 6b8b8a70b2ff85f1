"""The learning rate schedule: linear warm-up and cosine decay."""

from __future__ import annotations

import math


def warmup_cosine(step: int, total: int, warmup: int) -> float:
    """Return the learning rate at a step as a fraction of the peak learning rate.

    Parameters
    ----------
    step : int
        Number of completed steps.
    total : int
        Total number of steps.
    warmup : int
        Number of warm-up steps.

    Returns
    -------
    float
        The fraction. It rises linearly from 1 / warmup to 1, then follows a cosine down to 0.
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))
