"""The base class of the heads, which map the tokens of a signal to outputs, such as the logits of its classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import nn


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
