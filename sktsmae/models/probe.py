"""Linear probes: models on frozen features, whose outputs are combined by mixture weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from .features import FEATURES, FeatureContext, Features
from .piecewise_linear import PiecewiseLinear


class ModelInput(NamedTuple):
    """The features that a linear model of a probe uses.

    Attributes
    ----------
    kinds : list of str
        Names of the kinds of features.
    channel : int or None
        The channel whose features are used. None means all channels.
    """

    kinds: list[str]
    channel: int | None = None


class LinearProbe(nn.Module):
    """Models on frozen features, whose outputs are averaged with mixture weights.

    Each model is linear in the standardised features and in their absolute values (`PiecewiseLinear`).

    Parameters
    ----------
    features : mapping of str to Features
        One or more kinds of features, by name.
    num_outputs : int
        Number of outputs C.
    inputs : sequence of ModelInput, default=None
        The features that each linear model uses. None uses `model_inputs`.

    References
    ----------
    G. Alain and Y. Bengio, "Understanding intermediate layers using linear classifier probes", 2016.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import LinearProbe, SummaryStatistics
    >>> probe = LinearProbe({"summary": SummaryStatistics(2)}, num_outputs=1)
    >>> probe(torch.randn(5, 2, 100)).shape
    torch.Size([5, 1])
    """

    # Largest absolute value of a standardised feature. A regressor has to extrapolate, so it has none.
    limit: ClassVar[float] = float("inf")

    mixture_weights: Tensor

    def __init__(
        self, features: Mapping[str, Features], num_outputs: int, inputs: Sequence[ModelInput] | None = None
    ) -> None:
        super().__init__()
        self.features = nn.ModuleDict(features)
        self.inputs = model_inputs(features) if inputs is None else [ModelInput(*model_input) for model_input in inputs]
        columns = {name: range(kind.out_features) for name, kind in features.items()}
        widths = [
            sum(len(columns[name][self.columns(name, channel)]) for name in kinds) for kinds, channel in self.inputs
        ]
        self.linear = nn.ModuleList(PiecewiseLinear(width, num_outputs, self.limit) for width in widths)
        # Weights of the models, which sum to 1.
        self.register_buffer("mixture_weights", torch.full((len(widths),), 1 / len(widths)))

    def columns(self, name: str, channel: int | None) -> slice:
        """Return the columns of the features of one kind that a model uses.

        Parameters
        ----------
        name : str
            Name of the kind.
        channel : int or None
            The channel of the model; None means all channels.

        Returns
        -------
        slice
            The columns.
        """
        return slice(None) if channel is None else self._kind(name).columns_of_channel(channel)

    @property
    def model_names(self) -> list[str]:
        """Name of each linear model.

        Returns
        -------
        list of str
            The kinds of features of the model that are not shared, joined by " + ", and the channel if there is one.
        """
        suffixes = ["" if channel is None else f" of channel {channel}" for _, channel in self.inputs]
        return [" + ".join(names) + suffix for names, suffix in zip(self._own_kinds(), suffixes, strict=True)]

    def weight_of_models(self) -> dict[str, float]:
        """Return the mixture weight of each linear model.

        Returns
        -------
        dict of str to float
            The weights by name of the model.
        """
        return dict(zip(self.model_names, self.mixture_weights.tolist(), strict=True))

    @property
    def prior_weights(self) -> list[float]:
        """Prior of the mixture weights.

        Returns
        -------
        list of float
            The prior weight of each linear model; they sum to 1.
        """
        channels = len({channel for _, channel in self.inputs if channel is not None})
        weights = [
            sum(
                self._kind(name).prior_weight if channel is None else self._kind(name).channel_prior_weight / channels
                for name in names
            )
            for names, (_, channel) in zip(self._own_kinds(), self.inputs, strict=True)
        ]
        return [weight / sum(weights) for weight in weights]

    def keep(self, models: Sequence[int], mixture_weights: Tensor) -> None:
        """Remove all linear models except the given ones. Features that no model uses are no longer computed.

        Parameters
        ----------
        models : sequence of int
            Indices of the models to keep.
        mixture_weights : Tensor of shape (K,)
            Mixture weights of these models, which sum to 1.
        """
        self.inputs = [self.inputs[model] for model in models]
        self.linear = nn.ModuleList(self.linear[model] for model in models)
        self.mixture_weights = mixture_weights.to(self.mixture_weights)

    @property
    def used_kinds(self) -> list[str]:
        """Names of the kinds of features that the linear models use.

        Returns
        -------
        list of str
            The names.
        """
        return list(dict.fromkeys(name for kinds, _ in self.inputs for name in kinds))

    def _own_kinds(self) -> list[list[str]]:
        """Return the kinds of each model without the shared kinds, which are its own only if it has no others."""
        own = [[name for name in names if not self._kind(name).shared] for names, _ in self.inputs]
        return [names or [shared[-1]] for names, (shared, _) in zip(own, self.inputs, strict=True)]

    def _kind(self, name: str) -> Features:
        return self.features[name]  # type: ignore[return-value]

    def kinds(self) -> list[Features]:
        """Return the kinds of features.

        Returns
        -------
        list of Features
            The kinds, in their order in the constructor.
        """
        return list(self.features.values())  # type: ignore[arg-type]

    def batch_size(self, most: int, n_timepoints: int) -> int:
        """Return the number of signals to process per batch.

        Parameters
        ----------
        most : int
            Maximum number of signals, given by the user.
        n_timepoints : int
            Length of the signals.

        Returns
        -------
        int
            The smallest batch size of the kinds of features that are used.
        """
        return min(self._kind(name).batch_size(most, n_timepoints) for name in self.used_kinds)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from signals.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals, or spectrograms if all kinds of features accept them.

        Returns
        -------
        Tensor of shape (B, C)
            The weighted mean of the outputs of the linear models.
        """
        mixture: Tensor = torch.tensordot(self.mixture_weights, self.outputs(x), 1)
        return mixture

    def outputs(self, x: Tensor) -> Tensor:
        """Compute the outputs of each linear model.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals, or spectrograms if all kinds of features accept them.

        Returns
        -------
        Tensor of shape (K, B, C)
            The outputs of the K linear models.
        """
        features = {name: self._kind(name)(x) for name in self.used_kinds}
        outputs = []
        for linear, (kinds, channel) in zip(self.linear, self.inputs, strict=True):
            parts = [features[name][:, self.columns(name, channel)] for name in kinds]
            outputs.append(linear(torch.cat(parts, dim=1)))
        return torch.stack(outputs)


class LinearProbeClassifier(LinearProbe):
    """Linear classifiers on frozen features, whose probabilities are mixed and then calibrated.

    Parameters
    ----------
    features : mapping of str to Features
        One or more kinds of features, by name.
    num_outputs : int
        Number of classes C.
    inputs : sequence of ModelInput, default=None
        The features that each linear model uses. None uses `model_inputs`.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import LinearProbeClassifier, SummaryStatistics
    >>> probe = LinearProbeClassifier({"summary": SummaryStatistics(2)}, num_outputs=3)
    >>> probe(torch.randn(5, 2, 100)).shape
    torch.Size([5, 3])
    """

    # A classifier should not depend much on a single extreme feature (`tests/benchmarks/ensemble.md`).
    limit: ClassVar[float] = 2.0

    inverse_temperature: Tensor
    class_offset: Tensor

    def __init__(
        self, features: Mapping[str, Features], num_outputs: int, inputs: Sequence[ModelInput] | None = None
    ) -> None:
        super().__init__(features, num_outputs, inputs)
        # The log-probabilities of the mixture are multiplied by this factor and normalised again (temperature scaling).
        self.register_buffer("inverse_temperature", torch.ones(()))
        # Logarithms of the class weights. The linear models are fitted without class weights, so `forward` applies the
        # class weights to the probabilities.
        self.register_buffer("class_offset", torch.zeros(num_outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Classify signals.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals, or spectrograms if all kinds of features accept them.

        Returns
        -------
        Tensor of shape (B, C)
            Log-probabilities of the classes.
        """
        weighted = self.outputs(x).log_softmax(-1) + self.mixture_weights.log()[:, None, None]  # (K, B, C)
        # Reduced along adjacent values, because otherwise the rounding error depends on the order of the samples.
        log_mixture = weighted.movedim(0, -1).contiguous().logsumexp(-1)
        return (self.inverse_temperature * log_mixture + self.class_offset).log_softmax(-1)


def model_inputs(
    features: Mapping[str, Features], n_channels: int = 1, joined: Iterable[str] | None = None
) -> list[ModelInput]:
    """Return the inputs of the linear models of a probe.

    Parameters
    ----------
    features : mapping of str to Features
        The kinds of features, by name.
    n_channels : int, default=1
        Number of channels that have linear models of their own, if there are several.
    joined : iterable of str, default=None
        The kinds that one model uses together, in any order. None means those with the attribute `Features.joined`.

    Returns
    -------
    list of ModelInput
        The inputs of one model per kind, of one model on all joined kinds, and of one model per channel on each kind
        that has a prior weight for them. All of them also use the shared kinds.
    """
    shared = [name for name, kind in features.items() if kind.shared]
    if joined is None:
        joined = [name for name, kind in features.items() if kind.joined]
    joined = [name for name in features if name in set(joined) and name not in shared]
    own = [ModelInput([name]) for name in features] + ([ModelInput(joined)] if len(joined) > 1 else [])
    if n_channels > 1:
        per_channel = [name for name, kind in features.items() if kind.channel_prior_weight]
        own += [ModelInput([name], channel) for name in per_channel for channel in range(n_channels)]
    return [ModelInput([*(name for name in shared if name not in names), *names], channel) for names, channel in own]


def applicable_features(spectrograms: bool) -> dict[str, type[Features]]:
    """Return the kinds of features that a probe uses.

    Parameters
    ----------
    spectrograms : bool
        Whether the input consists of spectrograms, which only some kinds accept, rather than of signals.

    Returns
    -------
    dict of str to class
        A part of `features.FEATURES`, in its order.
    """
    return {
        name: kind
        for name, kind in FEATURES.items()
        if kind.prior_weight and (kind.takes_spectrograms or not spectrograms)
    }


def build_features(context: FeatureContext, names: Iterable[str]) -> dict[str, Features]:
    """Build the given kinds of features.

    Parameters
    ----------
    context : FeatureContext
        Shape of the signals, and a pre-trained encoder if there is one.
    names : iterable of str
        Keys of `features.FEATURES`.

    Returns
    -------
    dict of str to Features
        The features by name, not fitted yet.
    """
    return {name: FEATURES[name].from_context(context) for name in names}
