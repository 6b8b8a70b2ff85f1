"""Display of the weights of an ensemble."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..estimators import MAEClassifier, MAERegressor
from ._drawing import axes_of

# Largest number of bars. With many channels, an ensemble has many more models.
_MAX_BARS = 16
# Largest number of characters in a line of a name. The model on all kinds of features has a name of two lines.
_MAX_CHARACTERS = 36


class EnsembleDisplay:
    """Bar plot of the weight of each model of an ensemble.

    If there are more than 16 models, only the largest 15 weights and the sum of the others are drawn.

    Parameters
    ----------
    weights : mapping of str to float
        Name and weight of each model, for example the attribute `ensemble_weights_` of a `MAEClassifier`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If `weights` is empty.

    Examples
    --------
    >>> from sktsmae.plotting import EnsembleDisplay
    >>> display = EnsembleDisplay({"statistics": 0.7, "embedding": 0.3}).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['statistics', 'embedding']
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        if len(weights) == 0:
            raise ValueError("weights={} names no model; give the ensemble_weights_ of a fitted estimator.")
        self.weights = weights

    @classmethod
    def from_estimator(cls, estimator: MAEClassifier | MAERegressor, *, ax: Any = None) -> EnsembleDisplay:
        """Plot the weights of a fitted estimator.

        Parameters
        ----------
        estimator : MAEClassifier or MAERegressor
            The fitted estimator.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a figure.

        Returns
        -------
        EnsembleDisplay
            The display, after drawing.

        Raises
        ------
        ValueError
            If the estimator is not an ensemble.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "ensemble_weights_"):
            name = type(estimator).__name__
            raise ValueError(f"a {name} is not an ensemble; give a MAEClassifier or a MAERegressor.")
        return cls(estimator.ensemble_weights_).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> EnsembleDisplay:
        """Plot the weights.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a figure.

        Returns
        -------
        EnsembleDisplay
            The display itself.
        """
        weights = _largest(self.weights)
        axis = axes_of(ax, 1, (6, 0.8 + 0.35 * len(weights)))[0]
        names = [textwrap.fill(name, _MAX_CHARACTERS) for name in weights]
        bars = axis.barh(names, list(weights.values()), color="tab:blue", height=0.7)
        axis.bar_label(bars, fmt="%.2f", padding=3)
        axis.set(xlabel="weight", xlim=(0, 1.2 * max(weights.values())), title="Models of the ensemble")
        axis.invert_yaxis()  # the first model at the top
        self.ax_, self.figure_ = axis, axis.figure
        return self


def _largest(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the largest weights in their order, and the sum of the others if there are too many for a figure."""
    if len(weights) <= _MAX_BARS:
        return dict(weights)
    kept = sorted(weights, key=lambda name: -weights[name])[: _MAX_BARS - 1]
    others = sum(weight for name, weight in weights.items() if name not in kept)
    shown = {name: weight for name, weight in weights.items() if name in kept}
    return {**shown, f"{len(weights) - len(kept)} other models": others}
