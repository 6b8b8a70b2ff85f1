"""Pre-norm transformer block, used by the encoder and the decoder."""

from __future__ import annotations

from torch import Tensor, nn

from .attention import Attention
from .mlp import MLP, LinearFactory


class Block(nn.Module):
    """Pre-norm transformer block: self-attention and an MLP, each with a preceding layer norm and a skip connection.

    Parameters
    ----------
    dim : int
        Embedding size D.
    num_heads : int
        Number of attention heads H.
    mlp_ratio : float, default=4
        Ratio of the hidden size of the MLP to `dim`.
    linear : callable, default=nn.Linear
        Class of the linear layers of the MLP. It is called with the numbers of input and output features.

    References
    ----------
    R. Xiong et al., "On layer normalization in the transformer architecture", ICML 2020.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.layers.block import Block
    >>> cos, sin = torch.ones(1, 1, 10, 2), torch.zeros(1, 1, 10, 2)
    >>> Block(8, 2)(torch.randn(5, 10, 8), cos, sin).shape
    torch.Size([5, 10, 8])
    """

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float = 4.0, linear: LinearFactory = nn.Linear) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim, int(dim * mlp_ratio), linear)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Apply the block.

        Parameters
        ----------
        x : Tensor of shape (B, N, D)
            Tokens.
        cos, sin : Tensor of shape (B, 1, N, D / H / 2) or (1, 1, N, D / H / 2)
            Cosine and sine of the rotation angles of each token, from `RotaryEmbedding`.

        Returns
        -------
        Tensor of shape (B, N, D)
            The output tokens.
        """
        x = x + self.attn(self.norm1(x), cos, sin)
        x = x + self.mlp(self.norm2(x))
        return x
