"""A signal and its wavelet images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..estimators import CWTTransformer
from ._drawing import (
    TimeAxis,
    at_fitted_length,
    axes_of,
    draw_image,
    original_scales,
    pick_channel,
    rate_of,
    without_padding,
)

_VIEW_NAMES = {0: "signal", 1: "first difference", 2: "second difference"}


class ScalogramDisplay:
    """A signal above the time-frequency images of its views.

    Red where a signal goes along with the wavelet of a scale, blue where it goes against it. Each view has colours of
    its own; the strongest hundredth of its coefficients share the darkest ones.

    Parameters
    ----------
    signal : ndarray of shape (T,)
        The signal.
    image : ndarray of shape (V, S, T)
        Its wavelet coefficients.
    scales : ndarray of shape (S,)
        Scales in samples.
    diff_orders : sequence of int, default=(0, 1, 2)
        Order of difference of each view.
    sampling_rate : float or None, default=None
        Samples a second, in Hz, to draw seconds and the peak frequency of each wavelet; None draws samples and scales.
    standardize : bool or "per_scale", default=True
        How the coefficients were standardised, for the colour bar to say.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        One for the signal and one a view.

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
        """Transform one signal and draw it.

        Parameters
        ----------
        estimator : CWTTransformer
            Fitted, with ``output="image"``.
        x : ndarray of shape (T,) or (M, T)
            One signal.
        channel : int, default=0
            Which channel to draw.
        sampling_rate : float or None, default=None
            Samples a second, in Hz; None takes the estimator's, where it has one, or draws samples and scales.
        ax : array of matplotlib.axes.Axes, default=None
            One for the signal and one a view; None makes a figure.

        Returns
        -------
        ScalogramDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the estimator makes no images, or there is no such channel.
        """
        if not isinstance(estimator, CWTTransformer):
            raise ValueError(f"a {type(estimator).__name__} shows no images; give a fitted CWTTransformer().")
        if estimator.output != "image":
            raise ValueError(f"output={estimator.output!r} makes no images; give a CWTTransformer(output='image').")
        x = at_fitted_length(estimator, x)
        signal = pick_channel(without_padding(x), channel)
        num_views = len(estimator.diff_orders)
        images = estimator.transform(x[None])[0].reshape(-1, num_views, len(estimator.scales_), x.shape[-1])
        scales, _ = original_scales(estimator.scales_, x, x.shape[-1])
        columns = np.linspace(0, x.shape[-1] - 1, len(signal)).round().astype(int)  # a shorter signal was stretched
        display = cls(
            signal,
            images[channel][..., columns],
            scales,
            estimator.diff_orders,
            sampling_rate=rate_of(estimator, sampling_rate),
            standardize=estimator.standardize,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ScalogramDisplay:
        """Draw the signal and its images.

        Parameters
        ----------
        ax : array of matplotlib.axes.Axes, default=None
            One for the signal and one a view; None makes a figure.

        Returns
        -------
        ScalogramDisplay
            Itself.
        """
        axes = axes_of(ax, 1 + len(self.image), (8, 1.2 + 1.8 * len(self.image)))
        time = TimeAxis(len(self.signal), self.sampling_rate)
        axes[0].plot(time.places, self.signal, color="black", linewidth=1)
        axes[0].set_ylabel("signal")
        words = "standardised\ncoefficient" if self.standardize else "coefficient"
        for axis, view, order in zip(axes[1:], self.image, self.diff_orders, strict=True):
            draw_image(axis, view, time, self.scales, words)
            axis.set_title(f"CWT of the {_VIEW_NAMES[order]}")
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self
