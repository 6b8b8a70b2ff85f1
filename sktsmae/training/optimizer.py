"""The parameter groups and the learning rate schedule of AdamW."""

from __future__ import annotations

import math
import re
from typing import Any

from torch import Tensor, nn


def parameter_groups(
    module: nn.Module, lr: float, weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Group trainable parameters by learning rate and weight decay.

    Parameters
    ----------
    module : nn.Module
        The module. The parameters of its encoder are named ``signal_encoder.encoder.*``.
    lr : float
        Learning rate of the parameters after the last block of the encoder.
    weight_decay : float
        Weight decay of matrices; biases, norms, tokens and position embeddings have none.
    layer_decay : float, default=1
        The learning rate of each block is this factor times that of the next block.

    Returns
    -------
    list of dict
        Parameter groups for the optimizer.

    References
    ----------
    H. Bao et al., "BEiT: BERT pre-training of image transformers", ICLR 2022 (layer-wise learning rate decay).
    """
    named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    depths = {name: _depth(name) for name, _ in named}
    top = 1 + max((depth for depth in depths.values() if depth is not None), default=0)
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in named:
        depth = depths[name]
        rate = lr if depth is None else lr * layer_decay ** (top - depth)
        # Matrices have two axes and convolutions four; tokens, position embeddings and channel projections have three.
        decay = weight_decay if parameter.ndim in (2, 4) else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in groups.items()]


def warmup_cosine(step: int, total: int, warmup: int) -> float:
    """Return the factor of the peak learning rate at a step.

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
        The factor: it rises linearly from 1 / warmup to 1, then follows a cosine down to 0.
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))


def _depth(name: str) -> int | None:
    """Return the depth of a parameter: 0 for the patch embedding, k for the k-th block, and None for all others."""
    match = re.match(r"signal_encoder\.encoder\.(?:blocks\.(\d+)\.|(patch_embed|pos_embed|cls_token))", name)
    if match is None:
        return None
    return 0 if match[1] is None else int(match[1]) + 1
