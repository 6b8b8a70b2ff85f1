"""The parameter groups of AdamW: layer-wise learning rates, and weight decay of matrices only."""

from __future__ import annotations

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
        Learning rate of the parameters outside of the blocks and the input layers of the encoder.
    weight_decay : float
        Weight decay of matrices; biases, norms, tokens and position embeddings have none.
    layer_decay : float, default=1
        The learning rate of each block is `layer_decay` times that of the next block, and that of the last block is
        `layer_decay` times `lr`.

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


def _depth(name: str) -> int | None:
    """Return the depth of a parameter: 0 in the input layers, k in the k-th block, and None outside of both."""
    match = re.match(r"signal_encoder\.encoder\.(?:(?:blocks|mixing)\.(\d+)\.|(patch_embed|pos_embed|cls_token))", name)
    if match is None:
        return None
    return 0 if match[1] is None else int(match[1]) + 1
