"""The encoder of the masked autoencoder: a vision transformer on the visible patches of an image."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..functional.patches import grid_size, patchify, take_tokens
from ..layers.block import Block
from ..layers.channel_mixing import CHANNEL_MIXING, TokenMixing
from ..layers.init_weights import init_weights
from ..layers.low_rank import LowRankLinear
from ..layers.patch_embed import PatchEmbed
from .positions import rotary_grid
from .settings import Rope


class Encoder(nn.Module):
    """Vision transformer on the patches of the time-frequency image of one channel.

    Parameters
    ----------
    image_size : tuple of int
        Number of views, scales and samples of an image, (V, S, T).
    patch_size : tuple of int
        Number of scales and of samples in a patch.
    embed_dim : int, default=768
        Embedding size D.
    depth : int, default=12
        Number of transformer blocks.
    num_heads : int, default=12
        Number of attention heads H.
    mlp_ratio : float, default=4
        Ratio of the hidden size of the MLPs to `embed_dim`.
    mlp_rank_ratio : float, default=0.5
        Ratio of the rank of the MLPs' weight matrices to their smaller dimension, as in `LowRankLinear`.
    rope : {"axial", "raster"}, default="axial"
        Rotary position embedding: "axial" encodes the row and the column of a patch, "raster" encodes one index over
        the flattened grid of patches.
    channel_mixing : {"none", "cls", "tokens"}, default="none"
        Attention between the channels of a signal after every second block, a key of `layers.channel_mixing`: of their
        class tokens ("cls"), or of their tokens at each position ("tokens").
    channel_layout : {"ring"} or None, default=None
        "ring" encodes the angle between two channels on a ring. With None, the channels have no order.

    Raises
    ------
    ValueError
        If `num_heads` does not divide `embed_dim`, if `rope` is unknown or does not support the size of a head, or if
        `channel_mixing` or `channel_layout` is unknown or needs more blocks.

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
        channel_mixing: str = "none",
        channel_layout: str | None = None,
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
        self.mixing = _channel_mixing(channel_mixing, channel_layout, depth, embed_dim, num_heads)
        self.norm = nn.LayerNorm(embed_dim)
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.normal_(self.pos_embed, std=0.02)
        self.apply(init_weights)
        for mixing in self.mixing.values():
            cast(TokenMixing, mixing).init_as_identity()

    def patchify(self, image: Tensor) -> Tensor:
        """Divide images into the patches that are the input of `forward`.

        Parameters
        ----------
        image : Tensor of shape (..., V, S, T)
            Images. The leading axes are flattened to one axis B.

        Returns
        -------
        Tensor of shape (B, N, V * scales * samples)
            Patches.

        Raises
        ------
        ValueError
            If the size of the images is not `image_size`.
        """
        if image.shape[-3:] != self.image_size:
            raise ValueError(
                f"x has images of size {tuple(image.shape[-3:])} (views, scales, samples), but this model needs "
                f"{self.image_size}; give samples of that size, or build the model with another signal_len."
            )
        return patchify(image.flatten(0, -4), self.patch_size)

    def forward(
        self, patches: Tensor, ids_keep: Tensor | None = None, num_channels: int = 1, missing: Tensor | None = None
    ) -> Tensor:
        """Encode all patches, or only those that `ids_keep` selects.

        Parameters
        ----------
        patches : Tensor of shape (B, N, V * scales * samples)
            All patches of each image.
        ids_keep : Tensor of shape (B, K), int64, default=None
            Indices of the patches to encode. None encodes all patches.
        num_channels : int, default=1
            Number of channels M of a signal. The images of the channels of a signal follow each other in the batch.
        missing : Tensor of shape (B / M, M), bool, default=None
            True for a channel without values, to which other channels do not attend. None if there is none.

        Returns
        -------
        Tensor of shape (B, 1 + K, D)
            The class token and the tokens of the encoded patches, after the final layer norm.
        """
        layers = self.through_blocks(patches, ids_keep, num_channels, missing)
        for tokens in layers:  # noqa: B007 - a list would keep the tokens of all blocks
            pass
        return cast(Tensor, self.norm(tokens))

    def readout(
        self, patches: Tensor, layers: Collection[int], num_channels: int = 1, missing: Tensor | None = None
    ) -> list[Tensor]:
        """Return the tokens of the given layers, without computing the blocks above the highest of these layers.

        Parameters
        ----------
        patches : Tensor of shape (B, N, V * scales * samples)
            All patches of each image.
        layers : collection of int
            The layers, from 0 to the depth of the encoder. The tokens of layer i are the output of the first i blocks.
        num_channels : int, default=1
            As in `forward`.
        missing : Tensor of shape (B / M, M), bool, default=None
            As in `forward`.

        Returns
        -------
        list of Tensor of shape (B, 1 + N, D)
            The class token and the patch tokens of each layer, in increasing order of the layers, after a layer norm
            without trainable parameters.
        """
        all_layers = self.through_blocks(patches, None, num_channels, missing)
        numbered = zip(range(max(layers) + 1), all_layers, strict=False)
        return [F.layer_norm(tokens, tokens.shape[-1:]) for layer, tokens in numbered if layer in layers]

    def through_blocks(
        self, patches: Tensor, ids_keep: Tensor | None = None, num_channels: int = 1, missing: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Yield the input tokens of the first block, and then the output tokens of each block.

        Parameters
        ----------
        patches : Tensor of shape (B, N, V * scales * samples)
            All patches of each image.
        ids_keep : Tensor of shape (B, K), int64, default=None
            Indices of the patches to encode. None encodes all patches.
        num_channels : int, default=1
            As in `forward`.
        missing : Tensor of shape (B / M, M), bool, default=None
            As in `forward`.

        Yields
        ------
        Tensor of shape (B, 1 + K, D)
            The class token and the patch tokens, without the final layer norm.
        """
        patches = patches.to(self.pos_embed.dtype)  # images are float32 even if the model has lower precision
        pos_embed: Tensor = self.pos_embed  # (1, 1 + N, D)
        cos, sin = self.rotary(self.positions[None])  # (1, 1, 1 + N, D / H / 2)
        if ids_keep is not None:
            patches = take_tokens(patches, ids_keep)  # (B, K, P)
            ids = F.pad(ids_keep + 1, (1, 0))  # (B, 1 + K); index 0 is the class token
            pos_embed = F.embedding(ids, pos_embed[0])  # (B, 1 + K, D)
            cos, sin = cos[0, 0][ids][:, None], sin[0, 0][ids][:, None]  # (B, 1, 1 + K, D / H / 2)
        cls_token = self.cls_token.expand(patches.shape[0], -1, -1)  # len(patches) would make B a constant in ONNX
        tokens = torch.cat((cls_token, self.patch_embed(patches)), dim=1) + pos_embed
        yield tokens
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, cos, sin)
            if str(number) in self.mixing:
                tokens = self.mixing[str(number)](tokens.unflatten(0, (-1, num_channels)), missing).flatten(0, 1)
            yield tokens


def _channel_mixing(kind: str, layout: str | None, depth: int, embed_dim: int, num_heads: int) -> nn.ModuleDict:
    """Return the layers that mix channels, by the index of the block after which they are applied."""
    if layout not in (None, "ring"):
        raise ValueError(f"channel_layout={layout!r}: give 'ring' or None.")
    if kind == "none":
        return nn.ModuleDict()
    if kind not in CHANNEL_MIXING:
        raise ValueError(f"channel_mixing={kind!r}: choose one of 'none', {', '.join(map(repr, CHANNEL_MIXING))}.")
    mixing = CHANNEL_MIXING[kind]
    if depth < mixing.min_depth:
        raise ValueError(
            f"channel_mixing={kind!r} mixes channels after every second block, but depth={depth}; give "
            f"depth={mixing.min_depth} or more."
        )
    return nn.ModuleDict({str(i): mixing(embed_dim, num_heads, layout == "ring") for i in range(1, depth, 2)})
