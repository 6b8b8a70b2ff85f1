"""The regressor, an ensemble of a linear probe and a fine-tuned network that predicts a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import assert_all_finite, check_is_fitted
from torch import nn

from ..models import LinearProbe
from ..training.criteria import WeightedSquaredError
from ..training.features import TrainingFeatures
from ..training.labelled_samples import LabelledSamples
from ..training.mixture import squared_error_mixture_weights
from ..training.probe import fit_regressor_probe
from ._blockwise import blockwise
from ._docs import inherit_parameter_docs
from ._incremental import IncrementalSupervised, fits_incrementally
from ._targets import labelled_rows


@inherit_parameter_docs
@dataclass(kw_only=True, eq=False, repr=False)
class MAERegressor(RegressorMixin, IncrementalSupervised):  # numpydoc ignore=PR02
    """Predict a number from a signal by linear models on frozen features, by a fine-tuned network, or by both.

    The default fine-tunes nothing: it fits ridge regressions on several kinds of frozen features. If `pretrainer` is
    set, the embedding of its encoder is one of them. If `finetune` is set, a network is fine-tuned as well, and the
    predictions are averaged. If the network is trained for only a few epochs, predictions shrink towards the mean of
    the targets.

    Attributes
    ----------
    target_mean_, target_scale_ : float
        Mean and standard deviation of the targets in `fit`, by which targets are standardised.
    ensemble_ : Ensemble
        The probe and the fine-tuned network, whose outputs are averaged.
    ensemble_weights_ : dict of str to float
        Weight of each linear model and of the fine-tuned network in the ensemble.
    loo_prediction_ : ndarray of shape (n,), float64
        Leave-one-out predictions of the linear models for the rows of X in `fit`; NaN for rows without a target or
        weight, and with more than 10,000 samples for all but 5,000. A loaded estimator does not have it.
    probe_ : LinearProbe
        The linear models. The attribute does not exist with ``probe=False``.
    model_ : SignalClassifier
        The fine-tuned network. The attribute does not exist with ``finetune="none"``.
    encoder_ : Encoder
        The encoder of the fine-tuned network, or the frozen encoder if no network was fine-tuned.
    pretrainer_ : MAEPretrainer
        The fitted pretrainer that provided the encoder. A loaded estimator does not have it.
    net_ : skorch.NeuralNet
        The skorch net that trained `model_`. A loaded estimator does not have it.
    history_ : list of dict
        For each epoch of fine-tuning: ``epoch``, ``train_loss``, ``valid_loss`` with early stopping, and duration
        ``dur`` in seconds.
    n_iter_ : int
        Number of epochs of fine-tuning.
    n_features_in_ : int
        Length of the second axis of X in `fit`.
    input_shape_ : tuple of int
        Shape of one signal or spectrogram in `fit`.
    offset_ : ndarray of shape () or (M,), float64
        Offset that is subtracted from each channel before the conversion to float32: the channel's mean in `fit`, if it
        exceeds 1,000 times the typical standard deviation of a signal; otherwise 0.

    See Also
    --------
    MAEClassifier : Predicts a class.
    MAEPretrainer : Trains the encoder.

    References
    ----------
    C. W. Tan et al., "Time series extrinsic regression", Data Mining and Knowledge Discovery 35, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sktsmae import MAERegressor
    >>> frequencies = np.random.default_rng(0).uniform(0.02, 0.1, size=40)  # cycles per sample
    >>> X = np.sin(2 * np.pi * frequencies[:, None] * np.arange(150))
    >>> regressor = MAERegressor(random_state=0).fit(X[:30], frequencies[:30])
    >>> bool(regressor.score(X[30:], frequencies[30:]) > 0.9)
    True
    """

    _kind = "regressor"
    _probe_class = LinearProbe
    _num_outputs = 1

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MAERegressor:
        """Fit the regressor, with pre-training and fine-tuning if the parameters specify them.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms from `CWTTransformer`. NaN inside a signal is
            interpolated; leading and trailing NaN is padding and is ignored. X may also be a list of signals of
            different lengths: shorter ones are padded to the longest, which sets the scales. After `fit`, longer
            signals in a list are resampled to that length, with a warning. If X is a Dask array of more than 10,000
            labelled signals and no network is fine-tuned, each worker computes the sums of its own blocks; other Dask
            arrays are copied to a temporary file.
        y : array-like of shape (n,)
            Target values; `unlabeled` marks rows without a target.
        sample_weight : array-like of shape (n,), default=None
            Sample weights.

        Returns
        -------
        MAERegressor
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter, X or y is invalid. The message names it, and the estimator is unchanged.
        FloatingPointError
            If fine-tuning diverges. The estimator then has the last finite weights, and earlier checkpoints are
            unchanged. If pre-training diverges, the estimator is unchanged.

        Warns
        -----
        UserWarning
            If a parameter differs from its default but has no effect. The message names the reason and the remedy.
        """
        return self._fit(X, y, sample_weight)

    @available_if(fits_incrementally)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MAERegressor:
        """Learn from another batch of signals, without access to the earlier ones.

        The result approximates a fit to all batches together, with these differences: Features are projected to 4,096
        columns in all, and one model uses all kinds of features. Thresholds and the standardisation of features and
        targets are learned from the first batch, which should therefore be a random sample of at least some hundred
        signals. Channels have no models of their own. The models are fitted when they are first used. The sums over all
        batches and the features of up to 5,000 signals take up to 220 MB of memory, also in a pickle.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals, or spectrograms from `CWTTransformer`. All batches need the same shape of a signal or spectrogram.
        y : array-like of shape (n,)
            Target values; `unlabeled` marks rows without a target.
        sample_weight : array-like of shape (n,), default=None
            Sample weights.

        Returns
        -------
        MAERegressor
            The estimator itself.

        Raises
        ------
        AttributeError
            If `finetune` is not "none".
        ValueError
            If a parameter, X or y is invalid, or if the estimator was fitted by `fit` or loaded. The message names it,
            and the estimator is unchanged.
        """
        self._require_incremental()
        return self._partial_fit(X, y, sample_weight)

    @blockwise
    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms.

        Returns
        -------
        ndarray of shape (n,), float64
            The predictions. A lazy Dask array if X is a Dask array.
        """
        check_is_fitted(self)
        standardized = self._map(self.ensemble_, X)[:, 0]
        return self.target_mean_ + self.target_scale_ * standardized.astype(np.float64)

    @property
    def _output(self) -> nn.Module:
        return nn.Identity()

    def _encode_targets(self, X: np.ndarray, y: Any, sample_weight: Any) -> LabelledSamples:
        rows, values, weights = self._read_targets(X, y, sample_weight)
        if len(values) < 2:
            raise ValueError(
                f"only one row of y has both a target (unlabeled={self.unlabeled!r}) and a positive sample_weight; "
                "give at least two."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            self.target_mean_ = float(np.average(values, weights=weights))
            distances = np.abs(values - self.target_mean_)
            largest = float(distances.max()) or 1.0  # avoids underflow of the square of a tiny number
            deviation = largest * float(np.sqrt(np.average((distances / largest) ** 2, weights=weights)))
            self.target_scale_ = deviation or 1.0
        if not np.isfinite([self.target_mean_, self.target_scale_]).all():
            raise ValueError(f"y contains values as large as {np.abs(values).max():g}, so its mean overflows; scale y.")
        return LabelledSamples(X, rows, self._standardize(values), weights)

    def _encode_batch(self, X: np.ndarray, y: Any, sample_weight: Any, first: bool) -> LabelledSamples:
        if first:
            return self._encode_targets(X, y, sample_weight)
        rows, values, weights = self._read_targets(X, y, sample_weight)
        return LabelledSamples(X, rows, self._standardize(values), weights)

    def _ridge_targets(self, targets: np.ndarray) -> np.ndarray:
        return targets[:, None]

    def _read_targets(self, X: np.ndarray, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows that have a target, their targets (m,), float64, and their weights."""
        rows, values, weights = labelled_rows(X, y, sample_weight, self.unlabeled, type(self).__name__)
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"y contains values that are not numbers ({error}); give numbers, or use MAEClassifier."
            ) from error
        assert_all_finite(values, input_name="y")
        return rows, values, weights

    def _standardize(self, values: np.ndarray) -> np.ndarray:
        return ((values - self.target_mean_) / self.target_scale_).astype(np.float32)

    def _classes_of(self, targets: np.ndarray) -> None:
        return None

    def _criterion(self) -> nn.Module:
        return WeightedSquaredError()

    def _fit_probe(
        self, probe: LinearProbe, features: TrainingFeatures, targets: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        return fit_regressor_probe(probe, features, targets, weights)

    def _keep_loo(self, samples: LabelledSamples, loo: np.ndarray) -> None:
        self.loo_prediction_ = np.full(len(samples.X), np.nan)
        self.loo_prediction_[samples.rows] = self.target_mean_ + self.target_scale_ * loo[:, 0]

    def _weigh(
        self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, prior_weights: Sequence[float]
    ) -> np.ndarray:
        return squared_error_mixture_weights(outputs[..., 0], targets, weights, prior_weights)

    def _dump_targets(self) -> dict[str, Any]:
        return {"targets": {"mean": self.target_mean_, "scale": self.target_scale_}}

    def _restore_targets(self, metadata: dict[str, Any]) -> None:
        self.target_mean_ = float(metadata["targets"]["mean"])
        self.target_scale_ = float(metadata["targets"]["scale"])
