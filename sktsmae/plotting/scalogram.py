"""Display of a signal and its scalograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..estimators import CWTTransformer
from ._drawing import TimeAxis, axes_of, draw_image
from ._preparation import original_scales, pad_to_fitted_length, pick_channel, sampling_rate_of, without_padding

_VIEW_NAMES = {0: "signal", 1: "first difference", 2: "second difference"}


class ScalogramDisplay:
    """Plot of a signal above the scalograms of its views (the signal and its differences).

    Positive wavelet coefficients are red and negative ones are blue. Each view has its own colour scale, which ends at
    the 99th percentile of the absolute coefficients.

    Parameters
    ----------
    signal : ndarray of shape (T,)
        The signal.
    image : ndarray of shape (V, S, T)
        Wavelet coefficients of its views.
    scales : ndarray of shape (S,)
        Scales in samples.
    diff_orders : sequence of int, default=(0, 1, 2)
        Order of the difference of each view; 0 is the signal itself.
    sampling_rate : float or None, default=None
        Sampling rate in Hz. The axes then show seconds and the peak frequency of each wavelet in Hz; None shows samples
        and scales.
    standardize : bool or "per_scale", default=True
        Whether the coefficients are standardised. This changes only the label of the colour bars.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the signal and of each view.

    Examples
    --------
    >>> from sktsmae import CWTTransformer
    >>> from sktsmae.datasets import load_sparwatch
    >>> from sktsmae.plotting import ScalogramDisplay
    >>> X = load_sparwatch().data
    >>> display = ScalogramDisplay.from_estimator(CWTTransformer().fit(X), X[0])
    >>> display.image.shape
    (3, 32, 200)
    """

    def __init__(
        self,
        signal: np.ndarray,
        image: np.ndarray,
        scales: np.ndarray,
        diff_orders: Sequence[int] = (0, 1, 2),
        *,
        sampling_rate: float | None = None,
        standardize: bool | str = True,
    ) -> None:
        self.signal = signal
        self.image = image
        self.scales = scales
        self.diff_orders = diff_orders
        self.sampling_rate = sampling_rate
        self.standardize = standardize

    @classmethod
    def from_estimator(
        cls,
        estimator: CWTTransformer,
        x: np.ndarray,
        *,
        channel: int = 0,
        sampling_rate: float | None = None,
        ax: Any = None,
    ) -> ScalogramDisplay:
        """Transform one signal and plot the result.

        Parameters
        ----------
        estimator : CWTTransformer
            The fitted transformer, with ``output="image"``.
        x : ndarray of shape (T,) or (M, T)
            One signal.
        channel : int, default=0
            Index of the channel to draw.
        sampling_rate : float or None, default=None
            Sampling rate in Hz; None uses the parameter `sampling_rate` of the estimator. If that is None too, the axes
            show samples and scales.
        ax : array of matplotlib.axes.Axes, default=None
            Axes of the signal and of each view; None creates a figure.

        Returns
        -------
        ScalogramDisplay
            The display, after drawing.

        Raises
        ------
        ValueError
            If the estimator does not compute images, or the channel does not exist.
        """
        if not isinstance(estimator, CWTTransformer):
            raise ValueError(f"a {type(estimator).__name__} does not compute scalograms; give a fitted CWTTransformer.")
        if estimator.output != "image":
            raise ValueError(
                f"the estimator has output={estimator.output!r}; give a fitted CWTTransformer(output='image')."
            )
        x = pad_to_fitted_length(estimator, x)
        signal = pick_channel(without_padding(x), channel)
        num_views = len(estimator.diff_orders)
        images = estimator.transform(x[None])[0].reshape(-1, num_views, len(estimator.scales_), x.shape[-1])
        scales, _ = original_scales(estimator.scales_, x, x.shape[-1])
        # The transformer resamples the unpadded part of a signal to the full length. These columns undo the resampling.
        columns = np.linspace(0, x.shape[-1] - 1, len(signal)).round().astype(int)
        display = cls(
            signal,
            images[channel][..., columns],
            scales,
            estimator.diff_orders,
            sampling_rate=sampling_rate_of(estimator, sampling_rate),
            standardize=estimator.standardize,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ScalogramDisplay:
        """Plot the signal and its scalograms.

        Parameters
        ----------
        ax : array of matplotlib.axes.Axes, default=None
            Axes of the signal and of each view; None creates a figure.

        Returns
        -------
        ScalogramDisplay
            The display itself.
        """
        axes = axes_of(ax, 1 + len(self.image), (8, 1.2 + 1.8 * len(self.image)))
        time = TimeAxis(len(self.signal), self.sampling_rate)
        axes[0].plot(time.times, self.signal, color="black", linewidth=1)
        axes[0].set_ylabel("signal")
        label = "standardised\ncoefficient" if self.standardize else "coefficient"
        for axis, view, order in zip(axes[1:], self.image, self.diff_orders, strict=True):
            draw_image(axis, view, time, self.scales, label)
            axis.set_title(f"CWT of the {_VIEW_NAMES[order]}")
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self
