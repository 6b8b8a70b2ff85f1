"""Automatic defaults that depend on the data: scales, patch size, and number of attention heads of the decoder."""

from __future__ import annotations

from collections.abc import Sequence

from ..functional.scales import log_scale_grid


def auto_scales(cwt_scales: int | Sequence[float] | str, n_timepoints: int) -> int | Sequence[float]:
    """Return default scales if the argument is "auto", and the given scales otherwise.

    Parameters
    ----------
    cwt_scales : int, sequence of float or "auto"
        The parameter `cwt_scales` of the estimators.
    n_timepoints : int
        Length of the signals.

    Returns
    -------
    int or sequence of float
        For "auto", 32 logarithmically spaced scales from 0.7 samples to a fifth of the signal length, or to 2.8 samples
        for signals shorter than 14 samples. Below a scale of 0.3, all samples of a wavelet but the central one are
        almost 0. Above a fifth of the signal length, a wavelet spans the whole signal.
    """
    if not isinstance(cwt_scales, str):
        return cwt_scales
    return log_scale_grid(32, 0.7, max(2.8, n_timepoints / 5))


def auto_patch_size(num_scales: int, n_timepoints: int) -> tuple[int, int]:
    """Return the default patch size for images of a given size.

    Parameters
    ----------
    num_scales, n_timepoints : int
        Number of scales and of time steps of the image.

    Returns
    -------
    tuple of int
        Number of scales and of samples in a patch, so that the patches form at most 4 rows. Images of up to 800 time
        steps have at most 16 columns of patches, images of up to 3200 time steps have patches of 50 samples, and longer
        images have at most 64 columns.
    """
    width_of_16_columns, width_of_64_columns = -(-n_timepoints // 16), -(-n_timepoints // 64)
    return -(-num_scales // 4), max(width_of_64_columns, min(50, width_of_16_columns))


def auto_waveform_patch_size(n_timepoints: int) -> tuple[int, int]:
    """Return the default patch size for waveforms, which gives about as many tokens as the default images.

    Parameters
    ----------
    n_timepoints : int
        Length of the signals.

    Returns
    -------
    tuple of int
        1, and a quarter of the number of samples in a patch of an image, because images have four rows of patches.
    """
    _, samples = auto_patch_size(4, n_timepoints)
    return 1, -(-samples // 4)


def auto_num_heads(decoder_embed_dim: int) -> int:
    """Return the default number of attention heads of a decoder.

    Parameters
    ----------
    decoder_embed_dim : int
        Embedding size of the decoder.

    Returns
    -------
    int
        The largest number of heads, at most one per 32 features, for which the size of a head is a multiple of 4, as
        axial rotary embedding requires. 1 if there is no such number.
    """
    max_heads = max(1, decoder_embed_dim // 32)
    return next((heads for heads in range(max_heads, 1, -1) if decoder_embed_dim % (4 * heads) == 0), 1)
