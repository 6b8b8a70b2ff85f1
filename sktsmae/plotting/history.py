"""Display of the loss per epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..estimators import MAEClassifier, MAEPretrainer
from ._drawing import axes_of


class HistoryDisplay:
    """Plot of the training and validation loss against the epoch.

    Parameters
    ----------
    history : list of dict
        One dict per epoch with the keys ``epoch``, ``train_loss``, and with early stopping ``valid_loss``; for example
        the attribute `history_` of a `MAEPretrainer` or `MAEClassifier`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If `history` is empty.

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
            raise ValueError("history=[] contains no epochs; give the history_ of an estimator that was trained.")
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: MAEPretrainer | MAEClassifier, *, ax: Any = None) -> HistoryDisplay:
        """Plot the losses of a fitted estimator.

        Parameters
        ----------
        estimator : MAEPretrainer or MAEClassifier
            The fitted estimator. The losses of a classifier are those of fine-tuning.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a figure.

        Returns
        -------
        HistoryDisplay
            The display, after drawing.

        Raises
        ------
        ValueError
            If the estimator has no losses, because its `fit` trained no network.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "history_"):
            raise ValueError(
                f"a {type(estimator).__name__} has no training history; give a MAEPretrainer or a MAEClassifier."
            )
        if not estimator.history_:
            name = type(estimator).__name__
            untuned = getattr(estimator, "finetune", None) == "none"
            cause, remedy = ("finetune='none'", "finetune='full'") if untuned else ("max_epochs=0", "max_epochs=10")
            raise ValueError(
                f"this {name} has no losses, since it was fitted with {cause}; fit it with another value, for example "
                f"{remedy}."
            )
        return cls(estimator.history_).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> HistoryDisplay:
        """Plot the losses.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a figure.

        Returns
        -------
        HistoryDisplay
            The display itself.
        """
        from matplotlib.ticker import MaxNLocator

        axis = axes_of(ax, 1, (6, 3.5))[0]
        marker = "o" if len(self.history) < 20 else None  # a single epoch would not be visible as a line
        for key, label, colour in (("train_loss", "training", "black"), ("valid_loss", "validation", "tab:red")):
            rows = [row for row in self.history if key in row]
            if rows:
                epochs, losses = [row["epoch"] for row in rows], [row[key] for row in rows]
                axis.plot(epochs, losses, color=colour, marker=marker, markersize=3, linewidth=1, label=label)
        axis.set(xlabel="epoch", ylabel="loss", title="Loss per epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.legend()
        self.ax_, self.figure_ = axis, axis.figure
        return self
