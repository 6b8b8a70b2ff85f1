"""Position embeddings of the patches of an image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..layers.rotary import RotaryEmbedding
from .settings import Rope


def rotary_grid(
    grid: tuple[int, int], embed_dim: int, num_heads: int, rope: Rope, prefix: str = ""
) -> tuple[RotaryEmbedding, Tensor]:
    """Build the rotary embedding for a grid of patches, and return it with the position of each token.

    Parameters
    ----------
    grid : tuple of int
        Number of rows and columns of patches.
    embed_dim, num_heads : int
        Embedding size and number of attention heads.
    rope : {"axial", "raster"}
        Positions of the tokens: "axial" has A = 2 coordinates per token (column, row), "raster" has one index (A = 1).
        The class token has position 0; the positions of the patches start at 1.
    prefix : str, default=""
        Prefix of parameter names in error messages, for example "decoder_".

    Returns
    -------
    rotary : RotaryEmbedding
        The rotary embedding of A coordinates.
    positions : Tensor of shape (1 + N, A), int64
        Position of the class token and of each patch.

    Raises
    ------
    ValueError
        If `rope` is unknown, if `num_heads` does not divide `embed_dim`, or if the size of a head is not a multiple
        of 2 A.
    """
    rows, columns = grid
    if rope == "axial":
        patches = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).flip(-1)
    elif rope == "raster":
        patches = torch.arange(rows * columns)[:, None]
    else:
        raise ValueError(f"rope={rope!r}: choose 'axial' or 'raster'.")
    positions = F.pad(patches + 1, (0, 0, 1, 0))
    num_axes = positions.shape[1]
    sizes = f"{prefix}embed_dim={embed_dim}", f"{prefix}num_heads={num_heads}"
    if num_heads < 1 or embed_dim % num_heads:
        raise ValueError(
            f"{sizes[0]} is not divisible by {sizes[1]}; choose {prefix}embed_dim as a multiple of {prefix}num_heads."
        )
    if embed_dim // num_heads % (2 * num_axes):
        raise ValueError(
            f"{sizes[0]} and {sizes[1]} give heads of {embed_dim // num_heads} features, but rope={rope!r} needs a "
            f"multiple of {2 * num_axes}; choose another {prefix}embed_dim or {prefix}num_heads."
        )
    return RotaryEmbedding(embed_dim // num_heads, num_axes), positions


def resample_pos_embed(pos_embed: Tensor, old_grid: tuple[int, int], new_grid: tuple[int, int]) -> Tensor:
    """Resample a position embedding to another grid of patches by bicubic interpolation.

    Parameters
    ----------
    pos_embed : Tensor of shape (1, 1 + N, D)
        Position embedding of the class token and of N patches.
    old_grid, new_grid : tuple of int
        Number of rows and columns of patches before and after resampling.

    Returns
    -------
    Tensor of shape (1, 1 + N', D)
        The unchanged embedding of the class token and the resampled embedding of the patches.
    """
    if old_grid == new_grid:
        return pos_embed
    cls_embed, patches = pos_embed[:, :1], pos_embed[:, 1:]
    image = patches.unflatten(1, old_grid).permute(0, 3, 1, 2)  # (1, D, rows, columns)
    image = F.interpolate(image, size=new_grid, mode="bicubic", align_corners=False)
    return torch.cat((cls_embed, image.flatten(2).transpose(1, 2)), dim=1)
