"""Fine-tuning as a scikit-learn classifier."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils import compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..functional.losses import weighted_cross_entropy
from ..models import Probe, relevance_map
from ._callbacks import with_callbacks
from ._networks import mean_probabilities
from ._onnx import SignalsToProbabilities, write_onnx
from ._probe import fit_probe
from ._supervised import MAESupervised
from ._validation import SHARE
from .pretrainer import MAEPretrainer


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


class MAEClassifier(ClassifierMixin, MAESupervised):
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
        regressions on levels and amplitudes (`models.SignalSummary`), on these and the wavelet statistics of
        `CWTTransformer`, and on these and the encoder's embeddings. Leaving each sample out says how much the first
        counts beside the two others, and how sure the mixture of their probabilities may be. They are fitted on at most
        4,000 samples, 3,700 / M of M channels, with a warning; the same share of each class is drawn.
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
    sampling_rate : float or None, default=None
        Samples a second; then figures are in Hz and seconds.
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

    probe_: Probe

    _kind = "classifier"
    _probe_of = Probe

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's name and form
        **MAESupervised._parameter_constraints,
        "label_smoothing": [SHARE],
        "class_weight": [dict, StrOptions({"balanced"}), None],
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
        sampling_rate: float | None = None,
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
        self.sampling_rate = sampling_rate
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

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MAEClassifier:
        """Pre-train where that is asked for, and fine-tune.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of one channel or of M, or spectrograms by `CWTTransformer`. NaN within a signal is interpolated;
            NaN at its ends, or a shorter signal of a list, is padding that nothing sees. The longest sets the scales;
            later, still longer signals of a list are resampled to its length, with a warning.
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
        self._fit(X, y, sample_weight)
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
        return self._decide(partial(mean_probabilities, self._members()), X)

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
            `models.relevance_map` finds it; 0 where a shorter signal is padded. The rows are the scales of
            ``model_.scalogram``.

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
                "finetune='full', 'lora', 'head' or a number of blocks, and head='reasoning'."
            )
        if self._head["head"] != "reasoning":
            raise ValueError(
                f"explain follows reasoning tokens, and this classifier was fitted with head={self._head['head']!r}; "
                "fit it with head='reasoning'."
            )
        members = self._members()
        return self._decide(
            lambda batch: relevance_map(self.model_, batch, mean_probabilities(members, batch).argmax(-1)), X
        )

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

        Gaps are not filled there, and signals have the length that they had in `fit`.

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

    @property
    def _num_outputs(self) -> int:
        return len(self.classes_)

    def _check_targets(self, X: np.ndarray, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, labels, weights = self._labelled(X, y, sample_weight)
        try:
            check_classification_targets(labels)
            self.classes_, codes = np.unique(labels, return_inverse=True)
        except TypeError as error:
            raise ValueError(f"y mixes labels of types that cannot be sorted ({error}); make them all text.") from error
        if len(self.classes_) < 2:
            raise ValueError(
                f"y holds the one class {self.classes_.tolist()} in the rows with a label and a weight; give two "
                "classes or more."
            )
        class_weights = compute_sample_weight(self.class_weight, labels)
        if not (np.isfinite(class_weights).all() and (class_weights >= 0).all() and class_weights.any()):
            raise ValueError(
                f"class_weight={self.class_weight!r}: give finite weights, none negative and not all zero."
            )
        weights = weights * class_weights
        return rows, codes, (weights / weights.mean()).astype(np.float32)

    def _groups(self, targets: np.ndarray) -> np.ndarray:
        return targets

    def _strata(self, targets: np.ndarray) -> np.ndarray:
        return targets

    def _criterion(self) -> tuple[type[nn.Module], dict[str, Any]]:
        return WeightedCrossEntropy, {"label_smoothing": self.label_smoothing}

    def _fit_linear(self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
        fit_probe(self.probe_, features, targets, weights)

    def _describe_targets(self) -> dict[str, Any]:
        return {"classes": {"values": self.classes_.tolist(), "dtype": self.classes_.dtype.str}}

    def _restore_targets(self, metadata: dict[str, Any]) -> None:
        classes = metadata["classes"]
        self.classes_ = np.array(classes["values"], dtype=classes["dtype"])
