"""The signal encoder, which maps signals to tokens: a scalogram and the encoder of its images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..functional.gaps import missing_channels
from .encoder import Encoder
from .positions import resample_pos_embed
from .restore import keep_new_mixing, load_matching
from .scalogram import Scalogram
from .settings import EncoderSettings
from .waveform import Waveform


class SignalEncoder(nn.Module):
    """A scalogram and the encoder of its images, as one module.

    Parameters
    ----------
    scalogram : Scalogram
        Transforms signals to images. A `Waveform` does so without a wavelet transform.
    encoder : Encoder
        Encodes the patches of these images.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import SignalEncoder
    >>> signal_encoder = SignalEncoder.from_settings(signal_len=100, cwt_scales=16, embed_dim=32, depth=2, num_heads=2)
    >>> signal_encoder(torch.randn(5, 3, 100)).shape
    torch.Size([5, 3, 9, 32])
    """

    def __init__(self, scalogram: Scalogram, encoder: Encoder) -> None:
        super().__init__()
        self.scalogram = scalogram
        self.encoder = encoder

    @classmethod
    def from_settings(cls, **settings: Any) -> SignalEncoder:
        """Build a scalogram and an encoder that fits it.

        Parameters
        ----------
        **settings
            Fields of `EncoderSettings`.

        Returns
        -------
        SignalEncoder
            The signal encoder with random weights.

        Raises
        ------
        ValueError
            If a setting is invalid. The message names it.
        """
        config = EncoderSettings(**settings)
        scalogram = _scalogram(config)
        image_size = (scalogram.num_views, len(scalogram.scales), config.signal_len)
        patch_size = (config.patch_size_freq, config.patch_size_time)
        encoder = Encoder(
            image_size,
            patch_size,
            config.embed_dim,
            config.depth,
            config.num_heads,
            config.mlp_ratio,
            config.mlp_rank_ratio,
            config.rope,
            config.channel_mixing,
            config.channel_layout,
        )
        return cls(scalogram, encoder)

    @property
    def embed_dim(self) -> int:
        """Embedding size D of a token.

        Returns
        -------
        int
            The embedding size.
        """
        return self.encoder.embed_dim

    @property
    def signal_len(self) -> int:
        """Number of samples T of an image.

        Returns
        -------
        int
            Length of the signals, or the length to which signals are resampled.
        """
        return self.encoder.image_size[2]

    def num_channels(self, sample_shape: tuple[int, ...]) -> int:
        """Return the number of channels of a sample.

        Parameters
        ----------
        sample_shape : tuple of int
            Shape of one sample: (T,), (M, T) or (M * V, S, T).

        Returns
        -------
        int
            Number of channels M.
        """
        channels = {1: 1, 2: sample_shape[0], 3: sample_shape[0] // self.scalogram.num_views}  # by the number of axes
        return channels[len(sample_shape)]

    def patches(self, x: Tensor) -> Tensor:
        """Cut the images of signals into patches.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.

        Returns
        -------
        Tensor of shape (B * M, N, V * scales * samples)
            The patches of each channel.
        """
        return self.encoder.patchify(self.scalogram(x))

    def forward(self, x: Tensor, ids_keep: Tensor | None = None) -> Tensor:
        """Encode the patches of every channel.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.
        ids_keep : Tensor of shape (B, K), int64, default=None
            Indices of the patches to encode, the same for all channels of a signal. None encodes all N patches.

        Returns
        -------
        Tensor of shape (B, M, 1 + K, D)
            The class token and the patch tokens of each channel; NaN for a channel without values.
        """
        inputs = self._encoder_inputs(x)
        num_channels = inputs["num_channels"]
        ids_keep = None if ids_keep is None else ids_keep.repeat_interleave(num_channels, dim=0)  # (B * M, K)
        tokens = self.encoder(**inputs, ids_keep=ids_keep)  # (B * M, 1 + K, D)
        channels: Tensor = tokens.unflatten(0, (-1, num_channels))  # (B, M, 1 + K, D)
        missing = inputs["missing"]
        return channels if missing is None else channels.masked_fill(missing[..., None, None], torch.nan)

    def layer_tokens(self, x: Tensor, layers: Collection[int] | None) -> list[Tensor]:
        """Return the tokens of the given layers.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.
        layers : collection of int or None
            The layers, as in `Encoder.readout`. None returns only the output of the encoder.

        Returns
        -------
        list of Tensor of shape (B * M, 1 + N, D)
            The class token and the patch tokens of each layer.
        """
        inputs = self._encoder_inputs(x)
        return [self.encoder(**inputs)] if layers is None else self.encoder.readout(layers=layers, **inputs)

    def all_layer_tokens(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the tokens of every layer.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.

        Yields
        ------
        Tensor of shape (B * M, 1 + N, D)
            The input of the first block, the output of each block, and the output of the encoder.
        """
        inputs = self._encoder_inputs(x)
        yield from self.encoder.readout(layers=range(1 + len(self.encoder.blocks)), **inputs)
        yield self.encoder(**inputs)

    def load_encoder(self, state: Mapping[str, Tensor], source: object) -> None:
        """Load the weights of an encoder; resample its position embedding if the length of the signals differs.

        Layers that mix channels keep their initial weights if the loaded encoder has no such layers.

        Parameters
        ----------
        state : mapping of str to Tensor
            A state dict with names ``signal_encoder.encoder.*``. Other tensors are ignored.
        source : object
            Name of the source in error messages.

        Raises
        ------
        ValueError
            If a tensor does not fit. The message names it.
        """
        prefix = "signal_encoder.encoder."
        weights = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        rows, columns = self.encoder.grid_size
        # The shape of a position embedding shows the number of patches, but not the number of their rows, which is the
        # height of a convolution kernel in the decoder. Without a decoder, the number of rows is assumed to be equal.
        kernel = state.get("decoder.time_reducer.0.weight")  # (D, D, rows, 1)
        old_rows = rows if kernel is None else kernel.shape[2]
        weight = weights.get("patch_embed.proj.weight")
        if old_rows != rows and weight is not None and weight.shape == self.encoder.patch_embed.proj.weight.shape:
            raise ValueError(
                f"{source}: its images have {old_rows} rows of patches, but these settings give {rows}; use the "
                "values of cwt_scales and patch_size_freq that were used in pre-training."
            )
        if "pos_embed" in weights and (weights["pos_embed"].shape[1] - 1) % old_rows == 0:
            old_grid = (old_rows, (weights["pos_embed"].shape[1] - 1) // old_rows)
            weights["pos_embed"] = resample_pos_embed(weights["pos_embed"], old_grid, (old_rows, columns))
        load_matching(self.encoder, keep_new_mixing(self.encoder, weights), source)

    def _encoder_inputs(self, x: Tensor) -> dict[str, Any]:
        return {
            "patches": self.patches(x),
            "num_channels": self.num_channels(x.shape[1:]),
            "missing": missing_channels(x),
        }


def _scalogram(config: EncoderSettings) -> Scalogram:
    """Return the transform of signals to images that the settings describe."""
    resample_to = config.signal_len if config.resample else None
    if config.representation == "waveform":
        return Waveform(resample_to)
    return Scalogram(
        config.cwt_scales,
        config.diff_orders,
        config.standardize,
        config.boundary,
        resample_to,
        config.wavelet,
        config.w0,
    )


def copy_for_length(signal_encoder: SignalEncoder, settings: Mapping[str, Any], signal_len: int) -> SignalEncoder:
    """Return a signal encoder with the same weights for signals of the given length.

    Parameters
    ----------
    signal_encoder : SignalEncoder
        The signal encoder.
    settings : mapping
        The settings of the signal encoder: all fields of `EncoderSettings`.
    signal_len : int
        Length of the signals.

    Returns
    -------
    SignalEncoder
        The same object if it accepts that length, and a copy with a resampled position embedding otherwise.
    """
    if settings["resample"] or settings["signal_len"] == signal_len:
        return signal_encoder
    copied = SignalEncoder.from_settings(**{**settings, "signal_len": signal_len})
    state = {f"signal_encoder.{name}": tensor for name, tensor in signal_encoder.state_dict().items()}
    copied.load_encoder(state, "pretrainer")
    return copied
