"""What the displays draw alike: time and frequency axes, images, colour bars. matplotlib is imported only to draw."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from ..functional.wavelets import peak_frequency


class TimeAxis:
    """The time axis of a signal, in samples or in seconds.

    Parameters
    ----------
    count : int
        Samples of what is drawn.
    sampling_rate : float or None
        Samples a second of the original signal; None draws samples.
    step : float, default=1
        Samples of the original signal from one of what is drawn to the next.

    Raises
    ------
    ValueError
        If `sampling_rate` is no positive number.
    """

    def __init__(self, count: int, sampling_rate: float | None, step: float = 1.0) -> None:
        if sampling_rate is not None and not (isinstance(sampling_rate, Real) and 0 < sampling_rate < np.inf):
            raise ValueError(f"sampling_rate={sampling_rate!r}: give samples a second, a positive number, or None.")
        self.sampling_rate = sampling_rate
        self.unit = "samples" if sampling_rate is None else "s"
        step = step / (sampling_rate or 1.0)
        self.places = np.arange(count) * step
        self.edges = (np.arange(count + 1) - 0.5) * step
        self.limits = (self.places[0], max(self.places[-1], step))

    def label(self, axes: np.ndarray) -> None:
        """Set the limits of axes one below the other, and label the last.

        Parameters
        ----------
        axes : ndarray of matplotlib.axes.Axes
            From top to bottom.
        """
        for axis in axes:
            axis.set_xlim(*self.limits)
            axis.tick_params(labelbottom=axis is axes[-1])
        axes[-1].set_xlabel(f"time ({self.unit})")


def rate_of(estimator: Any, sampling_rate: float | None) -> float | None:
    """Return the sampling rate that was given, or else the estimator's, if it has one.

    Parameters
    ----------
    estimator : estimator
        Of this package.
    sampling_rate : float or None
        What was given.

    Returns
    -------
    float or None
        Samples a second.
    """
    return getattr(estimator, "sampling_rate", None) if sampling_rate is None else sampling_rate


def pick_channel(x: np.ndarray, channel: int) -> np.ndarray:
    """Return one channel of a signal.

    Parameters
    ----------
    x : ndarray of shape (T,) or (M, T)
        The signal.
    channel : int
        Which one.

    Returns
    -------
    ndarray of shape (T,)
        The channel.

    Raises
    ------
    ValueError
        If there is no such channel.
    """
    channels = np.atleast_2d(x)
    if not -len(channels) <= channel < len(channels):
        raise ValueError(f"channel={channel}: the signal has {len(channels)} channel(s), from 0 on.")
    signal: np.ndarray = channels[channel]
    return signal


def at_fitted_length(estimator: Any, x: Any) -> np.ndarray:
    """Pad a signal that is shorter than those that an estimator was fitted on.

    Parameters
    ----------
    estimator : estimator
        Of this package, fitted.
    x : array-like of shape (..., T)
        A signal.

    Returns
    -------
    ndarray of shape (..., T')
        NaN behind it, as in a list of signals.
    """
    check_is_fitted(estimator)
    x = np.asarray(x)
    missing = estimator.input_shape_[-1] - x.shape[-1]
    if missing <= 0 or x.ndim > 2 or getattr(estimator, "signal_len", None) is not None:
        return x
    return np.pad(x.astype(float), [*[(0, 0)] * (x.ndim - 1), (0, missing)], constant_values=np.nan)


def without_padding(x: np.ndarray) -> np.ndarray:
    """Return what lies between a signal's ends.

    Parameters
    ----------
    x : ndarray of shape (..., T)
        A signal, NaN where it is padded, or a spectrogram.

    Returns
    -------
    ndarray of shape (..., T')
        From the first to the last sample that is known in a channel.
    """
    known = np.flatnonzero((x == x).reshape(-1, x.shape[-1]).any(0))
    return x[..., known[0] : known[-1] + 1] if len(known) else x


def original_scales(scales: np.ndarray, x: np.ndarray, columns: int) -> tuple[np.ndarray, float]:
    """Return the scales, and the time from one column of an image to the next, in samples of the signal itself.

    Parameters
    ----------
    scales : ndarray of shape (S,)
        Scales in columns.
    x : ndarray of shape (..., T)
        The signal itself, of which the image shows what lies between its ends.
    columns : int
        Columns of the image.

    Returns
    -------
    tuple of ndarray of shape (S,) and float
        The scales and the time.
    """
    length = without_padding(x).shape[-1]
    step = (length - 1) / max(1, columns - 1) if length > 1 else 1.0
    return scales * step, step


def axes_of(ax: Any, count: int, size: tuple[float, float]) -> np.ndarray:
    """Return the axes to draw on.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, array of these, or None
        What was given; None makes a figure.
    count : int
        How many are needed.
    size : tuple of float
        Width and height of a new figure, in inches.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        So many.

    Raises
    ------
    ValueError
        If others were given.
    """
    if ax is not None:
        axes = np.atleast_1d(ax).ravel()
        if len(axes) != count:
            raise ValueError(f"ax holds {len(axes)} axes; this display needs {count}.")
        return axes
    import matplotlib.pyplot as plt

    return np.atleast_1d(plt.subplots(count, 1, figsize=size, sharex=True, layout="constrained")[1])


def colour_limit(image: np.ndarray) -> float:
    """Return where the colours end: a few outliers would leave all the rest pale.

    Parameters
    ----------
    image : ndarray
        Coefficients.

    Returns
    -------
    float
        The 99th percentile of their amounts.
    """
    return float(np.nanpercentile(np.abs(image), 99)) or 1.0


def draw_image(
    axis: Any, image: np.ndarray, time: TimeAxis, scales: np.ndarray | None, words: str, limit: float | None = None
) -> None:
    """Draw coefficients with colours symmetric about zero; what is not a number is grey.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Where to draw.
    image : ndarray of shape (S, T)
        The coefficients.
    time : TimeAxis
        That of the columns.
    scales : ndarray of shape (S,) or None
        Scales in samples; None labels rows by number.
    words : str
        What stands beside the colour bar.
    limit : float, default=None
        Where the colours end; None takes `colour_limit`.
    """
    limit = colour_limit(image) if limit is None else limit
    axis.set_facecolor("0.8")
    mesh = axis.pcolormesh(time.edges, _row_edges(axis, scales, len(image), time), image, cmap="RdBu_r")
    mesh.set_clim(-limit, limit)
    _colour_bar(axis, mesh, words, "both")


def draw_map(axis: Any, shares: np.ndarray, time: TimeAxis, scales: np.ndarray) -> None:
    """Draw how many times an even share each place has.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Where to draw.
    shares : ndarray of shape (S, T)
        The shares.
    time : TimeAxis
        That of the columns.
    scales : ndarray of shape (S,)
        Scales in samples.
    """
    mesh = axis.pcolormesh(time.edges, _row_edges(axis, scales, len(shares), time), shares, cmap="magma_r")
    mesh.set_clim(0, max(float(shares.max()), 1.0))
    _colour_bar(axis, mesh, "relevance\n(1: an even share)", "neither")


def _row_edges(axis: Any, scales: np.ndarray | None, num_rows: int, time: TimeAxis) -> np.ndarray:
    """Return the edges of an image's rows, all of one height, and label them: small scales at the top."""
    axis.set_ylim(num_rows - 0.5, -0.5)
    edges: np.ndarray = np.arange(num_rows + 1) - 0.5
    if scales is None:
        axis.set_ylabel("scale (row)")
        return edges
    if time.sampling_rate is None:
        axis.set_ylabel("scale (samples)")
        values, highest = np.asarray(scales, dtype=float), np.inf
    else:
        axis.set_ylabel("frequency (Hz)")
        values = peak_frequency(torch.as_tensor(scales, dtype=torch.float64), time.sampling_rate).numpy()
        highest = time.sampling_rate / 2  # the published grid begins with a scale of 0.1, which has no frequency
    axis.set_yticks(*_round_ticks(values, highest))
    return edges


def _round_ticks(values: np.ndarray, highest: float) -> tuple[list[float], list[str]]:
    """Return round numbers' places among the rows' values, a tenth of the rows apart at least, and the numbers."""
    decades = 10.0 ** np.arange(np.floor(np.log10(values.min())), np.log10(values.max()) + 1)
    numbers = np.outer(decades, (1, 2, 5)).ravel()
    numbers = numbers[(numbers >= values.min()) & (numbers <= min(values.max(), highest))]
    if len(numbers) < 2:  # few scales, or close to each other
        ends = sorted({0, len(values) - 1})
        return [float(row) for row in ends], [f"{values[row]:.3g}" for row in ends]
    order = np.argsort(values)
    places = np.interp(np.log(numbers), np.log(values[order]), order)
    kept: list[int] = []
    for tick in np.argsort(-places):  # from the bottom, where a linear grid has room
        if not kept or places[kept[-1]] - places[tick] >= len(values) / 10:
            kept.append(int(tick))
    return [float(places[tick]) for tick in kept], [f"{numbers[tick]:g}" for tick in kept]


def _colour_bar(axis: Any, mesh: Any, words: str, extend: str) -> None:
    """Put a colour bar beside an image, in axes that take no room from it: the time axes stay aligned."""
    bar = axis.figure.colorbar(mesh, cax=axis.inset_axes([1.015, 0, 0.02, 1]), extend=extend)
    bar.set_label(words, fontsize="small")
