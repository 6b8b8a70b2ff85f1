"""Linear embedding of time-frequency patches."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PatchEmbed(nn.Module):
    """Patch embedding: a strided convolution, followed by a layer norm.

    The stride of the convolution equals its kernel size, so the convolution is one matrix product per patch. The input
    is patches from `patchify` instead of images, so that only the visible patches are embedded. The weights have the
    shape of a convolution kernel.

    Parameters
    ----------
    num_views : int
        Number of views V of an image.
    patch_size : tuple of int
        Number of scales and number of samples in a patch.
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
            Patches in the layout that `patchify` returns.

        Returns
        -------
        Tensor of shape (B, K, D)
            Tokens.
        """
        tokens: Tensor = self.norm(F.linear(patches, self.proj.weight.flatten(1), self.proj.bias))
        return tokens
