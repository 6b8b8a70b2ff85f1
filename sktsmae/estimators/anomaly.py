"""The anomaly detector, which learns from normal signals how far new signals are from them."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..models import FEATURES, FeatureContext, NoveltyModel, WindowProfile
from ..models.checkpoints import read_safetensors, write_safetensors
from ..models.probe import build_features
from ..models.restore import restore
from ..signals.device import resolve_device
from ..signals.map_batches import map_batches
from ..signals.validation import check_signals
from ..training.constraints import DEVICE, POSITIVE_INT, SAMPLING_RATE
from ..training.novelty import fit_novelty, fit_window_profile
from ..training.seeds import unseeded
from ._base import SignalInputMixin
from ._persistence import damaged_metadata, dump_estimator, params_of, restore_fitted
from ._rollback import rollback_on_error

# Maximum number of distances between windows in a batch.
_MAX_DISTANCES = 2**24


@dataclass(kw_only=True, eq=False, repr=False)
class MAEAnomalyDetector(OutlierMixin, SignalInputMixin, BaseEstimator):  # numpydoc ignore=PR02
    r"""Detect anomalous signals, given normal signals (novelty detection).

    For each kind of frozen features, the score uses the Mahalanobis distance from the normal signals in `fit`: each
    feature is standardised and limited to three standard deviations, and the covariance matrix has a ridge, so that a
    few dozen signals suffice. The score is the negative logarithm of this distance divided by its median for the
    normal signals, averaged over the kinds: 0 is typical of a normal signal, and -0.69 means twice that distance.

    Normal signals are scored as if they were new. A signal in `fit` is recognised by its values, and its score is its
    leave-one-out score: its distance from the other signals. Therefore ``fit_predict(X)`` equals ``fit(X).predict(X)``.
    A few anomalies among the signals in `fit` are tolerated; set `contamination` to their fraction. Many similar ones
    would be learned as normal.

    Parameters
    ----------
    features : sequence of str, default=("statistics", "competition")
        Kinds of frozen features, keys of `models.FEATURES`: "summary", "statistics", "positions", "quarters",
        "competition" or "spectrum".
    contamination : "auto" or float, default="auto"
        Fraction of anomalies among the signals in `fit`, in (0, 0.5]. It determines `offset_`. "auto" sets the offset
        1.5 interquartile ranges below the lower quartile of the leave-one-out scores (Tukey's fence).
    window_length : "auto", int or None, default="auto"
        Number of samples w of a window for `anomaly_profile`, at most half of the signal length T. There are also
        windows of w / 2 and 2 w samples. "auto" uses the dominant period of the normal signals, but at most T / 4, or
        T / 8 if they are not periodic. With None, `fit` is faster, files are smaller, and there is no
        `anomaly_profile`.
    sampling_rate : float or None, default=None
        Sampling rate in Hz; figures then show Hz and seconds.
    batch_size : int, default=256
        Maximum number of signals per batch.
    device : str or torch.device, default="auto"
        Device to compute on; "auto" selects a CUDA GPU if there is one.

    Attributes
    ----------
    model_ : NoveltyModel
        The features and the distances.
    profile_ : WindowProfile or None
        Windows of the normal signals for `anomaly_profile`. A file that `save` writes contains them.
    offset_ : float
        Smallest score of an inlier: ``decision_function(X) = score_samples(X) - offset_``.
    n_features_in_ : int
        Length of the second axis of X in `fit`.
    input_shape_ : tuple of int
        Shape of one signal in `fit`.
    channel_offset_ : ndarray of shape () or (M,), float64
        Offset that is subtracted from each channel before the conversion to float32: the channel's mean in `fit`, if it
        exceeds 1,000 times the typical standard deviation of a signal; otherwise 0.

    See Also
    --------
    MAEPretrainer : Its method `score_samples` returns the reconstruction error of each signal.

    Notes
    -----
    At most 2,000 signals and 2 * 10**7 values of each kind of features, evenly spaced in X, determine the distances and
    the offset, so that X may be larger than the memory. The other signals in `fit` are scored as new signals. Windows
    are drawn from at most 64 signals.

    References
    ----------
    P. C. Mahalanobis, "On the generalised distance in statistics", Proc. Natl. Inst. Sci. India 2, 1936.

    Examples
    --------
    >>> from sktsmae import MAEAnomalyDetector
    >>> from sktsmae.datasets import load_sparwatch
    >>> X, y = load_sparwatch(return_X_y=True)
    >>> X, y = X[::4, :3], y[::4]  # seven exercises, of which rowing is normal
    >>> detector = MAEAnomalyDetector(contamination=0.05).fit(X[y == "ROW"])
    >>> bool((detector.predict(X[y == "ABD"]) == -1).mean() > 0.9)
    True
    """

    features: Sequence[str] = ("statistics", "competition")
    contamination: float | str = "auto"
    window_length: int | str | None = "auto"
    sampling_rate: float | None = None
    batch_size: int = 256
    device: str | torch.device = "auto"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [tuple, list],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "window_length": [StrOptions({"auto"}), POSITIVE_INT, None],
        "sampling_rate": SAMPLING_RATE,
        "batch_size": [POSITIVE_INT],
        "device": DEVICE,
    }
    # `offset_` is the offset of the scores, so that of the channels has another name.
    _offset_attribute: ClassVar[str] = "channel_offset_"

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the distribution of the features of normal signals.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T), or list of arrays of shape (T_i,) or (M, T_i)
            Normal signals, at least two. NaN inside a signal is interpolated; leading and trailing NaN is padding and
            is ignored. X may also be a list of signals of different lengths: shorter ones are padded to the longest.
        y : None
            Ignored.

        Returns
        -------
        MAEAnomalyDetector
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or X is invalid. The message names it, and the estimator is unchanged.
        """
        self._validate_params()
        self._check_features()
        with rollback_on_error(self):
            device = resolve_device(self.device)
            X = check_signals(self, X, reset=True, min_samples=2)
            if X.ndim == 4:
                raise ValueError(f"X has shape {X.shape}, which is a spectrogram; give signals.")
            model, distances = fit_novelty(self._build_features(self.features), X, self.batch_size, device)
            length = self.window_length
            self.profile_ = None if length is None else fit_window_profile(X, length, device)
            self.model_, self.offset_ = model, self._offset(-distances)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Compute the scores of signals; low scores mean anomalies.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T)
            Signals of the same shape as in `fit`.

        Returns
        -------
        ndarray of shape (n,), float64
            The scores. The typical score of a normal signal is 0. The score of a signal in `fit` is its leave-one-out
            score.
        """
        X, device = self._ready(X)
        kinds = self.model_.features.values()
        size = min(kind.batch_size(self.batch_size, X.shape[-1]) for kind in kinds)  # type: ignore[operator]
        scores: np.ndarray = -map_batches(self.model_, X, size, device)
        return scores

    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the scores of signals relative to the threshold between inliers and outliers.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T)
            Signals of the same shape as in `fit`.

        Returns
        -------
        ndarray of shape (n,), float64
            ``score_samples(X) - offset_``: negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Predict whether signals are normal.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T)
            Signals of the same shape as in `fit`.

        Returns
        -------
        ndarray of shape (n,), int
            1 for an inlier (a normal signal) and -1 for an outlier (an anomaly).
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def anomaly_profile(self, X: Any) -> np.ndarray:
        """Compute a score for each time step of signals; high values mean anomalies.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T)
            Signals of the same shape as in `fit`.

        Returns
        -------
        ndarray of shape (n, T), float32
            The profiles; NaN where a signal has padding. A profile is the distance of the windows that contain a time
            step from the nearest windows of normal signals: about 0 for normal signals, which rarely exceed 1. It is
            the maximum over the channels of the mean of two numbers: the largest distance between values over three
            window lengths, and the mean distance between shapes, as in the matrix profile. Signals in `fit` are
            compared with windows of other signals.

        Raises
        ------
        ValueError
            If the estimator was fitted with ``window_length=None``.

        Examples
        --------
        >>> import numpy as np
        >>> from sktsmae import MAEAnomalyDetector
        >>> X = np.sin(np.arange(200) / 4 + np.arange(30)[:, None])
        >>> x = X[0].copy()
        >>> x[120] += 2
        >>> profile = MAEAnomalyDetector().fit(X[1:]).anomaly_profile([x])
        >>> bool(abs(profile[0].argmax() - 120) < 10)
        True
        """
        X, device = self._ready(X)
        if self.profile_ is None:
            raise ValueError("window_length=None in fit: fit with window_length='auto' or an int for profiles.")
        size = max(1, min(self.batch_size, _MAX_DISTANCES // (self.profile_.n_windows * X.shape[-1])))
        return map_batches(self.profile_, X, size, device)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file; an existing file is replaced. The parameter `device` is not written.
        """
        check_is_fitted(self)
        profile = None if self.profile_ is None else [self.profile_.window_length, self.profile_.n_windows]
        settings = {
            "features": list(self.model_.features),
            "n_samples": len(self.model_.fingerprints),
            "profile": profile,
        }
        metadata = {"kind": "anomaly_detector", "settings": settings, "estimator": dump_estimator(self)}
        write_safetensors(path, _joined(self.model_, self.profile_).state_dict(), metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a fitted estimator.

        Parameters
        ----------
        path : str or path-like
            A file that `save` wrote.

        Returns
        -------
        MAEAnomalyDetector
            The estimator, ready to score signals.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file is damaged, or was not written by this class.
        """
        state, metadata = read_safetensors(path, kind="anomaly_detector")
        settings = metadata["settings"]
        with damaged_metadata(path):
            detector = cls(**params_of(metadata["estimator"]))
            restore_fitted(detector, metadata["estimator"])
            detector._validate_params()
            detector.offset_ = float(detector.offset_)
            names, n_samples = list(settings["features"]), int(settings["n_samples"])
            window = None if settings["profile"] is None else [operator.index(size) for size in settings["profile"]]
            if window is not None and not 0 <= window[0] <= detector.input_shape_[-1] // 2:
                raise ValueError(f"window_length={window[0]}")
        with unseeded():
            joined: Any = restore(partial(detector._build, names, n_samples, window), settings, state, path)
        detector.model_ = joined["model"]
        detector.profile_ = joined["profile"] if window is not None else None
        return detector

    def _check_features(self) -> None:
        unsuitable = {
            name for name, kind in FEATURES.items() if kind.needs_encoder or kind.compares_with_training_signals
        }
        allowed = [name for name in FEATURES if name not in unsuitable]
        if not self.features or not set(self.features) <= set(allowed) or len(set(self.features)) < len(self.features):
            raise ValueError(
                f"features={self.features!r}: give one or more of {', '.join(map(repr, allowed))}, each at most once."
            )

    def _build_features(self, names: Sequence[str]) -> dict[str, Any]:
        context = FeatureContext(
            n_channels=self._n_channels, n_timepoints=self.input_shape_[-1], sampling_rate=self.sampling_rate
        )
        return build_features(context, names)

    def _build(self, names: Sequence[str], n_samples: int, window: Sequence[int] | None) -> nn.ModuleDict:
        model = NoveltyModel(self._build_features(names), n_samples)
        return _joined(model, None if window is None else WindowProfile(self._n_channels, *window))

    @property
    def _n_channels(self) -> int:
        return 1 if len(self.input_shape_) == 1 else self.input_shape_[0]

    def _offset(self, scores: np.ndarray) -> float:
        """Return the threshold between inliers and outliers from the leave-one-out scores of normal signals."""
        if not isinstance(self.contamination, str):
            return float(np.percentile(scores, 100 * self.contamination))
        lower, upper = np.percentile(scores, [25, 75])
        return float(lower - 1.5 * (upper - lower))

    def _networks(self) -> list[nn.Module]:
        return [vars(self)[name] for name in ("model_", "profile_") if vars(self).get(name) is not None]


def _joined(model: NoveltyModel, profile: WindowProfile | None) -> nn.ModuleDict:
    """Return one module with both models, for a file."""
    return nn.ModuleDict({"model": model} if profile is None else {"model": model, "profile": profile})
