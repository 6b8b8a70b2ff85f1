"""Arithmetic of the networks, counted from their formulas: 2 operations for each multiplication with addition."""

from __future__ import annotations

from ..functional.masking import num_kept
from ..layers.low_rank import MIN_RANK
from .mae import CWT_MAE_RoPE


def encoding_flops(model: CWT_MAE_RoPE, num_patches: int | None = None) -> int:
    """Count the arithmetic of encoding one image: patch embedding, projections, attention products and MLPs.

    Parameters
    ----------
    model : CWT_MAE_RoPE
        The network.
    num_patches : int, default=None
        Patches that are seen, N at most; None for all.

    Returns
    -------
    int
        Floating-point operations. Wavelets, norms, activations and softmax are not counted.

    Examples
    --------
    >>> from sktsmae.models import CWT_MAE_RoPE
    >>> from sktsmae.models.flops import encoding_flops
    >>> round(encoding_flops(CWT_MAE_RoPE(), 240) / 1e9, 1)
    33.1
    """
    encoder = model.encoder
    dim, hidden_dim = encoder.embed_dim, int(encoder.embed_dim * model.settings["mlp_ratio"])
    rank = max(MIN_RANK, int(min(dim, hidden_dim) * model.settings["mlp_rank_ratio"]))
    seen = encoder.num_patches if num_patches is None else num_patches
    embedding = seen * _patch_values(model) * dim
    blocks = len(encoder.blocks) * _block_products(seen + 1, dim, 2 * rank * (dim + hidden_dim))
    return 2 * (embedding + blocks)


def decoding_flops(model: CWT_MAE_RoPE) -> int:
    """Count the arithmetic of decoding one image: embedding, blocks on all tokens, and both heads.

    Parameters
    ----------
    model : CWT_MAE_RoPE
        The network; it is counted as with ``decode_ratio=1``.

    Returns
    -------
    int
        Floating-point operations.
    """
    encoder, decoder = model.encoder, model.decoder
    dim = decoder.pred_spec.in_features
    rows, columns = encoder.grid_size
    visible = num_kept(encoder.num_patches, model.mask_ratio)
    embedding = (visible + 1) * encoder.embed_dim * dim
    mlp = 2 * dim * int(dim * model.settings["mlp_ratio"])
    blocks = len(decoder.blocks) * _block_products(encoder.num_patches + 1, dim, mlp)
    spectrogram = encoder.num_patches * dim * _patch_values(model)
    waveform = columns * (rows * dim * dim + dim * encoder.patch_size[1])
    return 2 * (embedding + blocks + spectrogram + waveform)


def training_flops(model: CWT_MAE_RoPE) -> int:
    """Count the arithmetic of a training step for one image, forwards and, twice as much, backwards.

    Parameters
    ----------
    model : CWT_MAE_RoPE
        The network; it is counted as with ``decode_ratio=1``.

    Returns
    -------
    int
        Floating-point operations.

    Examples
    --------
    >>> from sktsmae.models import CWT_MAE_RoPE
    >>> from sktsmae.models.flops import training_flops
    >>> round(training_flops(CWT_MAE_RoPE()) / 1e9, 1)
    293.6
    """
    visible = num_kept(model.encoder.num_patches, model.mask_ratio)
    return 3 * (encoding_flops(model, visible) + decoding_flops(model))


def _patch_values(model: CWT_MAE_RoPE) -> int:
    height, width = model.encoder.patch_size
    return model.encoder.image_size[0] * height * width


def _block_products(num_tokens: int, dim: int, mlp: int) -> int:
    """Return the multiplications of a block: four projections and the MLP a token, two products for each pair."""
    return num_tokens * (4 * dim * dim + mlp) + 2 * num_tokens**2 * dim
