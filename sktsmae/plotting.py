"""Displays in scikit-learn's manner: arrays in, `plot` draws and returns itself, `from_estimator` computes.

May import the estimators; matplotlib is imported only to draw.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .estimators import CWTTransformer, MAEPretrainer

_VIEW_NAMES = {0: "signal", 1: "first difference", 2: "second difference"}


class ScalogramDisplay:
    """A signal above the time-frequency images of its views.

    Parameters
    ----------
    signal : ndarray of shape (T,)
        The signal.
    image : ndarray of shape (V, S, T)
        Its wavelet coefficients.
    scales : ndarray of shape (S,)
        Scales in samples.
    diff_orders : sequence of int
        Order of difference of each view.

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

    def __init__(self, signal: np.ndarray, image: np.ndarray, scales: np.ndarray, diff_orders: Any = (0, 1, 2)) -> None:
        self.signal = signal
        self.image = image
        self.scales = scales
        self.diff_orders = diff_orders

    @classmethod
    def from_estimator(
        cls, estimator: CWTTransformer, x: np.ndarray, *, channel: int = 0, ax: Any = None
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
        ax : array of matplotlib.axes.Axes, default=None
            One for the signal and one a view; None makes a figure.

        Returns
        -------
        ScalogramDisplay
            The display, drawn.
        """
        x = np.asarray(x)
        num_views = len(estimator.diff_orders)
        image = estimator.transform(x[None])[0].reshape(-1, num_views, len(estimator.scales_), x.shape[-1])
        display = cls(np.atleast_2d(x)[channel], image[channel], estimator.scales_, estimator.diff_orders)
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
        axes = _axes(ax, 1 + len(self.image), (8, 1.2 + 1.8 * len(self.image)))
        axes[0].plot(self.signal, color="black", linewidth=1)
        axes[0].set(ylabel="signal", xlim=(0, len(self.signal) - 1))
        for axis, view, order in zip(axes[1:], self.image, self.diff_orders, strict=True):
            _draw_image(axis, view, self.scales)
            axis.set(title=f"CWT of the {_VIEW_NAMES[order]}", ylabel="scale (samples)")
        axes[-1].set_xlabel("time (samples)")
        self.axes_, self.figure_ = axes, axes[0].figure
        return self


class ReconstructionDisplay:
    """What a masked autoencoder saw of a signal, what it made of it, and what was there.

    Parameters
    ----------
    signal, signal_pred : ndarray of shape (T,)
        The standardised signal and the one that was rebuilt.
    image, image_pred : ndarray of shape (S, T)
        The image of the first view and the one that was rebuilt.
    mask : ndarray of shape (S, T), bool
        What was hidden.

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
    ) -> None:
        self.signal = signal
        self.signal_pred = signal_pred
        self.image = image
        self.image_pred = image_pred
        self.mask = mask

    @classmethod
    def from_estimator(
        cls, estimator: MAEPretrainer, x: np.ndarray, *, channel: int = 0, ax: Any = None
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
        ax : array of 4 matplotlib.axes.Axes, default=None
            For the three images and the waveforms; None makes a figure.

        Returns
        -------
        ReconstructionDisplay
            The display, drawn.
        """
        x = np.asarray(x)
        out = estimator.reconstruct(x[None])
        first_view = (0, channel, 0)
        display = cls(
            out.signal[0, channel],
            out.signal_pred[0, channel],
            out.image[first_view],
            out.image_pred[first_view],
            out.mask[0, channel],
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
        axes = _axes(ax, 4, (8, 8))
        rows = np.arange(len(self.image))
        limit = np.abs(self.image).max()
        images = {
            f"seen ({1 - self.mask.mean():.0%})": np.where(self.mask, np.nan, self.image),
            "rebuilt where it was hidden": np.where(self.mask, self.image_pred, self.image),
            "true": self.image,
        }
        for axis, (title, image) in zip(axes, images.items(), strict=False):
            _draw_image(axis, image, rows, limit)
            axis.set(title=title, ylabel="scale (row)")
        axes[3].plot(self.signal, color="black", linewidth=1, label="true")
        axes[3].plot(self.signal_pred, color="tab:red", linewidth=1, label="rebuilt")
        axes[3].set(ylabel="signal", xlabel="time (samples)", xlim=(0, len(self.signal) - 1))
        axes[3].legend(loc="upper right")
        self.axes_, self.figure_ = axes, axes[0].figure
        return self


def _axes(ax: Any, count: int, size: tuple[float, float]) -> np.ndarray:
    """Return the axes to draw on."""
    if ax is not None:
        axes = np.atleast_1d(ax).ravel()
        if len(axes) != count:
            raise ValueError(f"ax holds {len(axes)} axes; this display needs {count}.")
        return axes
    import matplotlib.pyplot as plt

    return plt.subplots(count, 1, figsize=size, sharex=True, layout="constrained")[1]


def _draw_image(axis: Any, image: np.ndarray, rows: np.ndarray, limit: float | None = None) -> None:
    """Draw an image with colours symmetric about zero; what is not a number is grey."""
    limit = float(np.nanmax(np.abs(image))) if limit is None else limit
    axis.set_facecolor("0.8")
    axis.pcolormesh(np.arange(image.shape[1]), rows, image, cmap="RdBu_r", vmin=-limit, vmax=limit, shading="nearest")
