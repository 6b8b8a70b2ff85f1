"""The masked autoencoder that also predicts latent targets, which a moving average of its encoder computes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..functional.gaps import missing_channels
from ..functional.losses import latent_loss
from ..functional.patches import take_tokens
from .encoder import Encoder
from .mae import CWT_MAE_RoPE, Reconstruction
from .restore import load_matching

# Decay of the moving average of the weights. With a lower decay in the first steps, short trainings from pre-trained
# weights made the features worse (`tests/benchmarks/learning.md`).
AVERAGE_DECAY = 0.998


class LatentMAE(CWT_MAE_RoPE):
    """Masked autoencoder that also predicts the tokens of masked patches, as in data2vec and I-JEPA.

    A student encodes the visible patches. From its tokens the decoder predicts latent targets: the mean of the tokens
    of the upper half of the blocks of a teacher, which encodes all patches. The weights of the teacher are an
    exponential moving average of the student's weights. After the training, the teacher is the encoder that is used.
    The decoder also learns to reconstruct the patches and the waveform, but this does not change the encoder.

    Parameters
    ----------
    **settings
        Fields of `MAESettings`.

    Attributes
    ----------
    settings : dict
        The settings, as JSON-serialisable values.
    signal_encoder : SignalEncoder
        The scalogram and the teacher.
    student : Encoder
        The encoder that is trained by gradients.
    decoder : Decoder
        The decoder.
    pred_latent : nn.Linear
        Predicts the latent targets from the tokens of the decoder.

    References
    ----------
    A. Baevski et al., "data2vec: a general framework for self-supervised learning in speech, vision and language",
    ICML 2022.

    M. Assran et al., "Self-supervised learning from images with a joint-embedding predictive architecture", CVPR 2023.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import LatentMAE
    >>> model = LatentMAE(signal_len=500, embed_dim=96, depth=2, num_heads=4,
    ...                   decoder_embed_dim=64, decoder_depth=1, decoder_num_heads=4)
    >>> model.signal_losses(torch.randn(8, 500)).shape
    torch.Size([8])
    """

    reconstruction_trains_encoder = False

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.student = copy.deepcopy(self.encoder)
        self.encoder.requires_grad_(False)
        self.pred_latent = nn.Linear(self.settings["decoder_embed_dim"], self.encoder.embed_dim)

    @property
    def visible_encoder(self) -> Encoder:
        """The encoder of the visible patches.

        Returns
        -------
        Encoder
            The student in training mode, and the teacher in evaluation mode.
        """
        return self.student if self.training else self.encoder

    def load_encoder(self, state: Mapping[str, Tensor], source: object) -> None:
        """Load the weights of an encoder into the student and the teacher.

        Parameters
        ----------
        state : mapping of str to Tensor
            As in `SignalEncoder.load_encoder`.
        source : object
            Name of the source in error messages.
        """
        super().load_encoder(state, source)
        load_matching(self.student, self.encoder.state_dict(), source)

    def signal_losses(self, x: Tensor, drawn: Mapping[str, Tensor] | None = None) -> Tensor:
        """Mask patches, predict them, and compute the loss of each signal. In training mode, first update the average.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.
        drawn : mapping of str to Tensor, default=None
            The result of `draw`. None calls `draw`.

        Returns
        -------
        Tensor of shape (B,), float32
            The reconstruction loss of `CWT_MAE_RoPE` plus the loss of the latent targets.
        """
        if self.training:
            self._update_average()
        return super().signal_losses(x, drawn)

    def channel_losses(self, out: Reconstruction, x: Tensor) -> Tensor:
        """Compute the loss of each channel.

        Parameters
        ----------
        out : Reconstruction
            From `reconstruct`.
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            The signals or spectrograms from which the images were computed.

        Returns
        -------
        Tensor of shape (B * M,), float32
            The reconstruction loss plus the loss of the latent targets.
        """
        num_channels, missing = self.signal_encoder.num_channels(x.shape[1:]), missing_channels(x)
        targets = self.latent_targets(out.image, num_channels, missing)
        if out.columns is not None:
            targets = take_tokens(targets, self.decoder.patches_of(out.columns))
        latents = self.pred_latent(self.decoder.tokens(out.latent, out.ids_restore, out.columns))
        return super().channel_losses(out, x) + latent_loss(latents, targets, out.mask, out.num_masked)

    @torch.no_grad()
    def latent_targets(self, image: Tensor, num_channels: int = 1, missing: Tensor | None = None) -> Tensor:
        """Compute the latent targets of all patches.

        Parameters
        ----------
        image : Tensor of shape (B, V, S, T)
            Standardised images.
        num_channels : int, default=1
            Number of channels M of a signal, as in `Encoder`.
        missing : Tensor of shape (B / M, M), bool, default=None
            True for a channel without values. None if there is none.

        Returns
        -------
        Tensor of shape (B, N, D)
            The mean of the tokens of the upper half of the teacher's blocks, each standardised over its features.
        """
        depth = len(self.encoder.blocks)
        upper_half = range(depth // 2 + 1, depth + 1)
        layers = self.encoder.readout(self.encoder.patchify(image), upper_half, num_channels, missing)
        mean = torch.stack(layers).mean(0)[:, 1:]  # (B, N, D)
        return F.layer_norm(mean, mean.shape[-1:])

    @torch.no_grad()
    def _update_average(self) -> None:
        pairs = zip(self.encoder.parameters(), self.student.parameters(), strict=True)
        for average, weights in pairs:
            average.lerp_(weights, 1 - AVERAGE_DECAY)
