"""The base class of the heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class Head(nn.Module, ABC):
    """Base class of the heads, which map the tokens of a signal to outputs such as the logits of its classes.

    The tokens of a channel without values are NaN. `split_missing` tells which these are.

    To add a head, write a subclass in a new file of this folder and add an entry to `HEADS`.

    Attributes
    ----------
    setting_names : tuple of str
        Names of the parameters of `MAEClassifier` and `MAERegressor` that are passed to `from_settings`.
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
            The values of all `setting_names`.

        Returns
        -------
        Head
            The head with random weights.
        """


def split_missing(tokens: Tensor) -> tuple[Tensor, Tensor | None]:
    """Find the tokens of channels without values.

    Parameters
    ----------
    tokens : Tensor of shape (B, N, D)
        Patch tokens of all channels; NaN for channels without values.

    Returns
    -------
    tokens : Tensor of shape (B, N, D)
        The tokens, with zeros in place of NaN.
    missing : Tensor of shape (B, N), bool, or None
        True for the tokens of channels without values; None if there are none, and in an ONNX graph.
    """
    if torch.onnx.is_in_onnx_export():
        return tokens, None
    missing = tokens[..., 0].isnan()
    if not bool(missing.any()):
        return tokens, None
    return torch.where(missing[..., None], 0, tokens), missing
