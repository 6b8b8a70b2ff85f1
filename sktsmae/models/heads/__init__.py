"""Heads, which map the tokens of a signal to outputs such as the logits of its classes, one per module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from .base import Head
from .multichannel import MultichannelHead
from .reasoning import LatentReasoningHead
from .residual_mlp import ResidualMLPHead

__all__ = ["HEADS", "Head", "LatentReasoningHead", "MultichannelHead", "ResidualMLPHead", "build_head"]

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
        Values for all `setting_names` of the head. Other entries are ignored.

    Returns
    -------
    nn.Module
        The head, inside a `MultichannelHead` if there are several channels.
    """
    kind = HEADS[name]
    head_settings = {setting: settings[setting] for setting in kind.setting_names}
    head: nn.Module = kind.from_settings(embed_dim, num_outputs, num_heads, **head_settings)
    return head if num_channels == 1 else MultichannelHead(head, num_channels, embed_dim)
