"""Multi-head self-attention with rotary position embedding."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ..functional.rotary import apply_rotary


class Attention(nn.Module):
    """Scaled dot-product self-attention with rotary position embedding of the queries and keys.

    Parameters
    ----------
    dim : int
        Embedding size D.
    num_heads : int
        Number of heads H, a divisor of `dim`.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", NeurIPS 2017.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.layers.attention import Attention
    >>> cos, sin = torch.ones(1, 1, 10, 2), torch.zeros(1, 1, 10, 2)
    >>> Attention(8, 2)(torch.randn(5, 10, 8), cos, sin).shape
    torch.Size([5, 10, 8])
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None = None) -> Tensor:
        """Apply self-attention to all tokens of each sequence.

        Parameters
        ----------
        x : Tensor of shape (B, N, D)
            Tokens.
        cos, sin : Tensor of shape (B, 1, N, D / H / 2) or (1, 1, N, D / H / 2)
            Cosine and sine of the rotation angles of each token, from `RotaryEmbedding`.
        mask : Tensor of shape (B, 1, N, N), bool, default=None
            True where a token (axis 2) attends to another token (axis 3). None if all tokens attend to each other.

        Returns
        -------
        Tensor of shape (B, N, D)
            The output tokens.
        """
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, H, N, D / H)
        q, k = apply_rotary(qkv[:2], cos, sin).unbind(0)
        out = F.scaled_dot_product_attention(q, k, qkv[2], mask)
        output: Tensor = self.proj(out.transpose(1, 2).flatten(2))  # (B, N, D)
        return output
