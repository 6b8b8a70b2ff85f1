"""The base class of the heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import nn


class Head(nn.Module, ABC):
    """Base class of the heads, which map the tokens of a signal to outputs such as the logits of its classes.

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
