"""The base class of frozen features, and the arguments with which every kind of features can be built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...functional.gaps import missing_channels, zero_missing_channels
from ...functional.wavelets import DIFF_ORDERS
from ..signal_encoder import SignalEncoder


@dataclass(frozen=True, kw_only=True)
class FeatureContext:  # numpydoc ignore=PR02
    """Arguments for building any kind of features. Each kind uses only those that it needs.

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.
    n_timepoints : int
        Length T of a signal.
    cwt_scales : int, sequence of float or None, default=None
        Scales in samples, as in `Scalogram`. None uses the default of each kind.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        Difference order of each view.
    signal_encoder : SignalEncoder or None, default=None
        A pre-trained signal encoder, for kinds that need one.
    pooling : str, default="mean"
        How the tokens of the signal encoder are pooled, a key of `functional.pooling.POOLINGS`.
    layers : sequence of int or None, default=None
        Layers whose tokens are pooled, as in `EncoderEmbedding`. None pools the output of the encoder.
    thresholds : Tensor or None, default=None
        Thresholds for the pooling "bands", the result of `EncoderEmbedding.fit_all_layers`.
    sampling_rate : float or None, default=None
        Sampling rate in Hz, for features that are named by frequency.
    """

    n_channels: int
    n_timepoints: int
    cwt_scales: int | Sequence[float] | None = None
    diff_orders: Sequence[int] = DIFF_ORDERS
    signal_encoder: SignalEncoder | None = None
    pooling: str = "mean"
    layers: Sequence[int] | None = None
    thresholds: Tensor | None = None
    sampling_rate: float | None = None


class Features(nn.Module, ABC):
    """Base class of frozen features, which map a signal to a vector and have no trainable weights.

    Some kinds learn thresholds from signals in `fit`. To add a kind, write a subclass in a new file and add an entry to
    `features.FEATURES`.

    Attributes
    ----------
    takes_spectrograms : bool
        Whether the kind accepts spectrograms (B, M * V, S, T) as well as signals.
    needs_encoder : bool
        Whether the kind needs a `SignalEncoder`.
    needs_wavelets : bool
        Whether the kind uses the scales and difference orders of wavelets.
    shared : bool
        Whether all linear models of a probe use the kind, in addition to their own kind.
    joined : bool
        Whether a probe also has a linear model on all joined kinds together. With many samples, the model is on all
        kinds.
    prior_weight : float
        Prior weight of the linear model on this kind in the mixture of a probe, relative to that of other kinds. If it
        is 0, probes do not use the kind.
    channel_prior_weight : float
        Total prior weight of the linear models on this kind that use one channel each. If it is 0, there are none.
    by_channel : bool
        Whether all features of the first channel come first, then those of the second channel, and so on. A kind whose
        features belong to channels in another order overrides `columns_of_channel`.
    compares_with_training_signals : bool
        Whether the features contain distances from training signals, so that those of the training signals themselves
        differ from those of new signals.
    max_fit_signals : int
        Maximum number of signals to pass to `fit`. 0 means that `fit` need not be called.
    """

    takes_spectrograms: ClassVar[bool] = False
    needs_encoder: ClassVar[bool] = False
    needs_wavelets: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    joined: ClassVar[bool] = False
    prior_weight: ClassVar[float] = 1.0
    channel_prior_weight: ClassVar[float] = 0.0
    by_channel: ClassVar[bool] = False
    compares_with_training_signals: ClassVar[bool] = False
    max_fit_signals: ClassVar[int] = 0

    n_channels: int

    @classmethod
    @abstractmethod
    def from_context(cls, context: FeatureContext) -> Features:
        """Build this kind of features for signals of one shape.

        Parameters
        ----------
        context : FeatureContext
            Shape of the signals, and a signal encoder if there is one.

        Returns
        -------
        Features
            The features, not fitted yet.
        """

    @property
    @abstractmethod
    def out_features(self) -> int:
        """Number of features F of a signal.

        Returns
        -------
        int
            Length of the vectors that `compute` returns.
        """

    @abstractmethod
    def feature_names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Return the names of the features of a signal.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            A name for each scale. None uses the scales in samples.

        Returns
        -------
        list of str
            One name per feature, in the order of `compute`.
        """

    @abstractmethod
    def compute(self, x: Tensor) -> Tensor:
        """Compute the features of signals in which every channel has values.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals. Leading and trailing NaN is padding.

        Returns
        -------
        Tensor of shape (B, F), float32
            The features.
        """

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals. Leading and trailing NaN is padding, and a channel may have no values.

        Returns
        -------
        Tensor of shape (B, F), float32
            The features; NaN for features of a channel without values. Features that several channels have in common
            are computed as if its values were 0.
        """
        features = self.compute(zero_missing_channels(x))
        missing = missing_channels(x)
        if missing is not None and self.columns_of_channel(0) != slice(None):
            for channel, without_values in enumerate(missing.T):
                columns = self.columns_of_channel(channel)
                features[:, columns] = features[:, columns].masked_fill(without_values[:, None], torch.nan)
        return features

    def columns_of_channel(self, channel: int) -> slice:
        """Return the columns of the features of one channel.

        Parameters
        ----------
        channel : int
            Number of the channel.

        Returns
        -------
        slice
            The columns, or all columns if the features are not computed per channel.
        """
        if not self.by_channel:
            return slice(None)
        count = self.out_features // self.n_channels
        return slice(channel * count, (channel + 1) * count)

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
            At least 1.
        """
        return max(1, most)

    def fit(self, batches: Iterable[Tensor], n_signals: int) -> None:
        """Learn thresholds or scales from training signals. Kinds without them do nothing.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            The signals. Leading and trailing NaN is padding.
        n_signals : int
            Number of signals in all batches together, including those that are skipped.
        """


def with_channels(x: Tensor) -> Tensor:
    """Add an axis of channels to signals that have none, and convert signals to float32.

    Parameters
    ----------
    x : Tensor of shape (B, T) or (B, M, T)
        Signals of one channel or of M channels.

    Returns
    -------
    Tensor of shape (B, M, T), float32
        The signals.
    """
    return (x[:, None] if x.ndim == 2 else x).float()
