"""The skorch net that trains all networks, with mixed precision, parameter groups and a check for divergence."""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNet

from .seeds import seeded


class Net(NeuralNet):
    """A skorch net with parameter groups, mixed precision and a check for divergence.

    Parameters
    ----------
    *args
        Arguments of `skorch.NeuralNet`.
    parameter_groups : list of dict
        Parameter groups of the optimizer, each with a learning rate and a weight decay.
    autocast : bool
        Whether to use automatic mixed precision with bfloat16.
    user_callbacks : list
        Callbacks from the user. The net keeps only these after training.
    **kwargs
        Arguments of `skorch.NeuralNet`.
    """

    def __init__(
        self,
        *args: Any,
        parameter_groups: list[dict[str, Any]],
        autocast: bool,
        user_callbacks: list[Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.parameter_groups = parameter_groups
        self.autocast = autocast
        self.user_callbacks = user_callbacks
        self.divergence = ""

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> Net:
        """Build the optimizer.

        Parameters
        ----------
        triggered_directly : bool, default=None
            Not used.

        Returns
        -------
        Net
            The net itself.
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
            The output of the module.
        """
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16, enabled=self.autocast):
            return self.apply_module(x, **fit_params)

    def apply_module(self, x: Any, **arguments: Any) -> Any:
        """Call the module.

        Parameters
        ----------
        x : Tensor
            The batch.
        **arguments
            Further arguments of the module.

        Returns
        -------
        Tensor
            The output of the module.
        """
        return super().infer(x, **arguments)

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Run one epoch. Validation uses the same random numbers in each epoch, so that epochs can be compared.

        If the weights are not finite after the epoch, the weights and the history from before the epoch are restored.

        Parameters
        ----------
        iterator : DataLoader
            The batches.
        training : bool
            Whether the epoch is a training epoch; False means validation.
        prefix : str
            Prefix of the names in the history.
        step_fn : callable
            Processes one batch.
        **fit_params
            Arguments of `step_fn`.

        Raises
        ------
        FloatingPointError
            If the training has diverged.
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
                f"training diverged in epoch {epoch}: weights are no longer finite. The weights from before that epoch "
                f"({epoch - 1} completed) are kept. Lower lr={self.lr:g}{'.' if clipped else ', or set gradient_clip.'}"
            )

    def raise_if_diverged(self) -> None:
        """Raise an error if the training diverged after its first epoch. The module has the last finite weights.

        Raises
        ------
        FloatingPointError
            If the training has diverged.
        """
        if self.divergence:
            raise FloatingPointError(self.divergence)

    def release(self) -> None:
        """Delete the optimizer, the built-in callbacks, the validation samples and the losses of each batch."""
        self.optimizer_ = None
        self.train_split = None
        self.iterator_valid__collate_fn = None
        self.parameter_groups = []
        self.callbacks = self.user_callbacks
        self.callbacks_: list[Any] = []
        for epoch in self.history:
            epoch.pop("batches", None)

    def __getstate__(self) -> dict[str, Any]:
        # NeuralNet.__getstate__ serialises the module to bytes. The estimator also refers to the module, so its pickle
        # would contain the weights twice.
        return {**self.__dict__, "device": "cpu"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
