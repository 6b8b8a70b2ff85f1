"""The head for signals of several channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .base import split_missing


class MultichannelHead(nn.Module):
    """Head for several channels, which multiplies the tokens of each channel by a learned matrix of that channel.

    Another head is then applied to the tokens of all channels. All channels share one encoder, so without the matrices
    a token would carry no information about its channel. The matrices are initialised near the identity.

    Parameters
    ----------
    head : nn.Module
        Maps tokens of shape (B, M * N, D) to outputs of shape (B, C).
    num_channels : int
        Number of channels M.
    embed_dim : int
        Embedding size D.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import MultichannelHead, ResidualMLPHead
    >>> MultichannelHead(ResidualMLPHead(48, num_classes=5), 6, 48)(torch.randn(2, 6 * 30, 48)).shape
    torch.Size([2, 5])
    """

    def __init__(self, head: nn.Module, num_channels: int, embed_dim: int) -> None:
        super().__init__()
        self.head = head
        self.weight = nn.Parameter(torch.eye(embed_dim).repeat(num_channels, 1, 1))  # (M, D, D)
        with torch.no_grad():
            self.weight.add_(0.02 * torch.randn_like(self.weight))

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute the outputs.

        Parameters
        ----------
        tokens : Tensor of shape (B, M * N, D)
            Patch tokens, channel after channel.

        Returns
        -------
        Tensor of shape (B, C)
            Logits of the classes, or predicted numbers.
        """
        tokens, missing = split_missing(tokens)
        channels = tokens.unflatten(1, (len(self.weight), -1))  # (B, M, N, D)
        tokens = (channels @ self.weight).flatten(1, 2)
        logits: Tensor = self.head(tokens if missing is None else tokens.masked_fill(missing[..., None], torch.nan))
        return logits
