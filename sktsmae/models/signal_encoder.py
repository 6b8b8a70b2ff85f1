"""The signal encoder, which maps signals to tokens: a scalogram and the encoder of its images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from .encoder import Encoder
from .positions import resample_pos_embed
from .restore import load_matching
from .scalogram import Scalogram
from .settings import EncoderSettings


class SignalEncoder(nn.Module):
    """A scalogram and the encoder of its images, as one module.

    Parameters
    ----------
    scalogram : Scalogram
        Transforms signals to images.
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
            The module with random weights.

        Raises
        ------
        ValueError
            If a setting is invalid. The message names it.
        """
        given = EncoderSettings(**settings)
        resample_to = given.signal_len if given.resample else None
        scalogram = Scalogram(given.cwt_scales, given.diff_orders, given.standardize, given.boundary, resample_to)
        image_size = (scalogram.num_views, len(scalogram.scales), given.signal_len)
        patch_size = (given.patch_size_freq, given.patch_size_time)
        encoder = Encoder(
            image_size,
            patch_size,
            given.embed_dim,
            given.depth,
            given.num_heads,
            given.mlp_ratio,
            given.mlp_rank_ratio,
            given.rope,
        )
        return cls(scalogram, encoder)

    @property
    def embed_dim(self) -> int:
        """Embedding size D of a token.

        Returns
        -------
        int
            The size.
        """
        return self.encoder.embed_dim

    @property
    def signal_len(self) -> int:
        """Number of samples T of an image.

        Returns
        -------
        int
            Length of the signals, or the length that they are resampled to.
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
        by_axes = {1: 1, 2: sample_shape[0], 3: sample_shape[0] // self.scalogram.num_views}
        return by_axes[len(sample_shape)]

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

    def forward(self, x: Tensor) -> Tensor:
        """Encode all patches of every channel.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.

        Returns
        -------
        Tensor of shape (B, M, 1 + N, D)
            The class token and the patch tokens of each channel.
        """
        tokens = self.encoder(self.patches(x))  # (B * M, 1 + N, D)
        # len(x) instead of x.shape[0] would make B a constant in ONNX.
        channels: Tensor = tokens.unflatten(0, (x.shape[0], -1))  # (B, M, 1 + N, D)
        return channels

    def layer_tokens(self, x: Tensor, layers: Collection[int] | None) -> list[Tensor]:
        """Return the tokens of the given layers.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.
        layers : collection of int or None
            The layers, each given as the number of blocks that its tokens have passed. None returns only the
            output of the encoder.

        Returns
        -------
        list of Tensor of shape (B * M, 1 + N, D)
            The class token and the patch tokens of each layer.
        """
        patches = self.patches(x)
        return [self.encoder(patches)] if layers is None else self.encoder.readout(patches, layers)

    def all_layer_tokens(self, x: Tensor) -> Iterator[Tensor]:
        """Return the tokens of every layer.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.

        Yields
        ------
        Tensor of shape (B * M, 1 + N, D)
            The tokens of the embedded patches, of each block's output, and of the encoder's output.
        """
        patches = self.patches(x)
        yield from self.encoder.readout(patches, range(1 + len(self.encoder.blocks)))
        yield self.encoder(patches)

    def load_encoder(self, state: Mapping[str, Tensor], source: object) -> None:
        """Load the weights of an encoder; resample its position embedding if the length of the signals differs.

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
        own = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        rows, columns = self.encoder.grid_size
        reducer = state.get("decoder.time_reducer.0.weight")  # (D, D, rows, 1), in a file with a decoder
        old_rows = rows if reducer is None else reducer.shape[2]
        weight = own.get("patch_embed.proj.weight")
        if old_rows != rows and weight is not None and weight.shape == self.encoder.patch_embed.proj.weight.shape:
            raise ValueError(
                f"{source}: its images have {old_rows} rows of patches, but these settings give {rows}; use the "
                "values of cwt_scales and patch_size_freq that were used in pre-training."
            )
        if "pos_embed" in own and (own["pos_embed"].shape[1] - 1) % old_rows == 0:
            old_grid = (old_rows, (own["pos_embed"].shape[1] - 1) // old_rows)
            own["pos_embed"] = resample_pos_embed(own["pos_embed"], old_grid, (old_rows, columns))
        load_matching(self.encoder, own, source)


def copy_for_length(signal_encoder: SignalEncoder, settings: Mapping[str, Any], signal_len: int) -> SignalEncoder:
    """Return a signal encoder for signals of another length, with the same weights.

    Parameters
    ----------
    signal_encoder : SignalEncoder
        The encoder.
    settings : mapping
        Its settings, fields of `EncoderSettings`.
    signal_len : int
        Length of the signals.

    Returns
    -------
    SignalEncoder
        The encoder itself if it accepts that length, and a copy with resampled position embedding otherwise.
    """
    if settings["resample"] or settings["signal_len"] == signal_len:
        return signal_encoder
    copied = SignalEncoder.from_settings(**{**settings, "signal_len": signal_len})
    state = {f"signal_encoder.{name}": tensor for name, tensor in signal_encoder.state_dict().items()}
    copied.load_encoder(state, "pretrainer")
    return copied
