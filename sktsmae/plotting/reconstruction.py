"""What a masked autoencoder rebuilds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..estimators import MAEPretrainer
from ._drawing import (
    TimeAxis,
    at_fitted_length,
    axes_of,
    colour_limit,
    draw_image,
    original_scales,
    pick_channel,
    rate_of,
)


class ReconstructionDisplay:
    """What a masked autoencoder saw of a signal, what it made of it, and what was there.

    Parameters
    ----------
    signal, signal_pred : ndarray of shape (T,)
        The standardised signal and the one that was rebuilt.
    image, image_pred : ndarray of shape (S, T)
        The image of the first view and the one that was rebuilt.
    mask : ndarray of shape (S, T), bool
        What was hidden; drawn in grey.
    scales : ndarray of shape (S,) or None, default=None
        Scales in samples; None draws numbers of rows.
    sampling_rate : float or None, default=None
        Samples a second, in Hz, to draw seconds and the peak frequency of each wavelet; None draws samples and scales.
    time_step : float, default=1
        Samples of the original signal from one of `signal` to the next, if it was resampled.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        For the masked, the rebuilt and the true image, and for the waveforms.

    Examples
    --------
    >>> from sktsmae import MAEPretrainer
    >>> from sktsmae.datasets import load_sparwatch
    >>> from sktsmae.plotting import ReconstructionDisplay
    >>> X = load_sparwatch().data[:20, 0]
    >>> pretrainer = MAEPretrainer(max_epochs=1, random_state=0).fit(X)
    >>> ReconstructionDisplay.from_estimator(pretrainer, X[0]).mask.shape
    (32, 200)
    """

    def __init__(
        self,
        signal: np.ndarray,
        signal_pred: np.ndarray,
        image: np.ndarray,
        image_pred: np.ndarray,
        mask: np.ndarray,
        *,
        scales: np.ndarray | None = None,
        sampling_rate: float | None = None,
        time_step: float = 1.0,
    ) -> None:
        self.signal = signal
        self.signal_pred = signal_pred
        self.image = image
        self.image_pred = image_pred
        self.mask = mask
        self.scales = scales
        self.sampling_rate = sampling_rate
        self.time_step = time_step

    @classmethod
    def from_estimator(
        cls,
        estimator: MAEPretrainer,
        x: np.ndarray,
        *,
        channel: int = 0,
        sampling_rate: float | None = None,
        ax: Any = None,
    ) -> ReconstructionDisplay:
        """Hide patches of one signal, rebuild them, and draw it.

        Parameters
        ----------
        estimator : MAEPretrainer
            Fitted on signals.
        x : ndarray of shape (T,) or (M, T)
            One signal.
        channel : int, default=0
            Which channel to draw.
        sampling_rate : float or None, default=None
            Samples a second, in Hz; None takes the estimator's, where it has one, or draws samples and scales.
        ax : array of 4 matplotlib.axes.Axes, default=None
            For the three images and the waveforms; None makes a figure.

        Returns
        -------
        ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such channel.
        """
        if not isinstance(estimator, MAEPretrainer):
            raise ValueError(f"a {type(estimator).__name__} rebuilds nothing; give a fitted MAEPretrainer.")
        x = at_fitted_length(estimator, x)
        out = estimator.reconstruct(x[None])
        pick_channel(out.signal[0], channel)
        first_view = (0, channel, 0)
        image = out.image[first_view]
        scales, time_step = original_scales(estimator.model_.scalogram.scales.cpu().numpy(), x, image.shape[-1])
        display = cls(
            out.signal[0, channel],
            out.signal_pred[0, channel],
            image,
            out.image_pred[first_view],
            out.mask[0, channel],
            scales=scales if x.ndim < 3 else None,
            sampling_rate=rate_of(estimator, sampling_rate),
            time_step=time_step,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ReconstructionDisplay:
        """Draw the images and the waveforms.

        Parameters
        ----------
        ax : array of 4 matplotlib.axes.Axes, default=None
            For the three images and the waveforms; None makes a figure.

        Returns
        -------
        ReconstructionDisplay
            Itself.
        """
        axes = axes_of(ax, 4, (8, 8.5))
        time = TimeAxis(len(self.signal), self.sampling_rate, self.time_step)
        limit = colour_limit(self.image)
        images = {
            f"seen ({1 - self.mask.mean():.0%}); what was hidden is grey": np.where(self.mask, np.nan, self.image),
            "rebuilt where it was hidden": np.where(self.mask, self.image_pred, self.image),
            "true": self.image,
        }
        for axis, (title, image) in zip(axes, images.items(), strict=False):
            draw_image(axis, image, time, self.scales, "standardised\ncoefficient", limit)
            axis.set_title(title)
        axes[3].plot(time.places, self.signal, color="black", linewidth=1, label="true")
        axes[3].plot(time.places, self.signal_pred, color="tab:red", linewidth=1, label="rebuilt")
        axes[3].set_ylabel("standardised\nsignal")
        # Beside the axes, where it covers nothing; a colour bar is as wide.
        axes[3].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, handlelength=1)
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self
