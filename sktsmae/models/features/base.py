"""The base class of frozen features, and the context from which they are built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ...functional.wavelets import DIFF_ORDERS
from ..signal_encoder import SignalEncoder


@dataclass(frozen=True, kw_only=True)
class FeatureContext:  # numpydoc ignore=PR02
    """Everything that a kind of features may need when it is built.

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
        A pre-trained encoder, for kinds that need one.
    pooling : str, default="mean"
        How the tokens of that encoder are pooled, a key of `functional.pooling.POOLINGS`.
    layers : sequence of int or None, default=None
        Layers whose tokens are pooled. None pools the output of the encoder.
    thresholds : Tensor or None, default=None
        Thresholds of all layers of the encoder, as `EncoderEmbedding.fit_all_layers` returns them.
    """

    n_channels: int
    n_timepoints: int
    cwt_scales: int | Sequence[float] | None = None
    diff_orders: Sequence[int] = DIFF_ORDERS
    signal_encoder: SignalEncoder | None = None
    pooling: str = "mean"
    layers: Sequence[int] | None = None
    thresholds: Tensor | None = None


class Features(nn.Module, ABC):
    """Base class of frozen features: feature extractors without trainable weights, which map a signal to a vector.

    Some kinds learn thresholds from signals in `fit`. To add a kind, write a subclass in a new file and add an entry to
    `features.FEATURES`.

    Attributes
    ----------
    takes_spectrograms : bool
        Whether the kind accepts spectrograms (B, M * V, S, T) as well as signals.
    needs_encoder : bool
        Whether the kind needs a `SignalEncoder`.
    shared : bool
        Whether all linear models of a probe use the kind, in addition to their own kind.
    prior_weight : float
        Prior weight of the linear model on this kind in the mixture of a probe, relative to that of other kinds. If it
        is 0, probes do not use the kind.
    max_fit_signals : int
        Maximum number of signals to pass to `fit`. 0 means that the kind does not need `fit`.
    """

    takes_spectrograms: ClassVar[bool] = False
    needs_encoder: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    prior_weight: ClassVar[float] = 1.0
    max_fit_signals: ClassVar[int] = 0

    @classmethod
    @abstractmethod
    def from_context(cls, context: FeatureContext) -> Features:
        """Build this kind of features for signals of one shape.

        Parameters
        ----------
        context : FeatureContext
            Shape of the signals, and an encoder if there is one.

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
            The number.
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
            One name per feature, in the order of `forward`.
        """

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
        """Learn thresholds from training signals, if this kind has any.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            The signals. Leading and trailing NaN is padding.
        n_signals : int
            Number of signals in all batches together.
        """
