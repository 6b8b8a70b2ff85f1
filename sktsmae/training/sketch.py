"""Random projection of features, for linear models on many samples."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

# Features are projected if there are more samples or values than these limits. A ridge regression on one projected kind
# then decomposes a matrix of 4,096 x 4,096 numbers, which takes seconds for any number of samples. A model on two
# projected kinds takes eight times as long.
WIDTH, _MAX_SAMPLES, _MAX_VALUES = 4096, 4000, 10**8


class CountSketch(nn.Module):
    """A fixed random projection, which adds each standardised feature with a random sign to one of a few columns.

    Parameters
    ----------
    sample : Tensor of shape (m, F)
        Features of a few samples, from which mean and standard deviation are computed.
    width : int, default=4096
        Number of columns of the projection.

    References
    ----------
    K. Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.training.sketch import CountSketch
    >>> features = torch.randn(50, 1000)
    >>> CountSketch(features, 64)(features).shape
    torch.Size([50, 64])
    """

    def __init__(self, sample: Tensor, width: int = WIDTH) -> None:
        super().__init__()
        generator = torch.Generator("cpu").manual_seed(0)
        count = sample.shape[1]
        self.width = width
        # A permutation instead of random columns, so that all columns have equally many features.
        self.column = (torch.randperm(count, generator=generator, device="cpu") % width).to(sample.device)
        sign = 2.0 * torch.randint(2, (count,), generator=generator, device="cpu") - 1
        self.mean, scale = sample.mean(0), sample.std(0, correction=0)
        self.factor = sign.to(sample.device) / torch.where(scale > 1e-6 * self.mean.abs(), scale, 1)

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
        projected = features.new_zeros(len(features), self.width)
        return projected.index_add_(1, self.column, (features - self.mean) * self.factor)

    def expand(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coefficients of the features that equal the given coefficients of the projection.

        Parameters
        ----------
        weight : ndarray of shape (C, width)
            Coefficients of the projected features.

        Returns
        -------
        weight : ndarray of shape (C, F)
            Coefficients of the features.
        bias : ndarray of shape (C,)
            To be added to the intercepts.
        """
        expanded = weight[:, self.column.cpu().numpy()] * self.factor.cpu().numpy()
        return expanded, -expanded @ self.mean.cpu().numpy()


def needs_sketch(n_samples: int, num_features: int) -> bool:
    """Return whether the features of samples are too many for an exact ridge regression.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    num_features : int
        Number of features of one kind.

    Returns
    -------
    bool
        True if there are more than 4,000 samples or 10**8 values, unless a projection would not reduce the features.
    """
    return num_features > WIDTH and (n_samples > _MAX_SAMPLES or n_samples * num_features > _MAX_VALUES)
