"""Rotary position embedding: rotation angles, and rotation of queries and keys."""

from __future__ import annotations

import torch
from torch import Tensor


def rotary_angles(positions: Tensor, dim: int, base: float = 10000.0) -> Tensor:
    """Return the rotation angles of positions, one per pair of features.

    Parameters
    ----------
    positions : Tensor of shape (..., A), int64
        Coordinates of the positions on A axes.
    dim : int
        Number of features to rotate, a multiple of 2 A. The coordinate on each axis determines the rotation of dim / A
        features.
    base : float, default=10000
        Base of the frequencies. The lowest frequency is about 1 / base radians per position.

    Returns
    -------
    Tensor of shape (..., dim / 2), float32
        ``position * base ** (-2 i / (dim / A))`` for i from 0 to dim / (2 A) - 1. The angles of the axes are
        concatenated.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.rotary import rotary_angles
    >>> rotary_angles(torch.tensor([[0, 0], [2, 5]]), 4).tolist()
    [[0.0, 0.0], [2.0, 5.0]]
    """
    axis_dim = dim // positions.shape[-1]
    frequencies = base ** (-torch.arange(0, axis_dim, 2, dtype=torch.float32, device=positions.device) / axis_dim)
    return (positions[..., None].float() * frequencies).flatten(-2)  # (..., dim / 2)


def ring_angles(num_positions: int, dim: int) -> Tensor:
    """Return the rotation angles of equally spaced positions on a ring, one per pair of features.

    Parameters
    ----------
    num_positions : int
        Number of positions M on the ring.
    dim : int
        Number of features to rotate, a multiple of 2.

    Returns
    -------
    Tensor of shape (M, dim / 2), float32
        ``2 pi m k / M`` for position m and k from 1 to dim / 2. The first and the last position are neighbours.

    References
    ----------
    Z. Weng et al., "SPECTRE: spectral pre-training embeddings with cylindrical temporal rotary position encoding for
    fine-grained sEMG-based movement decoding", arXiv:2512.22481.

    Examples
    --------
    >>> from sktsmae.functional.rotary import ring_angles
    >>> ring_angles(4, 4)[1].tolist()
    [1.57..., 3.14...]
    """
    fractions = torch.arange(num_positions, dtype=torch.float32)[:, None] / num_positions  # (M, 1)
    return 2 * torch.pi * (fractions * torch.arange(1, dim // 2 + 1) % 1)


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate each pair of features i and i + D/2 of every token by its i-th angle (half-split convention).

    Parameters
    ----------
    x : Tensor of shape (..., B, H, N, D)
        Queries, keys, or a stack of both, with D features per head.
    cos, sin : Tensor of shape (B, 1, N, D / 2) or (1, 1, N, D / 2), float32
        Cosine and sine of the rotation angles of each token.

    Returns
    -------
    Tensor of shape (..., B, H, N, D), dtype of `x`
        The rotated features. The dot product of a rotated query and a rotated key depends on the difference of their
        positions, but not on the positions themselves.

    References
    ----------
    J. Su et al., "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.rotary import apply_rotary
    >>> x, cos, sin = torch.tensor([[[[3.0, 4.0]]]]), torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    >>> apply_rotary(x, cos, sin).tolist()
    [[[[-4.0, 3.0]]]]
    """
    first, second = x.chunk(2, dim=-1)
    rotated = (first * cos).addcmul(second, sin, value=-1), (second * cos).addcmul(first, sin)
    return torch.cat(rotated, dim=-1).to(x.dtype)
