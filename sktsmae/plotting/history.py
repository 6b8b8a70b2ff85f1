"""The course of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..estimators import MAEClassifier, MAEPretrainer
from ._drawing import axes_of


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
        if not hasattr(estimator, "history_"):
            raise ValueError(f"a {type(estimator).__name__} is not trained; give a MAEPretrainer or a MAEClassifier.")
        if not estimator.history_:
            name = type(estimator).__name__
            untuned = getattr(estimator, "finetune", None) == "none"
            remedy = "finetune='none'; fit it with another finetune" if untuned else "max_epochs=0; raise it"
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

        axis = axes_of(ax, 1, (6, 3.5))[0]
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
