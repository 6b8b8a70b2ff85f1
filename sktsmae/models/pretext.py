"""The base class of pretext tasks, which train a signal encoder on unlabelled signals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from .encoder import Encoder
from .scalogram import Scalogram
from .settings import EncoderSettings
from .signal_encoder import SignalEncoder


class PretextTask(nn.Module, ABC):
    """Base class of pretext tasks: a signal encoder and a self-supervised loss per signal.

    To add a pretext task, write a subclass in a new file and add an entry to `models.pretext_tasks.PRETEXT_TASKS`. The
    constructor of the subclass takes the fields of `settings_class` as keyword arguments. `MAEPretrainer` passes the
    values of its parameters that have the same names as these fields.

    Parameters
    ----------
    settings : EncoderSettings
        The settings, an instance of `settings_class`.

    Attributes
    ----------
    settings : dict
        The settings, as JSON-serialisable values.
    signal_encoder : SignalEncoder
        The signal encoder that is trained.
    """

    settings_class: ClassVar[type[EncoderSettings]] = EncoderSettings

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.settings = settings.to_dict()
        self.signal_encoder = SignalEncoder.from_settings(**EncoderSettings.among(self.settings).to_dict())

    @property
    def encoder(self) -> Encoder:
        """The encoder of the images.

        Returns
        -------
        Encoder
            The encoder in `signal_encoder`.
        """
        return self.signal_encoder.encoder

    @property
    def scalogram(self) -> Scalogram:
        """The transform of signals to images.

        Returns
        -------
        Scalogram
            The scalogram in `signal_encoder`.
        """
        return self.signal_encoder.scalogram

    def load_encoder(self, state: Mapping[str, Tensor], source: object) -> None:
        """Load the weights of an encoder, from which the training continues.

        Parameters
        ----------
        state : mapping of str to Tensor
            As in `SignalEncoder.load_encoder`.
        source : object
            Name of the source in error messages.

        Raises
        ------
        ValueError
            If a tensor does not fit. The message names it.
        """
        self.signal_encoder.load_encoder(state, source)

    @abstractmethod
    def draw(self, count: int, device: torch.device | None = None) -> dict[str, Tensor]:
        """Draw the random tensors that `signal_losses` uses.

        Parameters
        ----------
        count : int
            Number of images B * M.
        device : torch.device, default=None
            Device of the tensors. None uses torch's default device.

        Returns
        -------
        dict of str to Tensor
            Tensors by name, with one row per image.
        """

    @abstractmethod
    def signal_losses(self, x: Tensor, drawn: Mapping[str, Tensor] | None = None) -> Tensor:
        """Compute the loss of each signal.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.
        drawn : mapping of str to Tensor, default=None
            The result of `draw`. None calls `draw`.

        Returns
        -------
        Tensor of shape (B,), float32
            One loss per signal.
        """
