"""The mixins of all estimators: validation of X, device and pickling of the networks, and scikit-learn tags."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
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
            if not _is_on(network, device):
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


class EmbeddingMixin(SignalEstimatorMixin, ClassNamePrefixFeaturesOutMixin):
    """Mixin of estimators that transform signals to embeddings."""

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : None
            Ignored, because a single column of a table may contain whole signals.

        Returns
        -------
        ndarray of str
            The lower-case name of the class with a number.
        """
        names: np.ndarray = super().get_feature_names_out()
        return names


def _is_on(network: nn.Module, device: torch.device) -> bool:
    """Return whether all tensors are on a device, which takes a fraction of the time of `Module.to`."""
    return all(tensor.device == device for tensor in chain(network.parameters(), network.buffers()))
