"""LoRA: trainable low-rank updates of frozen weight matrices (Hu et al., arXiv:2106.09685)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

RANK = 8


class LoRA(nn.Module):
    """Parametrization that adds a low-rank update to a weight matrix; the update is initially zero.

    Parameters
    ----------
    out_features, in_features : int
        Number of rows and of columns of the matrix.
    rank : int, default=8
        Rank of the update. The update is the product of two matrices.

    References
    ----------
    E. J. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.layers.lora import LoRA
    >>> LoRA(20, 30)(torch.ones(20, 30)).unique().tolist()
    [1.0]
    """

    def __init__(self, out_features: int, in_features: int, rank: int = RANK) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.zeros(out_features, rank))
        self.a = nn.Parameter(torch.randn(rank, in_features) / in_features**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """Add the update to a matrix.

        Parameters
        ----------
        weight : Tensor of shape (out_features, in_features)
            The matrix.

        Returns
        -------
        Tensor of shape (out_features, in_features)
            The sum of the matrix and the update.
        """
        return weight + self.b @ self.a


def inject_lora(module: nn.Module, rank: int = RANK) -> None:
    """Freeze a module and add a trainable low-rank update to each of its linear layers.

    Parameters
    ----------
    module : nn.Module
        The module; it is changed in place.
    rank : int, default=8
        Rank of the updates.

    Examples
    --------
    >>> from torch import nn
    >>> from sktsmae.layers.lora import inject_lora, merge_lora
    >>> layer = nn.Linear(30, 20)
    >>> inject_lora(layer)
    >>> sum(weights.numel() for weights in layer.parameters() if weights.requires_grad)
    400
    >>> merge_lora(layer)
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'weight']
    """
    module.requires_grad_(False)
    for layer in list(module.modules()):
        if isinstance(layer, nn.Linear):
            update = LoRA(layer.out_features, layer.in_features, rank).to(layer.weight)
            parametrize.register_parametrization(layer, "weight", update)


def merge_lora(module: nn.Module) -> None:
    """Add the updates from `inject_lora` to the weight matrices, remove the LoRA modules, and unfreeze all parameters.

    Parameters
    ----------
    module : nn.Module
        The module; it is changed in place. Afterwards its parameters have the same names as before `inject_lora`.
    """
    for layer in list(module.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    module.requires_grad_(True)
