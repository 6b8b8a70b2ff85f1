"""A report about a fitted classifier: one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score, log_loss
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..estimators import MAEClassifier
from ..models.atomic import atomic_write
from ._occlusion import NUM_SEGMENTS, occlusion
from .ensemble import EnsembleDisplay

# A label is suspicious if its probability is lower.
SUSPICIOUS = 0.05
_MAX_LABELS, _MAX_CLASSES, _BINS = 50, 12, 10
_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:auto;padding:1em;line-height:1.4}"
    "img{max-width:100%}table{border-collapse:collapse;display:block;overflow-x:auto}"
    "td,th{padding:.2em .8em;border-bottom:1px solid #ccc;text-align:right}"
)


def report(
    classifier: MAEClassifier, X: Any, y: Any, path: str | os.PathLike[str], *, probabilities: np.ndarray | None = None
) -> None:
    """Write an HTML page about the predictions of a classifier, with all figures in the file.

    The page shows accuracy, macro-averaged F1 score and log-loss beside those of a baseline that always predicts the
    class frequencies; the confusion matrix; a reliability diagram; the weights of the ensemble; for each class the
    signal that is classified with most confidence, and the most confident mistake, with the times and the frequency
    band on which it depends most; and suspicious labels, whose probability is below 5 %.

    Parameters
    ----------
    classifier : MAEClassifier
        The fitted classifier.
    X : array-like of shape (n, T) or (n, M, T)
        Signals. A figure shows the first channel.
    y : array-like of shape (n,)
        Their labels, which are classes of the classifier.
    path : str or path-like
        The .html file; an existing file is replaced.
    probabilities : ndarray of shape (n, C), default=None
        Probabilities to judge. None uses those that the classifier predicts. For the signals of `fit`, give
        ``classifier.loo_proba_``. Rows with NaN are ignored.

    Raises
    ------
    TypeError
        If the estimator is not a classifier.
    ValueError
        If a label is not a class of the classifier, or if the lengths differ.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sktsmae import MAEClassifier
    >>> from sktsmae.datasets import load_sparwatch
    >>> from sktsmae.plotting import report
    >>> X, y = load_sparwatch(return_X_y=True)
    >>> classifier = MAEClassifier(random_state=0).fit(X[::16, 0], y[::16])
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "report.html"
    >>> report(classifier, X[1::16, 0], y[1::16], path)
    >>> path.read_text()[:15]
    '<!doctype html>'
    """
    if not is_classifier(classifier):
        raise TypeError(f"classifier={classifier!r} is not a classifier; report needs one, such as MAEClassifier.")
    check_is_fitted(classifier)
    probabilities = classifier.predict_proba(X) if probabilities is None else np.asarray(probabilities)
    y, signals = np.asarray(y), np.asarray(X)
    check_consistent_length(signals, y, probabilities)
    rows = np.flatnonzero(np.isfinite(probabilities).all(1))
    y, signals, probabilities = y[rows], signals[rows], probabilities[rows]
    classes = classifier.classes_
    unknown = sorted({str(label) for label in y.tolist()} - {str(label) for label in classes.tolist()})
    if unknown:
        raise ValueError(f"y contains {unknown[:5]}, but the classes are {classes.tolist()}; remove other labels.")
    if not len(y):
        raise ValueError("probabilities has no row without NaN; give at least one.")
    codes = np.searchsorted(classes, y)
    title = f"{len(y)} signals of shape {signals.shape[1:]}, {len(classes)} classes"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        _table(["", "this classifier", "class frequencies"], _scores(codes, probabilities)),
        "<h2>Which classes are confused</h2>",
        _image("confusion matrix", _confusion(codes, probabilities, classes)),
        "<h2>Whether probabilities are right</h2>",
        _image("reliability diagram", _reliability(codes, probabilities)),
        "<h2>Which models decide</h2>",
        _image(
            "weights of the ensemble", EnsembleDisplay.from_estimator(classifier, ax=_figure(7, 4).subplots()).figure_
        ),
        "<h2>Typical signals, and confident mistakes</h2>",
        "<p>In a mistake, red marks times without which the predicted class is less probable. The title names the "
        "octave of frequencies, in cycles per sample, without which it is least probable.</p>",
        _image("signals of each class", _examples(classifier, signals, codes, probabilities, rows)),
        f"<h2>Suspicious labels (probability below {SUSPICIOUS:.0%})</h2>",
        _suspicious(codes, probabilities, classes, rows),
    ]
    page = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
    text = f'<!doctype html><html lang="en"><head>{page}<title>{html.escape(title)}</title></head><body>'
    with atomic_write(path) as temporary:
        temporary.write_text(f"{text}{''.join(parts)}</body></html>\n", encoding="utf-8")


def _scores(codes: np.ndarray, probabilities: np.ndarray) -> list[list[str]]:
    """Return the rows of the table of scores."""
    labels = np.arange(probabilities.shape[1])
    frequencies = np.bincount(codes, minlength=len(labels)) / len(codes)
    rows = []
    for values in (probabilities, np.tile(frequencies, (len(codes), 1))):
        predicted = values.argmax(1)
        f1 = f1_score(codes, predicted, labels=np.unique(codes), average="macro", zero_division=0)
        normalized = values / values.sum(1, keepdims=True)
        rows.append([accuracy_score(codes, predicted), f1, log_loss(codes, normalized, labels=labels)])
    names = ["accuracy", "F1 score, mean of the classes", "log-loss"]
    return [[name, *(f"{value:.3f}" for value in values)] for name, *values in zip(names, *rows, strict=True)]


def _confusion(codes: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> Any:
    size = max(4.0, min(12.0, 0.5 * len(classes) + 2))
    axis = _figure(size, size).subplots()
    ConfusionMatrixDisplay.from_predictions(
        codes, probabilities.argmax(1), labels=np.arange(len(classes)), display_labels=classes, ax=axis, colorbar=False,
        xticks_rotation="vertical",
    )  # fmt: skip
    return axis.figure


def _reliability(codes: np.ndarray, probabilities: np.ndarray) -> Any:
    """Draw the accuracy of predictions by their confidence, the largest probability."""
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == codes
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    used = np.unique(bins)
    axis = _figure(5, 4).subplots()
    axis.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfect")
    means = [confidence[bins == number].mean() for number in used], [correct[bins == number].mean() for number in used]
    axis.plot(*means, marker="o", label="measured")
    for number, x, height in zip(used, *means, strict=True):
        axis.annotate(str((bins == number).sum()), (x, height), textcoords="offset points", xytext=(4, -12))
    axis.set(
        xlabel="probability of the predicted class", ylabel="fraction that is correct", xlim=(0, 1), ylim=(0, 1.05)
    )
    axis.legend()
    return axis.figure


def _examples(
    classifier: MAEClassifier, signals: np.ndarray, codes: np.ndarray, probabilities: np.ndarray, rows: np.ndarray
) -> Any:
    """Draw for each class the most confident correct signal, and the most confident mistake."""
    predicted, confidence, classes = probabilities.argmax(1), probabilities.max(1), classifier.classes_
    present = np.unique(codes)[:_MAX_CLASSES]
    axes = _figure(10, 1.8 * len(present)).subplots(len(present), 2, squeeze=False)
    for (left, right), code in zip(axes, present, strict=True):
        for axis, chosen, name in ((left, predicted == codes, "correct"), (right, predicted != codes, "mistake")):
            candidates = np.flatnonzero(chosen & (codes == code))
            if not len(candidates):
                axis.set_axis_off()
                axis.set_title(
                    f"{classes[code]}: no {'mistake' if name == 'mistake' else 'correct prediction'}", size=9
                )
                continue
            best = candidates[confidence[candidates].argmax()]
            axis.plot(signals[best].reshape(-1, signals.shape[-1])[0], linewidth=0.8)
            said = ""
            if name == "mistake":
                band = _mark_evidence(axis, classifier, signals[best], predicted[best])
                said = f", predicted {classes[predicted[best]]}{band}"
            axis.set_title(f"{classes[code]}: {name}, row {rows[best]}{said} ({confidence[best]:.2f})", size=9)
    return axes[0, 0].figure


def _mark_evidence(axis: Any, classifier: MAEClassifier, signal: np.ndarray, code: int) -> str:
    """Mark the times on which a prediction depends, and return the frequency band on which it depends most."""
    if signal.ndim > 2 or signal.shape[-1] < 2 * NUM_SEGMENTS or not np.isfinite(signal).all():
        return ""
    times, bands, edges = occlusion(classifier, signal, code)
    limits = np.linspace(0, signal.shape[-1] - 1, NUM_SEGMENTS + 1)
    strength = (times / max(times.max(), 1e-3)).clip(0)  # smaller changes are not worth a mark
    for start, stop, opacity in zip(limits[:-1], limits[1:], strength, strict=True):
        axis.axvspan(start, stop, color="red", alpha=0.4 * opacity, linewidth=0)
    most = int(bands.argmax())
    return f" by {edges[most]:.2g} to {edges[most + 1]:.2g}" if bands[most] > 1e-3 else ""


def _suspicious(codes: np.ndarray, probabilities: np.ndarray, classes: np.ndarray, rows: np.ndarray) -> str:
    given = probabilities[np.arange(len(codes)), codes]
    found = [row for row in given.argsort() if given[row] < SUSPICIOUS]
    if not found:
        return "<p>None.</p>"
    lines = [
        [rows[row], classes[codes[row]], f"{given[row]:.3f}", classes[probabilities[row].argmax()],
         f"{probabilities[row].max():.3f}"]
        for row in found[:_MAX_LABELS]
    ]  # fmt: skip
    more = f"<p>The {_MAX_LABELS} least probable of {len(found)} labels.</p>" if len(found) > _MAX_LABELS else ""
    return more + _table(["row", "label", "its probability", "most probable", "probability"], lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    cells = ["".join(f"<th>{html.escape(name)}</th>" for name in header)]
    cells += ["".join(f"<td>{html.escape(str(value))}</td>" for value in row) for row in rows]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure  # not pyplot, which would keep the figure

    return Figure(figsize=(width, height), layout="constrained")


def _image(name: str, figure: Any) -> str:
    """Return an element with the pixels of a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)
    data = base64.b64encode(content.getvalue()).decode()
    return f'<p><img alt="{name}" src="data:image/png;base64,{data}"></p>'
