"""Patches of time-frequency images: division into patches, its inverse, and selection of patches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def grid_size(image_size: tuple[int, int], patch_size: tuple[int, int]) -> tuple[int, int]:
    """Return the number of rows and columns of patches that cover an image.

    Parameters
    ----------
    image_size : tuple of int
        Number of scales and of samples of the image, (S, T).
    patch_size : tuple of int
        Number of scales and number of samples in a patch.

    Returns
    -------
    tuple of int
        Number of rows (along the scales) and of columns (along the time), both rounded up.

    Examples
    --------
    >>> from sktsmae.functional.patches import grid_size
    >>> grid_size((64, 1010), (4, 50))
    (16, 21)
    """
    rows, columns = (-(-size // patch) for size, patch in zip(image_size, patch_size, strict=True))
    return rows, columns


def patchify(image: Tensor, patch_size: tuple[int, int]) -> Tensor:
    """Divide images into patches; incomplete patches are padded with zeros.

    Parameters
    ----------
    image : Tensor of shape (B, V, S, T)
        Time-frequency images.
    patch_size : tuple of int
        Number of scales and number of samples in a patch.

    Returns
    -------
    Tensor of shape (B, N, V * scales * samples)
        Patches in raster (row-major) order: all patches of the first row, then those of the second row, and so on. The
        values of a patch are ordered by view, then by scale, then by time.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.patches import patchify
    >>> patchify(torch.randn(2, 3, 64, 1010), (4, 50)).shape
    torch.Size([2, 336, 600])
    """
    height, width = patch_size
    rows, columns = grid_size((image.shape[-2], image.shape[-1]), patch_size)
    missing_samples, missing_scales = columns * width - image.shape[-1], rows * height - image.shape[-2]
    if missing_samples or missing_scales:  # F.pad copies the image even if there is nothing to pad
        image = F.pad(image, (0, missing_samples, 0, missing_scales))
    split_rows: Tensor = image.unflatten(2, (rows, height))  # (B, V, rows, height, columns * width)
    blocks: Tensor = split_rows.unflatten(-1, (columns, width))  # (B, V, rows, height, columns, width)
    return blocks.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)  # (B, N, V * height * width)


def unpatchify(patches: Tensor, image_size: tuple[int, int], patch_size: tuple[int, int]) -> Tensor:
    """Assemble images from patches. This is the inverse of `patchify`.

    Parameters
    ----------
    patches : Tensor of shape (B, N, V * scales * samples)
        Patches in the order of `patchify`.
    image_size : tuple of int
        Number of scales and of samples of the image, (S, T).
    patch_size : tuple of int
        Number of scales and number of samples in a patch.

    Returns
    -------
    Tensor of shape (B, V, S, T)
        The images without padding.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.patches import patchify, unpatchify
    >>> image = torch.randn(2, 3, 64, 1010)
    >>> torch.equal(unpatchify(patchify(image, (4, 50)), (64, 1010), (4, 50)), image)
    True
    """
    height, width = patch_size
    rows, columns = grid_size(image_size, patch_size)
    unflattened: Tensor = patches.unflatten(2, (-1, height, width))  # (B, N, V, height, width)
    blocks: Tensor = unflattened.unflatten(1, (rows, columns))  # (B, rows, columns, V, height, width)
    image = blocks.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)  # (B, V, rows * height, columns * width)
    return image[..., : image_size[0], : image_size[1]]


def patch_validity(image_size: tuple[int, int], patch_size: tuple[int, int], num_views: int) -> Tensor | None:
    """Return an array that is 1 where a patch holds image values and 0 where it holds padding.

    Parameters
    ----------
    image_size : tuple of int
        Number of scales and of samples of the image, (S, T).
    patch_size : tuple of int
        Number of scales and number of samples in a patch.
    num_views : int
        Number of views V of the image.

    Returns
    -------
    Tensor of shape (N, V * scales * samples) or None
        The array, or None if there is no padding.

    Examples
    --------
    >>> from sktsmae.functional.patches import patch_validity
    >>> patch_validity((2, 3), (2, 2), 1).tolist()
    [[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0]]
    """
    if all(size % patch == 0 for size, patch in zip(image_size, patch_size, strict=True)):
        return None
    return patchify(torch.ones(1, num_views, *image_size), patch_size)[0]


def take_tokens(tokens: Tensor, ids: Tensor) -> Tensor:
    """Select tokens by index.

    Parameters
    ----------
    tokens : Tensor of shape (B, N, D)
        Sequences of tokens.
    ids : Tensor of shape (B, K), int64
        Indices into the sequences, from 0 to N - 1.

    Returns
    -------
    Tensor of shape (B, K, D)
        The tokens at `ids`.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.patches import take_tokens
    >>> take_tokens(torch.tensor([[[1, 2], [3, 4], [5, 6]]]), torch.tensor([[2, 0]])).tolist()
    [[[5, 6], [1, 2]]]
    """
    # Selecting rows of one long matrix is several times faster than torch.gather, also in the backward pass.
    offsets = torch.arange(len(tokens), device=tokens.device)[:, None] * tokens.shape[1]
    rows = (ids + offsets).flatten()  # (B * K,)
    taken: Tensor = tokens.flatten(0, 1).index_select(0, rows).unflatten(0, ids.shape)  # (B, K, D)
    return taken
