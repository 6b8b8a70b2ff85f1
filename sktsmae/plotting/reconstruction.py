"""Display of the reconstruction of a signal by a masked autoencoder."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..estimators import MAEPretrainer
from ._drawing import TimeAxis, axes_of, colour_limit, draw_image
from ._preparation import pad_to_fitted_length, pick_channel, sampling_rate_of, scales_of_images


class ReconstructionDisplay:
    """Plot of the masked, the reconstructed and the original image of a signal, and of the waveforms.

    Parameters
    ----------
    signal, signal_pred : ndarray of shape (T,)
        The standardised signal and its reconstruction.
    image, image_pred : ndarray of shape (S, T)
        The image of the first view and its reconstruction. A pretrainer of waveforms has images of one row, the signal.
    mask : ndarray of shape (S, T), bool
        True for a masked value, which is drawn in grey.
    scales : ndarray of shape (S,) or None, default=None
        Scales in samples; None shows the indices of the scales.
    sampling_rate : float or None, default=None
        Sampling rate in Hz. The axes then show seconds and the peak frequency of each wavelet in Hz; None shows samples
        and scales.
    time_step : float, default=1
        Time between two samples of `signal`, in samples of the original signal. It differs from 1 if the signal was
        resampled.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the masked, the reconstructed and the original image, and of the waveforms.

    Examples
    --------
    >>> from sktsmae import MAEPretrainer
    >>> from sktsmae.datasets import load_sparwatch
    >>> from sktsmae.plotting import ReconstructionDisplay
    >>> X = load_sparwatch().data[:20, 0]
    >>> pretrainer = MAEPretrainer(max_epochs=1, random_state=0).fit(X)
    >>> ReconstructionDisplay.from_estimator(pretrainer, X[0]).mask.shape
    (32, 512)
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
        """Mask patches of one signal, reconstruct them, and plot the result.

        Parameters
        ----------
        estimator : MAEPretrainer
            The fitted pretrainer.
        x : ndarray of shape (T,) or (M, T)
            One signal.
        channel : int, default=0
            Index of the channel to draw.
        sampling_rate : float or None, default=None
            Sampling rate in Hz; None uses the parameter `sampling_rate` of the estimator. If that is None too, the axes
            show samples and scales.
        ax : array of 4 matplotlib.axes.Axes, default=None
            Axes of the three images and the waveforms; None creates a figure.

        Returns
        -------
        ReconstructionDisplay
            The display, after drawing.

        Raises
        ------
        ValueError
            If the estimator is not a pretrainer, or the channel does not exist.
        """
        if not isinstance(estimator, MAEPretrainer):
            raise ValueError(f"a {type(estimator).__name__} cannot reconstruct signals; give a fitted MAEPretrainer.")
        x = pad_to_fitted_length(estimator, x)
        out = estimator.reconstruct(x[None])
        pick_channel(out.signal[0], channel)  # raises if the channel does not exist
        first_view = (0, channel, 0)
        image = out.image[first_view]
        scales, time_step = scales_of_images(estimator.model_.scalogram, x, image.shape[-1])
        display = cls(
            out.signal[0, channel],
            out.signal_pred[0, channel],
            image,
            out.image_pred[first_view],
            out.mask[0, channel],
            scales=scales if x.ndim < 3 else None,
            sampling_rate=sampling_rate_of(estimator, sampling_rate),
            time_step=time_step,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ReconstructionDisplay:
        """Plot the images and the waveforms.

        Parameters
        ----------
        ax : array of 4 matplotlib.axes.Axes, default=None
            Axes of the three images and the waveforms; None creates a figure.

        Returns
        -------
        ReconstructionDisplay
            The display itself.
        """
        axes = axes_of(ax, 4, (8, 8.5))
        time = TimeAxis(len(self.signal), self.sampling_rate, self.time_step)
        limit = colour_limit(self.image)
        images = {
            f"input of the network ({self.mask.mean():.0%} masked, in grey)": np.where(self.mask, np.nan, self.image),
            "masked patches replaced by their reconstruction": np.where(self.mask, self.image_pred, self.image),
            "original": self.image,
        }
        for axis, (title, image) in zip(axes, images.items(), strict=False):
            draw_image(axis, image, time, self.scales, "standardised\ncoefficient", limit)
            axis.set_title(title)
        axes[3].plot(time.times, self.signal, color="black", linewidth=1, label="original")
        axes[3].plot(time.times, self.signal_pred, color="tab:red", linewidth=1, label="reconstruction")
        axes[3].set_ylabel("standardised\nsignal")
        # The legend is outside of the axes, next to the colour bars of the images, so that it hides no curve.
        axes[3].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, handlelength=1)
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self
