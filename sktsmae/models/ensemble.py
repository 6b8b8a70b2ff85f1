"""The ensemble of a linear probe on frozen features and a fine-tuned network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from .features import EncoderEmbedding
from .probe import LinearProbe
from .signal_classifier import SignalClassifier


class Ensemble(nn.Module):
    """Ensemble of a linear probe and a fine-tuned network: the weighted mean of their outputs.

    At most one of the two members may be None. For the pooling "bands", the ensemble also stores the thresholds with
    which the tokens of the fine-tuned encoder are pooled.

    Parameters
    ----------
    probe : LinearProbe or None
        Linear models on frozen features.
    network : SignalClassifier or None
        The fine-tuned network.
    output : nn.Module
        Module that is applied to the outputs of each member before they are averaged: softmax for classification, the
        identity for regression.
    pooling : str, default="mean"
        How the tokens of the network's encoder are pooled to an embedding, a key of `functional.pooling.POOLINGS`.
    layers : sequence of int or None, default=None
        Layers whose tokens are pooled, as in `EncoderEmbedding`. None pools the output of the encoder.
    n_channels : int, default=1
        Number of channels M of a signal.
    network_weight : float, default=0.5
        Weight of the network if there is also a probe.
    """

    thresholds: Tensor

    def __init__(
        self,
        probe: LinearProbe | None,
        network: SignalClassifier | None,
        output: nn.Module,
        pooling: str = "mean",
        layers: Sequence[int] | None = None,
        n_channels: int = 1,
        network_weight: float = 0.5,
    ) -> None:
        super().__init__()
        self.probe = probe
        self.network = network
        self.output = output
        self.pooling = pooling
        self.layers = layers
        self.n_channels = n_channels
        self.network_weight = network_weight
        if network is not None and pooling == "bands":
            # Thresholds for the fine-tuned encoder, zero until `fit_thresholds` is called. The thresholds
            # for the frozen encoder are in the probe.
            thresholds = EncoderEmbedding(network.signal_encoder, pooling, layers).thresholds
            self.register_buffer("thresholds", thresholds)

    @property
    def embedding(self) -> EncoderEmbedding:
        """The embedding by the fine-tuned encoder, or by the frozen encoder of the probe if there is no network.

        Returns
        -------
        EncoderEmbedding
            The embedding.
        """
        if self.network is None:
            assert self.probe is not None
            frozen_embedding: EncoderEmbedding = self.probe.features["embedding"]  # type: ignore[assignment]
            return frozen_embedding
        embedding = EncoderEmbedding(self.network.signal_encoder, self.pooling, self.layers, n_channels=self.n_channels)
        if self.pooling == "bands":
            embedding.thresholds = self.thresholds
        return embedding

    def fit_thresholds(self, batches: Iterable[Tensor]) -> None:
        """Learn the thresholds for the fine-tuned encoder, if there is one and the pooling is "bands".

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Training signals or spectrograms.
        """
        if self.network is not None and self.pooling == "bands":
            embedding = self.embedding
            embedding.fit_all_layers(batches)
            self.thresholds = embedding.thresholds

    def weight_of_models(self) -> dict[str, float]:
        """Return the weight of each model of the ensemble.

        Returns
        -------
        dict of str to float
            The weight of each linear model of the probe, by the name of its features (and its channel, if it uses a
            single one), and that of the network, by "network". The weights sum to 1.
        """
        if self.probe is None:
            return {"network": 1.0}
        weights = self.probe.weight_of_models()
        if self.network is None:
            return weights
        rest = 1 - self.network_weight
        return {**{name: rest * weight for name, weight in weights.items()}, "network": self.network_weight}

    def forward(self, x: Tensor) -> Tensor:
        """Predict from signals.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.

        Returns
        -------
        Tensor of shape (B, C)
            The weighted mean of the members' outputs: probabilities of the classes, or predicted numbers.
        """
        outputs: list[Tensor] = [self.output(member(x)) for member in (self.probe, self.network) if member is not None]
        return outputs[0] if len(outputs) == 1 else torch.lerp(outputs[0], outputs[1], self.network_weight)

    def batch_size(self, most: int, n_timepoints: int) -> int:
        """Return the number of signals to process per batch.

        Parameters
        ----------
        most : int
            Maximum number of channels per batch, set by the user.
        n_timepoints : int
            Length of the signals.

        Returns
        -------
        int
            At least 1.
        """
        size = max(1, most // self.n_channels)
        return size if self.probe is None else min(size, self.probe.batch_size(most, n_timepoints))
