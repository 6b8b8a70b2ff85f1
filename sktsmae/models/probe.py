"""Linear models on frozen features."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch
from torch import Tensor, nn


class LinearProbe(nn.Module):
    """Linear models on frozen features, whose outputs are mixed.

    The first takes the first kind of features, the second the first two kinds side by side, and so on.

    Parameters
    ----------
    features : mapping of str to nn.Module
        Maps signals (B, T) or (B, M, T) to features (B, F), one way or several.
    sizes : mapping of str to int
        How many features F each kind has.
    num_outputs : int
        Outputs C.

    References
    ----------
    G. Alain and Y. Bengio, "Understanding intermediate layers using linear classifier probes", 2016.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import LinearProbe
    >>> probe = LinearProbe({"raw": torch.nn.Identity()}, {"raw": 100}, num_outputs=1)
    >>> probe(torch.randn(5, 100)).shape
    torch.Size([5, 1])
    """

    widths: list[int]
    shares: Tensor

    def __init__(self, features: Mapping[str, nn.Module], sizes: Mapping[str, int], num_outputs: int) -> None:
        super().__init__()
        self.features = nn.ModuleDict(features)
        self.widths = list(accumulate(sizes[name] for name in features))
        self.linear = nn.ModuleList(nn.Linear(width, num_outputs) for width in self.widths)
        # What each model counts for; of sum 1.
        self.register_buffer("shares", torch.full((len(self.widths),), 1 / len(self.widths)))

    @property
    def num_features(self) -> int:
        """Number of features of all kinds together.

        Returns
        -------
        int
            What the last model takes.
        """
        return self.widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Describe signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals.

        Returns
        -------
        Tensor of shape (B, C)
            The sum of the models' outputs, each by its share.
        """
        return (self.outputs(x) * self.shares[:, None, None]).sum(0)

    def outputs(self, x: Tensor) -> Tensor:
        """Apply each of the models.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals.

        Returns
        -------
        Tensor of shape (K, B, C)
            The outputs of the K models.
        """
        features = torch.cat([extract(x) for extract in self.features.values()], dim=-1)
        each = zip(self.linear, self.widths, strict=True)
        return torch.stack([linear(features[:, :width]) for linear, width in each])


class Probe(LinearProbe):
    """Linear classifiers on frozen features, whose probabilities are mixed.

    Parameters
    ----------
    features : mapping of str to nn.Module
        As in `LinearProbe`.
    sizes : mapping of str to int
        How many features each kind has.
    num_classes : int
        Classes C.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Probe
    >>> probe = Probe({"raw": torch.nn.Identity()}, {"raw": 100}, num_classes=3)
    >>> probe(torch.randn(5, 100)).shape
    torch.Size([5, 3])
    """

    sharpness: Tensor
    class_offset: Tensor

    def __init__(self, features: Mapping[str, nn.Module], sizes: Mapping[str, int], num_classes: int) -> None:
        super().__init__(features, sizes, num_classes)
        # The mixture's probabilities are raised to this power, and sum to 1 again: as sure as it has been right.
        self.register_buffer("sharpness", torch.ones(()))
        # Logarithms of what the classes weigh.
        self.register_buffer("class_offset", torch.zeros(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Classify signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals.

        Returns
        -------
        Tensor of shape (B, C)
            Logarithms of probabilities.
        """
        log_mixture = (self.outputs(x).log_softmax(-1) + self.shares.log()[:, None, None]).logsumexp(0)
        return (self.sharpness * log_mixture + self.class_offset).log_softmax(-1)
