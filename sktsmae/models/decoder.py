"""The decoder: latent tokens to spectrogram patches and the waveform."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functional.masking import take_tokens
from ..functional.patches import grid_size
from ..layers.block import Block
from .encoder import Rope, init_weights, require_positive, rotary_grid


class Decoder(nn.Module):
    """Transformer over visible and masked tokens with a head for patches and one for the waveform.

    Parameters
    ----------
    image_size : tuple of int
        Views, scales and samples of an image, (V, S, T).
    patch_size : tuple of int
        Scales and samples of a patch.
    embed_dim : int, default=768
        Embedding size of the encoder.
    decoder_embed_dim : int, default=512
        Embedding size D of the decoder.
    decoder_depth : int, default=8
        Number of blocks.
    decoder_num_heads : int, default=16
        Attention heads.
    mlp_ratio : float, default=4
        Hidden size of the MLPs over `decoder_embed_dim`.
    rope : {"axial", "raster"}, default="axial"
        Rotary embedding, as in the encoder.

    Raises
    ------
    ValueError
        If the sizes do not fit each other.

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
    ) -> None:
        super().__init__()
        require_positive(decoder_embed_dim=decoder_embed_dim, decoder_num_heads=decoder_num_heads)
        if decoder_depth < 0:
            raise ValueError(f"decoder_depth={decoder_depth}: give 0 or more blocks.")
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

    def forward(self, latent: Tensor, ids_restore: Tensor) -> tuple[Tensor, Tensor]:
        """Predict all patches and the waveform.

        Parameters
        ----------
        latent : Tensor of shape (B, 1 + K, embed_dim)
            The encoder's class token and visible tokens.
        ids_restore : Tensor of shape (B, N), int64
            Where each patch stands in the sequence "visible patches, then masked ones".

        Returns
        -------
        pred_spec : Tensor of shape (B, N, V * scales * samples)
            Patches of the image.
        pred_time : Tensor of shape (B, T)
            Waveform of the standardised signal.
        """
        visible = self.decoder_embed(latent)  # (B, 1 + K, D)
        num_masked = ids_restore.shape[1] + 1 - visible.shape[1]
        masked = self.mask_token.to(visible.dtype).expand(len(visible), num_masked, -1)
        patches = take_tokens(torch.cat((visible[:, 1:], masked), dim=1), ids_restore)  # (B, N, D)
        tokens = torch.cat((visible[:, :1], patches), dim=1) + self.decoder_pos_embed
        cos, sin = self.rotary(self.positions[None])
        for block in self.blocks:
            tokens = block(tokens, cos, sin)
        tokens = self.norm(tokens)[:, 1:]  # (B, N, D)
        columns = self.time_reducer(tokens.transpose(1, 2).unflatten(2, self.grid_size))[:, :, 0]  # (B, D, columns)
        waveform = self.pred_time(columns.transpose(1, 2)).flatten(1)  # (B, columns * samples)
        return self.pred_spec(tokens), waveform[:, : self.n_timepoints]
