"""The classifier of recordings that are longer than a window, by any classifier of windows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, validate_data

from ..models.checkpoints import read_safetensors
from ..signals.intervals import are_intervals, read_intervals
from ..signals.recordings import (
    Segments,
    as_recordings,
    cut_windows,
    is_list_of_recordings,
    stack_windows,
    whole_recordings,
)
from ..training.constraints import POSITIVE_INT, SAMPLING_RATE
from ._persistence import damaged_metadata, dump_estimator, params_of
from ._rollback import rollback_on_error
from ._targets import class_labels
from ._votes import VOTES
from .classifier import MAEClassifier

# Maximum number of values of the windows that are passed to the estimator at once; 16 MB in float32.
_MAX_VALUES = 2**22


@dataclass(eq=False, repr=False)
class WindowedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # numpydoc ignore=PR02
    """Classify recordings, and parts of recordings, by a classifier of windows.

    The estimator learns from windows of the recordings, each with the label of its recording or of the labelled
    interval that contains it. `predict_windows` returns the probabilities of the windows of a recording. `predict`
    combines them by a vote.

    Parameters
    ----------
    estimator : classifier, default=None
        Classifier of windows. None uses ``MAEClassifier()``. A classifier without `predict_proba` votes with its
        predicted labels.
    window : int, default=None
        Length of a window in samples. None uses the length of the longest recording in `fit`, or of the longest
        interval.
    step : int, default=None
        Distance between the starts of two windows, in samples. None uses half of the window. The last window ends at
        the end of the recording. Predictions use the current value, so `set_params` may change it after `fit`.
    vote : {"soft", "confidence", "trimmed"}, default="soft"
        How the probabilities of windows are averaged. "soft": mean. "confidence": mean with the weight
        1 - H / log(C), where H is the entropy of the probabilities of a window. "trimmed": for each class, mean
        without the lowest 10 % and the highest 10 %.
    sampling_rate : float or None, default=None
        Sampling rate in Hz; times and figures are then in seconds.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier of windows.
    classes_ : ndarray of shape (C,)
        The labels.
    window_ : int
        Length of a window in samples.
    n_channels_ : int
        Number of channels M of a recording.
    n_features_in_ : int
        Length of the second axis of X in `fit`. It does not exist if X was a list of arrays.

    See Also
    --------
    MAEClassifier : Classifies signals that are not cut.

    Notes
    -----
    **Form of the windows.** The estimator receives an array of shape (n_windows, window), or (n_windows, M, window) if
    there are M > 1 channels. Classifiers that accept only tables of channels need a transformer, for example
    ``make_pipeline(CWTTransformer(output="statistics"), LogisticRegression())``.

    **Padding and gaps.** A recording or interval that is shorter than the window is padded with NaN at the end. The
    estimators of this package ignore this padding. If an estimator does not accept NaN, the error names the recording.
    Leading and trailing NaN of a recording is padding, too, and has no windows. Windows that consist of NaN are left
    out.

    **Splits.** Cross-validation of this estimator splits recordings, so all windows of one recording are on one side.
    If there are several recordings per person, give the persons as `groups` of ``GroupKFold``. If y contains intervals,
    give ``cv=KFold(...)`` or ``cv=GroupKFold(...)``; a number, such as ``cv=3``, stratifies by the labels of whole
    recordings, which do not exist. To cross-validate a classifier of windows, use `windows`, or `get_groups`, with
    ``GroupKFold``. To search parameters, put this estimator inside ``GridSearchCV``, not vice versa. An estimator that
    splits the windows itself (`MAEClassifier` weighs its models by leave-one-out predictions) does not know the
    recordings, so its own estimates are too optimistic.

    Examples
    --------
    Each of the following recordings consists of four signals of the same exercise, of 200 samples each.

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sktsmae import CWTTransformer, WindowedClassifier
    >>> from sktsmae.datasets import load_sparwatch
    >>> X, y = load_sparwatch(return_X_y=True)
    >>> order = np.argsort(y, kind="stable")[:280].reshape(-1, 4)
    >>> recordings, labels = [np.concatenate(X[rows, :3], axis=-1) for rows in order], y[order[:, 0]]
    >>> classifier = make_pipeline(CWTTransformer(output="statistics"), LogisticRegression(max_iter=1000))
    >>> windowed = WindowedClassifier(classifier, window=200).fit(recordings[::2], labels[::2])
    >>> bool(windowed.score(recordings[1::2], labels[1::2]) > 0.8)
    True
    >>> windowed.predict_windows(recordings[:1])[0].starts
    array([  0, 100, 200, 300, 400, 500, 600])
    """

    estimator: Any = None
    window: int | None = None
    step: int | None = None
    _: KW_ONLY
    vote: str = "soft"
    sampling_rate: float | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "window": [POSITIVE_INT, None],
        "step": [POSITIVE_INT, None],
        "vote": [str],
        "sampling_rate": SAMPLING_RATE,
    }

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the estimator on all windows of the recordings. The windows are copied to one array.

        Parameters
        ----------
        X : list of array of shape (T_i,) or (M, T_i), or array-like of shape (n, T) or (n, M, T)
            Recordings. A list may contain memory-mapped arrays.
        y : array-like of shape (n,), or list of list of (start, stop, label)
            One label per recording; or, for each recording, labelled intervals in samples. `stop` is exclusive. The
            intervals of a recording may also be an array or a DataFrame of three columns. Windows are then cut from
            the intervals, so no window contains a boundary.

        Returns
        -------
        WindowedClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter, X or y is invalid, or if a recording is shorter than the window or has a gap and the
            estimator does not accept NaN. The message names it, and the estimator is unchanged.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        with rollback_on_error(self):
            self._check_params()
            recordings = self._read(X, reset=True)
            windows, target, self.window_ = self._label_windows(recordings, y)
            data = stack_windows(recordings, windows, self.window_)
            with _named_recording(data, windows):
                self.estimator_ = clone(self._inner).fit(data, target)
            self.classes_ = self.estimator_.classes_
        return self

    def windows(self, X: Any, y: Any = None) -> Bunch:
        """Cut recordings into the windows that `fit` would use. The estimator need not be fitted.

        Parameters
        ----------
        X : list of array of shape (T_i,) or (M, T_i), or array-like of shape (n, T) or (n, M, T)
            Recordings.
        y : array-like of shape (n,), or list of list of (start, stop, label), default=None
            Labels or labelled intervals, as in `fit`.

        Returns
        -------
        Bunch
            ``data`` of shape (n_windows, window) or (n_windows, M, window); ``target``: label of each window, None if
            y is None; ``groups`` of shape (n_windows,), int: index of the recording of each window; ``starts`` of shape
            (n_windows,), int: first sample of each window.

        Examples
        --------
        >>> import numpy as np
        >>> from sktsmae import WindowedClassifier
        >>> bunch = WindowedClassifier(window=4).windows([np.arange(8.0), np.arange(6.0)], ["a", "b"])
        >>> bunch.data.shape, bunch.starts.tolist(), bunch.groups.tolist()
        ((5, 4), [0, 2, 4, 0, 2], [0, 0, 0, 1, 1])
        """
        self._check_params()
        recordings = as_recordings(X)
        windows, target, window = self._label_windows(recordings, y)
        data = stack_windows(recordings, windows, window)
        return Bunch(data=data, target=target, groups=windows.recording, starts=windows.start)

    def get_groups(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the recording of each window, for ``GroupKFold``. The estimator need not be fitted.

        Parameters
        ----------
        X : list of array of shape (T_i,) or (M, T_i), or array-like of shape (n, T) or (n, M, T)
            Recordings.
        y : array-like of shape (n,), or list of list of (start, stop, label), default=None
            Labels or labelled intervals, as in `fit`.

        Returns
        -------
        ndarray of shape (n_windows,), int
            Index of the recording of each window in `windows`.
        """
        self._check_params()
        return self._label_windows(as_recordings(X), y)[0].recording

    def predict_windows(self, X: Any) -> list[Bunch]:
        """Predict the class of each window of recordings.

        Parameters
        ----------
        X : list of array of shape (T_i,) or (M, T_i), or array-like of shape (n, T) or (n, M, T)
            Recordings of any length. If X is a 2-D array in `fit` and here, the length must be the same; give
            recordings of another length as a list, for example ``list(X)``.

        Returns
        -------
        list of Bunch
            For each recording: ``starts`` and ``stops`` of shape (n_windows,), int: first sample of each window and
            the sample after its last one; ``times`` of shape (n_windows, 2): both in seconds if `sampling_rate` is set,
            otherwise in samples; ``proba`` of shape (n_windows, C): class probabilities; ``labels`` of shape
            (n_windows,): the most probable labels.
        """
        recordings = self._ready(X)
        windows, _ = self._cut(recordings, whole_recordings(recordings), self.window_)
        proba = self._proba(recordings, windows)
        columns = {
            "starts": windows.start,
            "stops": windows.stop,
            "times": np.stack([windows.start, windows.stop], axis=1) / (self.sampling_rate or 1),
            "proba": proba,
            "labels": self.classes_[proba.argmax(1)],
        }
        bounds = np.flatnonzero(np.diff(windows.recording)) + 1
        parts = [np.split(column, bounds) for column in columns.values()]
        return [Bunch(**dict(zip(columns, values, strict=True))) for values in zip(*parts, strict=True)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Estimate the probability of each class for recordings, by a vote of their windows.

        Parameters
        ----------
        X : list of array of shape (T_i,) or (M, T_i), or array-like of shape (n, T) or (n, M, T)
            Recordings of any length. If X is a 2-D array in `fit` and here, the length must be the same; give
            recordings of another length as a list, for example ``list(X)``.

        Returns
        -------
        ndarray of shape (n, C)
            Probabilities, in the order of `classes_`.
        """
        return np.stack([VOTES[self.vote](recording.proba) for recording in self.predict_windows(X)])

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of recordings, by a vote of their windows.

        Parameters
        ----------
        X : list of array of shape (T_i,) or (M, T_i), or array-like of shape (n, T) or (n, M, T)
            Recordings of any length. If X is a 2-D array in `fit` and here, the length must be the same; give
            recordings of another length as a list, for example ``list(X)``.

        Returns
        -------
        ndarray of shape (n,), dtype of `classes_`
            The most probable labels.
        """
        codes = self.predict_proba(X).argmax(1)
        return self.classes_[codes]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the accuracy for recordings, or for windows inside labelled intervals.

        Parameters
        ----------
        X : list of array of shape (T_i,) or (M, T_i), or array-like of shape (n, T) or (n, M, T)
            Recordings of any length. If X is a 2-D array in `fit` and here, the length must be the same; give
            recordings of another length as a list, for example ``list(X)``.
        y : array-like of shape (n,), or list of list of (start, stop, label)
            True labels; if they are intervals, the accuracy is that of the windows cut from them.
        sample_weight : array-like of shape (n,), default=None
            Weights of the recordings. If y contains intervals, each window has the weight of its recording.

        Returns
        -------
        float
            The accuracy.
        """
        if not are_intervals(y):
            return float(super().score(X, self._labels(y), sample_weight))
        recordings = self._ready(X)
        check_consistent_length(recordings, y)
        segments, labels = read_intervals(y, recordings)
        weights = _check_sample_weight(sample_weight, recordings, dtype=np.float64)
        windows, owners = self._cut(recordings, segments, self.window_)
        true, predicted = self._labels(labels)[owners], self.classes_[self._proba(recordings, windows).argmax(1)]
        return float(accuracy_score(true, predicted, sample_weight=weights[windows.recording]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a fitted classifier whose `estimator_` is a `MAEClassifier` to one safetensors file.

        `MAEClassifier.load` also reads this file; it returns `estimator_`. Other classifiers can be pickled.

        Parameters
        ----------
        path : str or path-like
            The file; an existing file is replaced. The attribute `n_features_in_` is not written.

        Raises
        ------
        ValueError
            If `estimator_` is not a `MAEClassifier`.
        """
        check_is_fitted(self)
        if not isinstance(self.estimator_, MAEClassifier):
            raise ValueError(
                f"save needs a MAEClassifier, but the estimator is a {type(self.estimator_).__name__}; use pickle."
            )
        params = dump_estimator(self)["params"]
        params.pop("estimator", None)  # `load` makes it from `estimator_`
        self.estimator_._write(path, {"windowed": {"params": params}})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a fitted classifier.

        Parameters
        ----------
        path : str or path-like
            A file that `save`, or `MAEClassifier.save`, wrote.

        Returns
        -------
        WindowedClassifier
            The classifier, ready to predict.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file is damaged, was not written by one of these classes, or contains a classifier of spectrograms.
        """
        estimator = MAEClassifier.load(path)
        if len(estimator.input_shape_) == 3:
            raise ValueError(
                f"{path}: the classifier in the file was fitted on spectrograms; {cls.__name__} needs one that was "
                "fitted on signals."
            )
        metadata = read_safetensors(path, kind=MAEClassifier._kind)[1]
        with damaged_metadata(path):
            params = params_of(metadata.get("windowed", {"params": {}}))
            params.pop("estimator", None)  # None in files of earlier versions
            windowed = cls(clone(estimator), **params)
            windowed._check_params()
            *channels, windowed.window_ = estimator.input_shape_
            (windowed.n_channels_,) = channels or [1]
        windowed.estimator_, windowed.classes_ = estimator, estimator.classes_
        return windowed

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._inner)
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        if inner.classifier_tags is not None and tags.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        return tags

    @property
    def _inner(self) -> Any:
        """The unfitted classifier of windows."""
        return MAEClassifier() if self.estimator is None else self.estimator

    def _check_params(self) -> None:
        self._validate_params()
        if not all(hasattr(self._inner, name) for name in ("get_params", "__sklearn_tags__")):
            raise ValueError(
                f"estimator={self.estimator!r} is not an estimator of scikit-learn; let its class inherit from "
                "sklearn.base.ClassifierMixin and sklearn.base.BaseEstimator."
            )
        if self.vote not in VOTES:
            raise ValueError(f"vote={self.vote!r}: give one of {', '.join(map(repr, VOTES))}.")

    def _read(self, X: Any, *, reset: bool) -> list[np.ndarray]:
        """Return the recordings; store their number of channels, or compare it with the stored one."""
        recordings = as_recordings(X)
        if reset:
            for name in ("n_features_in_", "feature_names_in_"):  # from an earlier fit on an array
                self.__dict__.pop(name, None)
        if not is_list_of_recordings(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
        n_channels = 1 if recordings[0].ndim == 1 else len(recordings[0])
        if reset:
            self.n_channels_ = n_channels
        elif n_channels != self.n_channels_:
            raise ValueError(
                f"X has recordings of {n_channels} channel(s), but {type(self).__name__} was fitted on recordings of "
                f"{self.n_channels_}; give arrays of shape (n_recordings, {self.n_channels_}, length) or lists of "
                f"arrays of shape ({self.n_channels_}, length)."
            )
        return recordings

    def _ready(self, X: Any) -> list[np.ndarray]:
        check_is_fitted(self)
        self._check_params()
        return self._read(X, reset=False)

    def _label_windows(self, recordings: list[np.ndarray], y: Any) -> tuple[Segments, Any, int]:
        """Return the windows, their labels and the length of a window for the current parameters."""
        check_consistent_length(recordings, y)
        segments, labels = read_intervals(y, recordings) if are_intervals(y) else (whole_recordings(recordings), y)
        labels = None if labels is None else self._labels(labels)
        window = self.window or int((segments.stop - segments.start).max())
        windows, owners = self._cut(recordings, segments, window)
        return windows, None if labels is None else labels[owners], window

    def _labels(self, y: Any) -> np.ndarray:
        return class_labels(y, getattr(self._inner, "unlabeled", None))

    def _cut(self, recordings: list[np.ndarray], segments: Segments, window: int) -> tuple[Segments, np.ndarray]:
        """Return the windows of segments and the segment of each window."""
        return cut_windows(recordings, segments, window, self.step or max(1, window // 2))

    def _proba(self, recordings: list[np.ndarray], windows: Segments) -> np.ndarray:
        """Return the class probabilities of windows, which are copied and passed to the estimator in chunks."""
        size = max(1, _MAX_VALUES // (self.n_channels_ * self.window_))
        parts = []
        for start in range(0, len(windows.start), size):
            chunk = Segments(*(column[start : start + size] for column in windows))
            data = stack_windows(recordings, chunk, self.window_)
            with _named_recording(data, chunk):
                parts.append(self._proba_of_chunk(data))
        return np.concatenate(parts)

    def _proba_of_chunk(self, data: np.ndarray) -> np.ndarray:
        if hasattr(self.estimator_, "predict_proba"):
            return np.asarray(self.estimator_.predict_proba(data))
        labels = np.asarray(self.estimator_.predict(data))
        return (labels[:, None] == self.classes_).astype(np.float32)


@contextmanager
def _named_recording(data: np.ndarray, windows: Segments) -> Iterator[None]:
    """Name a recording in the error of an estimator that does not accept NaN in the windows `data`."""
    try:
        yield
    except ValueError as error:
        lengths, window = windows.stop - windows.start, data.shape[-1]
        has_nan = np.isnan(data).reshape(len(data), -1).any(1)
        if "Input X contains NaN" not in str(error) or not has_nan.any():
            raise
        if lengths.min() < window:
            raise ValueError(
                f"X[{windows.recording[lengths.argmin()]}], or an interval of it, has {lengths.min()} samples, but "
                f"window={window}; it was padded with NaN, which the estimator does not accept. Remove it, give "
                f"window={lengths.min()} or less, or use an estimator that accepts NaN."
            ) from error
        row = has_nan.argmax()
        raise ValueError(
            f"X[{windows.recording[row]}] contains NaN between samples {windows.start[row]} and {windows.stop[row]}, "
            "which the estimator does not accept. Fill the gap, remove the recording, or use an estimator that accepts "
            "NaN."
        ) from error
