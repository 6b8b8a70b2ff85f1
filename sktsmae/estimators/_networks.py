"""Between estimators and networks: parameters to settings, shapes to channels, tokens to embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from ..functional.wavelets import log_scale_grid, scale_grid, view_orders
from ..models import Encoder
from ._batches import map_batches


def mae_settings(pretrainer: BaseEstimator, X: np.ndarray) -> dict[str, Any]:
    """Turn an estimator's parameters into the network's settings.

    Parameters
    ----------
    pretrainer : MAEPretrainer
        Has the parameters.
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Checked samples.

    Returns
    -------
    dict
        Arguments of `CWT_MAE_RoPE`.

    Raises
    ------
    ValueError
        If `patch_size` is no pair of positive numbers, or the channels of a spectrogram do not fit `diff_orders`.
    """
    diff_orders = pretrainer.diff_orders
    signal_len = pretrainer.signal_len or X.shape[-1]
    cwt_scales = resolve_scales(pretrainer.cwt_scales, signal_len)
    if X.ndim == 4:
        if pretrainer.signal_len is not None:
            raise ValueError(
                f"signal_len={signal_len}, but X is a spectrogram, which is not resampled; give signal_len=None."
            )
        require_views(X, len(view_orders(diff_orders)))
        cwt_scales = X.shape[2]
    num_scales = len(scale_grid(cwt_scales))
    patch_size = pretrainer.patch_size
    if isinstance(patch_size, str):
        patch_size = auto_patch_size(num_scales, signal_len)
    elif len(patch_size) != 2 or not all(isinstance(size, (int, np.integer)) and size > 0 for size in patch_size):
        raise ValueError(f"patch_size={patch_size!r}: give 'auto' or two positive whole numbers (scales, samples).")
    return {
        "signal_len": signal_len,
        "cwt_scales": cwt_scales,
        "diff_orders": diff_orders,
        "patch_size_freq": int(patch_size[0]),
        "patch_size_time": int(patch_size[1]),
        "embed_dim": pretrainer.embed_dim,
        "depth": pretrainer.depth,
        "num_heads": pretrainer.num_heads,
        "decoder_embed_dim": pretrainer.decoder_embed_dim,
        "decoder_depth": pretrainer.decoder_depth,
        "decoder_num_heads": decoder_num_heads(pretrainer.decoder_embed_dim),
        "mask_ratio": pretrainer.mask_ratio,
        "mlp_rank_ratio": pretrainer.mlp_rank_ratio,
        "time_loss_weight": pretrainer.time_loss_weight,
        "decode_ratio": pretrainer.decode_ratio,
        "rope": pretrainer.rope,
        "standardize": pretrainer.standardize,
        "boundary": pretrainer.boundary,
        "masking": pretrainer.masking,
        "instance_loss_weight": pretrainer.instance_loss_weight,
        "resample": pretrainer.signal_len is not None,
    }


def resolve_scales(cwt_scales: int | Sequence[float] | str, n_timepoints: int) -> int | Sequence[float]:
    """Return the scales that "auto" stands for; others as they are.

    Parameters
    ----------
    cwt_scales : int, sequence of float or "auto"
        As in the estimators.
    n_timepoints : int
        Length of the signals.

    Returns
    -------
    int or sequence of float
        What the torch models take: for "auto" 32 scales from 0.7 samples, the smallest whose wavelet is not just one of
        them, to a fifth of the signal, beyond which a wavelet sees all of it, in equal ratios.
    """
    if not isinstance(cwt_scales, str):
        return cwt_scales
    return log_scale_grid(32, 0.7, max(2.8, n_timepoints / 5))


def decoder_num_heads(decoder_embed_dim: int) -> int:
    """Choose the decoder's attention heads.

    Parameters
    ----------
    decoder_embed_dim : int
        Embedding size of the decoder.

    Returns
    -------
    int
        One for every 32 features, or fewer where that does not divide them.
    """
    most = max(1, decoder_embed_dim // 32)
    return next((heads for heads in range(most, 1, -1) if decoder_embed_dim % (4 * heads) == 0), 1)


def require_same_settings(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse to go on training a network of other settings.

    Parameters
    ----------
    old, new : dict
        Settings of `CWT_MAE_RoPE`.

    Raises
    ------
    ValueError
        If they differ in more than the masks, the share that is decoded and the weight of a loss; they are named.
    """
    free = {"mask_ratio", "time_loss_weight", "decode_ratio", "masking"}
    changed = [f"{name} was {old[name]!r} and is {new[name]!r}" for name in new if old[name] != new[name]]
    if any(change.split()[0] not in free for change in changed):
        raise ValueError(f"warm_start=True, but the network differs: {'; '.join(changed)}. Give warm_start=False.")


def require_views(X: np.ndarray, num_views: int) -> None:
    """Refuse spectrograms whose channels are not whole sets of views.

    Parameters
    ----------
    X : ndarray of shape (n, M * V, S, T)
        Spectrograms.
    num_views : int
        Views V.

    Raises
    ------
    ValueError
        If V does not divide the channels.
    """
    if X.shape[1] % num_views:
        raise ValueError(
            f"X is a spectrogram with {X.shape[1]} channels, no multiple of the {num_views} views of diff_orders; give "
            "diff_orders as it was when the spectrogram was made."
        )


def auto_patch_size(num_scales: int, n_timepoints: int) -> tuple[int, int]:
    """Choose a patch size.

    Parameters
    ----------
    num_scales, n_timepoints : int
        Size of the image.

    Returns
    -------
    tuple of int
        Scales and samples of a patch: 4 rows; 16 columns, or up to 64 of 50 samples for long signals.
    """
    columns_for_short, columns_for_long = -(-n_timepoints // 16), -(-n_timepoints // 64)
    return -(-num_scales // 4), max(columns_for_long, min(50, columns_for_short))


def num_channels(input_shape: tuple[int, ...], encoder: Encoder) -> int:
    """Count the channels of a sample.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one sample: (T,), (M, T) or (M * V, S, T).
    encoder : Encoder
        Knows the views V.

    Returns
    -------
    int
        Channels M.
    """
    return {1: 1, 2: input_shape[0], 3: input_shape[0] // encoder.image_size[0]}[len(input_shape)]


def mean_probabilities(members: nn.ModuleDict, x: Tensor) -> Tensor:
    """Let several classifiers decide together.

    Parameters
    ----------
    members : nn.ModuleDict
        Each maps signals to logits (B, C).
    x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
        Signals of one channel or of M, or spectrograms.

    Returns
    -------
    Tensor of shape (B, C)
        The mean of their probabilities.
    """
    return torch.stack([member(x).softmax(-1) for member in members.values()]).mean(0)


def map_sequences(
    function: Callable[[Tensor], Tensor],
    encoder: Encoder,
    X: np.ndarray,
    batch_size: int,
    device: torch.device,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Apply a function to as many samples at a time as have `batch_size` channels together.

    Each channel is a sequence of its own. More of them at a time would leave the processor's cache: eight channels took
    half as long again.

    Parameters
    ----------
    function : callable
        Maps samples (b, ...) on `device` to a tensor (b, ...), each alone.
    encoder : Encoder
        Knows the views.
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Checked samples.
    batch_size : int
        Sequences at a time; one sample at least.
    device : torch.device
        Where to compute.
    rows : ndarray of int of shape (m,), default=None
        Which samples; None for all.

    Returns
    -------
    ndarray of shape (m, ...), float32
        The results.
    """
    samples = max(1, batch_size // num_channels(X.shape[1:], encoder))
    return map_batches(function, X, samples, device, rows)
