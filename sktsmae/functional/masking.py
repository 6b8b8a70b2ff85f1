"""Random masking of patches, and dropping of channels, for masked autoencoders."""

from __future__ import annotations

import torch
from torch import Tensor

# Probability with which a channel is dropped in a training step of an encoder that mixes channels.
CHANNEL_DROP = 0.2


def num_kept(num_patches: int, mask_ratio: float) -> int:
    """Return the number of patches that stay visible.

    Parameters
    ----------
    num_patches : int
        Number of patches N of an image.
    mask_ratio : float
        Fraction of patches to mask, in (0, 1).

    Returns
    -------
    int
        ``int(N * (1 - mask_ratio))``.

    Raises
    ------
    ValueError
        If `mask_ratio` is outside (0, 1), or if no patch would be visible or no patch would be masked.

    Examples
    --------
    >>> from sktsmae.functional.masking import num_kept
    >>> num_kept(336, 0.75)
    84
    """
    if not 0 < mask_ratio < 1:
        raise ValueError(f"mask_ratio={mask_ratio}: give a fraction strictly between 0 and 1.")
    kept = int(num_patches * (1 - mask_ratio))
    if not 0 < kept < num_patches:
        raise ValueError(
            f"mask_ratio={mask_ratio} leaves {kept} of {num_patches} patches visible, but at least one patch must be "
            "visible and at least one masked; choose another mask_ratio or a smaller patch_size."
        )
    return kept


def mixed_noise(batch: int, grid: tuple[int, int], device: torch.device | None = None) -> Tensor:
    """Draw noise for `random_masking` that masks single patches in some images, and rows or columns in the others.

    A wavelet spans many samples, so a single masked patch is almost determined by its neighbours in time. A fully
    masked column (a time interval) or row (a frequency band) is harder to reconstruct.

    Parameters
    ----------
    batch : int
        Number of images B.
    grid : tuple of int
        Number of rows and columns of patches; N is their product.
    device : torch.device, default=None
        Device of the noise. None uses torch's default device.

    Returns
    -------
    Tensor of shape (B, N)
        Uniform noise for `random_masking`. On average, half of the images have one value per patch, a quarter have
        one per column, and a quarter have one per row. To break ties, noise below 0.001 per
        patch is added to the values per column and per row.

    Examples
    --------
    >>> from sktsmae.functional.masking import mixed_noise
    >>> mixed_noise(8, (2, 3)).shape
    torch.Size([8, 6])
    """
    rows, columns = grid
    patches = torch.rand(batch, rows, columns, device=device)
    by_column = torch.rand(batch, 1, columns, device=device) + 1e-3 * patches
    by_row = torch.rand(batch, rows, 1, device=device) + 1e-3 * patches
    kind = torch.rand(batch, 1, 1, device=device)
    return torch.where(kind < 0.5, patches, torch.where(kind < 0.75, by_column, by_row)).flatten(1)


def random_masking(noise: Tensor, mask_ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """Keep the patches with the smallest noise and mask the others.

    Parameters
    ----------
    noise : Tensor of shape (B, N)
        One value per patch. Uniform noise gives a uniformly random choice.
    mask_ratio : float
        Fraction of patches to mask, in (0, 1).

    Returns
    -------
    ids_keep : Tensor of shape (B, K), int64
        Indices of the visible patches, in the order of increasing noise.
    ids_restore : Tensor of shape (B, N), int64
        Position of each patch in the shuffled sequence: first the visible patches, then the masked patches.
    mask : Tensor of shape (B, N), float32
        0 for a kept patch and 1 for a masked one.

    References
    ----------
    K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.masking import random_masking
    >>> ids_keep, ids_restore, mask = random_masking(torch.tensor([[0.9, 0.1, 0.5, 0.7]]), 0.5)
    >>> ids_keep.tolist(), mask.tolist()
    ([[1, 2]], [[1.0, 0.0, 0.0, 1.0]])
    """
    kept = num_kept(noise.shape[1], mask_ratio)
    ids_shuffle = noise.argsort(dim=1)
    ids_restore = ids_shuffle.argsort(dim=1)
    return ids_shuffle[:, :kept], ids_restore, (ids_restore >= kept).float()


def patch_dropout(noise: Tensor, drop_rate: float) -> Tensor:
    """Return the indices of the patches that patch dropout keeps: those with the smallest noise.

    Parameters
    ----------
    noise : Tensor of shape (B, N)
        Uniform noise, one value per patch.
    drop_rate : float
        Fraction of patches to drop, in [0, 1).

    Returns
    -------
    ids_keep : Tensor of shape (B, K), int64
        Indices of the patches that are kept: ``int(N * (1 - drop_rate))``, but at least one per image.

    References
    ----------
    Y. Liu et al., "PatchDropout: economizing vision transformers using patch dropout", WACV 2023.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.masking import patch_dropout
    >>> patch_dropout(torch.tensor([[0.9, 0.1, 0.5, 0.7]]), 0.5).tolist()
    [[1, 2]]
    """
    kept = max(1, int(noise.shape[1] * (1 - drop_rate)))
    return noise.argsort(dim=1)[:, :kept]


def drop_channels(x: Tensor, noise: Tensor | None) -> Tensor:
    """Replace random channels of signals by NaN, which marks a channel without values.

    Parameters
    ----------
    x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
        Signals of one channel or of M channels, or spectrograms. Only signals of M channels are changed.
    noise : Tensor of shape (B * M, 1) or None
        Uniform noise. Channels with noise below 0.2 are dropped, except for the channel of each signal whose noise is
        the largest among the channels that have values. None drops no channel.

    Returns
    -------
    Tensor of the shape of `x`
        The signals.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.masking import drop_channels
    >>> drop_channels(torch.ones(2, 2, 1), torch.tensor([[0.1], [0.5], [0.15], [0.1]])).flatten(1).tolist()
    [[nan, 1.0], [1.0, nan]]
    """
    if noise is None or x.ndim != 3:
        return x
    noise = noise.view(x.shape[:2]).masked_fill(x.isnan().all(-1), -1)  # (B, M)
    dropped = (noise < CHANNEL_DROP) & (noise < noise.max(1, keepdim=True).values)
    return x.masked_fill(dropped[..., None], torch.nan)
