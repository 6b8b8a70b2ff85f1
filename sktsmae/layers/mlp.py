"""Feed-forward network (MLP) of a transformer block."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

LinearFactory = Callable[[int, int], nn.Module]


class MLP(nn.Module):
    """MLP of two linear layers with a GELU activation between them.

    Parameters
    ----------
    dim : int
        Number of input and of output features.
    hidden_dim : int
        Number of hidden features.
    linear : callable, default=nn.Linear
        Class of the linear layers. It is called with the numbers of input and output features.

    References
    ----------
    D. Hendrycks and K. Gimpel, "Gaussian error linear units", arXiv:1606.08415.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.layers.mlp import MLP
    >>> MLP(8, 32)(torch.randn(5, 10, 8)).shape
    torch.Size([5, 10, 8])
    """

    def __init__(self, dim: int, hidden_dim: int, linear: LinearFactory = nn.Linear) -> None:
        super().__init__()
        self.fc1 = linear(dim, hidden_dim)
        self.act = nn.GELU()
        self.fc2 = linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers.

        Parameters
        ----------
        x : Tensor of shape (..., dim)
            Input.

        Returns
        -------
        Tensor of shape (..., dim)
            Output.
        """
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out
