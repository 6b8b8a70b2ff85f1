"""Heads, which map the tokens of a signal to outputs, such as the logits of its classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..layers.mlp import MLP
from .settings import require_positive


class Head(nn.Module, ABC):
    """Base class of the heads, which map the tokens of a signal to outputs.

    To add a head, write a subclass and add an entry to `HEADS`. Its method `from_settings` gets the embedding size, the
    number of outputs, the number of attention heads of the encoder, and the parameters of the estimator that
    `setting_names` lists.

    Attributes
    ----------
    setting_names : tuple of str
        Names of the settings, which are parameters of `MAEClassifier` and `MAERegressor`.
    """

    setting_names: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def from_settings(cls, embed_dim: int, num_outputs: int, num_heads: int, **settings: Any) -> Head:
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
            Values for `setting_names`.

        Returns
        -------
        Head
            The head with random weights.
        """


class LatentReasoningHead(Head):
    """Head with reasoning tokens that attend to the patch tokens and to each other.

    Reasoning tokens are learned queries. A linear layer classifies their mean.

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
            Patch tokens of all channels.

        Returns
        -------
        Tensor of shape (B, C)
            Logits of the classes, or predicted numbers.
        """
        # len(tokens) instead of tokens.shape[0] would make B a constant in ONNX.
        latents = self.reasoning_tokens.expand(tokens.shape[0], -1, -1)  # (B, R, D)
        latents = self.norm1(latents + self.cross_attn(latents, tokens, tokens, need_weights=False)[0])
        latents = self.norm2(latents + self.self_attn(latents, latents, latents, need_weights=False)[0])
        latents = self.norm3(latents + self.dropout(self.mlp(latents)))
        logits: Tensor = self.classifier(latents.mean(1))
        return logits


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
            Patch tokens of all channels.

        Returns
        -------
        Tensor of shape (B, C)
            Logits of the classes, or predicted numbers.
        """
        x = self.dropout(self.act(self.proj(self.norm_in(tokens.mean(1)))))
        logits: Tensor = self.classifier(self.norm(self.blocks(x)))
        return logits


class MultichannelHead(nn.Module):
    """Head for several channels, which first multiplies the tokens of each channel by a separate matrix.

    All channels share one encoder, so without these matrices a token would carry no information about its channel. The
    matrices are initialised near the identity.

    Parameters
    ----------
    head : nn.Module
        Maps tokens (B, M * N, D) to logits (B, C).
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
        channels = tokens.unflatten(1, (len(self.weight), -1))  # (B, M, N, D)
        logits: Tensor = self.head((channels @ self.weight).flatten(1, 2))
        return logits


# The available heads. The keys are the allowed values of the parameter `head` of the estimators.
HEADS: dict[str, type[Head]] = {"reasoning": LatentReasoningHead, "mlp": ResidualMLPHead}


def build_head(
    name: str, embed_dim: int, num_outputs: int, num_heads: int, num_channels: int, settings: Mapping[str, Any]
) -> nn.Module:
    """Build a head for signals of one or several channels.

    Parameters
    ----------
    name : str
        A key of `HEADS`.
    embed_dim : int
        Embedding size D.
    num_outputs : int
        Number of outputs C.
    num_heads : int
        Number of attention heads of the encoder.
    num_channels : int
        Number of channels M.
    settings : mapping
        Settings of the head. Other entries are ignored.

    Returns
    -------
    nn.Module
        The head, inside a `MultichannelHead` if there are several channels.
    """
    kind = HEADS[name]
    own = {setting: settings[setting] for setting in kind.setting_names}
    head: nn.Module = kind.from_settings(embed_dim, num_outputs, num_heads, **own)
    return head if num_channels == 1 else MultichannelHead(head, num_channels, embed_dim)
