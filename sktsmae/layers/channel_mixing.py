"""Attention between the channels of a signal, which the encoder otherwise processes one by one."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ..functional.rotary import ring_angles
from .attention import Attention


class TokenMixing(nn.Module):
    """Attention across channels: the tokens at the same position in all channels attend to each other.

    The weights do not depend on the number of channels. The last layer is initialised with zeros by
    `init_as_identity`, so that mixing that is added to a trained encoder changes nothing before it is trained itself.

    Parameters
    ----------
    dim : int
        Embedding size D.
    num_heads : int
        Number of attention heads H, a divisor of `dim`.
    ring : bool, default=False
        Whether the channels lie on a ring, like electrodes around an arm. Then the attention depends on the angle
        between two channels, by a rotary position embedding that is periodic in the number of channels. Otherwise the
        order of the channels has no effect on the attention.

    References
    ----------
    G. Bertasius et al., "Is space-time attention all you need for video understanding?", ICML 2021 (attention along one
    axis after the other).

    Z. Weng et al., "SPECTRE: spectral pre-training embeddings with cylindrical temporal rotary position encoding for
    fine-grained sEMG-based movement decoding", arXiv:2512.22481 (rotary embedding of channels on a ring).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.layers.channel_mixing import TokenMixing
    >>> TokenMixing(8, 2)(torch.randn(5, 3, 10, 8)).shape
    torch.Size([5, 3, 10, 8])
    """

    # Minimum number of blocks of an encoder: the mixing follows every second block.
    min_depth: ClassVar[int] = 2

    def __init__(self, dim: int, num_heads: int, ring: bool = False) -> None:
        super().__init__()
        self.ring = ring
        self.head_dim = dim // num_heads
        self.norm = nn.LayerNorm(dim)
        self.attn = Attention(dim, num_heads)

    def init_as_identity(self) -> None:
        """Initialise the last layer with zeros, so that `forward` returns its input."""
        nn.init.zeros_(self.attn.proj.weight)
        nn.init.zeros_(self.attn.proj.bias)

    def forward(self, tokens: Tensor, missing: Tensor | None = None) -> Tensor:
        """Mix the tokens of all channels.

        Parameters
        ----------
        tokens : Tensor of shape (B, M, N, D)
            Tokens of M channels.
        missing : Tensor of shape (B, M), bool, default=None
            True for a channel without values, to which the other channels do not attend. None if there is none.

        Returns
        -------
        Tensor of shape (B, M, N, D)
            The mixed tokens.
        """
        channels, positions = tokens.shape[1:3]
        x = self.norm(tokens).transpose(1, 2).flatten(0, 1)  # (B * N, M, D)
        angles = ring_angles(channels, self.head_dim).to(tokens.device)  # (M, D / H / 2)
        angles = angles if self.ring else torch.zeros_like(angles)
        mixed = self.attn(x, angles.cos()[None, None], angles.sin()[None, None], _mask(missing, positions))
        output: Tensor = tokens + mixed.unflatten(0, (-1, positions)).transpose(1, 2)
        return output


class ClsMixing(TokenMixing):  # numpydoc ignore=PR02
    """Attention between the class tokens of all channels, through which the channels exchange information.

    Parameters
    ----------
    dim : int
        Embedding size D.
    num_heads : int
        Number of attention heads H, a divisor of `dim`.
    ring : bool, default=False
        Whether the channels lie on a ring, as in `TokenMixing`.

    References
    ----------
    Y. Luo et al., "Toward foundation model for multivariate wearable sensing of physiological signals",
    arXiv:2412.09758 (NormWear).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.layers.channel_mixing import ClsMixing
    >>> ClsMixing(8, 2)(torch.randn(5, 3, 10, 8)).shape
    torch.Size([5, 3, 10, 8])
    """

    min_depth: ClassVar[int] = 3  # the patch tokens attend to the mixed class tokens in the third block

    def forward(self, tokens: Tensor, missing: Tensor | None = None) -> Tensor:
        """Mix the class tokens of all channels.

        Parameters
        ----------
        tokens : Tensor of shape (B, M, N, D)
            Tokens of M channels. The first token of each channel is its class token.
        missing : Tensor of shape (B, M), bool, default=None
            As in `TokenMixing`.

        Returns
        -------
        Tensor of shape (B, M, N, D)
            The mixed class tokens and the unchanged other tokens.
        """
        return torch.cat((super().forward(tokens[:, :, :1], missing), tokens[:, :, 1:]), dim=2)


def _mask(missing: Tensor | None, positions: int) -> Tensor | None:
    """Return which channels attend to which, (B * N, 1, M, M). Each channel attends at least to itself."""
    if missing is None:
        return None
    mask = ~missing[:, None] | torch.eye(missing.shape[1], dtype=torch.bool, device=missing.device)  # (B, M, M)
    return mask.repeat_interleave(positions, dim=0)[:, None]


# The kinds of mixing by name. To add a kind, write a class with the interface of `TokenMixing` and add it here.
CHANNEL_MIXING: dict[str, type[TokenMixing]] = {"cls": ClsMixing, "tokens": TokenMixing}
