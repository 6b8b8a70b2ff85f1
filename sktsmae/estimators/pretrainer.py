"""Self-supervised features as a scikit-learn transformer."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
from ..functional.wavelets import standardize
from ..models import CWT_MAE_RoPE, Encoder
from ..models.checkpoints import build_from, load_matching, read_safetensors, write_safetensors
from ._batches import SignalDataset, load_batch, map_batches
from ._networks import POOLINGS, embed, mae_settings, num_channels, require_same_settings
from ._persistence import NetworkMixin, dump_estimator, params_of, restore_fitted
from ._training import TRAINING_CONSTRAINTS, draw_seed, history_rows, hold_out, seeded, train
from ._validation import (
    NON_NEGATIVE_REAL,
    OPEN_SHARE,
    POSITIVE_INT,
    POSITIVE_REAL,
    SCALES,
    check_signals,
    resolve_device,
    unchanged_on_error,
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


class MAEPretrainer(NetworkMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Learn features of signals without labels, by rebuilding hidden patches of their wavelet images.

    Parameters
    ----------
    cwt_scales : int or array-like of float, default=32
        A number n of scales (0.1, 1.1, ..., n - 0.9), or the scales, in samples, increasing. A spectrogram as X has
        its own.
    diff_orders : tuple of {0, 1, 2}, default=(0, 1, 2)
        The views of a signal: itself, its first and its second difference.
    patch_size : "auto" or tuple of int, default="auto"
        Scales and samples of a patch; "auto" makes a grid of about 4 x 16 patches, finer for long signals.
    embed_dim, depth, num_heads : int, default=64, 4 and 2
        Size of the encoder. The published size is one call:
        ``MAEPretrainer(cwt_scales=64, patch_size=(4, 50), embed_dim=768, depth=12, num_heads=12, decoder_embed_dim=512,
        decoder_depth=8)``.
    mlp_rank_ratio : float, default=0.5
        Rank of the encoder's MLP matrices over their smaller side.
    decoder_embed_dim, decoder_depth : int, default=64 and 1
        Size of the decoder; it has a head of attention for every 32 features.
    rope : {"axial", "raster"}, default="axial"
        Rotary embedding by frequency and time apart, or by one index over the grid.
    mask_ratio : float, default=0.75
        Share of patches that are hidden, in (0, 1).
    time_loss_weight : float, default=1
        Weight of the waveform's loss beside the spectrogram's.
    decode_ratio : float, default=1
        Share of the columns of patches that each training step decodes, one at least; 1 is the published design. All
        are decoded otherwise, so that below 1 a training loss does not compare with a validation loss or `score`.
    pooling : {"mean", "max", "cls"}, default="mean"
        How the tokens of a channel become one embedding.
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

    Attributes
    ----------
    model_ : CWT_MAE_RoPE
        The network.
    encoder_ : Encoder
        Its encoder.
    net_ : skorch.NeuralNet
        The net that trained it; absent from a loaded estimator.
    history_ : list of dict
        Of each epoch: ``epoch``, ``train_loss``, ``valid_loss`` where held out, ``dur`` in seconds.
    n_iter_ : int
        Epochs done.
    seed_ : int
        The seed drawn from `random_state`.
    n_features_in_ : int
        Length of the second axis of X in `fit`.
    input_shape_ : tuple of int
        Shape of one sample in `fit`.

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
    (40, 192)
    """

    model_: CWT_MAE_RoPE

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's name and form
        "cwt_scales": SCALES,
        "diff_orders": ["array-like"],
        "patch_size": [StrOptions({"auto"}), tuple, list],
        "embed_dim": [POSITIVE_INT],
        "depth": [POSITIVE_INT],
        "num_heads": [POSITIVE_INT],
        "mlp_rank_ratio": [POSITIVE_REAL],
        "decoder_embed_dim": [POSITIVE_INT],
        "decoder_depth": [POSITIVE_INT],
        "rope": [StrOptions({"axial", "raster"})],
        "mask_ratio": [OPEN_SHARE],
        "time_loss_weight": [NON_NEGATIVE_REAL],
        "decode_ratio": [Interval(Real, 0, 1, closed="right")],
        "pooling": [StrOptions(set(POOLINGS))],
        "warm_start": ["boolean"],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        cwt_scales: int | Sequence[float] = 32,
        diff_orders: Sequence[int] = (0, 1, 2),
        patch_size: str | tuple[int, int] = "auto",
        embed_dim: int = 64,
        depth: int = 4,
        num_heads: int = 2,
        mlp_rank_ratio: float = 0.5,
        decoder_embed_dim: int = 64,
        decoder_depth: int = 1,
        rope: str = "axial",
        mask_ratio: float = 0.75,
        time_loss_weight: float = 1.0,
        decode_ratio: float = 1.0,
        pooling: str = "mean",
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
    ) -> None:
        self.cwt_scales = cwt_scales
        self.diff_orders = diff_orders
        self.patch_size = patch_size
        self.embed_dim = embed_dim
        self.depth = depth
        self.num_heads = num_heads
        self.mlp_rank_ratio = mlp_rank_ratio
        self.decoder_embed_dim = decoder_embed_dim
        self.decoder_depth = decoder_depth
        self.rope = rope
        self.mask_ratio = mask_ratio
        self.time_loss_weight = time_loss_weight
        self.decode_ratio = decode_ratio
        self.pooling = pooling
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

    def fit(self, X: Any, y: Any = None) -> MAEPretrainer:
        """Train the autoencoder.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of one channel or of M, or spectrograms by `CWTTransformer`.
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
        """
        with unchanged_on_error(self):
            self._validate_params()
            device = resolve_device(self.device)
            X = check_signals(self, X, reset=True, min_samples=2)
            self.seed_ = draw_seed(self.random_state)
            train_rows, valid_rows = hold_out(self, len(X), self.seed_)
            with seeded(self.seed_, device):
                settings = mae_settings(self, X)
                model = CWT_MAE_RoPE(**settings)
                if self.warm_start and hasattr(self, "model_"):
                    require_same_settings(self.model_.settings, model.settings)
                    load_matching(model, self.model_.state_dict(), "warm_start")
                self.net_ = train(
                    self, model, ReconstructionLoss, SignalDataset(X, train_rows), SignalDataset(X, valid_rows), device
                )
            self.model_ = model
            self.history_ = history_rows(self.net_)
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
        ndarray of shape (n, M * embed_dim), float32
            The embeddings of the channels, side by side.
        """
        X, model, device = self._ready(X)
        return embed(model, X, self.pooling, self.batch_size, device)

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
            ``signal_pred`` (n, M, T), the standardised signal and what was made of it.
        """
        X, model, device = self._ready(X)
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
        X, model, device = self._ready(X)
        with seeded(self.seed_, device):
            losses = map_batches(lambda batch: model(batch)[0].expand(len(batch)), X, self.batch_size, device)
        return -float(losses.mean())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file, replaced if it is there. Parameters that are objects (`callbacks`, a RandomState) are left out.
        """
        check_is_fitted(self)
        metadata = {"kind": "mae", "settings": self.model_.settings, "estimator": dump_estimator(self)}
        write_safetensors(path, self.model_.state_dict(), metadata)

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
        """
        state, metadata = read_safetensors(path, kind="mae")
        model = build_from(CWT_MAE_RoPE, metadata, path).eval()
        load_matching(model, state, path)
        settings = model.settings
        description = metadata.get("estimator", {"params": {}, "fitted": {"input_shape_": [settings["signal_len"]]}})
        shared = set(cls._parameter_constraints) & set(settings)
        pretrainer = cls(
            **{
                **{name: settings[name] for name in shared},
                "patch_size": (settings["patch_size_freq"], settings["patch_size_time"]),
                **params_of(description),
            }
        )
        restore_fitted(pretrainer, {"fitted": {"seed_": 0, "n_features_in_": settings["signal_len"]}})
        restore_fitted(pretrainer, description)
        pretrainer.model_ = model
        return pretrainer

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
    def _n_features_out(self) -> int:
        return num_channels(self.input_shape_, self.model_.encoder) * self.model_.encoder.embed_dim

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
