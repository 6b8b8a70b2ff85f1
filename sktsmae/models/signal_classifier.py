"""The network for classification and regression: a signal encoder with a head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functional.masking import patch_dropout
from .encoder import Encoder
from .scalogram import Scalogram
from .signal_encoder import SignalEncoder


class SignalClassifier(nn.Module):
    """A signal encoder and a head on the patch tokens of all channels. It has no decoder.

    Parameters
    ----------
    signal_encoder : SignalEncoder
        Maps signals to tokens.
    head : nn.Module
        Maps tokens of shape (B, M * N, D), with N patches per channel, to outputs of shape (B, C).
    patch_drop_rate : float, default=0
        Fraction of the patches of a signal that are dropped at random in training.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import ResidualMLPHead, SignalClassifier, SignalEncoder
    >>> signal_encoder = SignalEncoder.from_settings(signal_len=100, cwt_scales=16, embed_dim=32, depth=1, num_heads=2)
    >>> model = SignalClassifier(signal_encoder, ResidualMLPHead(32, num_classes=5))
    >>> model(torch.randn(4, 100)).shape
    torch.Size([4, 5])
    """

    def __init__(self, signal_encoder: SignalEncoder, head: nn.Module, patch_drop_rate: float = 0.0) -> None:
        super().__init__()
        self.signal_encoder = signal_encoder
        self.head = head
        self.patch_drop_rate = patch_drop_rate

    @property
    def encoder(self) -> Encoder:
        """The encoder of the time-frequency images.

        Returns
        -------
        Encoder
            The encoder in `signal_encoder`.
        """
        return self.signal_encoder.encoder

    @property
    def scalogram(self) -> Scalogram:
        """The wavelet transform of signals to time-frequency images.

        Returns
        -------
        Scalogram
            The module `Scalogram` in `signal_encoder`.
        """
        return self.signal_encoder.scalogram

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs for signals.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms with V views and S scales per channel.

        Returns
        -------
        Tensor of shape (B, C)
            Logits of the classes, or predicted numbers.
        """
        logits: Tensor = self.head(self.tokens(x))
        return logits

    def tokens(self, x: Tensor) -> Tensor:
        """Encode signals to the tokens that are the input of the head.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms with V views and S scales per channel.

        Returns
        -------
        Tensor of shape (B, M * N, D)
            The patch tokens of all channels, channel after channel; fewer in training with patch dropout.
        """
        ids_keep = None
        if self.training and self.patch_drop_rate:
            noise = torch.rand(len(x), self.encoder.num_patches, device=x.device)
            ids_keep = patch_dropout(noise, self.patch_drop_rate)
        tokens: Tensor = self.signal_encoder(x, ids_keep)
        return tokens[:, :, 1:].flatten(1, 2)  # without the class tokens
