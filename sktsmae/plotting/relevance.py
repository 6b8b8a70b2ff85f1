"""Where a classifier looked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..estimators import MAEClassifier
from ._drawing import TimeAxis, at_fitted_length, axes_of, draw_map, original_scales, pick_channel, rate_of


class RelevanceDisplay:
    """A signal above the map of where in time and frequency the decision about it was found.

    Parameters
    ----------
    signal : ndarray of shape (T,)
        The signal.
    relevance : ndarray of shape (S, T)
        Relevance of each place for the decision, as `MAEClassifier.explain` gives it: of sum 1, together with other
        channels.
    scales : ndarray of shape (S,)
        Scales in samples.
    title : str, default=""
        What stands above the signal.
    sampling_rate : float or None, default=None
        Samples a second, in Hz, to draw seconds and the peak frequency of each wavelet; None draws samples and scales.
    num_channels : int, default=1
        Channels M that `relevance` is one of: an even share of a place is 1 / (M * S * T).

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        For the signal and the map.

    Examples
    --------
    >>> from sktsmae import MAEClassifier
    >>> from sktsmae.datasets import load_sparwatch
    >>> from sktsmae.plotting import RelevanceDisplay
    >>> X, y = load_sparwatch(return_X_y=True)
    >>> classifier = MAEClassifier(probe=False, finetune="head", max_epochs=1, random_state=0).fit(X[::32, 0], y[::32])
    >>> RelevanceDisplay.from_estimator(classifier, X[0, 0]).relevance.shape
    (32, 200)
    """

    def __init__(
        self,
        signal: np.ndarray,
        relevance: np.ndarray,
        scales: np.ndarray,
        *,
        title: str = "",
        sampling_rate: float | None = None,
        num_channels: int = 1,
    ) -> None:
        self.signal = signal
        self.relevance = relevance
        self.scales = scales
        self.title = title
        self.sampling_rate = sampling_rate
        self.num_channels = num_channels

    @classmethod
    def from_estimator(
        cls,
        classifier: MAEClassifier,
        x: np.ndarray,
        *,
        channel: int = 0,
        sampling_rate: float | None = None,
        ax: Any = None,
    ) -> RelevanceDisplay:
        """Classify one signal and draw what decided.

        Parameters
        ----------
        classifier : MAEClassifier
            Fitted on signals, with ``head="reasoning"`` and any `finetune` but "none".
        x : ndarray of shape (T,) or (M, T)
            One signal.
        channel : int, default=0
            Which channel to draw.
        sampling_rate : float or None, default=None
            Samples a second, in Hz; None takes the estimator's, where it has one, or draws samples and scales.
        ax : array of 2 matplotlib.axes.Axes, default=None
            For the signal and the map; None makes a figure.

        Returns
        -------
        RelevanceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the classifier has no fine-tuned network with reasoning tokens, `x` is no signal, or there is no such
            channel.
        """
        if not isinstance(classifier, MAEClassifier):
            raise ValueError(f"a {type(classifier).__name__} explains no decision; give a MAEClassifier.")
        x = at_fitted_length(classifier, x)
        if x.ndim > 2:
            raise ValueError(f"x has shape {x.shape}, and has to be one signal, (T,) or (M, T).")
        signal = pick_channel(x, channel)
        maps = classifier.explain(x[None])[0]  # (M, S, T)
        probabilities = classifier.predict_proba(x[None])[0]
        best = probabilities.argmax()
        title = f"predicted: {classifier.classes_[best]} (probability {probabilities[best]:.2f})"
        if len(maps) > 1:
            title += f"\nchannel {channel}: {maps[channel].sum():.0%} of the relevance of all {len(maps)}"
        scalogram = classifier.model_.scalogram
        scales, _ = original_scales(scalogram.scales.cpu().numpy(), x, scalogram.resample_to or x.shape[-1])
        display = cls(
            signal,
            maps[channel],
            scales,
            title=title,
            sampling_rate=rate_of(classifier, sampling_rate),
            num_channels=len(maps),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> RelevanceDisplay:
        """Draw the signal and the map.

        Parameters
        ----------
        ax : array of 2 matplotlib.axes.Axes, default=None
            For the signal and the map; None makes a figure.

        Returns
        -------
        RelevanceDisplay
            Itself.
        """
        axes = axes_of(ax, 2, (8, 4.5))
        time = TimeAxis(len(self.signal), self.sampling_rate)
        axes[0].plot(time.places, self.signal, color="black", linewidth=1)
        axes[0].set(ylabel="signal", title=self.title)
        shares = self.relevance * (self.num_channels * self.relevance.size)
        draw_map(axes[1], shares, time, self.scales)
        axes[1].set_title("where the decision was found")
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self
