"""Multi-head self-attention with rotary position embedding."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from ..functional.rotary import apply_rotary


class Context(NamedTuple):
    """Tokens to attend to.

    Attributes
    ----------
    tokens : Tensor of shape (B, K, D)
        The tokens.
    cos, sin : Tensor of shape (B, 1, K, D / H / 2) or (1, 1, K, D / H / 2)
        Rotation of each token, from `RotaryEmbedding`.
    """

    tokens: Tensor
    cos: Tensor
    sin: Tensor


class Attention(nn.Module):
    """Scaled dot-product attention, queries and keys rotated by their position.

    Parameters
    ----------
    dim : int
        Embedding size D.
    num_heads : int
        Number of heads, a divisor of `dim`.

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

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, context: Context | None = None) -> Tensor:
        """Attend to all tokens of the sequence, or to others.

        Parameters
        ----------
        x : Tensor of shape (B, N, D)
            Tokens.
        cos, sin : Tensor of shape (B, 1, N, D / H / 2) or (1, 1, N, D / H / 2)
            Rotation of each token, from `RotaryEmbedding`.
        context : Context, default=None
            What to attend to; None for `x` itself.

        Returns
        -------
        Tensor of shape (B, N, D)
            Mixed tokens.
        """
        if context is None:
            qkv = self._split(self.qkv(x), 3)
            q, k = apply_rotary(qkv[:2], cos, sin).unbind(0)
            v = qkv[2]
        else:
            query_weight, context_weight = self.qkv.weight.tensor_split([x.shape[-1]])
            kv = self._split(F.linear(context.tokens, context_weight), 2)
            q = apply_rotary(self._split(F.linear(x, query_weight), 1)[0], cos, sin)
            k, v = apply_rotary(kv[0], context.cos, context.sin), kv[1]
        out = F.scaled_dot_product_attention(q, k, v)
        mixed: Tensor = self.proj(out.transpose(1, 2).flatten(2))  # (B, N, D)
        return mixed

    def _split(self, x: Tensor, parts: int) -> Tensor:
        """Return (B, N, parts * D) as (parts, B, H, N, D / H)."""
        return x.unflatten(-1, (parts, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
