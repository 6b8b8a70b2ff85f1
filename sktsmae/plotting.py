"""Displays in scikit-learn's manner: arrays in, `plot` draws and returns itself, `from_estimator` computes.

May import the estimators; matplotlib is imported only to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .estimators import CWTTransformer, MAEClassifier, MAEPretrainer
from .functional.wavelets import peak_frequency

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
    standardize : bool or "row", default=True
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
        if estimator.output != "image":
            raise ValueError(f"output={estimator.output!r} makes no images; give a CWTTransformer(output='image').")
        x = np.asarray(x)
        signal = _channel(x, channel)
        num_views = len(estimator.diff_orders)
        image = estimator.transform(x[None])[0].reshape(-1, num_views, len(estimator.scales_), x.shape[-1])
        display = cls(
            signal,
            image[channel],
            estimator.scales_,
            estimator.diff_orders,
            sampling_rate=_rate_of(estimator, sampling_rate),
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
        axes = _axes(ax, 1 + len(self.image), (8, 1.2 + 1.8 * len(self.image)))
        time = _Time(len(self.signal), self.sampling_rate)
        axes[0].plot(time.places, self.signal, color="black", linewidth=1)
        axes[0].set_ylabel("signal")
        words = "standardised\ncoefficient" if self.standardize else "coefficient"
        for axis, view, order in zip(axes[1:], self.image, self.diff_orders, strict=True):
            _draw_image(axis, view, time, self.scales, words)
            axis.set_title(f"CWT of the {_VIEW_NAMES[order]}")
        time.label(axes)
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
        x = np.asarray(x)
        out = estimator.reconstruct(x[None])
        _channel(out.signal[0], channel)
        first_view = (0, channel, 0)
        image = out.image[first_view]
        scales, time_step = _original_scales(estimator.model_.scalogram, x, image.shape[-1])
        display = cls(
            out.signal[0, channel],
            out.signal_pred[0, channel],
            image,
            out.image_pred[first_view],
            out.mask[0, channel],
            scales=scales if x.ndim < 3 else None,
            sampling_rate=_rate_of(estimator, sampling_rate),
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
        axes = _axes(ax, 4, (8, 8.5))
        time = _Time(len(self.signal), self.sampling_rate, self.time_step)
        limit = _limit(self.image)
        images = {
            f"seen ({1 - self.mask.mean():.0%}); what was hidden is grey": np.where(self.mask, np.nan, self.image),
            "rebuilt where it was hidden": np.where(self.mask, self.image_pred, self.image),
            "true": self.image,
        }
        for axis, (title, image) in zip(axes, images.items(), strict=False):
            _draw_image(axis, image, time, self.scales, "standardised\ncoefficient", limit)
            axis.set_title(title)
        axes[3].plot(time.places, self.signal, color="black", linewidth=1, label="true")
        axes[3].plot(time.places, self.signal_pred, color="tab:red", linewidth=1, label="rebuilt")
        axes[3].set_ylabel("standardised\nsignal")
        # Beside the axes, where it covers nothing; a colour bar is as wide.
        axes[3].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, handlelength=1)
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self


class HistoryDisplay:
    """The losses of a training, epoch by epoch.

    Parameters
    ----------
    history : list of dict
        Of each epoch ``epoch``, ``train_loss`` and, where signals were held out, ``valid_loss``: the `history_` of a
        `MAEPretrainer` or a `MAEClassifier`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If there is no epoch.

    Examples
    --------
    >>> from sktsmae import MAEPretrainer
    >>> from sktsmae.datasets import load_sparwatch
    >>> from sktsmae.plotting import HistoryDisplay
    >>> pretrainer = MAEPretrainer(max_epochs=2, random_state=0).fit(load_sparwatch().data[:20, 0])
    >>> [line.get_label() for line in HistoryDisplay.from_estimator(pretrainer).ax_.lines]
    ['training']
    """

    def __init__(self, history: Sequence[dict[str, float]]) -> None:
        if len(history) == 0:
            raise ValueError("history=[] has no epoch to draw; give the history_ of an estimator that was trained.")
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: MAEPretrainer | MAEClassifier, *, ax: Any = None) -> HistoryDisplay:
        """Draw the losses of an estimator's training.

        Parameters
        ----------
        estimator : MAEPretrainer or MAEClassifier
            Fitted; a classifier's are those of fine-tuning.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        HistoryDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If it was fitted without epochs.
        """
        check_is_fitted(estimator)
        if not estimator.history_:
            name = type(estimator).__name__
            untuned = getattr(estimator, "finetune", None) == "none"
            remedy = "finetune='none'; fit it with finetune='full' or 'head'" if untuned else "max_epochs=0; raise it"
            raise ValueError(f"this {name} was fitted without epochs: {remedy}.")
        return cls(estimator.history_).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> HistoryDisplay:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        HistoryDisplay
            Itself.
        """
        from matplotlib.ticker import MaxNLocator

        axis = _axes(ax, 1, (6, 3.5))[0]
        marker = "o" if len(self.history) < 20 else None  # a single epoch makes no line
        for key, label, colour in (("train_loss", "training", "black"), ("valid_loss", "held out", "tab:red")):
            rows = [row for row in self.history if key in row]
            if rows:
                epochs, losses = [row["epoch"] for row in rows], [row[key] for row in rows]
                axis.plot(epochs, losses, color=colour, marker=marker, markersize=3, linewidth=1, label=label)
        axis.set(xlabel="epoch", ylabel="loss", title="Loss by epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend()
        self.ax_, self.figure_ = axis, axis.figure
        return self


class AttentionDisplay:
    """A signal above the map of where in time and frequency the decision about it was found.

    Parameters
    ----------
    signal : ndarray of shape (T,)
        The signal.
    relevance : ndarray of shape (S, T)
        Relevance of each place for the decision, as `MAEClassifier.explain` gives it: of sum 1, together with other
        channels.
    scales : ndarray of shape (S,)
        Scales in samples.
    title : str, default=""
        What stands above the signal.
    sampling_rate : float or None, default=None
        Samples a second, in Hz, to draw seconds and the peak frequency of each wavelet; None draws samples and scales.
    num_channels : int, default=1
        Channels M that `relevance` is one of: an even share of a place is 1 / (M * S * T).

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of matplotlib.axes.Axes
        For the signal and the map.

    Examples
    --------
    >>> from sktsmae import MAEClassifier
    >>> from sktsmae.datasets import load_sparwatch
    >>> from sktsmae.plotting import AttentionDisplay
    >>> X, y = load_sparwatch(return_X_y=True)
    >>> classifier = MAEClassifier(probe=False, finetune="head", max_epochs=1, random_state=0).fit(X[::32, 0], y[::32])
    >>> AttentionDisplay.from_estimator(classifier, X[0, 0]).relevance.shape
    (32, 200)
    """

    def __init__(
        self,
        signal: np.ndarray,
        relevance: np.ndarray,
        scales: np.ndarray,
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
    ) -> AttentionDisplay:
        """Classify one signal and draw what decided.

        Parameters
        ----------
        classifier : MAEClassifier
            Fitted on signals, with ``finetune="full"`` or ``"head"`` and ``head="reasoning"``.
        x : ndarray of shape (T,) or (M, T)
            One signal.
        channel : int, default=0
            Which channel to draw.
        sampling_rate : float or None, default=None
            Samples a second, in Hz; None takes the estimator's, where it has one, or draws samples and scales.
        ax : array of 2 matplotlib.axes.Axes, default=None
            For the signal and the map; None makes a figure.

        Returns
        -------
        AttentionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the classifier has no fine-tuned network with reasoning tokens, `x` is no signal, or there is no such
            channel.
        """
        x = np.asarray(x)
        if x.ndim > 2:
            raise ValueError(f"x has shape {x.shape}, and has to be one signal, (T,) or (M, T).")
        signal = _channel(x, channel)
        maps = classifier.explain(x[None])[0]  # (M, S, T)
        probabilities = classifier.predict_proba(x[None])[0]
        best = probabilities.argmax()
        title = f"predicted: {classifier.classes_[best]} (probability {probabilities[best]:.2f})"
        if len(maps) > 1:
            title += f"\nchannel {channel}: {maps[channel].sum():.0%} of the relevance of all {len(maps)}"
        scalogram = classifier.model_.scalogram
        scales, _ = _original_scales(scalogram, x, scalogram.resample_to or x.shape[-1])
        display = cls(
            signal,
            maps[channel],
            scales,
            title=title,
            sampling_rate=_rate_of(classifier, sampling_rate),
            num_channels=len(maps),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> AttentionDisplay:
        """Draw the signal and the map.

        Parameters
        ----------
        ax : array of 2 matplotlib.axes.Axes, default=None
            For the signal and the map; None makes a figure.

        Returns
        -------
        AttentionDisplay
            Itself.
        """
        axes = _axes(ax, 2, (8, 4.5))
        time = _Time(len(self.signal), self.sampling_rate)
        axes[0].plot(time.places, self.signal, color="black", linewidth=1)
        axes[0].set(ylabel="signal", title=self.title)
        shares = self.relevance * (self.num_channels * self.relevance.size)
        _draw_map(axes[1], shares, time, self.scales)
        axes[1].set_title("where the decision was found")
        time.label(axes)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self


class _Time:
    """The time axis of a signal, in samples or in seconds."""

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
        for axis in axes:
            axis.set_xlim(*self.limits)
            axis.tick_params(labelbottom=axis is axes[-1])
        axes[-1].set_xlabel(f"time ({self.unit})")


def _rate_of(estimator: Any, sampling_rate: float | None) -> float | None:
    """Return the sampling rate that was given, or else the estimator's, if it has one."""
    return getattr(estimator, "sampling_rate", None) if sampling_rate is None else sampling_rate


def _channel(x: np.ndarray, channel: int) -> np.ndarray:
    """Return one channel of a signal."""
    channels = np.atleast_2d(x)
    if not -len(channels) <= channel < len(channels):
        raise ValueError(f"channel={channel}: the signal has {len(channels)} channel(s), from 0 on.")
    signal: np.ndarray = channels[channel]
    return signal


def _original_scales(scalogram: Any, x: np.ndarray, columns: int) -> tuple[np.ndarray, float]:
    """Return the scales, and the time from one column of an image to the next, in samples of the signal itself."""
    step = (x.shape[-1] - 1) / max(1, columns - 1) if x.shape[-1] > 1 else 1.0
    return scalogram.scales.cpu().numpy() * step, step


def _axes(ax: Any, count: int, size: tuple[float, float]) -> np.ndarray:
    """Return the axes to draw on."""
    if ax is not None:
        axes = np.atleast_1d(ax).ravel()
        if len(axes) != count:
            raise ValueError(f"ax holds {len(axes)} axes; this display needs {count}.")
        return axes
    import matplotlib.pyplot as plt

    return np.atleast_1d(plt.subplots(count, 1, figsize=size, sharex=True, layout="constrained")[1])


def _limit(image: np.ndarray) -> float:
    """Return where the colours end: a few outliers would leave all the rest pale."""
    return float(np.nanpercentile(np.abs(image), 99)) or 1.0


def _draw_image(
    axis: Any, image: np.ndarray, time: _Time, scales: np.ndarray | None, words: str, limit: float | None = None
) -> None:
    """Draw coefficients with colours symmetric about zero; what is not a number is grey."""
    limit = _limit(image) if limit is None else limit
    axis.set_facecolor("0.8")
    mesh = axis.pcolormesh(time.edges, _row_edges(axis, scales, len(image), time), image, cmap="RdBu_r")
    mesh.set_clim(-limit, limit)
    _colour_bar(axis, mesh, words, "both")


def _draw_map(axis: Any, shares: np.ndarray, time: _Time, scales: np.ndarray) -> None:
    """Draw how many times an even share each place has."""
    mesh = axis.pcolormesh(time.edges, _row_edges(axis, scales, len(shares), time), shares, cmap="magma_r")
    mesh.set_clim(0, max(float(shares.max()), 1.0))
    _colour_bar(axis, mesh, "relevance\n(1: an even share)", "neither")


def _row_edges(axis: Any, scales: np.ndarray | None, num_rows: int, time: _Time) -> np.ndarray:
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
