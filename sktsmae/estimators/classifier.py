"""Fine-tuning as a scikit-learn classifier."""

from __future__ import annotations

import copy
import os
import warnings
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
)
from torch import Tensor, nn

from ..functional.losses import weighted_cross_entropy
from ..layers.lora import add_updates, merge_updates
from ..models import (
    Encoder,
    LatentReasoningHead,
    MultichannelHead,
    Probe,
    Readout,
    ResidualMLPHead,
    Scalogram,
    SignalClassifier,
    WaveletStatistics,
    relevance_map,
)
from ..models.checkpoints import plain, read_safetensors, restore, write_safetensors
from ..models.classifier import encoder_settings, load_encoder
from ..models.encoder import build_encoder
from ._batches import SignalDataset
from ._callbacks import CallbackSupportMixin, history_rows, tasks_of_fit, with_callbacks
from ._checkpoints import checkpoint_folder
from ._networks import map_sequences, mean_probabilities, num_channels, require_views
from ._onnx import SignalsToProbabilities, write_onnx
from ._persistence import NetworkMixin, damaged_description, dump_estimator, params_of, restore_fitted
from ._probe import choose_samples, fit_probe
from ._seeds import draw_seed, seeded
from ._statistics import apply_statistics, learn_thresholds, most_signals
from ._training import TRAINING_CONSTRAINTS, hold_out, train
from ._validation import (
    NON_NEGATIVE_INT,
    POSITIVE_INT,
    SHARE,
    check_signals,
    resolve_device,
    unchanged_on_error,
)
from .pretrainer import MAEPretrainer

_HEAD_PARAMETERS = ("head", "num_reasoning_tokens", "num_res_blocks", "hidden_dim", "dropout")


class WeightedCrossEntropy(nn.Module):
    """Cross entropy of a batch whose targets are labels and weights.

    Parameters
    ----------
    label_smoothing : float
        Probability that is spread over all classes.
    """

    def __init__(self, label_smoothing: float) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        logits : Tensor of shape (B, C)
            Scores of the classes.
        targets : tuple of Tensor of shape (B,)
            Class indices and weights.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        labels, weights = targets
        return weighted_cross_entropy(logits, labels, weights, self.label_smoothing)


class MAEClassifier(
    CallbackSupportMixin,
    NetworkMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Classify signals by fine-tuning a pre-trained encoder.

    Parameters
    ----------
    pretrainer : MAEPretrainer, FrozenEstimator, str, path-like or None, default=None
        Where the encoder comes from. None: the one that comes with the package, ``MAEPretrainer.from_pretrained()``, or
        for spectrograms, which it cannot take, ``MAEPretrainer()``. A `MAEPretrainer` is cloned and fitted on all of X,
        labelled or not, so that its parameters can be searched. ``FrozenEstimator(fitted)`` gives its weights, and
        keeps them through `clone` and GridSearchCV; with ``finetune="head"`` the two share one encoder. A path names a
        file by `MAEPretrainer.save`. ``"scratch"`` takes ``MAEPretrainer()`` untrained.
    probe : bool, default=True
        Whether linear classifiers on frozen features decide, together with the network if one is fine-tuned: ridge
        regressions on the wavelet statistics of `CWTTransformer` and on these and the encoder's embeddings, the mean of
        their probabilities calibrated by leaving each sample out. They are fitted on at most 4,000 samples, 3,700 / M
        of M channels, with a warning; the same share of each class is drawn.
    finetune : {"none", "full", "head", "lora"} or int, default="none"
        Whether a network is fine-tuned, and what of it: encoder and head; only the head, on tokens that are computed
        once and held in memory (4 * M * N * embed_dim bytes a sample); head and updates of rank 8 of the matrices in
        the encoder's blocks, which are added to them in the end (E. J. Hu et al., "LoRA", ICLR 2022); or head and so
        many of the encoder's last blocks. The published design is ``probe=False, finetune="full"``.
    head : {"reasoning", "mlp"}, default="reasoning"
        Learned reasoning tokens that attend to all patch tokens, or a residual multi-layer perceptron on their mean.
    num_reasoning_tokens : int, default=8
        Tokens of the reasoning head.
    num_res_blocks, hidden_dim : int, default=2 and 128
        Size of the MLP head.
    dropout : float, default=0.1
        Dropout of the head.
    layer_decay : float, default=0.75
        Factor of the learning rate from each block to the one below.
    label_smoothing : float, default=0.1
        Probability that is spread over all classes.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    unlabeled : object, default=None
        The value of `y` that marks unlabelled rows, such as -1; they serve pre-training alone. None: all have labels.
    max_epochs : int, default=60
        Passes over the labelled data.
    batch_size : int, default=32
        Signals a step.
    lr : float, default=1e-3
        Highest learning rate of AdamW.
    weight_decay : float, default=0.05
        Weight decay of the matrices.
    warmup_fraction : float, default=0.1
        Share of the steps in which the learning rate rises; it falls along a cosine after that.
    gradient_clip : float or None, default=1
        Largest norm of a gradient.
    early_stopping : bool, default=False
        Whether to hold out labelled rows, stratified, stop when their loss no longer falls, and keep the best weights.
    validation_fraction : float, default=0.1
        Share that is held out.
    n_iter_no_change : int, default=10
        Epochs without improvement before stopping.
    device : str or torch.device, default="auto"
        Where to compute; "auto" takes a CUDA GPU where there is one.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic in training; "auto" is bfloat16 on a GPU, float32 on the CPU.
    random_state : int, RandomState or None, default=None
        Seeds weights, dropout, order, and a pretrainer that has no seed of its own; an int makes fits on the CPU
        repeatable. No global generator is touched.
    verbose : int, default=0
        Whether to show a progress bar.
    callbacks : list or None, default=None
        Further skorch callbacks; they are copied, and after `fit` stand in ``net_.callbacks``.
    checkpoint_dir : str, path-like or None, default=None
        Folder for a checkpoint after each epoch of fine-tuning, of which two are kept; those of a pretrainer that is
        fitted here go into its folder ``pretraining``, or where the pretrainer says. A `fit` with the same parameters
        and data goes on from the newest, and ends with the weights that it would have had uninterrupted; `random_state`
        must be an int.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The labels.
    probe_ : Probe
        The linear classifiers; absent with ``probe=False``.
    model_ : SignalClassifier
        The fine-tuned network; absent with ``finetune="none"``.
    encoder_ : Encoder
        Its encoder, or else the frozen one.
    pretrainer_ : MAEPretrainer
        The fitted pretrainer that the encoder started from; absent from a loaded estimator.
    net_ : skorch.NeuralNet
        The net that trained the network, or only its head; absent from a loaded estimator.
    history_ : list of dict
        Of each epoch of fine-tuning: ``epoch``, ``train_loss``, ``valid_loss`` where held out, ``dur`` in seconds.
    n_iter_ : int
        Epochs done.
    n_features_in_ : int
        Length of the second axis of X in `fit`.
    input_shape_ : tuple of int
        Shape of one sample in `fit`.
    offset_ : ndarray of shape () or (M,), float64
        What is subtracted from each channel before it becomes float32: its level in `fit`, if that is over 1,000 times
        what signals vary by; 0 otherwise.

    See Also
    --------
    MAEPretrainer : Trains the encoder.

    Examples
    --------
    >>> from sktsmae import MAEClassifier, MAEPretrainer
    >>> from sktsmae.datasets import load_sparwatch
    >>> X, y = load_sparwatch(return_X_y=True)
    >>> MAEClassifier(random_state=0).fit(X[::16, :2], y[::16]).predict_proba(X[:3, :2]).shape
    (3, 7)
    """

    model_: SignalClassifier
    probe_: Probe

    _frozen: tuple[Scalogram, Encoder]
    _readout: dict[str, Any] | None
    _head: dict[str, Any] | None

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's name and form
        "pretrainer": [MAEPretrainer, FrozenEstimator, str, os.PathLike, None],
        "probe": ["boolean"],
        "finetune": [StrOptions({"none", "full", "head", "lora"}), POSITIVE_INT],
        "head": [StrOptions({"reasoning", "mlp"})],
        "num_reasoning_tokens": [POSITIVE_INT],
        "num_res_blocks": [NON_NEGATIVE_INT],
        "hidden_dim": [POSITIVE_INT],
        "dropout": [SHARE],
        "layer_decay": [Interval(Real, 0, 1, closed="right")],
        "label_smoothing": [SHARE],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "unlabeled": [object],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        pretrainer: MAEPretrainer | FrozenEstimator | str | os.PathLike[str] | None = None,
        probe: bool = True,
        finetune: str | int = "none",
        head: str = "reasoning",
        num_reasoning_tokens: int = 8,
        num_res_blocks: int = 2,
        hidden_dim: int = 128,
        dropout: float = 0.1,
        layer_decay: float = 0.75,
        label_smoothing: float = 0.1,
        class_weight: Any = None,
        unlabeled: Any = None,
        max_epochs: int = 60,
        batch_size: int = 32,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        warmup_fraction: float = 0.1,
        gradient_clip: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        device: str | torch.device = "auto",
        precision: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
        callbacks: list[Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self.pretrainer = pretrainer
        self.probe = probe
        self.finetune = finetune
        self.head = head
        self.num_reasoning_tokens = num_reasoning_tokens
        self.num_res_blocks = num_res_blocks
        self.hidden_dim = hidden_dim
        self.dropout = dropout
        self.layer_decay = layer_decay
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.unlabeled = unlabeled
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.warmup_fraction = warmup_fraction
        self.gradient_clip = gradient_clip
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir

    def set_params(self, **params: Any) -> MAEClassifier:
        """Set parameters, as every estimator of scikit-learn.

        Parameters
        ----------
        **params
            Names and values; ``pretrainer__`` before a name for a parameter of `pretrainer`.

        Returns
        -------
        MAEClassifier
            Itself.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        pretrainer = params.get("pretrainer", self.pretrainer)
        nested = [name for name in params if name.startswith("pretrainer__")]
        if nested and not hasattr(pretrainer, "get_params"):
            raise ValueError(
                f"{nested[0]}: pretrainer={pretrainer!r} has no parameters; give pretrainer=MAEPretrainer()."
            )
        return super().set_params(**params)

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MAEClassifier:
        """Pre-train where that is asked for, and fine-tune.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of one channel or of M, or spectrograms by `CWTTransformer`.
        y : array-like of shape (n,)
            Labels of any type; `unlabeled` marks rows without one.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        MAEClassifier
            Itself.

        Raises
        ------
        ValueError
            If a parameter, X or y is impossible; the message names it, and the estimator is left as it was.
        FloatingPointError
            If fine-tuning diverges; the estimator is left with the weights of before that, and earlier checkpoints as
            they were. If pre-training does, the estimator is left as it was.
        """
        self._validate_params()
        with tasks_of_fit(self), unchanged_on_error(self):
            device = resolve_device(self.device)
            X = check_signals(self, X, reset=True, min_samples=2)
            rows, labels, weights = self._check_targets(X, y, sample_weight)
            seed = draw_seed(self.random_state)
            if not self.probe and self.finetune == "none":
                raise ValueError("probe=False and finetune='none' leave nothing to decide by; choose one of them.")
            self.pretrainer_ = self._fit_pretrainer(X, seed)
            for name in ("probe_", "model_", "net_"):  # of an earlier fit
                self.__dict__.pop(name, None)
            self._readout = self._head = None
            diverged = None
            with seeded(seed, device):
                self._frozen, self._settings = self._build_encoder(X)
                if self.finetune != "none":
                    train_rows, valid_rows = hold_out(self, len(rows), seed, labels)
                    targets = (torch.from_numpy(labels), torch.from_numpy(weights))
                    diverged = self._fine_tune(X, rows, targets, (train_rows, valid_rows), device)
                if self.probe:
                    self._fit_probe(X, rows, labels, weights, seed, device)
            self._members().eval()
            self.history_ = history_rows(self.net_) if self.finetune != "none" else []
            self.n_iter_ = len(self.history_)
        if diverged is not None:
            raise diverged
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Estimate the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`.

        Returns
        -------
        ndarray of shape (n, C), float32
            Probabilities in the order of `classes_`.
        """
        X, device = self._ready(X)
        return map_sequences(
            partial(mean_probabilities, self._members()), self.encoder_, X, self._batch_size(X), device
        )

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`.

        Returns
        -------
        ndarray of shape (n,), dtype of `classes_`
            The most probable labels.
        """
        places = self.predict_proba(X).argmax(1)
        return self.classes_[places]

    def explain(self, X: Any) -> np.ndarray:
        """Show where in time and frequency the reasoning tokens found what speaks for the predicted class.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`. The result holds a map of each, so give a few.

        Returns
        -------
        ndarray of shape (n, M, S, T), float32
            Relevance of each place of the image of each channel, not negative, of sum 1 a sample, as
            `models.relevance_map` finds it. The rows are the scales of ``model_.scalogram``.

        Raises
        ------
        ValueError
            If no network was fine-tuned, or its head has no reasoning tokens.

        Notes
        -----
        A map shows what the network goes by, which need not be what a person would point at: where each row of an image
        is standardised, as in the encoder of the package, how strong a burst is shows in how weak the rest has become,
        everywhere.

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
                "explain needs a fine-tuned network, and this classifier was fitted with finetune='none'; fit it with "
                "finetune='full' or 'head', and head='reasoning'."
            )
        if self._head["head"] != "reasoning":
            raise ValueError(
                f"explain follows reasoning tokens, and this classifier was fitted with head={self._head['head']!r}; "
                "fit it with head='reasoning'."
            )
        X, device = self._ready(X)
        return map_sequences(
            lambda batch: relevance_map(self.model_, batch, mean_probabilities(self._members(), batch).argmax(-1)),
            self.encoder_,
            X,
            self._batch_size(X),
            device,
        )

    def transform(self, X: Any) -> np.ndarray:
        """Embed signals by the encoder, fine-tuned where it was.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`.

        Returns
        -------
        ndarray of shape (n, M * embed_dim), float32
            The mean of the tokens of each channel, side by side.
        """
        X, device = self._ready(X)
        return map_sequences(Readout(*self._embedder()), self.encoder_, X, self.batch_size, device)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted classifier to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file, replaced if it is there. Parameters that are objects (`callbacks`, a RandomState, a `pretrainer`
            that is an estimator) are left out, as is `pretrainer_`.
        """
        check_is_fitted(self)
        # Copies, since the network's encoder may be the probe's.
        state = {name: tensor.clone() for name, tensor in self._members().state_dict().items()}
        write_safetensors(path, state, self._describe())

    def export_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted classifier to one ONNX file, which needs neither this package nor PyTorch.

        It takes ``X``, (n, T), (n, M, T) or (n, M * V, S, T) as in `fit`, float32, or float64 where `offset_` is not
        zero, for any n; and gives ``probabilities``, (n, C), float32.

        Parameters
        ----------
        path : str or path-like
            The file, replaced if it is there.

        Raises
        ------
        ImportError
            If what the extra ``onnx`` installs is missing.
        FileNotFoundError
            If there is no such folder.

        Notes
        -----
        The file's properties hold, each as JSON, what `save` writes beside the weights. The k-th probability is that of
        the k-th label: ``json.loads(session.get_modelmeta().custom_metadata_map["classes"])["values"][k]``.

        The wavelet transform is a convolution there, and Fourier transforms here. A fine-tuned network gives the same
        to 1e-4. The probe counts how long values are above thresholds; where one is within rounding, the count differs
        by a sample, and probabilities by 1e-4 and, rarely, 2e-3: as much as `predict_proba` differs if X is rounded.

        Examples
        --------
        >>> from sktsmae import MAEClassifier
        >>> from sktsmae.datasets import load_sparwatch
        >>> X, y = load_sparwatch(return_X_y=True)
        >>> classifier = MAEClassifier(random_state=0).fit(X[::16, 0], y[::16])
        >>> classifier.export_onnx("classifier.onnx")  # doctest: +SKIP
        """
        check_is_fitted(self)
        for network in self._networks():
            network.cpu()  # the next call moves it back to the device
        network = SignalsToProbabilities(self._members(), getattr(self, "offset_", np.zeros(())))
        write_onnx(path, network, self.input_shape_, self._describe())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MAEClassifier:
        """Read a fitted classifier.

        Parameters
        ----------
        path : str or path-like
            A file by `save`.

        Returns
        -------
        MAEClassifier
            The classifier, ready to predict.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is truncated or not one of these.
        """
        state, metadata = read_safetensors(path, kind="classifier")
        with damaged_description(path):
            classifier = cls(**params_of(metadata["estimator"]))
            restore_fitted(classifier, metadata["estimator"])
            classifier._validate_params()
            classes = metadata["classes"]
            classifier.classes_ = np.array(classes["values"], dtype=classes["dtype"])
            classifier._settings = metadata["settings"]
            classifier._head, classifier._readout = metadata["head"], metadata["readout"]
            head = classifier._head or {}
            repeated = {"num_res_blocks": head["num_res_blocks"]} if head.get("head") == "mlp" else {}
        restore(classifier._build_members, {**classifier._settings, **repeated}, state, path)
        return classifier

    @property
    def encoder_(self) -> Encoder:
        """The fine-tuned network's encoder, or else the frozen one.

        Returns
        -------
        Encoder
            A part of `model_`, or of `pretrainer_`.
        """
        check_is_fitted(self)
        return self._embedder()[1]

    @property
    def _n_features_out(self) -> int:
        return num_channels(self.input_shape_, self.encoder_) * self.encoder_.embed_dim

    def _batch_size(self, X: np.ndarray) -> int:
        """Return how many sequences are decided on at a time."""
        batch_size = self.batch_size
        for features in self.probe_.features.values() if hasattr(self, "probe_") else ():
            if isinstance(features, WaveletStatistics):
                channels = num_channels(self.input_shape_, self.encoder_)
                batch_size = min(batch_size, channels * most_signals(features, X))
        return batch_size

    def _embedder(self) -> tuple[Scalogram, Encoder]:
        return (self.model_.scalogram, self.model_.encoder) if hasattr(self, "model_") else self._frozen

    def _build_members(self) -> nn.ModuleDict:
        """Build all that decides, by what a file says."""
        if self._readout is not None:
            self._frozen = build_encoder(**self._settings)
            self.probe_ = self._build_probe(self._readout)
        if self._head is not None:
            scalogram, encoder = build_encoder(**self._settings)
            self.model_ = SignalClassifier(scalogram, encoder, self._build_head(encoder, self._head))
        return self._members()

    def _members(self) -> nn.ModuleDict:
        """Return all that decides."""
        members = {"probe": "probe_", "network": "model_"}
        return nn.ModuleDict({name: getattr(self, own) for name, own in members.items() if hasattr(self, own)})

    def _networks(self) -> list[nn.Module]:
        return list(self._members().values())

    def _describe(self) -> dict[str, Any]:
        """Return what a file says beside the weights."""
        return {
            "kind": "classifier",
            "settings": self._settings,
            "head": self._head,
            "readout": self._readout,
            "classes": {"values": self.classes_.tolist(), "dtype": self.classes_.dtype.str},
            "estimator": dump_estimator(self),
        }

    def _check_targets(self, X: np.ndarray, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the labelled rows, their class indices and their weights, of mean 1; set `classes_`."""
        if y is None:
            raise ValueError("MAEClassifier requires y to be passed, but the target y is None.")
        y, labelled = _read_labels(y, self.unlabeled)
        check_consistent_length(X, y)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        rows = np.flatnonzero(labelled & (weights > 0))
        if y.dtype.kind == "f":
            assert_all_finite(y[rows], input_name="y")
        if len(rows) == 0:
            raise ValueError(
                f"no row of y has both a label (unlabeled={self.unlabeled!r}) and a positive sample_weight; give some."
            )
        try:
            check_classification_targets(y[rows])
            self.classes_, codes = np.unique(y[rows], return_inverse=True)
        except TypeError as error:
            raise ValueError(f"y mixes labels of types that cannot be sorted ({error}); make them all text.") from error
        if len(self.classes_) < 2:
            raise ValueError(
                f"y holds the one class {self.classes_.tolist()} in the rows with a label and a weight; give two "
                "classes or more."
            )
        class_weights = compute_sample_weight(self.class_weight, y[rows])
        if not (np.isfinite(class_weights).all() and (class_weights >= 0).all() and class_weights.any()):
            raise ValueError(
                f"class_weight={self.class_weight!r}: give finite weights, none negative and not all zero."
            )
        weights = weights[rows] * class_weights
        return rows, codes, (weights / weights.mean()).astype(np.float32)

    def _fit_pretrainer(self, X: np.ndarray, seed: int) -> MAEPretrainer:
        """Return the fitted pretrainer that `pretrainer` stands for."""
        given = self.pretrainer
        if isinstance(given, FrozenEstimator):
            if not isinstance(given.estimator, MAEPretrainer):
                raise ValueError(f"pretrainer={given!r}: the frozen estimator must be a MAEPretrainer.")
            check_is_fitted(given.estimator)
            return given.estimator
        common: dict[str, Any] = {"device": self.device, "precision": self.precision, "verbose": self.verbose}
        if given is None and X.ndim < 4:
            return MAEPretrainer.from_pretrained()
        if given is None:
            pretrainer = MAEPretrainer(**common)
        elif isinstance(given, MAEPretrainer):
            if hasattr(given, "model_"):
                warnings.warn(
                    "pretrainer is fitted already and is fitted again on X; give FrozenEstimator(pretrainer) to keep "
                    "its weights.",
                    UserWarning,
                    stacklevel=3,
                )
            pretrainer = clone(given)
        elif given == "scratch":
            pretrainer = MAEPretrainer(max_epochs=0, **common)
        else:
            if not os.path.isfile(given):
                raise FileNotFoundError(
                    f"pretrainer={given!r}: no such file; give the path of a file by MAEPretrainer.save, or 'scratch'."
                )
            return MAEPretrainer.load(given)
        if pretrainer.random_state is None:
            pretrainer.set_params(random_state=seed)
        folder = checkpoint_folder(self)
        if pretrainer.checkpoint_dir is None and folder is not None:
            pretrainer.set_params(checkpoint_dir=folder / "pretraining")
        return pretrainer.fit(X)

    def _build_encoder(self, X: np.ndarray) -> tuple[tuple[Scalogram, Encoder], dict[str, Any]]:
        """Return the pretrainer's scalogram and encoder, or a copy for the length of X; and their settings."""
        source = self.pretrainer_.model_
        if len(self.pretrainer_.input_shape_) == 3 and X.ndim < 4:
            raise ValueError(
                "X holds signals, but pretrainer was fitted on spectrograms, whose scales it does not know; give "
                "spectrograms of the same scales."
            )
        settings = encoder_settings(source.settings)
        _, num_scales, _ = source.encoder.image_size
        if X.ndim == 4:
            require_views(X, source.scalogram.num_views)
            if X.shape[2] != num_scales or settings["resample"]:
                raise ValueError(
                    f"X is a spectrogram of {X.shape[2]} scales, but pretrainer was fitted on "
                    f"{'signals of any length' if settings['resample'] else num_scales}; give what it was fitted on."
                )
        if settings["resample"] or settings["signal_len"] == X.shape[-1]:
            return (source.scalogram, source.encoder), settings
        settings |= {"signal_len": X.shape[-1]}
        scalogram, encoder = build_encoder(**settings)
        load_encoder(encoder, source.state_dict(), "pretrainer")
        return (scalogram, encoder), settings

    def _fit_probe(
        self, X: np.ndarray, rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int, device: torch.device
    ) -> None:
        """Fit the linear classifiers on frozen features of the labelled rows."""
        self.pretrainer_._readout(self.pretrainer_.model_)  # refuses a network without thresholds
        self._readout = {"pooling": self.pretrainer_.pooling, "layers": plain(self.pretrainer_.readout_layers)}
        self.probe_ = self._build_probe(self._readout, self.pretrainer_.thresholds_).to(device)
        chosen = choose_samples(labels, self.probe_.num_features, seed)
        parts = []
        for features in self.probe_.features.values():
            if isinstance(features, WaveletStatistics):
                learn_thresholds(features, X, device)
                parts.append(apply_statistics(features, X, device, rows[chosen]))
            else:
                parts.append(map_sequences(features, self._frozen[1], X, self.batch_size, device, rows[chosen]))
        fit_probe(self.probe_, np.concatenate(parts, axis=1), labels[chosen], weights[chosen])

    def _build_probe(self, settings: dict[str, Any], thresholds: Tensor | None = None) -> Probe:
        readout = Readout(*self._frozen, **settings, thresholds=thresholds)
        channels = num_channels(self.input_shape_, readout.encoder)
        features: dict[str, nn.Module] = {"embedding": readout}
        sizes = {"embedding": channels * readout.out_features}
        if len(self.input_shape_) < 3:  # a spectrogram's rows may be standardised already
            statistics = WaveletStatistics(channels, self.input_shape_[-1])
            features = {"statistics": statistics, **features}
            sizes["statistics"] = statistics.out_features
        return Probe(features, sizes, len(self.classes_))

    def _fine_tune(
        self,
        X: np.ndarray,
        rows: np.ndarray,
        targets: tuple[Tensor, Tensor],
        parts: tuple[np.ndarray, np.ndarray],
        device: torch.device,
    ) -> FloatingPointError | None:
        """Train a network, or its head, on some of the labelled rows, and hold out the others."""
        self._head = {name: getattr(self, name) for name in _HEAD_PARAMETERS}
        scalogram, encoder = self._frozen
        if self.finetune != "head":
            encoder = copy.deepcopy(encoder)
        self.model_ = SignalClassifier(scalogram, encoder, self._build_head(encoder, self._head))
        module: nn.Module = self.model_
        if self.finetune == "head":
            module, X = self.model_.head, self._tokens(X, rows, device)
            rows = np.arange(len(rows))
        elif self.finetune == "lora":
            encoder.requires_grad_(False)
            add_updates(encoder.blocks)
        elif not isinstance(self.finetune, str):
            _freeze_below(encoder, self.finetune)
        train_set, valid_set = (
            SignalDataset(X, rows[part], tuple(target[part] for target in targets)) for part in parts
        )
        self.net_, diverged = train(
            self,
            module,
            WeightedCrossEntropy,
            train_set,
            valid_set,
            device,
            layer_decay=self.layer_decay,
            label_smoothing=self.label_smoothing,
        )
        merge_updates(self.model_)
        return diverged

    def _build_head(self, encoder: Encoder, settings: dict[str, Any]) -> nn.Module:
        sizes = (encoder.embed_dim, len(self.classes_))
        kind, tokens, blocks, hidden_dim, dropout = (settings[name] for name in _HEAD_PARAMETERS)
        head: nn.Module
        if kind == "reasoning":
            head = LatentReasoningHead(*sizes, encoder.num_heads, tokens, dropout)
        else:
            head = ResidualMLPHead(*sizes, blocks, hidden_dim, dropout)
        channels = num_channels(self.input_shape_, encoder)
        return head if channels == 1 else MultichannelHead(head, channels, encoder.embed_dim)

    def _tokens(self, X: np.ndarray, rows: np.ndarray, device: torch.device) -> np.ndarray:
        """Return the patch tokens of some rows, (m, M * N, D)."""
        model = self.model_.to(device)
        return map_sequences(model.tokens, model.encoder, X, self.batch_size, device, rows)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _freeze_below(encoder: Encoder, count: int) -> None:
    """Leave only the encoder's last blocks and what is above them trainable."""
    if count > len(encoder.blocks):
        raise ValueError(
            f"finetune={count}, but the encoder has {len(encoder.blocks)} blocks; give so many at most, or 'full'."
        )
    encoder.requires_grad_(False)
    for part in (*encoder.blocks[-count:], encoder.norm):
        part.requires_grad_(True)


def _read_labels(y: Any, mark: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return y as an array, and which rows have a label: those without the mark."""
    if mark is None:
        y = column_or_1d(y, warn=True)
        return y, np.ones(len(y), dtype=bool)
    if not isinstance(y, (list, tuple)):
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "U" and not isinstance(mark, str) and str(mark) in y:
            raise ValueError(f"y is text and unlabeled={mark!r} is not; give unlabeled={str(mark)!r}.")
        if y.dtype.kind in "biuf" and isinstance(mark, str):
            raise ValueError(f"y is numbers and unlabeled={mark!r} is text; give the number that marks rows.")
        return y, np.array([not _is_same(label, mark) for label in y.tolist()], dtype=bool)
    # In a list the mark may have another type; made an array together, one would take on the other's.
    labelled = np.array([not _is_same(label, mark) for label in y], dtype=bool)
    known = column_or_1d([label for label, is_known in zip(y, labelled, strict=True) if is_known])
    labels = np.zeros(len(y), dtype=known.dtype)
    labels[labelled] = known
    return labels, labelled


def _is_same(label: Any, mark: Any) -> bool:
    """Compare a label with the mark of unlabelled rows; NaN is the same as NaN."""
    if label is mark:
        return True
    try:
        return bool(label == mark) or bool(label != label and mark != mark)
    except TypeError:  # pandas' NA cannot say whether it equals anything
        return False
