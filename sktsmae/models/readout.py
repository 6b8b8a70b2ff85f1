"""Tokens of an encoder to one embedding a signal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor, nn

from ..functional.pooling import QUANTILES, quantile_thresholds
from .encoder import Encoder
from .scalogram import Scalogram

NUM_STATISTICS = 12 + len(QUANTILES)
# Signals that thresholds are taken from: their tokens are some 10,000 values a row.
THRESHOLD_SIGNALS = 256


def band_rows(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Put the time last.

    Parameters
    ----------
    tokens : Tensor of shape (B, 1 + N, D)
        The class token, which is dropped, and the tokens of the patches.
    grid : tuple of int
        Rows and columns of patches, N in all.

    Returns
    -------
    Tensor of shape (B, rows * D, columns)
        The course of each feature in each row of patches, a frequency band.
    """
    bands: Tensor = tokens[:, 1:].unflatten(1, grid)  # (B, rows, columns, D)
    return bands.transpose(2, 3).flatten(1, 2)


def pool_bands(tokens: Tensor, grid: tuple[int, int], thresholds: Tensor) -> Tensor:
    """Describe each feature in each row of patches, a frequency band, by statistics over time.

    Parameters
    ----------
    tokens : Tensor of shape (B, 1 + N, D)
        The class token, which has no part in it, and the tokens of the patches.
    grid : tuple of int
        Rows and columns of patches, N in all.
    thresholds : Tensor of shape (rows * D, 8)
        Quantiles of the features.

    Returns
    -------
    Tensor of shape (B, 20 * rows * D)
        The mean, maximum, minimum and standard deviation; the mean and maximum of each quarter; and the share of the
        time above each threshold.
    """
    rows, columns = grid
    bands: Tensor = tokens[:, 1:].unflatten(1, grid)  # (B, rows, columns, D): the features stay side by side in memory
    # Of a row of less than four columns the quarters share some.
    starts = [quarter * columns // 4 for quarter in range(4)]
    quarters = [bands[:, :, start : max(start + 1, stop)] for start, stop in pairwise([*starts, columns])]
    mean = bands.mean(2, keepdim=True)
    deviation = (bands - mean).square().mean(2).sqrt()  # torch.std takes ten times as long along this axis
    whole = [mean[:, :, 0], bands.amax(2), bands.amin(2), deviation]
    parts = [statistic for quarter in quarters for statistic in (quarter.mean(2), quarter.amax(2))]
    levels = thresholds.T.contiguous().unflatten(1, (rows, 1, -1))  # (8, rows, 1, D)
    above = torch.empty_like(bands, requires_grad=False)
    shares = [torch.gt(bands.detach(), level, out=above).mean(2) for level in levels]
    return torch.cat([*whole, *parts, *shares], dim=1).flatten(1)


# How the tokens (B, 1 + N, D) of a grid of patches become one embedding (B, D').
POOLINGS: dict[str, Callable[[Tensor, tuple[int, int], Tensor], Tensor]] = {
    "mean": lambda tokens, grid, thresholds: tokens[:, 1:].mean(1),
    "max": lambda tokens, grid, thresholds: tokens[:, 1:].amax(1),
    "cls": lambda tokens, grid, thresholds: tokens[:, 0],
    "bands": pool_bands,
}


def token_thresholds(scalogram: Scalogram, encoder: Encoder, batches: Iterable[Tensor]) -> Tensor:
    """Return the thresholds of an encoder's features, for all layers.

    Parameters
    ----------
    scalogram : Scalogram
        Makes the images.
    encoder : Encoder
        Makes the tokens.
    batches : iterable of Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
        Training signals or spectrograms.

    Returns
    -------
    Tensor of shape (2 + depth, rows * D, 8)
        Of the embedded patches, of each block's output, and of the encoder's.
    """
    values: list[list[Tensor]] = [[] for _ in range(2 + len(encoder.blocks))]
    for batch in batches:
        patches = encoder.patchify(scalogram(batch))
        outputs = [*encoder.readout(patches, range(1 + len(encoder.blocks))), encoder(patches)]
        for kept, tokens in zip(values, outputs, strict=True):
            kept.append(band_rows(tokens, encoder.grid_size).transpose(0, 1).flatten(1))  # (rows * D, B * M * columns)
    return torch.stack([quantile_thresholds(torch.cat(kept, dim=1)) for kept in values])


class Readout(nn.Module):
    """Signals to embeddings: scalogram, encoder, and the tokens of some layers pooled.

    Parameters
    ----------
    scalogram : Scalogram
        Makes the images.
    encoder : Encoder
        Makes the tokens.
    pooling : {"mean", "max", "cls", "bands"}, default="mean"
        How tokens become one embedding.
    layers : collection of int, default=None
        The layers whose tokens are pooled, as numbers of blocks passed; None for the encoder's output.
    thresholds : Tensor of shape (2 + depth, rows * D, 8), default=None
        From `token_thresholds`, for "bands"; None for zeros.

    Raises
    ------
    ValueError
        If the encoder has no such layer.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Readout
    >>> from sktsmae.models.encoder import build_encoder
    >>> readout = Readout(*build_encoder(100, 16, embed_dim=32, depth=2, num_heads=2), "bands", (0, 2))
    >>> readout(torch.randn(5, 3, 100)).shape
    torch.Size([5, 15360])
    """

    thresholds: Tensor

    def __init__(
        self,
        scalogram: Scalogram,
        encoder: Encoder,
        pooling: str = "mean",
        layers: Collection[int] | None = None,
        thresholds: Tensor | None = None,
    ) -> None:
        super().__init__()
        depth = len(encoder.blocks)
        if layers is not None and (
            len(layers) == 0 or any(not isinstance(layer, Integral) or not 0 <= layer <= depth for layer in layers)
        ):
            raise ValueError(f"readout_layers={layers!r}: give one or more whole numbers from 0 to depth={depth}.")
        self.scalogram = scalogram
        self.encoder = encoder
        self.pooling = pooling
        self.layers = None if layers is None else sorted(set(layers))
        kept = [1 + depth] if self.layers is None else self.layers
        if thresholds is None:
            thresholds = torch.zeros(self.all_thresholds_shape)
        self.register_buffer("thresholds", thresholds[kept])

    @property
    def all_thresholds_shape(self) -> torch.Size:
        """Shape of what `token_thresholds` returns for the encoder.

        Returns
        -------
        torch.Size
            Of all layers.
        """
        encoder = self.encoder
        return torch.Size((2 + len(encoder.blocks), encoder.grid_size[0] * encoder.embed_dim, len(QUANTILES)))

    @property
    def out_features(self) -> int:
        """Length D' of a channel's embedding.

        Returns
        -------
        int
            By the pooling and the layers.
        """
        width = self.encoder.embed_dim
        if self.pooling == "bands":
            width *= NUM_STATISTICS * self.encoder.grid_size[0]
        return width * len(self.thresholds)

    def forward(self, x: Tensor) -> Tensor:
        """Embed signals.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M, or spectrograms.

        Returns
        -------
        Tensor of shape (B, M * D')
            The embeddings of the channels, side by side.
        """
        patches = self.encoder.patchify(self.scalogram(x))  # (B * M, N, P)
        outputs = [self.encoder(patches)] if self.layers is None else self.encoder.readout(patches, self.layers)
        pool, grid = POOLINGS[self.pooling], self.encoder.grid_size
        each = zip(outputs, self.thresholds, strict=True)
        pooled = torch.cat([pool(tokens, grid, levels) for tokens, levels in each], dim=-1)  # (B * M, D')
        embedding: Tensor = pooled.unflatten(0, (x.shape[0], -1)).flatten(1)  # len(x) would fix the size in a graph
        return embedding
