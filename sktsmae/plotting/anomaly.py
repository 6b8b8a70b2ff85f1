"""Display of an anomaly within a signal."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..estimators import MAEAnomalyDetector
from ..functional.scales import log_scale_grid, scale_grid
from ..functional.standardization import standardize
from ..functional.wavelets import cwt
from ._drawing import TimeAxis, axes_of, draw_image
from ._preparation import pad_to_fitted_length, pick_channel, sampling_rate_of, without_padding


class AnomalyDisplay:
    """Plot of a signal, its anomaly profile and its wavelet image, with the anomalies marked.

    Parameters
    ----------
    signal : ndarray of shape (T,)
        The signal.
    profile : ndarray of shape (T,)
        The anomaly profile: about 0 for normal signals, which rarely exceed 1.
    image : ndarray of shape (S, T)
        Standardised wavelet coefficients of the signal.
    scales : ndarray of shape (S,)
        Scales in samples.
    threshold : float, default=1
        Times with a larger profile are marked as anomalies.
    sampling_rate : float or None, default=None
        Sampling rate in Hz. The axes then show seconds and the peak frequency of each wavelet in Hz; None shows samples
        and scales.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the signal, the profile and the image.

    Examples
    --------
    >>> import numpy as np
    >>> from sktsmae import MAEAnomalyDetector
    >>> from sktsmae.plotting import AnomalyDisplay
    >>> X = np.sin(np.arange(200) / 4 + np.arange(30)[:, None])
    >>> x = X[0].copy()
    >>> x[120] += 2
    >>> AnomalyDisplay.from_estimator(MAEAnomalyDetector().fit(X[1:]), x).profile.shape
    (200,)
    """

    def __init__(
        self,
        signal: np.ndarray,
        profile: np.ndarray,
        image: np.ndarray,
        scales: np.ndarray,
        *,
        threshold: float = 1.0,
        sampling_rate: float | None = None,
    ) -> None:
        self.signal = signal
        self.profile = profile
        self.image = image
        self.scales = scales
        self.threshold = threshold
        self.sampling_rate = sampling_rate

    @classmethod
    def from_estimator(
        cls,
        estimator: MAEAnomalyDetector,
        x: np.ndarray,
        *,
        channel: int = 0,
        threshold: float = 1.0,
        sampling_rate: float | None = None,
        ax: Any = None,
    ) -> AnomalyDisplay:
        """Compute the profile of one signal and plot it.

        Parameters
        ----------
        estimator : MAEAnomalyDetector
            The fitted detector.
        x : ndarray of shape (T,) or (M, T)
            One signal.
        channel : int, default=0
            Index of the channel to draw. The profile is that of all channels.
        threshold : float, default=1
            Times with a larger profile are marked as anomalies.
        sampling_rate : float or None, default=None
            Sampling rate in Hz; None uses the parameter `sampling_rate` of the estimator. If that is None too, the axes
            show samples and scales.
        ax : array of 3 matplotlib.axes.Axes, default=None
            Axes of the signal, the profile and the image; None creates a figure.

        Returns
        -------
        AnomalyDisplay
            The display, after drawing.

        Raises
        ------
        ValueError
            If the estimator is not a detector with profiles, or the channel does not exist.
        """
        if not isinstance(estimator, MAEAnomalyDetector):
            raise ValueError(f"a {type(estimator).__name__} has no profiles; give a fitted MAEAnomalyDetector.")
        x = pad_to_fitted_length(estimator, x)
        signal = pick_channel(without_padding(x), channel)
        profile = estimator.anomaly_profile(x[None])[0]
        scales = scale_grid(log_scale_grid(32, 0.7, max(0.2 * len(signal), 1.4)))
        gaps = np.flatnonzero(np.isfinite(signal))
        filled = torch.from_numpy(np.interp(np.arange(len(signal)), gaps, signal[gaps]))
        image = standardize(cwt(standardize(filled, -1).float(), scales, boundary="reflect"), (-2, -1))
        display = cls(
            signal,
            profile[np.isfinite(profile)],
            image.numpy(),
            scales.numpy(),
            threshold=threshold,
            sampling_rate=sampling_rate_of(estimator, sampling_rate),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> AnomalyDisplay:
        """Plot the signal, the profile and the image.

        Parameters
        ----------
        ax : array of 3 matplotlib.axes.Axes, default=None
            Axes of the signal, the profile and the image; None creates a figure.

        Returns
        -------
        AnomalyDisplay
            The display itself.
        """
        axes = axes_of(ax, 3, (8, 6))
        time = TimeAxis(len(self.signal), self.sampling_rate)
        axes[0].plot(time.times, self.signal, color="black", linewidth=1)
        axes[0].set_ylabel("signal")
        axes[1].plot(time.times, self.profile, color="black", linewidth=1)
        axes[1].axhline(self.threshold, color="tab:red", linewidth=1, linestyle="--")
        axes[1].set_ylabel("anomaly profile")
        draw_image(axes[2], self.image, time, self.scales, "standardised\ncoefficient")
        axes[2].set_title("CWT of the signal")
        marked = np.concatenate([[False], self.profile > self.threshold, [False]])
        starts, stops = np.flatnonzero(~marked[:-1] & marked[1:]), np.flatnonzero(marked[:-1] & ~marked[1:])
        for start, stop in zip(time.edges[starts], time.edges[stops], strict=True):
            for axis in axes[:2]:
                axis.axvspan(start, stop, color="tab:red", alpha=0.2, linewidth=0)
            for edge in (start, stop):
                axes[2].axvline(edge, color="black", linewidth=1, linestyle="--")
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self
