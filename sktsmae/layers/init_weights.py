"""Weight initialisation of the masked autoencoder (He et al., arXiv:2111.06377)."""

from __future__ import annotations

from torch import nn


def init_weights(module: nn.Module) -> None:
    """Initialise a linear layer or convolution: Xavier uniform weights and a bias of zeros.

    The kernel of a convolution is initialised as a matrix with one row per output channel.

    Parameters
    ----------
    module : nn.Module
        The module, which is changed in place. Modules that are not linear layers or convolutions stay unchanged.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight.flatten(1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
