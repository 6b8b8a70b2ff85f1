"""The decoder of the masked autoencoder: a transformer that predicts spectrogram patches and the waveform."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..functional.patches import grid_size, take_tokens
from ..layers.block import Block
from ..layers.init_weights import init_weights
from .positions import rotary_grid
from .require_positive import require_positive
from .settings import Rope


class Decoder(nn.Module):
    """Transformer on visible tokens and mask tokens, which predicts the patches of an image and the waveform.

    Parameters
    ----------
    image_size : tuple of int
        Number of views, scales and samples of an image, (V, S, T).
    patch_size : tuple of int
        Number of scales and of samples in a patch.
    embed_dim : int, default=768
        Embedding size of the encoder.
    decoder_embed_dim : int, default=512
        Embedding size D of the decoder.
    decoder_depth : int, default=8
        Number of transformer blocks.
    decoder_num_heads : int, default=16
        Number of attention heads H.
    mlp_ratio : float, default=4
        Ratio of the hidden size of the MLPs to `decoder_embed_dim`.
    rope : {"axial", "raster"}, default="axial"
        Rotary position embedding, as in `Encoder`.
    decode_ratio : float, default=1
        Fraction of the columns of patches that `draw_columns` draws in training mode, in (0, 1]. A column contains all
        patches of one time interval.

    Raises
    ------
    ValueError
        If a size or a ratio is invalid, if `decoder_num_heads` does not divide `decoder_embed_dim`, or if `rope` is
        unknown or does not support the size of a head.

    References
    ----------
    L. Wang et al., "VideoMAE V2: scaling video masked autoencoders with dual masking", CVPR 2023 (`decode_ratio`).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Decoder
    >>> decoder = Decoder((3, 8, 40), (4, 10), embed_dim=32, decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2)
    >>> pred_spec, pred_time = decoder(torch.randn(2, 1 + 3, 32), torch.arange(8).expand(2, -1))
    >>> pred_spec.shape, pred_time.shape
    (torch.Size([2, 8, 120]), torch.Size([2, 40]))
    """

    positions: Tensor

    def __init__(
        self,
        image_size: tuple[int, int, int],
        patch_size: tuple[int, int],
        embed_dim: int = 768,
        decoder_embed_dim: int = 512,
        decoder_depth: int = 8,
        decoder_num_heads: int = 16,
        mlp_ratio: float = 4.0,
        rope: Rope = "axial",
        decode_ratio: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 < decode_ratio <= 1:
            raise ValueError(f"decode_ratio={decode_ratio}: give a number above 0 and at most 1.")
        self.decode_ratio = decode_ratio
        require_positive(decoder_embed_dim=decoder_embed_dim, decoder_num_heads=decoder_num_heads)
        if decoder_depth < 0:
            raise ValueError(f"decoder_depth={decoder_depth}: give a number of blocks that is not negative.")
        num_views, num_scales, self.n_timepoints = image_size
        height, width = patch_size
        self.grid_size = grid_size((num_scales, self.n_timepoints), patch_size)
        num_patches = self.grid_size[0] * self.grid_size[1]
        self.decoder_embed = nn.Linear(embed_dim, decoder_embed_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_embed_dim))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, 1 + num_patches, decoder_embed_dim))
        self.rotary, positions = rotary_grid(self.grid_size, decoder_embed_dim, decoder_num_heads, rope, "decoder_")
        self.register_buffer("positions", positions, persistent=False)
        self.blocks = nn.ModuleList(
            Block(decoder_embed_dim, decoder_num_heads, mlp_ratio) for _ in range(decoder_depth)
        )
        self.norm = nn.LayerNorm(decoder_embed_dim)
        self.pred_spec = nn.Linear(decoder_embed_dim, num_views * height * width)
        self.time_reducer = nn.Sequential(
            nn.Conv2d(decoder_embed_dim, decoder_embed_dim, kernel_size=(self.grid_size[0], 1)), nn.GELU()
        )
        self.pred_time = nn.Linear(decoder_embed_dim, width)
        nn.init.normal_(self.mask_token, std=0.02)
        nn.init.normal_(self.decoder_pos_embed, std=0.02)
        self.apply(init_weights)

    def draw_columns(self, count: int, device: torch.device | None = None) -> Tensor | None:
        """Draw random columns of patches to decode.

        Parameters
        ----------
        count : int
            Number of images B.
        device : torch.device, default=None
            Device of the result. None uses torch's default device.

        Returns
        -------
        Tensor of shape (B, C), int64, or None
            Indices of C columns. None means all columns, as always in evaluation mode.
        """
        num_columns = self.grid_size[1]
        num_drawn = max(1, round(self.decode_ratio * num_columns))
        if not self.training or num_drawn == num_columns:
            return None
        return torch.rand(count, num_columns, device=device).argsort(1)[:, :num_drawn]

    def patches_of(self, columns: Tensor) -> Tensor:
        """Return the indices of the patches in the given columns.

        Parameters
        ----------
        columns : Tensor of shape (B, C), int64
            Indices of C columns of patches.

        Returns
        -------
        Tensor of shape (B, rows * C), int64
            Indices of the patches, row by row.
        """
        rows, stride = self.grid_size
        return (torch.arange(rows, device=columns.device)[:, None] * stride + columns[:, None]).flatten(1)

    def forward(self, latent: Tensor, ids_restore: Tensor, columns: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Predict patches and the waveform.

        Parameters
        ----------
        latent : Tensor of shape (B, 1 + K, embed_dim)
            The class token and the visible tokens from the encoder.
        ids_restore : Tensor of shape (B, N), int64
            Position of each patch in the shuffled sequence, in which the visible patches precede the masked patches.
        columns : Tensor of shape (B, C), int64, default=None
            Indices of the C columns of patches to predict. None predicts all columns.

        Returns
        -------
        pred_spec : Tensor of shape (B, N, V * scales * samples) or (B, rows * C, V * scales * samples)
            Predicted patches of the image, or of the given columns.
        pred_time : Tensor of shape (B, T) or (B, C, samples)
            Predicted waveform of the standardised signal, or its samples in the given columns.
        """
        return self.predict(self.tokens(latent, ids_restore, columns), columns)

    def tokens(self, latent: Tensor, ids_restore: Tensor, columns: Tensor | None = None) -> Tensor:
        """Compute the tokens from which patches and the waveform are predicted.

        Parameters
        ----------
        latent : Tensor of shape (B, 1 + K, embed_dim)
            The class token and the visible tokens from the encoder.
        ids_restore : Tensor of shape (B, N), int64
            Position of each patch in the shuffled sequence, in which the visible patches precede the masked patches.
        columns : Tensor of shape (B, C), int64, default=None
            Indices of the C columns of patches to decode. None decodes all columns.

        Returns
        -------
        Tensor of shape (B, N, D) or (B, rows * C, D)
            One token per patch of the image, or of the given columns.
        """
        visible = self.decoder_embed(latent)  # (B, 1 + K, D)
        num_masked = ids_restore.shape[1] + 1 - visible.shape[1]
        masked = self.mask_token.to(visible.dtype).expand(len(visible), num_masked, -1)
        patches = take_tokens(torch.cat((visible[:, 1:], masked), dim=1), ids_restore)  # (B, N, D)
        tokens = torch.cat((visible[:, :1], patches), dim=1) + self.decoder_pos_embed
        cos, sin = self.rotary(self.positions[None])
        if columns is not None:
            patch_ids = self._ids_to_decode(columns, ids_restore, visible.shape[1] - 1)
            ids = F.pad(patch_ids + 1, (0, 1))  # the class token has index 0 and is appended
            tokens = take_tokens(tokens, ids)
            cos, sin = cos[0, 0][ids][:, None], sin[0, 0][ids][:, None]  # (B, 1, tokens, D / H / 2)
        for block in self.blocks:
            tokens = block(tokens, cos, sin)
        tokens = cast(Tensor, self.norm(tokens))
        return tokens[:, 1:] if columns is None else tokens[:, : columns.shape[1] * self.grid_size[0]]

    def predict(self, tokens: Tensor, columns: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Predict patches and the waveform from decoded tokens.

        Parameters
        ----------
        tokens : Tensor of shape (B, N, D) or (B, rows * C, D)
            The result of `tokens`.
        columns : Tensor of shape (B, C), int64, default=None
            The decoded columns. None means all columns.

        Returns
        -------
        pred_spec, pred_time : Tensor
            As returned by `forward`.
        """
        # The kernel of the convolution spans all rows of a column, so the convolution is one matrix product per column.
        conv = self.time_reducer[0]
        weight = cast(Tensor, conv.weight).transpose(1, 2).flatten(1)  # (D, rows * D)
        stacks = tokens.unflatten(1, (self.grid_size[0], -1)).transpose(1, 2).flatten(2)  # (B, C, rows * D)
        reduced = self.time_reducer[1](F.linear(stacks, weight, cast(Tensor, conv.bias)))  # (B, C, D)
        waveform: Tensor = self.pred_time(reduced)  # (B, C, samples)
        if columns is None:
            waveform = waveform.flatten(1)[:, : self.n_timepoints]
        return self.pred_spec(tokens), waveform

    def _ids_to_decode(self, columns: Tensor, ids_restore: Tensor, num_visible: int) -> Tensor:
        """Return the indices of all patches in the drawn columns, followed by visible patches of other columns.

        The number of visible patches in other columns is random, but all images of a batch need the same number of
        tokens. Each image contributes the expected number; if it has fewer, visible patches of the drawn columns, which
        then occur twice, make up the difference.
        """
        ids_keep = ids_restore.argsort(1)[:, :num_visible]
        is_drawn = columns.new_zeros(len(columns), self.grid_size[1]).scatter(1, columns, 1)  # (B, all columns)
        others_first = ids_keep.gather(1, is_drawn.gather(1, ids_keep % self.grid_size[1]).argsort(dim=1, stable=True))
        fraction = 1 - columns.shape[1] / self.grid_size[1]
        return torch.cat((self.patches_of(columns), others_first[:, : round(fraction * num_visible)]), dim=1)
