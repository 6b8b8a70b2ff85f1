"""The head that averages the tokens and applies a residual multi-layer perceptron (MLP)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from ..require_positive import require_positive
from .base import Head, split_missing


class ResidualBlock(nn.Module):
    """Residual block: a layer norm and two linear layers, whose output is added to the input.

    Parameters
    ----------
    dim : int
        Size of the input and the output.
    dropout : float
        Dropout probability.
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


class ResidualMLPHead(Head):
    """Head that averages the tokens and applies a residual multi-layer perceptron (MLP).

    Parameters
    ----------
    embed_dim : int
        Embedding size D.
    num_classes : int
        Number of classes C.
    num_res_blocks : int, default=2
        Number of residual blocks.
    hidden_dim : int, default=512
        Size of the residual blocks.
    dropout : float, default=0.1
        Dropout probability.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import ResidualMLPHead
    >>> ResidualMLPHead(48, num_classes=5)(torch.randn(2, 30, 48)).shape
    torch.Size([2, 5])
    """

    setting_names: ClassVar[tuple[str, ...]] = ("num_res_blocks", "hidden_dim", "dropout")

    @classmethod
    def from_settings(cls, embed_dim: int, num_outputs: int, num_heads: int, **settings: Any) -> ResidualMLPHead:
        """Build the head.

        Parameters
        ----------
        embed_dim : int
            Embedding size D.
        num_outputs : int
            Number of outputs C.
        num_heads : int
            Not used.
        **settings
            `num_res_blocks`, `hidden_dim` and `dropout`.

        Returns
        -------
        ResidualMLPHead
            The head with random weights.
        """
        return cls(embed_dim, num_outputs, **settings)

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
        mean = tokens.mean(1)
        if missing is not None:
            mean = mean / (~missing).float().mean(1, keepdim=True)
        x = self.dropout(self.act(self.proj(self.norm_in(mean))))
        logits: Tensor = self.classifier(self.norm(self.blocks(x)))
        return logits
