"""Distances of signals from normal signals, in the space of frozen features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..functional.fingerprint import fingerprint
from .features import Features

# Each standard deviation is increased by this fraction of the median one, so that features that hardly vary in the
# normal signals do not dominate. Standardised features are limited to this absolute value, so that no single extreme
# feature dominates. The ridge is this fraction of the mean eigenvalue (`tests/benchmarks/anomaly.md`).
_SHRINKAGE, _LIMIT, _RIDGE = 0.5, 3.0, 0.1
# Smallest squared distance, so that its logarithm is finite.
_SMALLEST = 1e-12


class MahalanobisDistance(nn.Module):
    r"""Squared Mahalanobis distance from the mean of normal samples, with a ridge on the covariance matrix.

    The distance of a sample with the centred and standardised features :math:`z` is
    :math:`h(z) = z^T (Z^T Z + \lambda I)^{-1} z`, where the rows of Z are the features of the n normal samples. The
    distance is computed from the principal components of Z.

    Parameters
    ----------
    in_features : int
        Number of features F.
    n_samples : int
        Number of normal samples n, at least 2.

    References
    ----------
    P. C. Mahalanobis, "On the generalised distance in statistics", Proc. Natl. Inst. Sci. India 2, 1936.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import MahalanobisDistance
    >>> distance = MahalanobisDistance(in_features=100, n_samples=30)
    >>> distance.fit(torch.randn(30, 100))
    >>> distance(torch.randn(5, 100)).shape
    torch.Size([5])
    """

    mean: Tensor
    scale: Tensor
    centre: Tensor
    components: Tensor
    eigenvalues: Tensor
    ridge: Tensor

    def __init__(self, in_features: int, n_samples: int) -> None:
        super().__init__()
        rank = min(in_features, n_samples - 1)
        self.n_samples = n_samples
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("scale", torch.ones(in_features))
        # Mean of the standardised features after they are limited.
        self.register_buffer("centre", torch.zeros(in_features))
        self.register_buffer("components", torch.zeros(rank, in_features))
        self.register_buffer("eigenvalues", torch.zeros(rank))
        self.register_buffer("ridge", torch.ones(()))

    def fit(self, x: Tensor) -> None:
        """Learn the scales and the principal components of normal samples.

        Parameters
        ----------
        x : Tensor of shape (n, F)
            Features of the normal samples; NaN if missing.
        """
        x = torch.where(x.isnan(), x.nanmean(0).nan_to_num(), x)
        scale = x.std(0, correction=0)
        scale = scale + _SHRINKAGE * scale.median()
        self.mean, self.scale = x.mean(0), torch.where(scale > 0, scale, 1.0)
        self.centre = torch.zeros_like(self.mean)
        self.centre = self._standardise(x).mean(0)
        z = self._standardise(x)
        squares, vectors = torch.linalg.eigh((z @ z.T).double())  # ascending
        rank = len(self.components)
        squares, vectors = squares[-rank:].clamp_min(_SMALLEST), vectors[:, -rank:]
        self.ridge, self.eigenvalues = _RIDGE * squares.sum().float() / len(x), squares.float()
        self.components = (vectors / squares.sqrt()).float().T @ z  # (rank, F)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the distance of new samples.

        Parameters
        ----------
        x : Tensor of shape (B, F)
            Features.

        Returns
        -------
        Tensor of shape (B,), float64
            The squared distances, at least 1e-12.
        """
        z = self._standardise(x).double()
        projections = z @ self.components.double().T
        weights = self.eigenvalues.double() / (self.eigenvalues.double() + self.ridge.double())
        squares = z.square().sum(1) - (projections.square() * weights).sum(1)
        return (squares / self.ridge.double()).clamp_min(_SMALLEST)

    def leave_one_out(self, distances: Tensor) -> Tensor:
        """Convert distances of the normal samples to leave-one-out distances.

        Parameters
        ----------
        distances : Tensor of shape (B,), float64
            Distances of some of the n samples in `fit`.

        Returns
        -------
        Tensor of shape (B,), float64
            The distance of each sample from the mean of the others, with the covariance matrix of the others. The
            scales of the features and the ridge are those of all samples.
        """
        factor = self.n_samples / (self.n_samples - 1)
        # The Sherman-Morrison formula: without a sample, the mean moves, and Z^T Z loses a matrix of rank 1.
        return factor**2 * distances / (1 - factor * distances).clamp_min(_SMALLEST)

    def _standardise(self, x: Tensor) -> Tensor:
        z = ((x - self.mean) / self.scale).clamp(-_LIMIT, _LIMIT) - self.centre
        return torch.where(z.isnan(), 0, z)  # a missing feature equals its mean


class NoveltyModel(nn.Module):
    """Distances of signals from normal signals, averaged over several kinds of frozen features.

    Parameters
    ----------
    features : mapping of str to Features
        One or more kinds of features, by name.
    n_samples : int
        Number of normal signals n, at least 2.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.fingerprint import fingerprint
    >>> from sktsmae.models import NoveltyModel, SummaryStatistics
    >>> model, x = NoveltyModel({"summary": SummaryStatistics(1)}, n_samples=20), torch.randn(20, 100)
    >>> distances = model.fit({"summary": model.features["summary"](x)}, fingerprint(x))
    >>> model(x[:3] + 1).shape
    torch.Size([3])
    """

    fingerprints: Tensor
    log_medians: Tensor

    def __init__(self, features: Mapping[str, Features], n_samples: int) -> None:
        super().__init__()
        self.features = nn.ModuleDict(features)
        self.distances = nn.ModuleDict(
            {name: MahalanobisDistance(kind.out_features, n_samples) for name, kind in features.items()}
        )
        # Logarithm of the median leave-one-out distance of the normal signals.
        self.register_buffer("log_medians", torch.zeros(len(features), dtype=torch.float64))
        self.register_buffer("fingerprints", torch.zeros(n_samples, dtype=torch.int64))

    def fit(self, features: Mapping[str, Tensor], fingerprints: Tensor) -> Tensor:
        """Learn the distribution of the features of normal signals.

        Parameters
        ----------
        features : mapping of str to Tensor of shape (n, F)
            Features of the normal signals, by name of the kind.
        fingerprints : Tensor of shape (n,), int64
            Fingerprints of the normal signals, from `functional.fingerprint`.

        Returns
        -------
        Tensor of shape (n,), float64
            The leave-one-out result of `forward` for the normal signals.
        """
        logs = []
        for name, distance in self._distances().items():
            distance.fit(features[name])
            logs.append(distance.leave_one_out(distance(features[name])).log())
        stacked = torch.stack(logs)  # (K, n)
        self.log_medians, self.fingerprints = stacked.median(1).values, fingerprints
        return (stacked - self.log_medians[:, None]).mean(0) / 2

    def forward(self, x: Tensor) -> Tensor:
        """Compute the distances of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals. The distance of a normal signal in `fit` is its leave-one-out distance.

        Returns
        -------
        Tensor of shape (B,), float64
            The logarithm of the distance divided by its median for the normal signals, averaged over the kinds.
        """
        known = torch.isin(fingerprint(x), self.fingerprints)
        logs = []
        for name, distance in self._distances().items():
            squares = distance(self.features[name](x))
            logs.append(torch.where(known, distance.leave_one_out(squares), squares).log())
        return (torch.stack(logs) - self.log_medians[:, None]).mean(0) / 2

    def _distances(self) -> dict[str, MahalanobisDistance]:
        return dict(self.distances.items())  # type: ignore[arg-type]
