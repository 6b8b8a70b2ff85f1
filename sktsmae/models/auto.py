"""The values that ``"auto"`` means: scales, patch size, and the attention heads of the decoder."""

from __future__ import annotations

from collections.abc import Sequence

from ..functional.wavelets import log_scale_grid


def auto_scales(cwt_scales: int | Sequence[float] | str, n_timepoints: int) -> int | Sequence[float]:
    """Return the scales that "auto" means; return other scales unchanged.

    Parameters
    ----------
    cwt_scales : int, sequence of float or "auto"
        As in the estimators.
    n_timepoints : int
        Length of the signals.

    Returns
    -------
    int or sequence of float
        For "auto" 32 scales with equal ratios, from 0.7 samples, the smallest whose wavelet has more than one non-zero
        sample, to a fifth of the signal, beyond which a wavelet covers all of it.
    """
    if not isinstance(cwt_scales, str):
        return cwt_scales
    return log_scale_grid(32, 0.7, max(2.8, n_timepoints / 5))


def auto_patch_size(num_scales: int, n_timepoints: int) -> tuple[int, int]:
    """Return the patch size that "auto" means.

    Parameters
    ----------
    num_scales, n_timepoints : int
        Size of the image.

    Returns
    -------
    tuple of int
        Number of scales and samples in a patch, for 4 rows of patches and 16 columns, or up to 64 columns of 50 samples
        for long signals.
    """
    columns_for_short, columns_for_long = -(-n_timepoints // 16), -(-n_timepoints // 64)
    return -(-num_scales // 4), max(columns_for_long, min(50, columns_for_short))


def auto_num_heads(decoder_embed_dim: int) -> int:
    """Return the number of attention heads of a decoder.

    Parameters
    ----------
    decoder_embed_dim : int
        Embedding size of the decoder.

    Returns
    -------
    int
        One head per 32 features, or fewer if that does not divide them.
    """
    most = max(1, decoder_embed_dim // 32)
    return next((heads for heads in range(most, 1, -1) if decoder_embed_dim % (4 * heads) == 0), 1)
