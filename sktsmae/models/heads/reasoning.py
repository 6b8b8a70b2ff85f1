"""The head with latent reasoning tokens, which attend to the patch tokens."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...layers.mlp import MLP
from ..require_positive import require_positive
from .base import Head, split_missing


class LatentReasoningHead(Head):
    """Head with reasoning tokens, which are learned queries that attend to the patch tokens and to each other.

    A linear layer maps the mean of the reasoning tokens to the outputs.

    Parameters
    ----------
    embed_dim : int
        Embedding size D.
    num_classes : int
        Number of classes C.
    num_heads : int
        Number of attention heads, a divisor of `embed_dim`.
    num_reasoning_tokens : int, default=8
        Number of reasoning tokens.
    dropout : float, default=0.1
        Dropout probability in the attention and feed-forward layers.

    References
    ----------
    A. Jaegle et al., "Perceiver: general perception with iterative attention", ICML 2021 (cross-attention of learned
    tokens).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import LatentReasoningHead
    >>> LatentReasoningHead(48, num_classes=5, num_heads=4)(torch.randn(2, 30, 48)).shape
    torch.Size([2, 5])
    """

    setting_names: ClassVar[tuple[str, ...]] = ("num_reasoning_tokens", "dropout")

    @classmethod
    def from_settings(cls, embed_dim: int, num_outputs: int, num_heads: int, **settings: Any) -> LatentReasoningHead:
        """Build the head.

        Parameters
        ----------
        embed_dim : int
            Embedding size D.
        num_outputs : int
            Number of outputs C.
        num_heads : int
            Number of attention heads of the encoder.
        **settings
            `num_reasoning_tokens` and `dropout`.

        Returns
        -------
        LatentReasoningHead
            The head with random weights.
        """
        return cls(embed_dim, num_outputs, num_heads, **settings)

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
        """Compute the outputs.

        Parameters
        ----------
        tokens : Tensor of shape (B, N, D)
            Patch tokens of all channels; NaN for channels without values.

        Returns
        -------
        Tensor of shape (B, C)
            Logits of the classes, or predicted numbers.
        """
        tokens, missing = split_missing(tokens)
        # len(tokens) instead of tokens.shape[0] would make B a constant in ONNX.
        latents = self.reasoning_tokens.expand(tokens.shape[0], -1, -1)  # (B, reasoning tokens, D)
        latents = self.norm1(latents + self.cross_attn(latents, tokens, tokens, missing, need_weights=False)[0])
        latents = self.norm2(latents + self.self_attn(latents, latents, latents, need_weights=False)[0])
        latents = self.norm3(latents + self.dropout(self.mlp(latents)))
        logits: Tensor = self.classifier(latents.mean(1))
        return logits
