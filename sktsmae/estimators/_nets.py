"""The loop of skorch, with what our trainings ask of it."""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor

from ._batches import PartOfBatch
from ._networks import num_channels
from ._processes import Processes
from ._seeds import seeded


class Net(NeuralNet):
    """The loop of skorch with grouped parameters and mixed precision.

    Parameters
    ----------
    *args
        Arguments of `skorch.NeuralNet`.
    parameter_groups : list of dict
        The optimiser's parameters, each group with its learning rate and weight decay.
    autocast : bool
        Whether to compute in bfloat16 where that is safe.
    **kwargs
        Arguments of `skorch.NeuralNet`.
    """

    def __init__(self, *args: Any, parameter_groups: list[dict[str, Any]], autocast: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parameter_groups = parameter_groups
        self.autocast = autocast

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> Net:
        """Build the optimiser.

        Parameters
        ----------
        triggered_directly : bool, default=None
            Unused.

        Returns
        -------
        Net
            Itself.
        """
        self.optimizer_ = self.optimizer(self.parameter_groups, fused=True)
        return self

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Apply the module to a batch.

        Parameters
        ----------
        x : Tensor
            The batch.
        **fit_params
            Arguments of the module's `forward`.

        Returns
        -------
        Tensor
            What the module returns; of several things the first, since skorch holds on to all until the next batch is
            through, and an autoencoder's images are large.
        """
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16, enabled=self.autocast):
            output = super().infer(x, **fit_params)
        return output[0] if isinstance(output, tuple) else output

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Run an epoch; one of validation draws the same random numbers each time, so that epochs compare.

        Once a loss is not finite, neither are the weights; then they and the history are set back by an epoch.

        Parameters
        ----------
        iterator : DataLoader
            The batches.
        training : bool
            Whether to train.
        prefix : str
            Stands before the names in the history.
        step_fn : callable
            Takes a batch.
        **fit_params
            Arguments of `step_fn`.

        Raises
        ------
        FloatingPointError
            If training has diverged.
        """
        if not training:
            with seeded(0, torch.device(self.device)):
                super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        before = {name: value.clone() for name, value in self.module_.state_dict().items()}
        super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        if not all(bool(torch.isfinite(weights).all()) for weights in self.module_.parameters()):
            self.module_.load_state_dict(before)
            epoch, clipped = len(self.history), "_clip" in dict(self.callbacks_)
            del self.history[-1]
            raise FloatingPointError(
                f"training diverged in epoch {epoch}: weights are no longer finite. What was learned in the epochs "
                f"before, {epoch - 1}, is kept. Lower lr={self.lr:g}"
                f"{'.' if clipped else ', or set gradient_clip.'}"
            )

    def release(self) -> None:
        """Drop what only training needs: optimiser, our callbacks, held-out samples, the records of single batches."""
        self.optimizer_ = None
        self.train_split = None
        self.iterator_valid__collate_fn = None
        self.parameter_groups = []
        given = vars(self)["callbacks"]
        self.callbacks = [each for each in given if not (isinstance(each, tuple) and each[0].startswith("_"))]
        self.callbacks_: list[Any] = []
        for epoch in self.history:
            epoch.pop("batches", None)

    def __getstate__(self) -> dict[str, Any]:
        # The module is pickled as it is, so that a pickle that holds it elsewhere too holds its weights once.
        return {**self.__dict__, "device": "cpu"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class SharingNet(Net):
    """A net that trains a `CWT_MAE_RoPE` together with others, each on its part of every batch.

    Every process draws what one alone would draw for the whole batch, and gradients and losses are means over its
    signals, so that all hold the same weights, and those that one process would come to. (Not quite with `decode_ratio`
    below 1, where signals have different numbers of hidden patches to rebuild, and with the loss of instances, which
    are recognised among those of a part.)

    Parameters
    ----------
    *args
        Arguments of `Net`.
    processes : Processes
        Those that train.
    **kwargs
        Arguments of `Net`.
    """

    def __init__(self, *args: Any, processes: Processes, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.processes = processes

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Apply the module to a part of a batch.

        Parameters
        ----------
        x : PartOfBatch
            The part.
        **fit_params
            Arguments of the module's `forward`.

        Returns
        -------
        Tensor
            What the module returns first.
        """
        if not isinstance(x, PartOfBatch):  # after training
            return super().infer(x, **fit_params)
        each = num_channels(x.part.shape[1:], self.module_.encoder)
        drawn = self.module_.draw(each * len(x), torch.device(self.device))
        own = slice(each * x.start, each * (x.start + len(x.part)))
        return super().infer(x.part, **{name: value[own] for name, value in drawn.items()}, **fit_params)

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
        """Compute the loss of a part, weighted so that the mean over the processes is the batch's.

        Parameters
        ----------
        y_pred, y_true : object
            As in `skorch.NeuralNet`.
        X : PartOfBatch
            The part.
        training : bool, default=False
            Whether in training.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        loss: Tensor = super().get_loss(y_pred, y_true, X=X, training=training)
        return loss * (self.processes.count * X.weight)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute a part's gradients, and average them with the others'.

        Parameters
        ----------
        batch : tuple
            A part of a batch, and its targets.
        **fit_params
            Arguments of the module's `forward`.

        Returns
        -------
        dict
            ``loss``, the batch's, and ``y_pred``.
        """
        step: dict[str, Any] = super().train_step_single(batch, **fit_params)
        gradients = [weights.grad for weights in self.module_.parameters() if weights.grad is not None]
        *means, step["loss"] = self.processes.means([*gradients, step["loss"].detach()])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean)
        return step

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute a part's loss, and average it with the others'.

        Parameters
        ----------
        batch : tuple
            A part of a batch, and its targets.
        **fit_params
            Arguments of the module's `forward`.

        Returns
        -------
        dict
            ``loss``, the batch's, and ``y_pred``.
        """
        step: dict[str, Any] = super().validation_step(batch, **fit_params)
        (step["loss"],) = self.processes.means([step["loss"]])
        return step
