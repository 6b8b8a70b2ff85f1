"""The pretrainer, which trains an encoder on unlabelled signals by a pretext task."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..functional.pooling import POOLINGS
from ..functional.wavelets import BOUNDARIES
from ..layers.channel_mixing import CHANNEL_MIXING
from ..models import Encoder, EncoderEmbedding, PretextTask, SignalEncoder
from ..models.checkpoints import read_safetensors, write_safetensors
from ..models.features.embedding import THRESHOLD_SIGNALS
from ..models.restore import load_matching, restore
from ..models.scalogram import WAVELETS
from ..models.settings import REPRESENTATIONS, EncoderSettings
from ..models.signal_encoder import copy_for_length
from ..models.spectrograms import check_spectrogram
from ..signals.batches import sample_batches
from ..signals.dask_signals import local_copy
from ..signals.dataset import SignalDataset
from ..signals.device import resolve_device
from ..signals.launch import join_world, launched_world
from ..signals.map_batches import map_batches
from ..signals.validation import check_signals
from ..training.constraints import (
    MORLET_W0,
    NON_NEGATIVE_REAL,
    OPEN_FRACTION,
    POSITIVE_FRACTION,
    POSITIVE_INT,
    POSITIVE_REAL,
    SAMPLING_RATE,
    SCALES,
)
from ..training.criteria import MeanLoss
from ..training.description import describe_training
from ..training.distributed_net import DistributedNet
from ..training.history import history_rows
from ..training.holdout import hold_out
from ..training.loop import train, train_one_pass
from ..training.parameters import TrainingParameters
from ..training.pretext_net import PretextNet
from ..training.seeds import draw_seed, seeded, unseeded
from ._base import EmbeddingMixin
from ._blockwise import blockwise
from ._docs import inherit_parameter_docs
from ._persistence import damaged_metadata, dump_estimator, params_of, restore_fitted
from ._pretext_network import MIXING_PARAMETERS, build_network, pretext_task_class, require_same_architecture
from ._reconstruction import ReconstructionMixin
from ._rollback import rollback_on_error
from ._unused import LOOP_PARAMETERS, STOPPING_PARAMETERS, changed_parameters, warn_unused

# Parameters that determine the shapes of the encoder's weights, or the images for which it was trained.
ARCHITECTURE_PARAMETERS = (
    "representation",
    "cwt_scales",
    "diff_orders",
    "standardize",
    "boundary",
    "wavelet",
    "w0",
    "signal_len",
    "patch_size",
    "embed_dim",
    "depth",
    "num_heads",
    "mlp_rank_ratio",
    "rope",
)
# Parameters that have no effect on waveforms. Masking is among them because a waveform has one row of patches.
IMAGE_PARAMETERS = ("cwt_scales", "diff_orders", "standardize", "boundary", "wavelet", "w0", "masking")
# Values of ``max_epochs="auto"`` (`tests/benchmarks/defaults.md`, `tests/benchmarks/learning.md`).
EPOCHS_FROM_RANDOM, EPOCHS_FROM_PRETRAINED = 120, 4
# Minimum number of warm-up steps from pre-trained weights. In the first steps, the moving averages of AdamW are
# inaccurate; at the full learning rate, these steps would undo the pre-training (`tests/benchmarks/learning.md`).
WARMUP_STEPS_FROM_PRETRAINED = 20


@inherit_parameter_docs
@dataclass(kw_only=True, eq=False, repr=False)
class MAEPretrainer(  # numpydoc ignore=PR02
    EmbeddingMixin, ReconstructionMixin, TrainingParameters
):
    """Learn features from unlabelled signals by reconstructing masked patches of their wavelet images.

    Parameters
    ----------
    pretext_task : {"reconstruction", "latent"}, default="reconstruction"
        The pretext task, a key of `models.PRETEXT_TASKS`. "reconstruction" is the masked autoencoder. "latent" predicts
        the tokens of masked patches that a moving average of the encoder computes, as in data2vec [2]_; an epoch takes
        about twice as long.
    init : {"auto", "shipped", "random"}, str or path-like, default="auto"
        Initial weights. "shipped" continues from the encoder of the package, ``MAEPretrainer.from_pretrained()``, which
        determines the architecture: the parameters from `representation` to `patch_size`, `embed_dim`, `depth`,
        `num_heads`, `mlp_rank_ratio` and `rope` have no effect. A path does the same with a file that `save` wrote.
        "auto" means "shipped" if X contains signals and all of these parameters have their defaults, or all have the
        values of ``MAEPretrainer.from_pretrained()``; otherwise, it means "random".
    representation : {"image", "waveform"}, default="image"
        What is divided into patches: the wavelet image of each signal, or with "waveform", the standardised signal
        itself, as in Ti-MAE [5]_. "waveform" is for comparison (`tests/benchmarks/waveform.md`); the parameters from
        `cwt_scales` to `w0` and `masking` then have no effect, and X must contain signals.
    cwt_scales : "auto", int or array-like of float, default="auto"
        Scales of the wavelets in samples. "auto" uses 32 logarithmically spaced scales from 0.7 to a fifth of the
        signal length. An int n uses the grid of CWT-MAE-RoPE [1]_: 0.1, 1.1, ..., n - 0.9. An array contains the scales
        in increasing order. If X contains spectrograms, this parameter has no effect.
    diff_orders : tuple of {0, 1, 2}, default=(0, 1, 2)
        The views of a signal: the signal itself (0), its first difference (1) and its second difference (2).
    standardize : bool or "per_scale", default=True
        Whether to standardise each view of an image over scales and time, as in [1]_. "per_scale" standardises each
        scale over time: then no scale dominates, but the relative strength of the scales is lost.
    boundary : {"zeros", "reflect"}, default="reflect"
        Extension of a signal beyond its boundaries: zero padding as in [1]_, or reflection. With reflection, the mean
        of the signal has no effect.
    wavelet : {"ricker", "morlet"}, default="ricker"
        The wavelet. "morlet" uses the magnitude of the transform with the complex Morlet wavelet, which separates close
        frequencies better but is less precise in time. Its peak frequency at each scale is that of the Ricker wavelet.
    w0 : float, default=6
        Number of radians of the Morlet wavelet within one standard deviation of its envelope, 1 to 1000. The relative
        width of its frequency band is 1 / `w0`.
    signal_len : int or None, default=None
        Number of samples to which every signal is resampled, so that `transform` accepts signals of any length. None
        does not resample.
    patch_size : "auto" or tuple of int, default="auto"
        Numbers of scales and samples in a patch. "auto" divides an image into a grid of about 4 x 16 patches, or of up
        to 4 x 64 patches if signals have more than 800 samples. A waveform is divided into about as many patches; if
        sizes are given, the first must be 1.
    embed_dim, depth, num_heads : int, default=64, 4 and 2
        Embedding size, number of blocks and number of attention heads of the encoder. The model in [1]_ is
        ``MAEPretrainer(cwt_scales=64, boundary="zeros", masking="patches", pooling="mean", patch_size=(4, 50),
        embed_dim=768, depth=12, num_heads=12, decoder_embed_dim=512, decoder_depth=8, rope="raster")``.
    mlp_rank_ratio : float, default=0.5
        The encoder's MLPs use low-rank weight matrices. This is the rank divided by the smaller matrix dimension. The
        rank is at least 32.
    decoder_embed_dim, decoder_depth : int, default=64 and 1
        Embedding size and number of blocks of the decoder, which has about one attention head per 32 features.
    rope : {"axial", "raster"}, default="axial"
        Rotary position embedding: "axial" encodes the row (frequency) and the column (time) of a patch; "raster"
        encodes one index over the flattened grid of patches, as in [1]_.
    channel_mixing : {"none", "cls", "tokens"}, default="none"
        Attention between the channels of a signal, after every second block of the encoder. With "none", the encoder
        processes each channel alone, so that its features do not depend on how channels relate. With "cls", the class
        tokens of all channels attend to each other, as in NormWear [3]_; with "tokens", the tokens of all channels at
        each position. `fit` then drops random channels of signals. A classifier may have another number of channels
        than its pretrainer; later, a channel that is absent is given as NaN. New layers of an encoder from which `init`
        continues change nothing before they are trained.
    channel_layout : {"ring"} or None, default=None
        "ring" means that the channels lie on a ring, such as electrodes around an arm: their attention then depends on
        the angles between them [4]_. With None, the order of the channels has no effect on it.
    mask_ratio : float, default=0.75
        Fraction of patches that are masked, in (0, 1).
    masking : {"patches", "mixed"}, default="mixed"
        "patches" masks single patches, as in [1]_. "mixed" masks single patches in half of the images on average, whole
        time intervals in a quarter, and whole frequency bands in a quarter.
    time_loss_weight : float, default=1
        Weight of the waveform loss relative to the image loss.
    decode_ratio : float, default=1
        Fraction of the columns of patches that the decoder reconstructs in each training step; 1 as in [1]_.
        Validation and `score` always use all columns. If the fraction is below 1, their losses are therefore not
        comparable with the training loss.
    readout_layers : tuple of int or None, default=None
        Layers whose tokens `transform` pools: 0 is the patch embedding, and k is the output of the k-th block. None
        uses the layers of the pretrainer from which `init` continues, or the output of the encoder with random weights
        or with new layers that mix channels.
    pooling : {"mean", "max", "cls", "bands"}, default="bands"
        How the tokens of a channel are pooled in each layer. "mean" and "max" use the mean or the maximum of the patch
        tokens, and "cls" uses the class token (`embed_dim` features per layer). "bands" treats each row of patches as a
        frequency band. It computes 20 statistics over time for each token feature in each band (20 * bands *
        `embed_dim` features per layer): the mean, maximum, minimum and standard deviation, the mean and maximum of each
        quarter, and the fractions of time above eight thresholds, which are quantiles of the token feature in `fit`.
    sampling_rate : float or None, default=None
        Sampling rate in Hz; figures then show Hz and seconds.
    warm_start : bool, default=False
        Whether `fit` continues from the current weights.
    batch_size : int, default=64
        Number of signals per step. A step needs about 20 * M * V * S * T bytes of memory per signal, for M channels, V
        views, S scales and T samples.
    max_epochs : "auto" or int, default="auto"
        Number of passes over the data; 0 leaves the initial weights unchanged. "auto" is 120 with random initial
        weights, and 4 otherwise.

    Attributes
    ----------
    model_ : CWT_MAE_RoPE
        The network. Its class depends on `pretext_task`.
    encoder_ : Encoder
        The encoder of `model_`.
    net_ : skorch.NeuralNet
        The skorch net that trained `model_`. A loaded estimator does not have it.
    thresholds_ : Tensor of shape (2 + depth, bands * embed_dim, 8), float32
        Thresholds of the patch embedding, the output of each block, and the output of the encoder, for
        ``pooling="bands"``; None with another pooling.
    readout_layers_ : list of int or None
        The layers whose tokens `transform` pools.
    history_ : list of dict
        For each epoch: ``epoch``, ``train_loss``, ``valid_loss`` with early stopping, and duration ``dur`` in seconds.
    n_iter_ : int
        Number of epochs of `fit`, or of passes of `partial_fit`.
    seed_ : int
        The seed drawn from `random_state`.
    n_features_in_ : int
        Length of the second axis of X in `fit`.
    input_shape_ : tuple of int
        Shape of one signal or spectrogram in `fit`.
    offset_ : ndarray of shape () or (M,), float64
        Offset that is subtracted from each channel before the conversion to float32: the channel's mean in `fit`, if it
        exceeds 1,000 times the typical standard deviation of a signal; otherwise 0. With ``boundary="reflect"`` the
        mean of each signal is subtracted instead, and `offset_` is 0.

    See Also
    --------
    MAEClassifier : Classifies signals by the encoder.

    References
    ----------
    .. [1] CWT-MAE-RoPE: github.com/Dryilv/Wearable-Foundation-Model.

    .. [2] A. Baevski et al., "data2vec: a general framework for self-supervised learning in speech, vision and
       language", ICML 2022.

    .. [3] Y. Luo et al., "Toward foundation model for multivariate wearable sensing of physiological signals",
       arXiv:2412.09758.

    .. [4] Z. Weng et al., "SPECTRE: spectral pre-training embeddings with cylindrical temporal rotary position encoding
       for fine-grained sEMG-based movement decoding", arXiv:2512.22481.

    .. [5] Z. Li et al., "Ti-MAE: self-supervised masked time series autoencoders", arXiv:2301.08871.

    K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    L. Wang et al., "VideoMAE V2: scaling video masked autoencoders with dual masking", CVPR 2023 (`decode_ratio`).

    X. Wei et al., "Investigating low-rank training in transformer language models", arXiv:2407.09835
    (`mlp_rank_ratio`).

    Examples
    --------
    >>> from sktsmae import MAEPretrainer
    >>> from sktsmae.datasets import load_sparwatch
    >>> X = load_sparwatch().data[:40, 0]
    >>> pretrainer = MAEPretrainer(max_epochs=2, random_state=0).fit(X)
    >>> pretrainer.transform(X).shape
    (40, 10240)
    """

    pretext_task: str = "reconstruction"
    init: str | os.PathLike[str] = "auto"
    representation: str = "image"
    cwt_scales: int | Sequence[float] | str = "auto"
    diff_orders: Sequence[int] = (0, 1, 2)
    standardize: bool | str = True
    boundary: str = "reflect"
    wavelet: str = "ricker"
    w0: float = 6.0
    signal_len: int | None = None
    patch_size: str | tuple[int, int] = "auto"
    embed_dim: int = 64
    depth: int = 4
    num_heads: int = 2
    mlp_rank_ratio: float = 0.5
    decoder_embed_dim: int = 64
    decoder_depth: int = 1
    rope: str = "axial"
    channel_mixing: str = "none"
    channel_layout: str | None = None
    mask_ratio: float = 0.75
    masking: str = "mixed"
    time_loss_weight: float = 1.0
    decode_ratio: float = 1.0
    readout_layers: Sequence[int] | None = None
    pooling: str = "bands"
    sampling_rate: float | None = None
    warm_start: bool = False
    batch_size: int = 64

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TrainingParameters._parameter_constraints,
        "pretext_task": [str],
        "init": [str, os.PathLike],
        "representation": [StrOptions(set(REPRESENTATIONS))],
        "cwt_scales": [StrOptions({"auto"}), *SCALES],
        "diff_orders": ["array-like"],
        "standardize": ["boolean", StrOptions({"per_scale"})],
        "boundary": [StrOptions(set(BOUNDARIES))],
        "wavelet": [StrOptions(set(WAVELETS))],
        "w0": MORLET_W0,
        "signal_len": [POSITIVE_INT, None],
        "patch_size": [StrOptions({"auto"}), tuple, list],
        "embed_dim": [POSITIVE_INT],
        "depth": [POSITIVE_INT],
        "num_heads": [POSITIVE_INT],
        "mlp_rank_ratio": [POSITIVE_REAL],
        "decoder_embed_dim": [POSITIVE_INT],
        "decoder_depth": [POSITIVE_INT],
        "rope": [StrOptions({"axial", "raster"})],
        "channel_mixing": [StrOptions({"none", *CHANNEL_MIXING})],
        "channel_layout": [StrOptions({"ring"}), None],
        "mask_ratio": [OPEN_FRACTION],
        "masking": [StrOptions({"patches", "mixed"})],
        "time_loss_weight": [NON_NEGATIVE_REAL],
        "decode_ratio": [POSITIVE_FRACTION],
        "readout_layers": ["array-like", None],
        "pooling": [StrOptions(set(POOLINGS))],
        "sampling_rate": SAMPLING_RATE,
        "warm_start": ["boolean"],
    }

    def fit(self, X: Any, y: Any = None) -> MAEPretrainer:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms from `CWTTransformer`. NaN inside a signal is
            interpolated; leading and trailing NaN is padding and is ignored. X may also be a list of signals of
            different lengths: shorter ones are padded to the longest, which sets the scales. After `fit`, longer
            signals in a list are resampled to that length, with a warning.
        y : None
            Ignored.

        Returns
        -------
        MAEPretrainer
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or X is invalid. The message names it, and the estimator is unchanged.
        FloatingPointError
            If training diverges. The estimator then has the last finite weights, and earlier checkpoints are unchanged.
            If training diverges in its first epoch, the estimator is unchanged.

        Warns
        -----
        UserWarning
            If a parameter differs from its default but has no effect. The message names the reason and the remedy.

        Notes
        -----
        Several processes started by ``torchrun`` or ``accelerate launch`` train together (needs
        ``pip install sktsmae[distributed]``). Each process (rank) reads and computes its shard of every batch, rank 0
        reads and writes checkpoints, and all ranks end with the same weights. X must be the same in all processes. If X
        is memory-mapped, each rank reads only its shard and a few hundred signals, from which offsets and thresholds
        are learned.

        A Dask array is copied to a temporary file, block by block, because training reads signals in random order.
        """
        self._validate_params()
        with rollback_on_error(self), ExitStack() as stack:
            device = resolve_device(self.device)
            world = join_world(device)
            X = stack.enter_context(local_copy(check_signals(self, X, reset=True, min_samples=2, world=world)))
            source = self._source(X)
            warn_unused(self, self._unused_parameters(source, is_spectrogram=X.ndim == 4))
            self.seed_ = world.broadcast_from_rank0(lambda: draw_seed(self.random_state))
            train_rows, valid_rows = hold_out(self, len(X), self.seed_)
            train_set, valid_set = (SignalDataset(X, rows, world=world) for rows in (train_rows, valid_rows))
            previous: PretextTask | None = self.__dict__.get("model_") if self.warm_start else None
            net_class: Any = PretextNet
            if world.size > 1:
                world.require_same(describe_training(self, train_set, previous))
                net_class = partial(DistributedNet, world=world)
            with seeded(self.seed_, device):
                model, self.readout_layers_ = build_network(self, X, source)
                if previous is not None:
                    require_same_architecture(previous.settings, model.settings)
                    load_matching(model, previous.state_dict(), "warm_start")
                self.net_ = train(
                    self,
                    model,
                    MeanLoss(),
                    train_set,
                    valid_set,
                    device,
                    max_epochs=self._num_epochs(source),
                    min_warmup_steps=1 if source is None else WARMUP_STEPS_FROM_PRETRAINED,
                    net_class=net_class,
                    start=previous or (None if source is None else source.model_),
                )
                self.thresholds_ = self._fit_thresholds(model, X, device)
            self.model_: PretextTask = model
            self._optimizer_state: dict[str, Any] | None = None
            self.history_ = history_rows(self.net_)
            self.n_iter_ = len(self.history_)
        self.net_.raise_if_diverged()
        return self

    def partial_fit(self, X: Any, y: Any = None) -> MAEPretrainer:
        """Train for one pass over new signals, starting from the current weights.

        The learning rate warms up linearly to `lr` during the first pass (also the first after `fit` or `load`), then
        stays constant. `max_epochs`, `early_stopping` and `checkpoint_dir` are not used. For ``pooling="bands"``, the
        thresholds are a moving average over the passes.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals, or spectrograms from `CWTTransformer`. All passes need the same shape of a signal or spectrogram.
        y : None
            Ignored.

        Returns
        -------
        MAEPretrainer
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or X is invalid. The message names it, and the estimator is unchanged.
        FloatingPointError
            If training diverges. The estimator is unchanged.

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
        with rollback_on_error(self), ExitStack() as stack:
            self._validate_params()
            if launched_world().size > 1:
                raise ValueError(
                    "partial_fit trains in one process, but several processes were launched together; use fit instead."
                )
            device = resolve_device(self.device)
            fitted: PretextTask | None = self.__dict__.get("model_")
            X = stack.enter_context(local_copy(check_signals(self, X, reset=fitted is None)))
            if fitted is None:
                self.seed_, self.history_, self._optimizer_state = draw_seed(self.random_state), [], None
            earlier = self.history_
            with seeded(self.seed_ + len(earlier), device):
                source = self._source(X) if fitted is None else self
                if fitted is None:
                    model, self.readout_layers_ = build_network(self, X, source)
                else:
                    model = copy.deepcopy(fitted)
                dataset = SignalDataset(X, np.arange(len(X)))
                self.net_, self._optimizer_state = train_one_pass(
                    self,
                    model,
                    MeanLoss(),
                    dataset,
                    device,
                    self._optimizer_state,
                    min_warmup_steps=1 if source is None else WARMUP_STEPS_FROM_PRETRAINED,
                    net_class=PretextNet,
                )
                thresholds = self._fit_thresholds(model, X, device)
                if fitted is not None and thresholds is not None and self.thresholds_ is not None:
                    weight = min(1.0, len(X) / THRESHOLD_SIGNALS)
                    thresholds = torch.lerp(self.thresholds_, thresholds, weight)
            self.model_, self.thresholds_ = model, thresholds
            self.history_ = [*earlier, *({**row, "epoch": 1 + len(earlier)} for row in history_rows(self.net_))]
            self.n_iter_ = len(self.history_)
        return self

    @blockwise
    def transform(self, X: Any) -> np.ndarray:
        """Embed signals.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms.

        Returns
        -------
        ndarray of shape (n, M * D), float32
            The concatenated embeddings of the channels. D depends on `pooling` and `readout_layers`.
            The result is a lazy Dask array if X is a Dask array.
        """
        X, device = self._ready(X)
        embedding = self._embedding(self.model_).to(device)
        return map_batches(embedding, X, embedding.batch_size(self.batch_size, X.shape[-1]), device)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file; an existing file is replaced. Parameters that are objects (such as a RandomState), or that
            name files, devices or code (`callbacks`, `checkpoint_dir`, `device`, a path as `init`), are not written.

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
        """Load a fitted estimator.

        Parameters
        ----------
        path : str or path-like
            A file that `save` or `sktsmae.models.save_mae` wrote.

        Returns
        -------
        MAEPretrainer
            The estimator, ready to transform.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file is damaged, or was not written by these functions.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> from sktsmae import MAEPretrainer
        >>> from sktsmae.datasets import load_sparwatch
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "encoder.safetensors"
        >>> MAEPretrainer.from_pretrained().save(path)
        >>> MAEPretrainer.load(path).transform(load_sparwatch().data[:5, 0]).shape
        (5, 10240)
        """
        state, metadata = read_safetensors(path, kind="mae")
        thresholds = state.pop("thresholds", None)
        stored = metadata["settings"]
        description = metadata.get("estimator", {"params": {}, "fitted": {"input_shape_": [stored.get("signal_len")]}})
        with damaged_metadata(path):
            task = pretext_task_class(params_of(description).get("pretext_task", "reconstruction"))
        with unseeded():
            model = restore(lambda: task(**stored), stored, state, path)
        settings = model.settings
        shared = set(cls._parameter_constraints) & set(settings)
        with damaged_metadata(path):
            params = params_of(description)
            pretrainer = cls(
                **{
                    **{name: settings[name] for name in shared},
                    "signal_len": settings["signal_len"] if settings["resample"] else None,
                    "pooling": "mean",
                    "patch_size": (settings["patch_size_freq"], settings["patch_size_time"]),
                    **params,
                }
            )
            fitted = {"seed_": 0, "n_iter_": 0, "history_": [], "n_features_in_": settings["signal_len"]}
            fitted["readout_layers_"] = pretrainer.readout_layers  # older files have no such attribute
            restore_fitted(pretrainer, {"fitted": {**fitted, **description["fitted"]}})
            pretrainer._validate_params()
        expected = EncoderEmbedding(model.signal_encoder).all_thresholds_shape
        if thresholds is not None and (thresholds.shape != expected or not thresholds.is_floating_point()):
            raise ValueError(
                f"{path}: the thresholds in the file are damaged: {thresholds.dtype} of shape "
                f"{tuple(thresholds.shape)} instead of float32 of shape {tuple(expected)}; save the pretrainer again."
            )
        pretrainer.model_, pretrainer.thresholds_, pretrainer._optimizer_state = model, thresholds, None
        return pretrainer

    @classmethod
    def from_pretrained(cls) -> MAEPretrainer:
        """Load the pre-trained encoder of this package, which was trained on synthetic signals.

        Returns
        -------
        MAEPretrainer
            The estimator, ready to transform signals of any length and number of channels. It resamples signals to 512
            samples; longer signals therefore lose their highest frequencies. `get_feature_names_out` returns the names
            of the features of one channel.

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
        """The encoder of the network.

        Returns
        -------
        Encoder
            A part of `model_`.
        """
        check_is_fitted(self)
        return self.model_.encoder

    @property
    def _ignores_mean(self) -> bool:
        return self.boundary == "reflect" or self.representation == "waveform"

    @property
    def _n_features_out(self) -> int:
        return self._embedding(self.model_).out_features

    def __getstate__(self) -> dict[str, Any]:
        # Drop the optimizer state: it may be on a GPU, and a loaded estimator starts a new optimizer anyway.
        return {**super().__getstate__(), "_optimizer_state": None}

    def _networks(self) -> list[nn.Module]:
        return [self.__dict__["model_"]] if "model_" in self.__dict__ else []

    def _source(self, X: np.ndarray) -> MAEPretrainer | None:
        """Return the pretrainer from whose weights the training continues; None for random weights."""
        if self.init == "random" or (self.init == "auto" and X.ndim == 4):
            return None
        if self.init in ("auto", "shipped"):
            package = MAEPretrainer.from_pretrained()
            differs = all(changed_parameters(self, ARCHITECTURE_PARAMETERS, other) for other in (None, package))
            return None if self.init == "auto" and differs else package
        if not os.path.exists(self.init):
            raise FileNotFoundError(
                f"init={self.init!r}: no such file; give 'auto', 'shipped', 'random', or the path of a file written by "
                "MAEPretrainer.save."
            )
        return MAEPretrainer.load(self.init)

    def _num_epochs(self, source: MAEPretrainer | None) -> int:
        if not isinstance(self.max_epochs, str):
            return self.max_epochs
        return EPOCHS_FROM_RANDOM if source is None else EPOCHS_FROM_PRETRAINED

    def _signal_encoder_for(self, X: np.ndarray) -> tuple[SignalEncoder, dict[str, Any]]:
        """Return the encoder for the length of the samples, and its settings.

        The encoder is a copy with a resampled position embedding if the length differs from that in `fit` and signals
        are not resampled.
        """
        if len(self.input_shape_) == 3 and X.ndim < 4:
            raise ValueError(
                "X contains signals, but pretrainer was fitted on spectrograms, whose scales are unknown; give "
                "spectrograms with the same scales."
            )
        model = self.model_
        if X.ndim == 4:
            check_spectrogram(model.signal_encoder, X.shape)
        settings = EncoderSettings.among(model.settings).to_dict()
        signal_encoder = copy_for_length(model.signal_encoder, settings, X.shape[-1])
        return signal_encoder, {**settings, "signal_len": signal_encoder.signal_len}

    def _embedding(self, model: PretextTask) -> EncoderEmbedding:
        """Return the embedding that `transform` computes."""
        if self.pooling == "bands" and self.thresholds_ is None:
            raise ValueError(
                "pooling='bands' needs thresholds, but fit was called with another pooling and did not learn them; fit "
                "again, or choose another pooling."
            )
        channels = model.signal_encoder.num_channels(self.input_shape_)
        return EncoderEmbedding(model.signal_encoder, self.pooling, self.readout_layers_, self.thresholds_, channels)

    def _fit_thresholds(self, model: PretextTask, X: np.ndarray, device: torch.device) -> Tensor | None:
        """Return the thresholds of all layers for ``pooling="bands"``, learned from a subset of X."""
        if self.pooling != "bands":
            return None
        channels = model.signal_encoder.num_channels(X.shape[1:])
        embedding = EncoderEmbedding(model.signal_encoder, n_channels=channels).to(device)
        max_signals = embedding.max_threshold_signals()
        with torch.inference_mode():
            batches, _ = sample_batches(X, max_signals, embedding.batch_size(self.batch_size, X.shape[-1]), device)
            return embedding.fit_all_layers(batches).cpu()

    def _unused_parameters(self, source: MAEPretrainer | None, is_spectrogram: bool) -> dict[str, Sequence[str]]:
        """Return the names of the unused parameters, keyed by "reason: remedy" for `warn_unused`."""
        unused: dict[str, Sequence[str]] = {}
        if self.max_epochs == 0:
            unused["max_epochs=0: increase max_epochs"] = [*LOOP_PARAMETERS, *STOPPING_PARAMETERS, "decode_ratio"]
        elif not self.early_stopping:
            unused["early_stopping=False: set early_stopping=True"] = STOPPING_PARAMETERS
        if source is not None:
            has_mixing = source.model_.settings["channel_mixing"] != "none"
            names = [*ARCHITECTURE_PARAMETERS, *(MIXING_PARAMETERS if has_mixing else ())]
            names = changed_parameters(self, names, source)
            unused[f"init={self.init!r}: give init='random'"] = names
        elif self.representation == "waveform":
            unused["representation='waveform': choose representation='image'"] = IMAGE_PARAMETERS
        elif is_spectrogram:
            unused["spectrograms as X: give signals"] = ["cwt_scales", "boundary", "wavelet", "w0"]
        elif self.wavelet == "ricker":
            unused["wavelet='ricker': choose wavelet='morlet'"] = ["w0"]
        if self.channel_mixing == "none":
            unused["channel_mixing='none': choose channel_mixing='tokens'"] = ["channel_layout"]
        elif self.input_shape_[:-1] in ((), (1,)):
            unused["one channel in X: give several channels"] = MIXING_PARAMETERS
        return unused
