"""The skorch callback that shows a progress bar."""

from __future__ import annotations

from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

from .progress_bar import progress_bar


class Progress(Callback):
    """A progress bar that shows the epoch, its losses and the remaining time, and advances after each batch.

    Parameters
    ----------
    description : str
        Text in front of the bar.
    epochs : int
        Number of epochs.
    batches : int
        Number of batches per epoch.
    """

    def __init__(self, description: str, epochs: int, batches: int) -> None:
        self.description = description
        self.epochs = epochs
        self.batches = batches

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Show the bar.

        Parameters
        ----------
        net : NeuralNet
            The net.
        X, y : object
            Not used.
        **kwargs
            Not used.
        """
        self.bar_ = progress_bar(self.description, self.epochs * self.batches, "batch", verbose=1)

    def on_epoch_begin(
        self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        """Show the number of the epoch.

        Parameters
        ----------
        net : NeuralNet
            The net.
        dataset_train, dataset_valid : object
            Not used.
        **kwargs
            Not used.
        """
        epoch = len(net.history)
        self.bar_.set_description(f"{self.description}, epoch {epoch}/{self.epochs}", refresh=False)
        self.bar_.update((epoch - 1) * self.batches - self.bar_.n)  # a resumed training skips epochs

    def on_batch_end(self, net: NeuralNet, batch: Any = None, training: bool | None = None, **kwargs: Any) -> None:
        """Advance the bar by one step.

        Parameters
        ----------
        net : NeuralNet
            The net.
        batch : object
            Not used.
        training : bool
            Whether the batch is a training batch; validation batches do not advance the bar.
        **kwargs
            Not used.
        """
        if training:
            self.bar_.update()

    def on_epoch_end(self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Show the losses.

        Parameters
        ----------
        net : NeuralNet
            The net.
        dataset_train, dataset_valid : object
            Not used.
        **kwargs
            Not used.
        """
        last = net.history[-1]
        self.bar_.set_postfix({key: f"{last[key]:.4f}" for key in ("train_loss", "valid_loss") if key in last})

    def close(self) -> None:
        """Close the bar and leave it on the screen."""
        if hasattr(self, "bar_"):
            self.bar_.close()
