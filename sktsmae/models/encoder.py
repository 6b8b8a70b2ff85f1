"""The encoder: visible patches to latent tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from numbers import Integral
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..functional.masking import take_tokens
from ..functional.patches import grid_size, patchify
from ..functional.wavelets import DIFF_ORDERS
from ..layers.block import Block
from ..layers.low_rank import LowRankLinear
from ..layers.patch_embed import PatchEmbed
from ..layers.rotary import RotaryEmbedding
from .scalogram import Scalogram

Rope = Literal["axial", "raster"]


class Encoder(nn.Module):
    """Vision transformer over the patches of one channel's time-frequency image.

    Parameters
    ----------
    image_size : tuple of int
        Views, scales and samples of an image, (V, S, T).
    patch_size : tuple of int
        Scales and samples of a patch.
    embed_dim : int, default=768
        Embedding size D.
    depth : int, default=12
        Number of blocks.
    num_heads : int, default=12
        Attention heads H.
    mlp_ratio : float, default=4
        Hidden size of the MLPs over `embed_dim`.
    mlp_rank_ratio : float, default=0.5
        Rank of the MLPs' matrices over their smaller side.
    rope : {"axial", "raster"}, default="axial"
        Rotary embedding by frequency and time apart, or by one index over the flattened grid.

    Raises
    ------
    ValueError
        If the sizes do not fit each other.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.patches import patchify
    >>> from sktsmae.models import Encoder
    >>> encoder = Encoder((3, 64, 500), (4, 50), embed_dim=96, depth=2, num_heads=4)
    >>> encoder(patchify(torch.randn(2, 3, 64, 500), (4, 50))).shape
    torch.Size([2, 161, 96])
    """

    positions: Tensor

    def __init__(
        self,
        image_size: tuple[int, int, int],
        patch_size: tuple[int, int],
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        mlp_ratio: float = 4.0,
        mlp_rank_ratio: float = 0.5,
        rope: Rope = "axial",
    ) -> None:
        super().__init__()
        num_views, *size = image_size
        self.image_size = image_size
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.patch_size = patch_size
        self.grid_size = grid_size((size[0], size[1]), patch_size)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        self.patch_embed = PatchEmbed(num_views, patch_size, embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.num_patches, embed_dim))
        self.rotary, positions = rotary_grid(self.grid_size, embed_dim, num_heads, rope)
        self.register_buffer("positions", positions, persistent=False)
        low_rank = partial(LowRankLinear, rank_ratio=mlp_rank_ratio)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads, mlp_ratio, low_rank) for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim)
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.normal_(self.pos_embed, std=0.02)
        self.apply(init_weights)

    def patchify(self, image: Tensor) -> Tensor:
        """Cut images into the patches that this encoder takes.

        Parameters
        ----------
        image : Tensor of shape (..., V, S, T)
            Images; the axes in front become one.

        Returns
        -------
        Tensor of shape (B, N, V * scales * samples)
            Patches.

        Raises
        ------
        ValueError
            If the images are of another size.
        """
        if image.shape[-3:] != self.image_size:
            raise ValueError(
                f"x gives images of {tuple(image.shape[-3:])} (views, scales, samples); this model was built for "
                f"{self.image_size}: give samples of that size, or build it with another signal_len."
            )
        return patchify(image.flatten(0, -4), self.patch_size)

    def forward(self, patches: Tensor, ids_keep: Tensor | None = None) -> Tensor:
        """Encode the patches that are kept.

        Parameters
        ----------
        patches : Tensor of shape (B, N, V * scales * samples)
            All patches of each image.
        ids_keep : Tensor of shape (B, K), int64, default=None
            Which patches to see; None for all.

        Returns
        -------
        Tensor of shape (B, 1 + K, D)
            The class token and the tokens of the kept patches, normalised.
        """
        for tokens in self.through_blocks(patches, ids_keep):  # noqa: B007 - only the last; a list would hold them all
            pass
        return cast(Tensor, self.norm(tokens))

    def readout(self, patches: Tensor, layers: Collection[int]) -> list[Tensor]:
        """Encode all patches, and return the tokens of some layers; blocks above the highest are not computed.

        Parameters
        ----------
        patches : Tensor of shape (B, N, V * scales * samples)
            All patches of each image.
        layers : collection of int
            How many blocks the tokens are to have passed, each from 0 to the encoder's depth.

        Returns
        -------
        list of Tensor of shape (B, 1 + N, D)
            The class token and the patch tokens of each layer, from low to high, normalised without gain.
        """
        passed = zip(range(max(layers) + 1), self.through_blocks(patches), strict=False)
        return [F.layer_norm(tokens, tokens.shape[-1:]) for layer, tokens in passed if layer in layers]

    def through_blocks(self, patches: Tensor, ids_keep: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the tokens as they enter the first block, and as they leave each.

        Parameters
        ----------
        patches : Tensor of shape (B, N, V * scales * samples)
            All patches of each image.
        ids_keep : Tensor of shape (B, K), int64, default=None
            Which patches to see; None for all.

        Yields
        ------
        Tensor of shape (B, 1 + K, D)
            The class token and the patch tokens, not normalised.
        """
        patches = patches.to(self.pos_embed.dtype)  # images are float32 in a model of lower precision too
        pos_embed: Tensor = self.pos_embed  # (1, 1 + N, D)
        cos, sin = self.rotary(self.positions[None])  # (1, 1, 1 + N, D / H / 2)
        if ids_keep is not None:
            patches = take_tokens(patches, ids_keep)  # (B, K, P)
            ids = F.pad(ids_keep + 1, (1, 0))  # (B, 1 + K), the class token's index 0 in front
            pos_embed = F.embedding(ids, pos_embed[0])  # (B, 1 + K, D)
            cos, sin = cos[0, 0][ids][:, None], sin[0, 0][ids][:, None]  # (B, 1, 1 + K, D / H / 2)
        cls_token = self.cls_token.expand(patches.shape[0], -1, -1)  # len(patches) would fix the size in a graph
        tokens = torch.cat((cls_token, self.patch_embed(patches)), dim=1) + pos_embed
        yield tokens
        for block in self.blocks:
            tokens = block(tokens, cos, sin)
            yield tokens


def build_encoder(
    signal_len: int = 3000,
    cwt_scales: int | Sequence[float] = 64,
    diff_orders: Sequence[int] = DIFF_ORDERS,
    patch_size_freq: int = 4,
    patch_size_time: int = 50,
    embed_dim: int = 768,
    depth: int = 12,
    num_heads: int = 12,
    mlp_ratio: float = 4.0,
    mlp_rank_ratio: float = 0.5,
    rope: Rope = "axial",
    standardize: bool | str = True,
    boundary: str = "zeros",
    resample: bool = False,
) -> tuple[Scalogram, Encoder]:
    """Build a scalogram and the encoder that fits it; the defaults are the published design's.

    Parameters
    ----------
    signal_len : int, default=3000
        Samples T of a signal.
    cwt_scales : int or sequence of float, default=64
        A number of scales (0.1, 1.1, ...) or the scales in samples.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        Orders of difference of the views.
    patch_size_freq, patch_size_time : int, default=4 and 50
        Scales and samples of a patch.
    embed_dim, depth, num_heads : int, default=768, 12 and 12
        Size of the encoder.
    mlp_ratio : float, default=4
        Hidden size of the MLPs over `embed_dim`.
    mlp_rank_ratio : float, default=0.5
        Rank of the MLPs' matrices over their smaller side.
    rope : {"axial", "raster"}, default="axial"
        Rotary embedding by frequency and time apart, or by one index over the grid.
    standardize : bool or "per_scale", default=True
        Whether images are standardised by view, or by row, as in `Scalogram`.
    boundary : {"zeros", "reflect"}, default="zeros"
        What lies outside a signal's ends, as in `Scalogram`.
    resample : bool, default=False
        Whether signals of any length are taken, and resampled to `signal_len`.

    Returns
    -------
    scalogram : Scalogram
        Signals to images.
    encoder : Encoder
        Patches of these images to tokens.

    Raises
    ------
    ValueError
        If a setting is impossible; the message names it.
    """
    scalogram = Scalogram(cwt_scales, diff_orders, standardize, boundary, signal_len if resample else None)
    require_positive(signal_len=signal_len, patch_size_freq=patch_size_freq, patch_size_time=patch_size_time)
    require_positive(embed_dim=embed_dim, depth=depth, num_heads=num_heads)
    for name, ratio in {"mlp_ratio": mlp_ratio, "mlp_rank_ratio": mlp_rank_ratio}.items():
        if not ratio > 0:
            raise ValueError(f"{name}={ratio}: give a positive number.")
    image_size = (scalogram.num_views, len(scalogram.scales), signal_len)
    patch_size = (patch_size_freq, patch_size_time)
    return scalogram, Encoder(image_size, patch_size, embed_dim, depth, num_heads, mlp_ratio, mlp_rank_ratio, rope)


def require_positive(**sizes: int) -> None:
    """Refuse sizes that are not positive whole numbers.

    Parameters
    ----------
    **sizes : int
        The sizes, by the names that the user knows.

    Raises
    ------
    ValueError
        If one is not; it is named.
    """
    for name, size in sizes.items():
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{name}={size!r}: give a positive whole number.")


def rotary_grid(
    grid: tuple[int, int], embed_dim: int, num_heads: int, rope: Rope, prefix: str = ""
) -> tuple[RotaryEmbedding, Tensor]:
    """Return the rotary embedding of a grid of patches and the position of each token.

    Parameters
    ----------
    grid : tuple of int
        Rows and columns of patches.
    embed_dim, num_heads : int
        Embedding size and attention heads.
    rope : {"axial", "raster"}
        Two coordinates a token (column, then row) or one index; the class token is at the origin, patches start at 1.
    prefix : str, default=""
        What stands before the names of the sizes where the user sets them, for the messages.

    Returns
    -------
    rotary : RotaryEmbedding
        The embedding, for as many axes as the positions have.
    positions : Tensor of shape (1 + N, A), int64
        Position of the class token and of every patch.

    Raises
    ------
    ValueError
        If `rope` is unknown, the heads do not divide the embedding, or the axes a head.
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
        raise ValueError(f"{sizes[0]} is not divisible by {sizes[1]}; choose a multiple of it.")
    if embed_dim // num_heads % (2 * num_axes):
        raise ValueError(
            f"{sizes[0]} and {sizes[1]} make heads of {embed_dim // num_heads} features; rope={rope!r} needs a "
            f"multiple of {2 * num_axes}."
        )
    return RotaryEmbedding(embed_dim // num_heads, num_axes), positions


def resample_pos_embed(pos_embed: Tensor, old_grid: tuple[int, int], new_grid: tuple[int, int]) -> Tensor:
    """Resample a position embedding bicubically to another number of patches.

    Parameters
    ----------
    pos_embed : Tensor of shape (1, 1 + N, D)
        Embedding of the class token and of N patches.
    old_grid, new_grid : tuple of int
        Rows and columns of patches before and after.

    Returns
    -------
    Tensor of shape (1, 1 + N', D)
        The class token's embedding as it was, and the patches' resampled.
    """
    if old_grid == new_grid:
        return pos_embed
    cls_embed, patches = pos_embed[:, :1], pos_embed[:, 1:]
    image = patches.unflatten(1, old_grid).permute(0, 3, 1, 2)  # (1, D, rows, columns)
    image = F.interpolate(image, size=new_grid, mode="bicubic", align_corners=False)
    return torch.cat((cls_embed, image.flatten(2).transpose(1, 2)), dim=1)


def init_weights(module: nn.Module) -> None:
    """Draw the weights of a linear layer or a convolution, Xavier-uniform as in MAE, and clear its bias.

    Parameters
    ----------
    module : nn.Module
        Any module; others than these stay as they are.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight.flatten(1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
