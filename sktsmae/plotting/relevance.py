"""Display of a relevance map, which shows how much each time and scale contributes to a predicted class."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..estimators import MAEClassifier
from ._drawing import TimeAxis, axes_of, draw_relevance
from ._preparation import pad_to_fitted_length, pick_channel, sampling_rate_of, scales_of_images


class RelevanceDisplay:
    """Plot of a signal above its relevance map.

    The map shows how much each time and scale contributes to the predicted class.

    Parameters
    ----------
    signal : ndarray of shape (T,)
        The signal.
    relevance : ndarray of shape (S, T)
        Relevance of each scale and time for the predicted class: one channel of an array that `MAEClassifier.explain`
        returns. The values of all channels of a signal sum to 1.
    scales : ndarray of shape (S,) or None
        Scales in samples; None shows the indices of the scales.
    title : str, default=""
        Title of the figure.
    sampling_rate : float or None, default=None
        Sampling rate in Hz. The axes then show seconds and the peak frequency of each wavelet in Hz; None shows samples
        and scales.
    num_channels : int, default=1
        Number of channels M of the signal. The plot shows `relevance` divided by the relevance that each value would
        have if it were uniform, 1 / (M * S * T).

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the signal and the map.

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
        scales: np.ndarray | None,
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
        """Classify one signal and plot the relevance for the predicted class.

        Parameters
        ----------
        classifier : MAEClassifier
            The classifier, fitted with ``head="reasoning"`` and a `finetune` other than "none".
        x : ndarray of shape (T,) or (M, T)
            One signal.
        channel : int, default=0
            Index of the channel to draw.
        sampling_rate : float or None, default=None
            Sampling rate in Hz; None uses the parameter `sampling_rate` of the estimator. If that is None too, the axes
            show samples and scales.
        ax : array of 2 matplotlib.axes.Axes, default=None
            Axes of the signal and the map; None creates a figure.

        Returns
        -------
        RelevanceDisplay
            The display, after drawing.

        Raises
        ------
        ValueError
            If the classifier has no fine-tuned network with reasoning tokens, `x` is not a signal, or the channel does
            not exist.
        """
        if not isinstance(classifier, MAEClassifier):
            raise ValueError(f"a {type(classifier).__name__} cannot explain predictions; give a fitted MAEClassifier.")
        x = pad_to_fitted_length(classifier, x)
        if x.ndim > 2:
            raise ValueError(f"x has shape {x.shape}; give one signal of shape (T,) or (M, T).")
        signal = pick_channel(x, channel)
        maps = classifier.explain(x[None])[0]  # (M, S, T)
        probabilities = classifier.predict_proba(x[None])[0]
        best = probabilities.argmax()
        title = f"predicted: {classifier.classes_[best]} (probability {probabilities[best]:.2f})"
        if len(maps) > 1:
            title += f"\nchannel {channel} has {maps[channel].sum():.0%} of the relevance of all {len(maps)} channels"
        scalogram = classifier.model_.scalogram
        scales, _ = scales_of_images(scalogram, x, scalogram.resample_to or x.shape[-1])
        display = cls(
            signal,
            maps[channel],
            scales,
            title=title,
            sampling_rate=sampling_rate_of(classifier, sampling_rate),
            num_channels=len(maps),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> RelevanceDisplay:
        """Plot the signal and the map.

        Parameters
        ----------
        ax : array of 2 matplotlib.axes.Axes, default=None
            Axes of the signal and the map; None creates a figure.

        Returns
        -------
        RelevanceDisplay
            The display itself.
        """
        axes = axes_of(ax, 2, (8, 4.5))
        time = TimeAxis(len(self.signal), self.sampling_rate)
        axes[0].plot(time.times, self.signal, color="black", linewidth=1)
        axes[0].set(ylabel="signal", title=self.title)
        ratio = self.relevance * (self.num_channels * self.relevance.size)  # of the relevance to uniform relevance
        draw_relevance(axes[1], ratio, time, self.scales)
        axes[1].set_title("relevance for the predicted class")
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self
