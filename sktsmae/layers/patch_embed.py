"""Embedding of time-frequency patches."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PatchEmbed(nn.Module):
    """Strided convolution over patches that are cut already, and a layer norm.

    A convolution whose stride is its kernel is one matrix product a patch, so patches that are masked need not be
    embedded. The weights keep the convolution's shape.

    Parameters
    ----------
    num_views : int
        Views V of an image.
    patch_size : tuple of int
        Scales and samples of a patch.
    embed_dim : int
        Embedding size D.

    References
    ----------
    A. Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.layers.patch_embed import PatchEmbed
    >>> PatchEmbed(3, (4, 50), 16)(torch.randn(2, 336, 600)).shape
    torch.Size([2, 336, 16])
    """

    def __init__(self, num_views: int, patch_size: tuple[int, int], embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(num_views, embed_dim, kernel_size=patch_size, stride=patch_size)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, patches: Tensor) -> Tensor:
        """Embed patches.

        Parameters
        ----------
        patches : Tensor of shape (B, K, V * scales * samples)
            Patches as `patchify` cuts them.

        Returns
        -------
        Tensor of shape (B, K, D)
            Tokens.
        """
        tokens: Tensor = self.norm(F.linear(patches, self.proj.weight.flatten(1), self.proj.bias))
        return tokens
