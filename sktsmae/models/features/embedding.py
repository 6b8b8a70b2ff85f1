"""Embeddings by a pre-trained signal encoder, whose tokens are pooled to one vector per channel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from numbers import Integral
from typing import ClassVar

import torch
from torch import Tensor

from ...functional.pooling import POOLINGS, band_rows
from ...functional.thresholds import QUANTILES, quantile_thresholds
from ..signal_encoder import SignalEncoder
from .base import FeatureContext, Features

# Number of statistics of each token feature in each frequency band: the 12 statistics of `pool_bands` other than the
# fractions of time, and one fraction of time per threshold.
STATISTICS_PER_BAND = 12 + len(QUANTILES)
# Maximum number of signals from which thresholds are learned. With 16 columns of patches, 256 signals of one channel
# give 4096 values, and each threshold is a quantile of these values.
THRESHOLD_SIGNALS = 256
# Maximum number of token values in memory while thresholds are learned (512 MB).
_MAX_VALUES = 2**27


class EncoderEmbedding(Features):
    """The tokens of one or more layers of a signal encoder, pooled to one embedding per channel.

    Parameters
    ----------
    signal_encoder : SignalEncoder
        Maps signals to tokens.
    pooling : {"mean", "max", "cls", "bands"}, default="mean"
        How the tokens are pooled, a key of `functional.pooling.POOLINGS`.
    layers : collection of int, default=None
        The layers whose tokens are pooled, as in `Encoder.readout`: the tokens of layer i are the output of the first i
        blocks. None pools the output of the encoder.
    thresholds : Tensor of shape (2 + depth, bands * D, 8), default=None
        Thresholds of all layers for the pooling "bands", the result of `fit_all_layers`. None uses zeros.
    n_channels : int, default=1
        Number of channels M of a signal.

    Raises
    ------
    ValueError
        If `layers` is empty or contains a number that is not a layer of the encoder.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import EncoderEmbedding, SignalEncoder
    >>> signal_encoder = SignalEncoder.from_settings(signal_len=100, cwt_scales=16, embed_dim=32, depth=2, num_heads=2)
    >>> embedding = EncoderEmbedding(signal_encoder, "bands", (0, 2))
    >>> embedding(torch.randn(5, 3, 100)).shape
    torch.Size([5, 15360])
    """

    by_channel: ClassVar[bool] = True
    takes_spectrograms: ClassVar[bool] = True
    needs_encoder: ClassVar[bool] = True

    thresholds: Tensor

    def __init__(
        self,
        signal_encoder: SignalEncoder,
        pooling: str = "mean",
        layers: Collection[int] | None = None,
        thresholds: Tensor | None = None,
        n_channels: int = 1,
    ) -> None:
        super().__init__()
        depth = len(signal_encoder.encoder.blocks)
        if layers is not None and (
            len(layers) == 0 or any(not isinstance(layer, Integral) or not 0 <= layer <= depth for layer in layers)
        ):
            raise ValueError(f"readout_layers={layers!r}: give one or more whole numbers from 0 to depth={depth}.")
        self.signal_encoder = signal_encoder
        self.pooling = pooling
        self.layers = None if layers is None else sorted(set(layers))
        self.n_channels = n_channels
        indices = [1 + depth] if self.layers is None else self.layers
        if thresholds is None:
            thresholds = torch.zeros(self.all_thresholds_shape)
        self.register_buffer("thresholds", thresholds[indices])

    @classmethod
    def from_context(cls, context: FeatureContext) -> EncoderEmbedding:
        """Build the embedding of the encoder in a context.

        Parameters
        ----------
        context : FeatureContext
            The signal encoder, the pooling, the layers and the thresholds.

        Returns
        -------
        EncoderEmbedding
            The embedding.
        """
        assert context.signal_encoder is not None
        return cls(
            context.signal_encoder, context.pooling, context.layers, context.thresholds, n_channels=context.n_channels
        )

    @property
    def all_thresholds_shape(self) -> torch.Size:
        """Shape of the thresholds of all layers.

        Returns
        -------
        torch.Size
            (2 + depth, bands * D, 8).
        """
        encoder = self.signal_encoder.encoder
        return torch.Size((2 + len(encoder.blocks), encoder.grid_size[0] * encoder.embed_dim, len(QUANTILES)))

    @property
    def channel_features(self) -> int:
        """Length D' of the embedding of one channel.

        Returns
        -------
        int
            The length, which depends on the pooling and the layers.
        """
        width = self.signal_encoder.embed_dim
        if self.pooling == "bands":
            width *= STATISTICS_PER_BAND * self.signal_encoder.encoder.grid_size[0]
        return width * len(self.thresholds)

    @property
    def out_features(self) -> int:
        """Number of features of a signal.

        Returns
        -------
        int
            M * D'.
        """
        return self.n_channels * self.channel_features

    def feature_names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Return the names of the features of a signal.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            Not used.

        Returns
        -------
        list of str
            For example ``ch0_embedding12``.
        """
        numbers = range(self.channel_features)
        return [f"ch{channel}_embedding{number}" for channel in range(self.n_channels) for number in numbers]

    def batch_size(self, most: int, n_timepoints: int) -> int:
        """Return the number of signals to encode per batch.

        Parameters
        ----------
        most : int
            Maximum number of channels per batch, set by the user. The encoder processes each channel as a sequence, so
            the limit keeps a batch in the processor's cache. Without it, signals of eight channels took 1.5 times as
            long.
        n_timepoints : int
            Not used.

        Returns
        -------
        int
            At least 1.
        """
        return max(1, most // self.n_channels)

    def compute(self, x: Tensor) -> Tensor:
        """Embed signals.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.

        Returns
        -------
        Tensor of shape (B, M * D')
            The concatenated embeddings of the channels.
        """
        pool, grid = POOLINGS[self.pooling], self.signal_encoder.encoder.grid_size
        layers = zip(self.signal_encoder.layer_tokens(x, self.layers), self.thresholds, strict=True)
        pooled = torch.cat([pool(tokens, grid, thresholds) for tokens, thresholds in layers], dim=-1)  # (B * M, D')
        # len(x) instead of x.shape[0] would make B a constant in ONNX.
        embedding: Tensor = pooled.unflatten(0, (x.shape[0], -1)).flatten(1)
        return embedding

    def max_threshold_signals(self) -> int:
        """Return the maximum number of signals from which thresholds are learned.

        Returns
        -------
        int
            256, or fewer for a large encoder, so that the tokens of all layers take at most 512 MB.
        """
        encoder = self.signal_encoder.encoder
        values = (2 + len(encoder.blocks)) * self.n_channels * encoder.num_patches * encoder.embed_dim  # per signal
        return max(1, min(THRESHOLD_SIGNALS, _MAX_VALUES // values))

    def fit_all_layers(self, batches: Iterable[Tensor]) -> Tensor:
        """Learn the thresholds of all layers, and store those of the layers that are pooled.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Training signals or spectrograms.

        Returns
        -------
        Tensor of shape (2 + depth, bands * D, 8)
            Thresholds for the input of the first block, the output of each block, and the output of the encoder.
        """
        grid = self.signal_encoder.encoder.grid_size
        layer_values: list[list[Tensor]] = [[] for _ in range(2 + len(self.signal_encoder.encoder.blocks))]
        for batch in batches:
            for values, tokens in zip(layer_values, self.signal_encoder.all_layer_tokens(batch), strict=True):
                values.append(band_rows(tokens, grid).transpose(0, 1).flatten(1))  # (bands * D, B * M * columns)
        thresholds = torch.stack([quantile_thresholds(torch.cat(values, dim=1)) for values in layer_values])
        self.thresholds = thresholds[[len(thresholds) - 1] if self.layers is None else self.layers]
        return thresholds
