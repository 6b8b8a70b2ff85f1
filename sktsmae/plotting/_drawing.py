"""Helpers that the displays share: time and frequency axes, images and colour bars."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import torch

from ..functional.scales import peak_frequency


class TimeAxis:
    """The time axis of a signal, in samples or in seconds.

    Parameters
    ----------
    count : int
        Number of samples to draw.
    sampling_rate : float or None
        Sampling rate of the original signal in Hz. The axis then shows seconds; None shows samples.
    step : float, default=1
        Time between two drawn samples, as a number of samples of the original signal.

    Raises
    ------
    ValueError
        If `sampling_rate` is not a positive number.
    """

    def __init__(self, count: int, sampling_rate: float | None, step: float = 1.0) -> None:
        if sampling_rate is not None and not (isinstance(sampling_rate, Real) and 0 < sampling_rate < np.inf):
            raise ValueError(f"sampling_rate={sampling_rate!r}: give a positive number in Hz, or None.")
        self.sampling_rate = sampling_rate
        self.unit = "samples" if sampling_rate is None else "s"
        step = step / (sampling_rate or 1.0)
        self.times = np.arange(count) * step
        self.edges = (np.arange(count + 1) - 0.5) * step
        self.limits = (self.times[0], max(self.times[-1], step))

    def label(self, axes: np.ndarray) -> None:
        """Set the time limits of all axes, and label the time axis of the lowest one.

        Parameters
        ----------
        axes : ndarray of matplotlib.axes.Axes
            The axes, from top to bottom.
        """
        for axis in axes:
            axis.set_xlim(*self.limits)
            axis.tick_params(labelbottom=axis is axes[-1])
        axes[-1].set_xlabel(f"time ({self.unit})")


def axes_of(ax: Any, count: int, size: tuple[float, float]) -> np.ndarray:
    """Return the given axes, or the axes of a new figure.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, array of these, or None
        The given axes; None creates a figure.
    count : int
        Number of axes that are needed.
    size : tuple of float
        Width and height of a new figure, in inches.

    Returns
    -------
    ndarray of shape (count,) of matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If the number of given axes is not `count`.
    """
    if ax is not None:
        axes = np.atleast_1d(ax).ravel()
        if len(axes) != count:
            raise ValueError(
                f"ax contains {len(axes)} axes, but this display needs {count}; give {count} axes or None."
            )
        return axes
    import matplotlib.pyplot as plt

    return np.atleast_1d(plt.subplots(count, 1, figsize=size, sharex=True, layout="constrained")[1])


def colour_limit(image: np.ndarray) -> float:
    """Return the absolute value at which the colour scale of an image ends.

    Parameters
    ----------
    image : ndarray
        Coefficients.

    Returns
    -------
    float
        The 99th percentile of the absolute values, so that a few outliers do not make all other values pale; 1 if the
        percentile is 0.
    """
    return float(np.nanpercentile(np.abs(image), 99)) or 1.0


def draw_image(
    axis: Any, image: np.ndarray, time: TimeAxis, scales: np.ndarray | None, label: str, limit: float | None = None
) -> None:
    """Draw coefficients with a colour scale that is symmetric about zero; NaN is grey.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Axes to draw on.
    image : ndarray of shape (S, T)
        The coefficients.
    time : TimeAxis
        Time axis of the columns.
    scales : ndarray of shape (S,) or None
        Scales in samples; None shows the indices of the scales.
    label : str
        Label of the colour bar.
    limit : float, default=None
        Limit of the colour scale; None uses `colour_limit`.
    """
    limit = colour_limit(image) if limit is None else limit
    axis.set_facecolor("0.8")
    mesh = axis.pcolormesh(time.edges, _row_edges(axis, scales, len(image), time), image, cmap="RdBu_r")
    mesh.set_clim(-limit, limit)
    _colour_bar(axis, mesh, label, "both")


def draw_relevance(axis: Any, ratio: np.ndarray, time: TimeAxis, scales: np.ndarray | None) -> None:
    """Draw a relevance map.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Axes to draw on.
    ratio : ndarray of shape (S, T)
        Relevance divided by the value that it would have if it were uniform.
    time : TimeAxis
        Time axis of the columns.
    scales : ndarray of shape (S,) or None
        Scales in samples; None shows the indices of the scales.
    """
    mesh = axis.pcolormesh(time.edges, _row_edges(axis, scales, len(ratio), time), ratio, cmap="magma_r")
    mesh.set_clim(0, max(float(ratio.max()), 1.0))
    _colour_bar(axis, mesh, "relevance\n(1 = uniform)", "neither")


def _row_edges(axis: Any, scales: np.ndarray | None, num_rows: int, time: TimeAxis) -> np.ndarray:
    """Label the vertical axis of an image, and return the edges of its rows. All rows have the same height."""
    axis.set_ylim(num_rows - 0.5, -0.5)  # small scales, that is high frequencies, are at the top
    edges: np.ndarray = np.arange(num_rows + 1) - 0.5
    if scales is None and num_rows == 1:  # the image of a waveform
        axis.set_yticks([])
        return edges
    if scales is None:
        axis.set_ylabel("scale (index)")
        return edges
    if time.sampling_rate is None:
        axis.set_ylabel("scale (samples)")
        values, highest = np.asarray(scales, dtype=float), np.inf
    else:
        axis.set_ylabel("frequency (Hz)")
        values = peak_frequency(torch.as_tensor(scales, dtype=torch.float64), time.sampling_rate).numpy()
        # The formula for the peak frequency is not valid above the Nyquist frequency, for example at scale 0.1.
        highest = time.sampling_rate / 2
    axis.set_yticks(*_round_ticks(values, highest))
    return edges


def _round_ticks(values: np.ndarray, highest: float) -> tuple[list[float], list[str]]:
    """Return the positions and labels of ticks at 1, 2 or 5 times a power of ten.

    The distance between two ticks is at least a tenth of the height of the image. If the lowest of them is more than a
    quarter of the height above the last row, that row has a tick, too.
    """
    decades = 10.0 ** np.arange(np.floor(np.log10(values.min())), np.log10(values.max()) + 1)
    numbers = np.outer(decades, (1, 2, 5)).ravel()
    numbers = numbers[(numbers >= values.min()) & (numbers <= min(values.max(), highest))]
    if len(numbers) < 2:  # there are few scales, or they are close to each other
        ends = sorted({0, len(values) - 1})
        return [float(row) for row in ends], [f"{values[row]:.3g}" for row in ends]
    order = np.argsort(values)
    positions = np.interp(np.log(numbers), np.log(values[order]), order)
    kept: list[int] = []
    for tick in np.argsort(-positions):  # from the bottom, where ticks on a linear grid are far apart
        if not kept or positions[kept[-1]] - positions[tick] >= len(values) / 10:
            kept.append(int(tick))
    ticks = [(float(positions[tick]), f"{numbers[tick]:g}") for tick in kept]
    if len(values) - 1 - ticks[0][0] > len(values) / 4:
        ticks.insert(0, (len(values) - 1.0, f"{values[-1]:.3g}"))
    return [position for position, _ in ticks], [label for _, label in ticks]


def _colour_bar(axis: Any, mesh: Any, label: str, extend: str) -> None:
    """Draw a colour bar in inset axes. They do not shrink the image, so the time axes of all images stay aligned."""
    bar = axis.figure.colorbar(mesh, cax=axis.inset_axes([1.015, 0, 0.02, 1]), extend=extend)
    bar.set_label(label, fontsize="small")
