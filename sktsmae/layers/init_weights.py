"""Initial weights as in MAE."""

from __future__ import annotations

from torch import nn


def init_weights(module: nn.Module) -> None:
    """Initialise the weights of a linear layer or convolution as in MAE (Xavier uniform), and its bias with zeros.

    Parameters
    ----------
    module : nn.Module
        Any module. Modules of other classes are not changed.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight.flatten(1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
