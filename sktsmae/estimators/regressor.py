"""Fine-tuning as a scikit-learn regressor."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import assert_all_finite
from torch import Tensor, nn

from ..models import LinearProbe
from ._callbacks import with_callbacks
from ._probe import fit_linear_probe
from ._supervised import MAESupervised
from .pretrainer import MAEPretrainer


class WeightedSquaredError(nn.Module):
    """Squared error of a batch whose targets are values and weights."""

    def forward(self, outputs: Tensor, targets: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        outputs : Tensor of shape (B, 1)
            What a network says.
        targets : tuple of Tensor of shape (B,)
            Values and weights.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        values, weights = targets
        return ((outputs[:, 0].float() - values).square() * weights).mean()


class MAERegressor(RegressorMixin, MAESupervised):
    """Predict a number from a signal by fine-tuning a pre-trained encoder.

    Parameters
    ----------
    pretrainer : MAEPretrainer, FrozenEstimator, str, path-like or None, default=None
        Where the encoder comes from. None: the one that comes with the package, ``MAEPretrainer.from_pretrained()``, or
        for spectrograms, which it cannot take, ``MAEPretrainer()``. A `MAEPretrainer` is cloned and fitted on all of X,
        labelled or not, so that its parameters can be searched. ``FrozenEstimator(fitted)`` gives its weights, and
        keeps them through `clone` and GridSearchCV; with ``finetune="head"`` the two share one encoder. A path names a
        file by `MAEPretrainer.save`. ``"scratch"`` takes ``MAEPretrainer()`` untrained.
    probe : bool, default=True
        Whether linear models on frozen features decide, together with the network if one is fine-tuned: ridge
        regressions on levels and amplitudes (`models.SignalSummary`), on these and the wavelet statistics of
        `CWTTransformer`, and on these and the encoder's embeddings. Leaving each sample out says how much the first
        counts beside the two others. They are fitted on at most 4,000 samples, 3,700 / M of M channels, with a warning.
        A network counts as much as all of them: after few epochs it pulls predictions towards the mean of the targets.
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
    unlabeled : object, default=None
        The value of `y` that marks rows without a target, such as NaN; they serve pre-training alone. None: all have
        one.
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
        Whether to hold out labelled rows, stop when their loss no longer falls, and keep the best weights.
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
    target_mean_, target_scale_ : float
        Mean and standard deviation of the targets in `fit`; members learn what is left when these are taken off.
    probe_ : LinearProbe
        The linear models; absent with ``probe=False``.
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
    MAEClassifier : Predicts a class.
    MAEPretrainer : Trains the encoder.

    References
    ----------
    C. W. Tan et al., "Time series extrinsic regression", Data Mining and Knowledge Discovery 35, 2021 (the task).

    Examples
    --------
    >>> import numpy as np
    >>> from sktsmae import MAERegressor
    >>> rates = np.random.default_rng(0).uniform(0.02, 0.1, size=40)  # cycles a sample
    >>> X = np.sin(2 * np.pi * rates[:, None] * np.arange(150))
    >>> regressor = MAERegressor(random_state=0).fit(X[:30], rates[:30])
    >>> bool(regressor.score(X[30:], rates[30:]) > 0.9)
    True
    """

    _kind = "regressor"
    _probe_of = LinearProbe
    _num_outputs = 1

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
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MAERegressor:
        """Pre-train where that is asked for, and fine-tune.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of one channel or of M, or spectrograms by `CWTTransformer`. NaN within a signal is interpolated;
            NaN at its ends, or a shorter signal of a list, is padding that nothing sees. The longest sets the scales;
            later, still longer signals of a list are resampled to its length, with a warning.
        y : array-like of shape (n,)
            Numbers; `unlabeled` marks rows without one.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        MAERegressor
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

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`.

        Returns
        -------
        ndarray of shape (n,), float64
            The mean of what probe and network say.
        """
        members = self._members().values()
        said = self._decide(lambda batch: torch.stack([member(batch)[:, 0] for member in members]).mean(0), X)
        return self.target_mean_ + self.target_scale_ * said.astype(np.float64)

    def _check_targets(self, X: np.ndarray, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, values, weights = self._labelled(X, y, sample_weight)
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"y holds what is no number ({error}); give numbers, or take MAEClassifier.") from error
        assert_all_finite(values, input_name="y")
        if len(values) < 2:
            raise ValueError(
                f"one row of y has both a target (unlabeled={self.unlabeled!r}) and a positive sample_weight; give two "
                "or more."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            self.target_mean_ = float(np.average(values, weights=weights))
            distances = np.abs(values - self.target_mean_)
            largest = float(distances.max()) or 1.0  # the square of what is tiny would be zero
            deviation = largest * float(np.sqrt(np.average((distances / largest) ** 2, weights=weights)))
            self.target_scale_ = deviation or 1.0
        if not np.isfinite([self.target_mean_, self.target_scale_]).all():
            raise ValueError(f"y holds values as large as {np.abs(values).max():g}, whose mean is not finite; scale y.")
        standardized = (values - self.target_mean_) / self.target_scale_
        return rows, standardized.astype(np.float32), (weights / weights.mean()).astype(np.float32)

    def _groups(self, targets: np.ndarray) -> np.ndarray:
        return np.zeros(len(targets), dtype=int)

    def _criterion(self) -> tuple[type[nn.Module], dict[str, Any]]:
        return WeightedSquaredError, {}

    def _fit_linear(self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
        fit_linear_probe(self.probe_, features, targets, weights)

    def _describe_targets(self) -> dict[str, Any]:
        return {"targets": {"mean": self.target_mean_, "scale": self.target_scale_}}

    def _restore_targets(self, metadata: dict[str, Any]) -> None:
        self.target_mean_ = float(metadata["targets"]["mean"])
        self.target_scale_ = float(metadata["targets"]["scale"])
