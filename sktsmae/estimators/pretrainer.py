"""Self-supervised features as a scikit-learn transformer."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from importlib.resources import as_file, files
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Bunch, Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..functional.patches import unpatchify
from ..functional.wavelets import BOUNDARIES, standardize
from ..models import CWT_MAE_RoPE, Encoder, Readout
from ..models.checkpoints import load_matching, read_safetensors, restore, write_safetensors
from ..models.readout import POOLINGS, THRESHOLD_SIGNALS, token_thresholds
from ._batches import SignalDataset, load_batch, map_batches, spread_rows
from ._callbacks import CallbackSupportMixin, history_rows, tasks_of_fit, with_callbacks
from ._checkpoints import describe_training
from ._networks import mae_settings, map_sequences, num_channels, require_same_settings
from ._persistence import NetworkMixin, damaged_description, dump_estimator, params_of, restore_fitted
from ._processes import join_processes, launched_processes
from ._seeds import draw_seed, seeded
from ._training import TRAINING_CONSTRAINTS, hold_out, train, train_on
from ._validation import (
    NON_NEGATIVE_REAL,
    OPEN_SHARE,
    POSITIVE_INT,
    POSITIVE_REAL,
    SAMPLING_RATE,
    SCALES,
    check_signals,
    resolve_device,
    rollback_on_error,
)


class ReconstructionLoss(nn.Module):
    """The loss that the autoencoder computes itself."""

    def forward(self, loss: Tensor, targets: Any) -> Tensor:
        """Return the loss.

        Parameters
        ----------
        loss : Tensor of shape ()
            What `CWT_MAE_RoPE` returns first.
        targets : object
            Unused.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        return loss


class MAEPretrainer(
    CallbackSupportMixin, NetworkMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Learn features of signals without labels, by rebuilding hidden patches of their wavelet images.

    Parameters
    ----------
    cwt_scales : "auto", int or array-like of float, default="auto"
        "auto" takes 32 scales from 0.7 samples to a fifth of the signal in equal ratios. A number n stands for the
        published grid 0.1, 1.1, ..., n - 0.9. Or the scales, in samples, increasing. A spectrogram as X has its own.
    diff_orders : tuple of {0, 1, 2}, default=(0, 1, 2)
        The views of a signal: itself, its first and its second difference.
    standardize : bool or "per_scale", default=True
        Whether each view of an image is standardised (the published design), or each scale of it, so that none
        outshines the others and how strong they are is forgotten.
    boundary : {"zeros", "reflect"}, default="reflect"
        What lies outside a signal's ends: zeros (the published design), or the signal mirrored; then an offset leaves
        no trace.
    signal_len : int or None, default=None
        Samples that signals are resampled to, so that those of any length can be transformed; None keeps their own.
    patch_size : "auto" or tuple of int, default="auto"
        Scales and samples of a patch; "auto" makes a grid of about 4 x 16 patches, finer for long signals.
    embed_dim, depth, num_heads : int, default=64, 4 and 2
        Size of the encoder. The published size is one call:
        ``MAEPretrainer(cwt_scales=64, boundary="zeros", masking="patches", pooling="mean", patch_size=(4, 50),
        embed_dim=768, depth=12, num_heads=12, decoder_embed_dim=512, decoder_depth=8)``.
    mlp_rank_ratio : float, default=0.5
        Rank of the encoder's MLP matrices over their smaller side.
    decoder_embed_dim, decoder_depth : int, default=64 and 1
        Size of the decoder; it has a head of attention for every 32 features.
    rope : {"axial", "raster"}, default="axial"
        Rotary embedding by frequency and time apart, or by one index over the grid.
    mask_ratio : float, default=0.75
        Share of patches that are hidden, in (0, 1).
    masking : {"patches", "mixed"}, default="mixed"
        Whether patches are hidden one by one (the published design), or in some images by whole stretches of time or
        whole frequency bands.
    instance_loss_weight : float, default=0
        Weight of a loss by which an image is to be recognised from another choice of its patches among the batch's
        other images. `score` does not count it.
    time_loss_weight : float, default=1
        Weight of the waveform's loss beside the spectrogram's.
    decode_ratio : float, default=1
        Share of the columns of patches that each training step decodes, one at least; 1 is the published design. All
        are decoded otherwise, so that below 1 a training loss does not compare with a validation loss or `score`.
    readout_layers : tuple of int or None, default=None
        The layers whose tokens `transform` pools, as numbers of blocks passed; 0 is the embedded patches. None takes
        the encoder's output (the published design).
    pooling : {"mean", "max", "cls", "bands"}, default="bands"
        How the tokens of a channel become one embedding: their mean, their maximum or the class token (`embed_dim`
        features), or of each row of patches, a frequency band, the mean, maximum, minimum and standard deviation, the
        mean and maximum of each quarter, and the shares of time above eight thresholds, quantiles over the signals
        seen in `fit` (20 * rows * `embed_dim` features).
    sampling_rate : float or None, default=None
        Samples a second; then figures are in Hz and seconds.
    max_epochs : int, default=120
        Passes over the data; 0 leaves the encoder untrained.
    batch_size : int, default=64
        Signals a step, all their channels with them; a step holds some 20 * M * V * S * T bytes for each.
    lr : float, default=1e-3
        Highest learning rate of AdamW.
    weight_decay : float, default=0.05
        Weight decay of the matrices.
    warmup_fraction : float, default=0.1
        Share of the steps in which the learning rate rises; it falls along a cosine after that.
    gradient_clip : float or None, default=1
        Largest norm of a gradient.
    early_stopping : bool, default=False
        Whether to hold out signals, stop when their loss no longer falls, and keep the best weights.
    validation_fraction : float, default=0.1
        Share that is held out.
    n_iter_no_change : int, default=10
        Epochs without improvement before stopping.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights that are there.
    device : str or torch.device, default="auto"
        Where to compute; "auto" takes a CUDA GPU where there is one.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic in training; "auto" is bfloat16 on a GPU, float32 on the CPU. Wavelets and losses are always float32.
    random_state : int, RandomState or None, default=None
        Seeds weights, masks and order; an int makes fits on the CPU repeatable. No global generator is touched.
    verbose : int, default=0
        Whether to show a progress bar.
    callbacks : list or None, default=None
        Further skorch callbacks; they are copied, and after `fit` stand in ``net_.callbacks``.
    checkpoint_dir : str, path-like or None, default=None
        Folder for a checkpoint after each epoch, of which two are kept. A `fit` with the same parameters and data goes
        on from the newest, and ends with the weights that it would have had uninterrupted; `random_state` must be an
        int.

    Attributes
    ----------
    model_ : CWT_MAE_RoPE
        The network.
    encoder_ : Encoder
        Its encoder.
    net_ : skorch.NeuralNet
        The net that trained it; absent from a loaded estimator.
    thresholds_ : Tensor of shape (2 + depth, rows * embed_dim, 8), float32
        Thresholds for ``pooling="bands"``, of all layers; None with another pooling.
    history_ : list of dict
        Of each epoch: ``epoch``, ``train_loss``, ``valid_loss`` where held out, ``dur`` in seconds.
    n_iter_ : int
        Epochs done, or passes of `partial_fit`.
    seed_ : int
        The seed drawn from `random_state`.
    n_features_in_ : int
        Length of the second axis of X in `fit`.
    input_shape_ : tuple of int
        Shape of one sample in `fit`.
    offset_ : ndarray of shape () or (M,), float64
        What is subtracted from each channel before it becomes float32: its level in `fit`, if that is over 1,000 times
        what signals vary by; 0 otherwise. With ``boundary="reflect"`` it is each signal's own mean, of which no trace
        would be left, and this is 0.

    See Also
    --------
    MAEClassifier : Fine-tunes the encoder.

    References
    ----------
    K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    L. Wang et al., "VideoMAE V2: scaling video masked autoencoders with dual masking", CVPR 2023 (`decode_ratio`).

    Examples
    --------
    >>> from sktsmae import MAEPretrainer
    >>> from sktsmae.datasets import load_sparwatch
    >>> X = load_sparwatch().data[:40, :3]
    >>> pretrainer = MAEPretrainer(max_epochs=2, random_state=0).fit(X)
    >>> pretrainer.transform(X).shape
    (40, 15360)
    """

    model_: CWT_MAE_RoPE
    thresholds_: Tensor | None

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's name and form
        "cwt_scales": [StrOptions({"auto"}), *SCALES],
        "diff_orders": ["array-like"],
        "standardize": ["boolean", StrOptions({"per_scale"})],
        "boundary": [StrOptions(set(BOUNDARIES))],
        "signal_len": [POSITIVE_INT, None],
        "patch_size": [StrOptions({"auto"}), tuple, list],
        "embed_dim": [POSITIVE_INT],
        "depth": [POSITIVE_INT],
        "num_heads": [POSITIVE_INT],
        "mlp_rank_ratio": [POSITIVE_REAL],
        "decoder_embed_dim": [POSITIVE_INT],
        "decoder_depth": [POSITIVE_INT],
        "rope": [StrOptions({"axial", "raster"})],
        "mask_ratio": [OPEN_SHARE],
        "masking": [StrOptions({"patches", "mixed"})],
        "instance_loss_weight": [NON_NEGATIVE_REAL],
        "time_loss_weight": [NON_NEGATIVE_REAL],
        "decode_ratio": [Interval(Real, 0, 1, closed="right")],
        "readout_layers": ["array-like", None],
        "pooling": [StrOptions(set(POOLINGS))],
        "sampling_rate": SAMPLING_RATE,
        "warm_start": ["boolean"],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        cwt_scales: int | Sequence[float] | str = "auto",
        diff_orders: Sequence[int] = (0, 1, 2),
        standardize: bool | str = True,
        boundary: str = "reflect",
        signal_len: int | None = None,
        patch_size: str | tuple[int, int] = "auto",
        embed_dim: int = 64,
        depth: int = 4,
        num_heads: int = 2,
        mlp_rank_ratio: float = 0.5,
        decoder_embed_dim: int = 64,
        decoder_depth: int = 1,
        rope: str = "axial",
        mask_ratio: float = 0.75,
        masking: str = "mixed",
        instance_loss_weight: float = 0.0,
        time_loss_weight: float = 1.0,
        decode_ratio: float = 1.0,
        readout_layers: Sequence[int] | None = None,
        pooling: str = "bands",
        sampling_rate: float | None = None,
        max_epochs: int = 120,
        batch_size: int = 64,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        warmup_fraction: float = 0.1,
        gradient_clip: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        device: str | torch.device = "auto",
        precision: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
        callbacks: list[Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self.cwt_scales = cwt_scales
        self.diff_orders = diff_orders
        self.standardize = standardize
        self.boundary = boundary
        self.signal_len = signal_len
        self.patch_size = patch_size
        self.embed_dim = embed_dim
        self.depth = depth
        self.num_heads = num_heads
        self.mlp_rank_ratio = mlp_rank_ratio
        self.decoder_embed_dim = decoder_embed_dim
        self.decoder_depth = decoder_depth
        self.rope = rope
        self.mask_ratio = mask_ratio
        self.masking = masking
        self.instance_loss_weight = instance_loss_weight
        self.time_loss_weight = time_loss_weight
        self.decode_ratio = decode_ratio
        self.readout_layers = readout_layers
        self.pooling = pooling
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
        self.warm_start = warm_start
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> MAEPretrainer:
        """Train the autoencoder.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of one channel or of M, or spectrograms by `CWTTransformer`. NaN within a signal is interpolated;
            NaN at its ends, or a shorter signal of a list, is padding that nothing sees. The longest sets the scales;
            later, still longer signals of a list are resampled to its length, with a warning.
        y : None
            Ignored.

        Returns
        -------
        MAEPretrainer
            Itself.

        Raises
        ------
        ValueError
            If a parameter or X is impossible; the message names it, and the estimator is left as it was.
        FloatingPointError
            If training diverges; the estimator is left with the weights of before that, and earlier checkpoints as
            they were. In its first epoch, the estimator is left as it was.

        Notes
        -----
        In processes that ``torchrun`` or ``accelerate launch`` started (extra ``distributed``), each reads and computes
        its part of every batch, the first one reads and writes checkpoints, and all end with the same weights. X is to
        be the same in all; memory-mapped, each reads its part of it and a few hundred signals that stand for all.
        """
        self._validate_params()
        with tasks_of_fit(self), rollback_on_error(self):
            device = resolve_device(self.device)
            processes = join_processes(device)
            X = check_signals(self, X, reset=True, min_samples=2, processes=processes)
            self.seed_ = processes.ask_first(lambda: draw_seed(self.random_state))
            train_rows, valid_rows = hold_out(self, len(X), self.seed_)
            train_set, valid_set = (SignalDataset(X, rows, processes=processes) for rows in (train_rows, valid_rows))
            if processes.count > 1:
                processes.require_same(describe_training(self, train_set))
            with seeded(self.seed_, device):
                model = self._build(X)
                if self.warm_start and hasattr(self, "model_"):
                    require_same_settings(self.model_.settings, model.settings)
                    load_matching(model, self.model_.state_dict(), "warm_start")
                self.net_, diverged = train(self, model, ReconstructionLoss, train_set, valid_set, device)
                self.thresholds_ = self._learn_thresholds(model, X, device) if self.pooling == "bands" else None
            self.model_ = model
            self.__dict__.pop("_moments", None)
            self.history_ = history_rows(self.net_)
            self.n_iter_ = len(self.history_)
        if diverged is not None:
            raise diverged
        return self

    def partial_fit(self, X: Any, y: Any = None) -> MAEPretrainer:
        """Train one more pass over signals that have arrived, from the weights that are there.

        In the first pass, and the first after `fit` or in another process, the learning rate rises to `lr`; then it
        stays. `max_epochs`, `early_stopping` and `checkpoint_dir` have no part in it. Thresholds for
        ``pooling="bands"`` follow the signals of late.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals, or spectrograms by `CWTTransformer`, of the size of the first ones.
        y : None
            Ignored.

        Returns
        -------
        MAEPretrainer
            Itself.

        Raises
        ------
        ValueError
            If a parameter or X is impossible; the message names it, and the estimator is left as it was.
        FloatingPointError
            If training diverges; the estimator is left as it was.

        Examples
        --------
        >>> import numpy as np
        >>> from sktsmae import MAEPretrainer
        >>> from sktsmae.datasets import load_sparwatch
        >>> pretrainer = MAEPretrainer(random_state=0)
        >>> for X in np.array_split(load_sparwatch().data[:60, 0], 3):
        ...     pretrainer = pretrainer.partial_fit(X)
        >>> pretrainer.n_iter_
        3
        """
        with rollback_on_error(self):
            self._validate_params()
            if launched_processes().count > 1:
                raise ValueError("partial_fit trains in one process, and several were started together; use fit.")
            device = resolve_device(self.device)
            is_first = not hasattr(self, "model_")
            X = check_signals(self, X, reset=is_first)
            if is_first:
                self.seed_ = draw_seed(self.random_state)
            before = getattr(self, "history_", [])
            with seeded(self.seed_ + len(before), device):
                model = self._build(X) if is_first else copy.deepcopy(self.model_)
                dataset = SignalDataset(X, np.arange(len(X)))
                moments = getattr(self, "_moments", None)
                self.net_, self._moments = train_on(self, model, ReconstructionLoss, dataset, device, moments)
                if self.pooling == "bands":
                    thresholds = self._learn_thresholds(model, X, device)
                    known = getattr(self, "thresholds_", None)
                    share = min(1.0, len(X) / THRESHOLD_SIGNALS)
                    self.thresholds_ = thresholds if known is None else torch.lerp(known, thresholds, share)
                else:
                    self.thresholds_ = None
            self.model_ = model
            self.history_ = [*before, *({**row, "epoch": 1 + len(before)} for row in history_rows(self.net_))]
            self.n_iter_ = len(self.history_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed signals.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`.

        Returns
        -------
        ndarray of shape (n, M * D), float32
            The embeddings of the channels, side by side; D as `pooling` says, for each of `readout_layers`.
        """
        X, device = self._ready(X)
        return map_sequences(self._readout(self.model_).to(device), self.encoder_, X, self.batch_size, device)

    def reconstruct(self, X: Any) -> Bunch:
        """Hide patches of each signal's image and rebuild them.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`. The result holds three images of each, so give a few.

        Returns
        -------
        Bunch
            ``image`` (n, M, V, S, T), the standardised images; ``mask`` (n, M, S, T), bool, what was hidden;
            ``image_pred`` (n, M, V, S, T), what was made of the rest, meaningful where hidden; ``signal`` and
            ``signal_pred`` (n, M, T), the standardised signal and what was made of it. All of them show a shorter
            signal stretched to T.

        Examples
        --------
        >>> from sktsmae import MAEPretrainer
        >>> from sktsmae.datasets import load_sparwatch
        >>> X = load_sparwatch().data[:20, 0]
        >>> MAEPretrainer(max_epochs=1, random_state=0).fit(X).reconstruct(X[:2]).image_pred.shape
        (2, 1, 3, 32, 200)
        """
        X, device = self._ready(X)
        model = self.model_
        size, patch_size = model.encoder.image_size[1:], model.encoder.patch_size
        with torch.inference_mode(), seeded(self.seed_, device):
            x = load_batch(X, slice(None)).to(device)
            images = model.scalogram(x)
            lead = images.shape[:-3] if images.ndim == 5 else (len(X), 1)
            out = model.reconstruct(images)
            mask = out.mask[..., None].expand(-1, -1, patch_size[0] * patch_size[1])  # (B, N, P / V)
            results = {
                "image": out.image,
                "mask": unpatchify(mask, size, patch_size)[:, 0] > 0,
                "image_pred": unpatchify(out.pred_spec, size, patch_size),
                "signal": standardize(model.waveform(out, x), -1),
                "signal_pred": out.pred_time,
            }
        return Bunch(**{name: value.unflatten(0, lead).cpu().numpy() for name, value in results.items()})

    def score(self, X: Any, y: Any = None) -> float:
        """Return the negative loss, the masks fixed by `seed_`.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`.
        y : None
            Ignored.

        Returns
        -------
        float
            Minus the mean loss; higher is better.
        """
        X, device = self._ready(X)
        with seeded(self.seed_, device):
            losses = map_batches(lambda batch: self.model_(batch)[0].expand(len(batch)), X, self.batch_size, device)
        return -float(losses.mean())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file, replaced if it is there. Parameters that are objects (`callbacks`, a RandomState) are left out.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> from sktsmae import MAEPretrainer
        >>> MAEPretrainer.from_pretrained().save(pathlib.Path(tempfile.mkdtemp()) / "encoder.safetensors")
        """
        check_is_fitted(self)
        metadata = {"kind": "mae", "settings": self.model_.settings, "estimator": dump_estimator(self)}
        state = self.model_.state_dict()
        if self.thresholds_ is not None:
            state["thresholds"] = self.thresholds_
        write_safetensors(path, state, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MAEPretrainer:
        """Read a fitted estimator.

        Parameters
        ----------
        path : str or path-like
            A file by `save`, or by `sktsmae.models.save_mae`.

        Returns
        -------
        MAEPretrainer
            The estimator, ready to transform.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is truncated or not one of these.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> from sktsmae import MAEPretrainer
        >>> from sktsmae.datasets import load_sparwatch
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "encoder.safetensors"
        >>> MAEPretrainer.from_pretrained().save(path)
        >>> MAEPretrainer.load(path).transform(load_sparwatch().data[:5, 0]).shape
        (5, 20480)
        """
        state, metadata = read_safetensors(path, kind="mae")
        thresholds = state.pop("thresholds", None)
        stored = metadata["settings"]
        model = restore(lambda: CWT_MAE_RoPE(**stored), stored, state, path)
        settings = model.settings
        description = metadata.get("estimator", {"params": {}, "fitted": {"input_shape_": [settings["signal_len"]]}})
        shared = set(cls._parameter_constraints) & set(settings)
        with damaged_description(path):
            pretrainer = cls(
                **{
                    **{name: settings[name] for name in shared},
                    "signal_len": settings["signal_len"] if settings.get("resample") else None,
                    "pooling": "mean",
                    "patch_size": (settings["patch_size_freq"], settings["patch_size_time"]),
                    **params_of(description),
                }
            )
            restore_fitted(pretrainer, {"fitted": {"seed_": 0, "n_features_in_": settings["signal_len"]}})
            restore_fitted(pretrainer, description)
            pretrainer._validate_params()
        expected = Readout(model.scalogram, model.encoder).all_thresholds_shape
        if thresholds is not None and (thresholds.shape != expected or not thresholds.is_floating_point()):
            raise ValueError(f"{path}: its thresholds are damaged: {tuple(thresholds.shape)} for {tuple(expected)}.")
        pretrainer.model_, pretrainer.thresholds_ = model, thresholds
        return pretrainer

    @classmethod
    def from_pretrained(cls) -> MAEPretrainer:
        """Read the encoder that comes with the package, trained on synthetic signals.

        Returns
        -------
        MAEPretrainer
            The estimator, ready to transform signals of any length and number of channels. What is faster than a
            512th of a signal is lost in resampling. The names of its columns are those of one channel.

        Examples
        --------
        >>> from sktsmae import MAEPretrainer
        >>> from sktsmae.datasets import make_signals
        >>> pretrainer = MAEPretrainer.from_pretrained()
        >>> len(pretrainer.transform(make_signals(5, 100, random_state=0)))
        5
        """
        with as_file(files("sktsmae") / "weights" / "encoder.safetensors") as path:
            return cls.load(path)

    @property
    def encoder_(self) -> Encoder:
        """The network's encoder.

        Returns
        -------
        Encoder
            A part of `model_`.
        """
        check_is_fitted(self)
        return self.model_.encoder

    @property
    def _forgets_level(self) -> bool:
        return self.boundary == "reflect"

    @property
    def _n_features_out(self) -> int:
        return num_channels(self.input_shape_, self.model_.encoder) * self._readout(self.model_).out_features

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_moments"}  # of training, perhaps on a GPU

    def _networks(self) -> list[nn.Module]:
        return [self.model_] if hasattr(self, "model_") else []

    def _build(self, X: np.ndarray) -> CWT_MAE_RoPE:
        """Return an untrained network for signals like X."""
        model = CWT_MAE_RoPE(**mae_settings(self, X))
        Readout(model.scalogram, model.encoder, self.pooling, self.readout_layers)  # refuses missing layers
        return model

    def _readout(self, model: CWT_MAE_RoPE) -> Readout:
        thresholds = getattr(self, "thresholds_", None)
        if self.pooling == "bands" and thresholds is None and hasattr(self, "model_"):
            raise ValueError(
                "pooling='bands' needs thresholds, which fit takes with this pooling; fit again, or choose another."
            )
        return Readout(model.scalogram, model.encoder, self.pooling, self.readout_layers, thresholds)

    def _learn_thresholds(self, model: CWT_MAE_RoPE, X: np.ndarray, device: torch.device) -> Tensor:
        """Return the thresholds of all layers' features, taken from some signals of X."""
        encoder = model.encoder
        layers, channels = 2 + len(encoder.blocks), num_channels(X.shape[1:], encoder)
        values = layers * channels * encoder.num_patches * encoder.embed_dim  # of a signal; 512 MB are held at most
        most = max(1, min(THRESHOLD_SIGNALS, 2**27 // values))
        rows = spread_rows(len(X), most)
        parts = np.array_split(rows, -(-len(rows) * channels // self.batch_size))
        with torch.inference_mode():
            batches = (load_batch(X, part).to(device) for part in parts if len(part))
            return token_thresholds(model.scalogram, model.encoder, batches).cpu()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
