"""Display of a recording with the predicted labels of its windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..estimators import WindowedClassifier
from ..signals.recordings import as_recordings
from ._drawing import TimeAxis, axes_of
from ._preparation import sampling_rate_of

# Maximum number of bins of a long recording. Each bin is drawn from its minimum to its maximum.
_MAX_BINS = 2000
# Distance between two channels, in standard deviations.
_SPACING = 6.0


class RecordingDisplay:
    """Plot of a recording with the predicted labels of its windows, and of the class probabilities over time.

    The upper axes show the channels, on a background in the colour of the predicted label. The lower axes have one row
    per class, which is opaque where its probability is 1. Where two windows overlap, each covers half of the overlap.

    Parameters
    ----------
    recording : ndarray of shape (T,) or (M, T)
        The recording. Several channels are standardised and drawn one below the other.
    starts, stops : ndarray of shape (n_windows,), int
        First sample of each window, and the sample after its last one.
    proba : ndarray of shape (n_windows, C)
        Class probabilities of the windows.
    classes : ndarray of shape (C,)
        Labels of the classes.
    sampling_rate : float or None, default=None
        Sampling rate in Hz. The axes then show seconds; None shows samples.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        Axes of the recording and of the probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktsmae import WindowedClassifier
    >>> from sktsmae.plotting import RecordingDisplay
    >>> X = [np.repeat([0.0, 1.0], 50), np.repeat([1.0, 0.0], 50)]
    >>> y = [[(0, 50, "low"), (50, 100, "high")], [(0, 50, "high"), (50, 100, "low")]]
    >>> windowed = WindowedClassifier(LogisticRegression(), window=10).fit(X, y)
    >>> RecordingDisplay.from_estimator(windowed, X[0]).proba.shape
    (19, 2)
    """

    def __init__(
        self,
        recording: np.ndarray,
        starts: np.ndarray,
        stops: np.ndarray,
        proba: np.ndarray,
        classes: np.ndarray,
        *,
        sampling_rate: float | None = None,
    ) -> None:
        self.recording = recording
        self.starts = starts
        self.stops = stops
        self.proba = proba
        self.classes = classes
        self.sampling_rate = sampling_rate

    @classmethod
    def from_estimator(
        cls, estimator: WindowedClassifier, x: Any, *, sampling_rate: float | None = None, ax: Any = None
    ) -> RecordingDisplay:
        """Predict the windows of one recording and plot them.

        Parameters
        ----------
        estimator : WindowedClassifier
            The fitted classifier.
        x : array-like of shape (T,) or (M, T), or DataFrame of shape (T, M)
            One recording.
        sampling_rate : float or None, default=None
            Sampling rate in Hz; None uses the parameter `sampling_rate` of the estimator. If that is None too, the axes
            show samples.
        ax : array of 2 matplotlib.axes.Axes, default=None
            Axes of the recording and of the probabilities; None creates a figure.

        Returns
        -------
        RecordingDisplay
            The display, after drawing.

        Raises
        ------
        ValueError
            If the estimator has no windows, or x is not one recording.
        """
        if not isinstance(estimator, WindowedClassifier):
            raise ValueError(f"a {type(estimator).__name__} has no windows; give a fitted WindowedClassifier.")
        if np.ndim(x) not in (1, 2):
            raise ValueError(
                f"x has shape {np.shape(x)}; give one recording, of shape (length,) or (channels, length)."
            )
        (recording,) = as_recordings([x])
        (windows,) = estimator.predict_windows([recording])
        display = cls(
            recording,
            windows.starts,
            windows.stops,
            windows.proba,
            estimator.classes_,
            sampling_rate=sampling_rate_of(estimator, sampling_rate),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> RecordingDisplay:
        """Plot the recording, the labels and the probabilities.

        Parameters
        ----------
        ax : array of 2 matplotlib.axes.Axes, default=None
            Axes of the recording and of the probabilities; None creates a figure.

        Returns
        -------
        RecordingDisplay
            The display itself.
        """
        channels = np.atleast_2d(self.recording)
        heights = [max(2.5, 1 + 0.5 * len(channels)), max(1.5, 0.8 + 0.25 * len(self.classes))]
        axes = axes_of(ax, 2, (10, sum(heights)))
        if ax is None:
            axes[0].get_gridspec().set_height_ratios(heights)
        time = TimeAxis(channels.shape[1], self.sampling_rate)
        _draw_channels(axes[0], channels, time)
        colours = _colours(len(self.classes))
        # Columns are windows and, with odd indices, the times between two windows, whose width may be 0.
        edges = time.edges[_edges(self.starts, self.stops)].ravel()
        predicted = self.proba.argmax(1)
        for code in np.unique(predicted):
            ranges = _merge(edges.reshape(-1, 2)[predicted == code])
            band = {"transform": axes[0].get_xaxis_transform(), "color": colours[code], "alpha": 0.3, "linewidth": 0}
            axes[0].broken_barh(ranges, (0, 1), **band)
        image = np.zeros((len(self.classes), len(edges) - 1, 4))
        image[..., :3] = colours[:, None]
        image[:, ::2, 3] = self.proba.T
        axes[1].pcolormesh(edges, np.arange(len(self.classes) + 1) - 0.5, image)
        axes[1].set_yticks(range(len(self.classes)), [str(label) for label in self.classes])
        axes[1].set_ylim(len(self.classes) - 0.5, -0.5)
        axes[1].set_ylabel("probability")
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self


def _draw_channels(axis: Any, channels: np.ndarray, time: TimeAxis) -> None:
    """Draw one channel with its values, or several standardised channels below each other."""
    size = -(-channels.shape[1] // _MAX_BINS)
    for number, channel in enumerate(channels):
        values, times = channel, time.times
        if len(channels) > 1:
            known = channel[np.isfinite(channel)]
            values = (channel - known.mean()) / (known.std() or 1.0) if len(known) else channel
            values = values - _SPACING * number
        if size > 2:
            bins = np.arange(0, len(values), size)
            values = np.stack([np.fmin.reduceat(values, bins), np.fmax.reduceat(values, bins)], axis=1).ravel()
            times = np.repeat(times[bins], 2)
        axis.plot(times, values, color="black", linewidth=0.8)
    if len(channels) > 1:
        axis.set_yticks(-_SPACING * np.arange(len(channels)), range(len(channels)))
    axis.set_ylabel("channel" if len(channels) > 1 else "signal")


def _colours(count: int) -> np.ndarray:
    """Return one RGB colour per class (C, 3)."""
    import matplotlib as mpl

    palette = mpl.colormaps["tab10" if count <= 10 else "tab20"]
    return np.array([palette(code % palette.N)[:3] for code in range(count)])


def _edges(starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Return the limits (n_windows, 2) of windows in samples, after overlaps are divided between two windows."""
    edges = np.stack([starts, stops], axis=1)
    middle = (stops[:-1] + starts[1:]) // 2
    edges[1:, 0] = np.maximum(starts[1:], middle)
    edges[:-1, 1] = np.minimum(stops[:-1], middle)
    return edges


def _merge(ranges: np.ndarray) -> np.ndarray:
    """Join ranges (start, stop) that touch each other; return (start, width) of each range."""
    is_first = np.append(True, ranges[1:, 0] > ranges[:-1, 1])
    is_last = np.append(is_first[1:], True)
    starts, stops = ranges[is_first, 0], ranges[is_last, 1]
    return np.stack([starts, stops - starts], axis=1)
