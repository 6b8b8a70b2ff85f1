"""Linear layer whose weight matrix is the product of two low-rank matrices."""

from __future__ import annotations

from torch import Tensor, nn

MIN_RANK = 32


class LowRankLinear(nn.Module):
    """Low-rank linear layer ``y = U V x + b``.

    Parameters
    ----------
    in_features, out_features : int
        Numbers of input and output features.
    rank_ratio : float, default=0.5
        Ratio of the rank to the smaller of `in_features` and `out_features`. The rank is at least 32:
        ``max(32, int(min(in_features, out_features) * rank_ratio))``.

    Examples
    --------
    >>> from sktsmae.layers.low_rank import LowRankLinear
    >>> layer = LowRankLinear(128, 256)
    >>> layer.v.weight.shape, layer.u.weight.shape
    (torch.Size([64, 128]), torch.Size([256, 64]))
    """

    def __init__(self, in_features: int, out_features: int, rank_ratio: float = 0.5) -> None:
        super().__init__()
        rank = max(MIN_RANK, int(min(in_features, out_features) * rank_ratio))
        self.v = nn.Linear(in_features, rank, bias=False)
        self.u = nn.Linear(rank, out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Parameters
        ----------
        x : Tensor of shape (..., in_features)
            Input.

        Returns
        -------
        Tensor of shape (..., out_features)
            Output.
        """
        out: Tensor = self.u(self.v(x))
        return out
