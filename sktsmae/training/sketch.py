"""Random projection of features, for linear models on many samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


class CountSketch(nn.Module):
    """A fixed random projection, which adds each feature with a random sign to one of a few columns.

    Parameters
    ----------
    count : int
        Number of features F.
    width : int
        Number of columns of the projection.

    References
    ----------
    K. Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.training.sketch import CountSketch
    >>> CountSketch(1000, 64)(torch.randn(50, 1000)).shape
    torch.Size([50, 64])
    """

    column: Tensor
    sign: Tensor

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        generator = torch.Generator("cpu").manual_seed(0)
        self.width = width
        # A permutation instead of random columns, so that all columns have equally many features.
        self.register_buffer("column", torch.randperm(count, generator=generator, device="cpu") % width)
        self.register_buffer("sign", 2.0 * torch.randint(2, (count,), generator=generator, device="cpu") - 1)

    def forward(self, features: Tensor) -> Tensor:
        """Project features.

        Parameters
        ----------
        features : Tensor of shape (B, F)
            Features.

        Returns
        -------
        Tensor of shape (B, width)
            The projected features.
        """
        return features.new_zeros(len(features), self.width).index_add_(1, self.column, features * self.sign)

    def expand(self, weight: np.ndarray) -> np.ndarray:
        """Return the coefficients of the features that equal the given coefficients of the projection.

        Parameters
        ----------
        weight : ndarray of shape (C, width)
            Coefficients of the projected features.

        Returns
        -------
        ndarray of shape (C, F)
            Coefficients of the features.
        """
        expanded: np.ndarray = weight[:, self.column.cpu().numpy()] * self.sign.cpu().numpy()
        return expanded


def divide_columns(counts: Sequence[int], total: int) -> list[int]:
    """Divide a number of columns among several kinds of features.

    Parameters
    ----------
    counts : sequence of int
        Number of features of each kind.
    total : int
        Number of columns.

    Returns
    -------
    list of int
        Number of columns of each kind: all kinds have the same number, except those that have fewer features.

    Examples
    --------
    >>> from sktsmae.training.sketch import divide_columns
    >>> divide_columns([16, 5000, 200, 7000], 1000)
    [16, 392, 200, 392]
    """
    widths, left = list(counts), total
    for position, kind in enumerate(sorted(range(len(counts)), key=counts.__getitem__)):
        widths[kind] = min(counts[kind], left // (len(counts) - position))
        left -= widths[kind]
    return widths
