"""The classifier, an ensemble of a linear probe and a fine-tuned network that predicts class probabilities."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..models import LinearProbe, LinearProbeClassifier, relevance_map
from ..models.onnx import CentredInput, write_onnx
from ..training.constraints import FRACTION
from ..training.criteria import WeightedCrossEntropy
from ..training.features import TrainingFeatures
from ..training.labelled_samples import LabelledSamples
from ..training.mixture import likelihood_mixture_weights
from ..training.probe import fit_classifier_probe, one_against_rest
from ._blockwise import blockwise
from ._docs import inherit_parameter_docs
from ._incremental import IncrementalSupervised, fits_incrementally
from ._rollback import rollback_on_error
from ._targets import labelled_rows


@inherit_parameter_docs
@dataclass(kw_only=True, eq=False, repr=False)
class MAEClassifier(ClassifierMixin, IncrementalSupervised):  # numpydoc ignore=PR02
    """Classify signals by linear models on frozen features, by a fine-tuned network, or by both.

    The default fine-tunes nothing: it fits linear classifiers on several kinds of frozen features. If `pretrainer` is
    set, the embedding of its encoder is one of them. If `finetune` is set, a network is fine-tuned as well, and the
    probabilities are averaged.

    Parameters
    ----------
    label_smoothing : float, default=0.1
        Probability that is distributed evenly over all classes in the targets of fine-tuning.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied by `sample_weight`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The labels.
    ensemble_ : Ensemble
        The probe and the fine-tuned network, whose outputs are averaged.
    ensemble_weights_ : dict of str to float
        Weight of each linear classifier and of the fine-tuned network in the ensemble.
    loo_proba_ : ndarray of shape (n, C), float32
        Leave-one-out probabilities of the linear classifiers for the rows of X in `fit`; NaN for rows without a label
        or weight, and with more than 10,000 samples for all but 5,000. It does not exist after `partial_fit` and
        `load`.
    probe_ : LinearProbeClassifier
        The linear classifiers. The attribute does not exist with ``probe=False``.
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
    MAEPretrainer : Trains the encoder.
    MAERegressor : Predicts a number.

    References
    ----------
    A. Dempster et al., "MiniRocket", KDD 2021, and C. W. Tan et al., "MultiRocket", Data Mining and Knowledge Discovery
    36, 2022 (linear classifiers on statistics of filtered signals); A. Dempster, D. F. Schmidt and G. I. Webb, "Hydra",
    Data Mining and Knowledge Discovery 37, 2023 (competing kernels); A. Guillaume, C. Vrain and W. Elloumi, "Random
    dilated shapelet transform: a new approach for time series shapelets", ICPRAI 2022 (shapelets).

    Examples
    --------
    >>> from sktsmae import MAEClassifier
    >>> from sktsmae.datasets import load_sparwatch
    >>> X, y = load_sparwatch(return_X_y=True)
    >>> MAEClassifier(random_state=0).fit(X[::16, :2], y[::16]).predict_proba(X[:3, :2]).shape
    (3, 7)
    """

    label_smoothing: float = 0.1
    class_weight: Any = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **IncrementalSupervised._parameter_constraints,
        "label_smoothing": [FRACTION],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    _kind = "classifier"
    _probe_class = LinearProbeClassifier

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MAEClassifier:
        """Fit the classifier, with pre-training and fine-tuning if the parameters specify them.

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
            Labels of any type; `unlabeled` marks rows without a label.
        sample_weight : array-like of shape (n,), default=None
            Sample weights.

        Returns
        -------
        MAEClassifier
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
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> MAEClassifier:
        """Learn from another batch of signals, without access to the earlier ones.

        The result approximates a fit to all batches together, with these differences: Features are projected to 4,096
        columns in all, and one model uses all kinds of features. Thresholds and the standardisation of features are
        learned from the first batch, which should therefore be a random sample of at least some hundred signals.
        Channels have no models of their own. The models are fitted when they are first used. The sums over all batches
        and the features of up to 5,000 signals take up to 220 MB of memory, also in a pickle.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals, or spectrograms from `CWTTransformer`. All batches need the same shape of a signal or spectrogram.
        y : array-like of shape (n,)
            Labels, at least one; `unlabeled` marks rows without a label.
        classes : array-like of shape (C,), default=None
            All labels that occur in any batch. Required in the first call.
        sample_weight : array-like of shape (n,), default=None
            Sample weights.

        Returns
        -------
        MAEClassifier
            The estimator itself.

        Raises
        ------
        AttributeError
            If `finetune` is not "none".
        ValueError
            If a parameter, X, y or `classes` is invalid, or if the estimator was fitted by `fit` or loaded. The message
            names it, and the estimator is unchanged.

        Examples
        --------
        >>> import numpy as np
        >>> from sktsmae import MAEClassifier
        >>> from sktsmae.datasets import load_sparwatch
        >>> X, y = load_sparwatch(return_X_y=True)
        >>> classifier = MAEClassifier(random_state=0)
        >>> for rows in np.array_split(np.random.default_rng(0).permutation(len(y)), 4):
        ...     classifier = classifier.partial_fit(X[rows, 0, :60], y[rows], classes=np.unique(y))
        """
        if self.class_weight is not None:
            raise ValueError(
                f"class_weight={self.class_weight!r}: partial_fit cannot compute class frequencies; give "
                "sample_weight instead."
            )
        with rollback_on_error(self):
            self._require_incremental()
            _check_partial_fit_first_call(self, classes)
            if self.unlabeled is not None and self.unlabeled in self.classes_.tolist():
                raise ValueError(
                    f"classes contains {self.unlabeled!r}, but unlabeled={self.unlabeled!r} marks rows without a "
                    "label; remove it from classes."
                )
            return self._partial_fit(X, y, sample_weight)

    @blockwise
    def predict_proba(self, X: Any) -> np.ndarray:
        """Estimate the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms.

        Returns
        -------
        ndarray of shape (n, C), float32
            Probabilities, in the order of `classes_`. A lazy Dask array if X is a Dask array.
        """
        check_is_fitted(self)
        return self._map(self.ensemble_, X)

    @blockwise
    def predict(self, X: Any) -> np.ndarray:
        """Predict the class.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms.

        Returns
        -------
        ndarray of shape (n,), dtype of `classes_`
            The most probable labels. A lazy Dask array if X is a Dask array.
        """
        codes = self.predict_proba(X).argmax(1)
        return self.classes_[codes]

    def explain(self, X: Any) -> np.ndarray:
        """Compute the relevance of each point in time and frequency for the predicted class.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms. The result has
            one map per channel and signal, so pass only a few.

        Returns
        -------
        ndarray of shape (n, M, S, T), float32
            Relevance of each point of the image of each channel, computed by `models.relevance_map`. It is not
            negative, sums to 1 per signal, and is 0 in the padding of a signal. The scales S are those of
            ``model_.scalogram``.

        Raises
        ------
        ValueError
            If no network was fine-tuned, or its head has no reasoning tokens.

        Notes
        -----
        A map shows the points that the network uses, which may differ from those that an expert would mark. For
        example, the encoder of the package standardises each scale of an image over time, so that a strong burst
        reduces the values at all other times, which the network may use.

        Examples
        --------
        >>> from sktsmae import MAEClassifier
        >>> from sktsmae.datasets import load_sparwatch
        >>> X, y = load_sparwatch(return_X_y=True)
        >>> classifier = MAEClassifier(probe=False, finetune="head", max_epochs=1, random_state=0)
        >>> classifier.fit(X[::32, :2], y[::32]).explain(X[:3, :2]).shape
        (3, 2, 32, 200)
        """
        check_is_fitted(self)
        if self._head is None:
            raise ValueError(
                "explain needs a fine-tuned network, but this classifier was fitted with finetune='none'; fit it with "
                "finetune='full', 'lora', 'head' or a number of blocks, and head='reasoning'."
            )
        if self._head["head"] != "reasoning":
            raise ValueError(
                f"explain needs reasoning tokens, but this classifier was fitted with head={self._head['head']!r}; fit "
                "it with head='reasoning'."
            )
        network, ensemble = self.model_, self.ensemble_
        return self._map(lambda batch: relevance_map(network, batch, ensemble(batch).argmax(-1)), X)

    def export_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted classifier to one ONNX file, which can be run without this package and PyTorch.

        The input of the ONNX graph is ``X`` of shape (n, T), (n, M, T) or (n, M * V, S, T) as in `fit`, for any n. It
        is float32, or float64 if `offset_` is not zero. The output is ``probabilities`` of shape (n, C), float32.

        Parameters
        ----------
        path : str or path-like
            The file; an existing file is replaced.

        Raises
        ------
        ImportError
            If the packages of ``sktsmae[onnx]`` are not installed.
        FileNotFoundError
            If the directory does not exist.

        Notes
        -----
        The metadata properties of the file contain the same metadata as a file written by `save`, as JSON. The k-th
        probability belongs to the k-th label:
        ``json.loads(session.get_modelmeta().custom_metadata_map["classes"])["values"][k]``.

        The graph does not interpolate NaN, and signals must have the same length as in `fit`.

        The graph computes the wavelet transform by convolution; this package computes it by Fourier transforms. The
        probabilities of a fine-tuned network agree to 1e-4. The wavelet statistics of the probe are discontinuous: if
        a value differs from a threshold by only a rounding error, a run above that threshold can be one sample longer
        or shorter. The probabilities then differ by 1e-4, in rare cases by 2e-3. Rounding errors in X have an equal
        effect on `predict_proba`.

        Examples
        --------
        >>> from sktsmae import MAEClassifier
        >>> from sktsmae.datasets import load_sparwatch
        >>> X, y = load_sparwatch(return_X_y=True)
        >>> classifier = MAEClassifier(random_state=0).fit(X[::16, 0], y[::16])
        >>> classifier.export_onnx("classifier.onnx")  # doctest: +SKIP
        """
        check_is_fitted(self)
        ensemble = self.ensemble_.cpu()  # `_ready` moves it back to the device
        network = CentredInput(ensemble, torch.from_numpy(np.asarray(self.offset_)))
        write_onnx(path, network, self.input_shape_, self._metadata())

    @property
    def _num_outputs(self) -> int:
        return len(self.classes_)

    @property
    def _output(self) -> nn.Module:
        return nn.Softmax(dim=-1)

    def _unused_parameters(self, pretrains: bool) -> dict[str, Any]:
        unused = super()._unused_parameters(pretrains)
        if self.finetune == "none":
            unused = {reason: [*names, "label_smoothing"] for reason, names in unused.items()}
        return unused

    def _encode_targets(self, X: np.ndarray, y: Any, sample_weight: Any) -> LabelledSamples:
        rows, labels, weights = labelled_rows(X, y, sample_weight, self.unlabeled, type(self).__name__)
        try:
            check_classification_targets(labels)
            self.classes_, codes = np.unique(labels, return_inverse=True)
        except TypeError as error:
            raise ValueError(
                f"y contains labels of different types, which cannot be sorted ({error}); convert all labels to text."
            ) from error
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has only one class, {self.classes_.tolist()}, in the rows with a label and a positive "
                "sample_weight; give at least two classes."
            )
        class_weights = compute_sample_weight(self.class_weight, labels)
        if not (np.isfinite(class_weights).all() and (class_weights >= 0).all() and class_weights.any()):
            raise ValueError(
                f"class_weight={self.class_weight!r}: give finite weights that are not negative and not all zero."
            )
        weights = weights * class_weights
        return LabelledSamples(X, rows, codes, weights)

    def _encode_batch(self, X: np.ndarray, y: Any, sample_weight: Any, first: bool) -> LabelledSamples:
        rows, labels, weights = labelled_rows(X, y, sample_weight, self.unlabeled, type(self).__name__)
        codes = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)
        if (unknown := self.classes_[codes] != labels).any():
            raise ValueError(
                f"y contains the label {labels[unknown].tolist()[0]!r}, which is not one of the classes of the first "
                f"call of partial_fit, {self.classes_.tolist()}."
            )
        return LabelledSamples(X, rows, codes, weights)

    def _ridge_targets(self, targets: np.ndarray) -> np.ndarray:
        return one_against_rest(targets, len(self.classes_))

    def _classes_of(self, targets: np.ndarray) -> np.ndarray:
        return targets

    def _criterion(self) -> nn.Module:
        return WeightedCrossEntropy(self.label_smoothing)

    def _fit_probe(
        self, probe: LinearProbe, features: TrainingFeatures, targets: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        assert isinstance(probe, LinearProbeClassifier)
        return fit_classifier_probe(probe, features, targets, weights)

    def _keep_loo(self, samples: LabelledSamples, loo: np.ndarray) -> None:
        self.loo_proba_ = np.full((len(samples.X), len(self.classes_)), np.nan, np.float32)
        self.loo_proba_[samples.rows] = loo

    def _weigh(
        self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, prior_weights: Sequence[float]
    ) -> np.ndarray:
        of_true_class = outputs[:, np.arange(len(targets)), targets]
        return likelihood_mixture_weights(of_true_class, weights, prior_weights)

    def _dump_targets(self) -> dict[str, Any]:
        classes = self.classes_.astype(str) if self.classes_.dtype.kind == "M" else self.classes_  # dates
        return {"classes": {"values": classes.tolist(), "dtype": self.classes_.dtype.str}}

    def _restore_targets(self, metadata: dict[str, Any]) -> None:
        values, dtype = metadata["classes"]["values"], np.dtype(metadata["classes"]["dtype"])
        if dtype.kind not in "biufUOM" or not all(isinstance(value, (bool, int, float, str)) for value in values):
            raise ValueError(f"classes of type {dtype}")
        # A file must not choose the memory that each predicted label takes.
        longest = max(len(str(value)) for value in values)
        self.classes_ = np.array(values, dtype=f"U{longest}" if dtype.itemsize > 4 * longest + 400 else dtype)
