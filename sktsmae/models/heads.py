"""Heads: the tokens of a signal to the scores of its class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..layers.mlp import MLP
from .encoder import require_positive


class LatentReasoningHead(nn.Module):
    """Learned reasoning tokens that read the patch tokens, talk among themselves, and decide by their mean.

    Parameters
    ----------
    embed_dim : int
        Embedding size D.
    num_classes : int
        Classes C.
    num_heads : int
        Attention heads, a divisor of `embed_dim`.
    num_reasoning_tokens : int, default=8
        How many tokens reason.
    dropout : float, default=0.1
        Share of values dropped in attention and feed-forward while training.

    References
    ----------
    The cross-attention of learned tokens is that of A. Jaegle et al., "Perceiver", ICML 2021.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import LatentReasoningHead
    >>> LatentReasoningHead(48, num_classes=5, num_heads=4)(torch.randn(2, 30, 48)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, embed_dim: int, num_classes: int, num_heads: int, num_reasoning_tokens: int = 8, dropout: float = 0.1
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes, num_reasoning_tokens=num_reasoning_tokens)
        self.reasoning_tokens = nn.Parameter(torch.empty(1, num_reasoning_tokens, embed_dim))
        self.cross_attn = nn.MultiheadAttention(embed_dim, num_heads, dropout, batch_first=True)
        self.norm1 = nn.LayerNorm(embed_dim)
        self.self_attn = nn.MultiheadAttention(embed_dim, num_heads, dropout, batch_first=True)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.mlp = MLP(embed_dim, 4 * embed_dim)
        self.norm3 = nn.LayerNorm(embed_dim)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(embed_dim, num_classes)
        nn.init.normal_(self.reasoning_tokens, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Score the classes.

        Parameters
        ----------
        tokens : Tensor of shape (B, N, D)
            Patch tokens of all channels.

        Returns
        -------
        Tensor of shape (B, C)
            Logits.
        """
        thought = self.reasoning_tokens.expand(tokens.shape[0], -1, -1)  # (B, R, D); len() would fix B in a graph
        thought = self.norm1(thought + self.cross_attn(thought, tokens, tokens, need_weights=False)[0])
        thought = self.norm2(thought + self.self_attn(thought, thought, thought, need_weights=False)[0])
        thought = self.norm3(thought + self.dropout(self.mlp(thought)))
        logits: Tensor = self.classifier(thought.mean(1))
        return logits


class ResidualBlock(nn.Module):
    """Layer norm and two linear layers, added to the input.

    Parameters
    ----------
    dim : int
        Size of the input and the output.
    dropout : float
        Share of values dropped while training.
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Parameters
        ----------
        x : Tensor of shape (B, dim)
            Features.

        Returns
        -------
        Tensor of shape (B, dim)
            Features.
        """
        x = x + self.dropout(self.fc2(self.dropout(self.act(self.fc1(self.norm(x))))))
        return x


class ResidualMLPHead(nn.Module):
    """Mean of the tokens, then a residual multi-layer perceptron.

    Parameters
    ----------
    embed_dim : int
        Embedding size D.
    num_classes : int
        Classes C.
    num_res_blocks : int, default=2
        Residual blocks.
    hidden_dim : int, default=512
        Their size.
    dropout : float, default=0.1
        Share of values dropped while training.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import ResidualMLPHead
    >>> ResidualMLPHead(48, num_classes=5)(torch.randn(2, 30, 48)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, embed_dim: int, num_classes: int, num_res_blocks: int = 2, hidden_dim: int = 512, dropout: float = 0.1
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes, hidden_dim=hidden_dim)
        self.norm_in = nn.LayerNorm(embed_dim)
        self.proj = nn.Linear(embed_dim, hidden_dim)
        self.act = nn.GELU()
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(ResidualBlock(hidden_dim, dropout) for _ in range(num_res_blocks)))
        self.norm = nn.LayerNorm(hidden_dim)
        self.classifier = nn.Linear(hidden_dim, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Score the classes.

        Parameters
        ----------
        tokens : Tensor of shape (B, N, D)
            Patch tokens of all channels.

        Returns
        -------
        Tensor of shape (B, C)
            Logits.
        """
        x = self.dropout(self.act(self.proj(self.norm_in(tokens.mean(1)))))
        logits: Tensor = self.classifier(self.norm(self.blocks(x)))
        return logits


class MultichannelHead(nn.Module):
    """Tells the channels' tokens apart before they meet: each channel has a projection of its own.

    All channels share one encoder, so without it a head could not know which channel a token comes from. The
    projections start near the identity.

    Parameters
    ----------
    head : nn.Module
        Maps tokens (B, M * N, D) to logits (B, C).
    num_channels : int
        Channels M.
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
        """Score the classes.

        Parameters
        ----------
        tokens : Tensor of shape (B, M * N, D)
            Patch tokens, channel after channel.

        Returns
        -------
        Tensor of shape (B, C)
            Logits.
        """
        channels = tokens.unflatten(1, (len(self.weight), -1))  # (B, M, N, D)
        logits: Tensor = self.head((channels @ self.weight).flatten(1, 2))
        return logits
