"""The anomaly detector, which learns from normal signals how far new signals are from them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..models import FEATURES, FeatureContext, NoveltyModel
from ..models.checkpoints import read_safetensors, write_safetensors
from ..models.probe import build_features
from ..models.restore import restore
from ..signals.device import resolve_device
from ..signals.map_batches import map_batches
from ..signals.spread_rows import spread_rows
from ..signals.validation import check_signals
from ..training.constraints import DEVICE, POSITIVE_INT, SAMPLING_RATE
from ..training.features import fit_thresholds
from ._base import SignalInputMixin
from ._persistence import damaged_metadata, dump_estimator, params_of, restore_fitted
from ._rollback import rollback_on_error

# Maximum number of signals, and of values of one kind of features, from which a covariance matrix is learned.
_MAX_SIGNALS, _MAX_VALUES = 2000, 2 * 10**7


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
        Kinds of frozen features, keys of `models.FEATURES` that need no encoder: "summary", "statistics", "positions",
        "quarters", "competition" or "spectrum".
    contamination : "auto" or float, default="auto"
        Fraction of anomalies among the signals in `fit`, in (0, 0.5]. It determines `offset_`. "auto" sets the offset
        1.5 interquartile ranges below the lower quartile of the leave-one-out scores (Tukey's fence).
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
    the offset, so that X may be larger than the memory. The other signals in `fit` are scored as new signals.

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
    sampling_rate: float | None = None
    batch_size: int = 256
    device: str | torch.device = "auto"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [tuple, list],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
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
            kinds = self._build_features(self.features)
            widest = max(kind.out_features for kind in kinds.values())
            rows = spread_rows(len(X), max(2, min(_MAX_SIGNALS, _MAX_VALUES // widest)))
            model = NoveltyModel(kinds, len(rows)).to(device)
            computed = {}
            for name, kind in kinds.items():
                size = kind.batch_size(self.batch_size, X.shape[-1])
                fit_thresholds(kind, X, size, device)
                computed[name] = torch.from_numpy(map_batches(kind, X, size, device, rows)).to(device)
            fingerprints = map_batches(model.fingerprint, X, self.batch_size, device, rows)
            scores = -model.fit(computed, torch.from_numpy(fingerprints).to(device)).cpu().numpy()
            self.model_, self.offset_ = model.eval(), self._offset(scores)
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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file; an existing file is replaced. The parameter `device` is not written.
        """
        check_is_fitted(self)
        settings = {"features": list(self.model_.features), "n_samples": len(self.model_.fingerprints)}
        metadata = {"kind": "anomaly_detector", "settings": settings, "estimator": dump_estimator(self)}
        write_safetensors(path, self.model_.state_dict(), metadata)

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
        detector.model_ = restore(
            lambda: NoveltyModel(detector._build_features(names), n_samples), settings, state, path
        )
        return detector

    def _check_features(self) -> None:
        allowed = [name for name, kind in FEATURES.items() if not kind.needs_encoder]
        if not self.features or not set(self.features) <= set(allowed) or len(set(self.features)) < len(self.features):
            raise ValueError(
                f"features={self.features!r}: give one or more of {', '.join(map(repr, allowed))}, each at most once."
            )

    def _build_features(self, names: Sequence[str]) -> dict[str, Any]:
        channels = 1 if len(self.input_shape_) == 1 else self.input_shape_[0]
        context = FeatureContext(
            n_channels=channels, n_timepoints=self.input_shape_[-1], sampling_rate=self.sampling_rate
        )
        return build_features(context, names)

    def _offset(self, scores: np.ndarray) -> float:
        """Return the threshold between inliers and outliers from the leave-one-out scores of normal signals."""
        if not isinstance(self.contamination, str):
            return float(np.percentile(scores, 100 * self.contamination))
        lower, upper = np.percentile(scores, [25, 75])
        return float(lower - 1.5 * (upper - lower))

    def _networks(self) -> list[nn.Module]:
        return [self.model_] if "model_" in vars(self) else []
