"""Rotary position embedding for one or more axes (Su et al., arXiv:2104.09864; Heo et al., arXiv:2403.13298)."""

from __future__ import annotations

from torch import Tensor, nn

from ..functional.rotary import rotary_angles


class RotaryEmbedding(nn.Module):
    """Rotary position embedding: cosines and sines of the angles by which queries and keys are rotated.

    The angles are computed in float32 from the given positions, so there is no maximum position.

    Parameters
    ----------
    dim : int
        Number of features of an attention head.
    num_axes : int
        Number of coordinates A of a position: 1 for a single index, 2 for time and frequency. Each coordinate
        determines the rotation of dim / A features.

    Raises
    ------
    ValueError
        If `dim` is not a multiple of 2 A.

    References
    ----------
    J. Su et al., "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864.

    B. Heo et al., "Rotary position embedding for vision transformer", arXiv:2403.13298.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.layers.rotary import RotaryEmbedding
    >>> cos, sin = RotaryEmbedding(8, 2)(torch.zeros(5, 10, 2, dtype=torch.int64))
    >>> cos.shape, sin.shape
    (torch.Size([5, 1, 10, 4]), torch.Size([5, 1, 10, 4]))
    """

    def __init__(self, dim: int, num_axes: int) -> None:
        super().__init__()
        if dim % (2 * num_axes):
            raise ValueError(
                f"a head of {dim} features cannot encode positions on {num_axes} axes; choose embed_dim and num_heads "
                f"so that embed_dim / num_heads is a multiple of {2 * num_axes}."
            )
        self.dim = dim

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cosines and sines of the rotation angles of positions.

        Parameters
        ----------
        positions : Tensor of shape (B, N, A), int64
            Coordinates of each token.

        Returns
        -------
        cos, sin : Tensor of shape (B, 1, N, dim / 2), float32
            Cosines and sines, concatenated over the axes. The axis of size 1 is broadcast over the heads.
        """
        angles = rotary_angles(positions, self.dim)[:, None]
        return angles.cos(), angles.sin()
