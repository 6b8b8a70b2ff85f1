"""The mixins of all estimators: validation of X, device and pickling of the networks, and scikit-learn tags."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..signals.device import resolve_device
from ..signals.validation import check_signals


class SignalInputMixin:
    """Mixin of estimators that accept signals and contain fitted networks.

    The networks are moved to the device before they are used. They are moved to the CPU before they are pickled, so
    that the pickle loads without a GPU.
    """

    device: Any

    def _networks(self) -> list[nn.Module]:
        """Return the fitted networks."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        for network in self._networks():
            network.cpu()  # `_ready` moves it back to the device
        state: Any = super().__getstate__()
        return dict(state)

    def _ready(self, X: Any) -> tuple[np.ndarray, torch.device]:
        """Validate X and move the networks to the device, for a method that applies them to X."""
        check_is_fitted(self)
        X = check_signals(self, X, reset=False)
        device = resolve_device(self.device, fitted=True)
        for network in self._networks():
            network.to(device)
        return X, device

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags


class SignalEstimatorMixin(SignalInputMixin, TransformerMixin):
    """Mixin of estimators that accept signals, transform them and contain fitted networks."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
