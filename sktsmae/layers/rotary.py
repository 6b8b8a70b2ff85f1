"""Rotary position embedding on one axis or several (Su et al., arXiv:2104.09864; Heo et al., arXiv:2403.13298)."""

from __future__ import annotations

from torch import Tensor, nn

from ..functional.rotary import rotary_angles


class RotaryEmbedding(nn.Module):
    """Cosines and sines that rotate queries and keys by their position.

    They are computed in float32 from the positions at hand, so no position is ever beyond a table's end.

    Parameters
    ----------
    dim : int
        Features of an attention head.
    num_axes : int
        Coordinates A of a position: 1 for an index, 2 for time and frequency. Each axis turns an equal share of the
        head.

    Raises
    ------
    ValueError
        If the head cannot be shared out among the axes.

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
                f"a head of {dim} features cannot rotate on {num_axes} axes: embed_dim / num_heads must be a multiple "
                f"of {2 * num_axes}."
            )
        self.dim = dim

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cosines and sines of positions.

        Parameters
        ----------
        positions : Tensor of shape (B, N, A), int64
            Coordinates of every token.

        Returns
        -------
        cos, sin : Tensor of shape (B, 1, N, dim / 2), float32
            The A axes' angles side by side; the singleton axis stands for the heads.
        """
        angles = rotary_angles(positions, self.dim)[:, None]
        return angles.cos(), angles.sin()
