"""Models that are linear in standardised features and in their absolute values."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# Factor of the absolute values. They explain less than the features themselves, so a ridge regression should penalise
# their coefficients more (`tests/benchmarks/ensemble.md`).
_ABSOLUTE = 0.5
# Number of features that are converted to float64 at once, to save memory.
_COLUMNS = 1024


class PiecewiseLinearBasis(nn.Module):
    """Standardised features, and half of their absolute values.

    A linear combination of both is the sum of a piecewise linear function of each feature, with a knot at its mean. A
    missing feature (NaN) contributes nothing, as if it were equal to its mean.

    Parameters
    ----------
    in_features : int
        Number of features F.
    limit : float, default=inf
        Standardised features are limited to values from -limit to limit.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models.piecewise_linear import PiecewiseLinearBasis
    >>> basis, x = PiecewiseLinearBasis(1, limit=1.5), torch.tensor([[2.0], [4.0], [3.0], [9.0], [2.0]])
    >>> basis.fit(x, torch.ones(5))
    >>> basis(x[[1, 3]]).round(decimals=2)
    tensor([[0.0000, 0.0000],
            [1.5000, 0.7500]])
    """

    mean: Tensor
    scale: Tensor
    limit: Tensor

    def __init__(self, in_features: int, limit: float = float("inf")) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("scale", torch.ones(in_features))
        self.register_buffer("limit", torch.tensor(limit))

    def fit(self, x: Tensor, weights: Tensor) -> None:
        """Learn the mean and the standard deviation of each feature.

        Parameters
        ----------
        x : Tensor of shape (n, F)
            Features of n samples; NaN if missing.
        weights : Tensor of shape (n,)
            Sample weights. If all are 0, they are ignored.
        """
        weights = weights.double() if weights.any() else torch.ones_like(weights).double()
        weights = weights / weights.sum()
        means, scales = [], []
        for columns in x.split(_COLUMNS, dim=1):
            mean, scale = _moments(columns.double(), weights)
            means.append(mean)
            scales.append(torch.where(scale < 1e-6 * mean.abs() + 1e-30, 1.0, scale))  # constant except for rounding
        self.mean, self.scale = torch.cat(means).float(), torch.cat(scales).float()

    def forward(self, x: Tensor) -> Tensor:
        """Transform features.

        Parameters
        ----------
        x : Tensor of shape (B, F)
            Features.

        Returns
        -------
        Tensor of shape (B, 2 * F)
            All standardised features, then half of all absolute values.
        """
        standardised = ((x - self.mean) / self.scale).clamp(-self.limit, self.limit)
        if not torch.onnx.is_in_onnx_export():
            standardised = torch.where(standardised.isnan(), 0, standardised)
        return torch.cat((standardised, _ABSOLUTE * standardised.abs()), dim=1)


def _moments(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and standard deviations of features (n, F), ignoring NaN, for weights (n,) that sum to 1."""
    known = ~x.isnan()
    if bool(known.all()):
        mean = weights @ x
        return mean, (weights @ (x - mean) ** 2).sqrt()
    fractions = weights[:, None] * known
    fractions = fractions / fractions.sum(0).clamp(min=1e-300)
    mean = (fractions * x.nan_to_num()).sum(0)
    return mean, (fractions * (x - mean).nan_to_num() ** 2).sum(0).sqrt()


class PiecewiseLinear(nn.Module):
    """A model that is linear in standardised features and in their absolute values.

    Parameters
    ----------
    in_features : int
        Number of features F.
    out_features : int
        Number of outputs C.
    limit : float, default=inf
        Largest absolute value of a standardised feature.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import PiecewiseLinear
    >>> PiecewiseLinear(10, 3, limit=2.0)(torch.randn(5, 10)).shape
    torch.Size([5, 3])
    """

    def __init__(self, in_features: int, out_features: int, limit: float = float("inf")) -> None:
        super().__init__()
        self.basis = PiecewiseLinearBasis(in_features, limit)
        self.linear = nn.Linear(2 * in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs.

        Parameters
        ----------
        x : Tensor of shape (B, F)
            Features.

        Returns
        -------
        Tensor of shape (B, C)
            The outputs.
        """
        # In float64, because the rounding error of a matrix product depends on the number of samples in a batch and on
        # their order. In float32, predictions would depend on them by more than the tolerance of scikit-learn's checks.
        # Some devices, and some programs that run ONNX files, have no float64.
        in_float64 = x.device.type in ("cpu", "cuda") and not torch.onnx.is_in_onnx_export()
        exact = torch.float64 if in_float64 else torch.float32
        weight, bias = self.linear.weight.to(exact), self.linear.bias.to(exact)
        return functional.linear(self.basis(x).to(exact), weight, bias).to(x.dtype)
