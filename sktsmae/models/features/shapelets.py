"""Distances from shapelets, which are windows of the training signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ...functional.gaps import map_unpadded, unpadded_extent
from ...functional.shapelets import dilated_windows, normalise_windows, smallest_distances
from .base import FeatureContext, Features, with_channels

SHAPELET_LENGTH = 11
# Approximate number of shapelets of one channel, and of all channels (`tests/benchmarks/ensemble.md`).
_PER_CHANNEL, _TOTAL = 2048, 8192
# Maximum number of distances, or of values of windows, (float32) at once, so that they fit into the processor's cache.
_MAX_VALUES = 2**20


class Shapelets(Features):
    """The distance of each signal from random windows of the training signals, at the most similar place.

    A shapelet has eleven samples (fewer if the signals are shorter) that are 1, 2, 4, ... samples apart. Half of the
    shapelets are compared with the values of the windows of a signal, relative to its mean, and half with the shape of
    the windows, which are shifted to a mean of 0 and divided by their standard deviation. Classes that differ in a
    short waveform, at any time, differ in these distances.

    The distance of a training signal from its own windows is 0.

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.
    n_timepoints : int
        Length T of a signal.

    References
    ----------
    A. Guillaume, C. Vrain and W. Elloumi, "Random dilated shapelet transform: a new approach for time series
    shapelets", ICPRAI 2022. Unlike there, shapelets are drawn without labels, distances are Euclidean, and only the
    smallest distance of each shapelet is used.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Shapelets
    >>> x = torch.randn(20, 100)
    >>> shapelets = Shapelets(1, 100)
    >>> shapelets.fit([x], 20)
    >>> shapelets(x).shape
    torch.Size([20, 2048])
    """

    by_channel: ClassVar[bool] = True
    prior_weight: ClassVar[float] = 2.0
    compares_with_training_signals: ClassVar[bool] = True
    max_fit_signals: ClassVar[int] = 1000

    scale: Tensor
    shapelets: Tensor

    def __init__(self, n_channels: int, n_timepoints: int) -> None:
        super().__init__()
        self.n_channels = n_channels
        length = min(SHAPELET_LENGTH, n_timepoints)
        # The longest shapelet spans at least half of the signal.
        self.dilations = [1]
        while 2 * self.dilations[-1] * (length - 1) < n_timepoints - 1:
            self.dilations.append(2 * self.dilations[-1])
        of_channel = min(_PER_CHANNEL, _TOTAL // n_channels)
        count = max(1, of_channel // (2 * len(self.dilations)))
        # Mean absolute deviation of each channel.
        self.register_buffer("scale", torch.ones(n_channels, 1))
        # Two kinds, values and shapes, per dilation.
        self.register_buffer("shapelets", torch.zeros(len(self.dilations), 2, n_channels, count, length))

    @classmethod
    def from_context(cls, context: FeatureContext) -> Shapelets:
        """Build the features for signals of one shape.

        Parameters
        ----------
        context : FeatureContext
            Shape of the signals.

        Returns
        -------
        Shapelets
            The features, not fitted yet.
        """
        return cls(context.n_channels, context.n_timepoints)

    @property
    def out_features(self) -> int:
        """Number of features of a signal.

        Returns
        -------
        int
            Number of shapelets of all channels.
        """
        return self.shapelets[..., 0].numel()

    def feature_names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Return the names of the features of a signal.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            Not used.

        Returns
        -------
        list of str
            For example ``ch0_dilation4_shape_shapelet12``.
        """
        return [
            f"ch{channel}_dilation{dilation}_{kind}_shapelet{number}"
            for channel in range(self.n_channels)
            for dilation in self.dilations
            for kind in ("values", "shape")
            for number in range(self.shapelets.shape[3])
        ]

    def fit(self, batches: Iterable[Tensor], n_signals: int) -> None:
        """Draw shapelets from training signals, which all have the same probability.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T) or (B, M, T)
            Training signals, of which every channel has values. Leading and trailing NaN is padding.
        n_signals : int
            Not used.
        """
        generator = torch.Generator("cpu").manual_seed(0)
        shape = self.shapelets.shape[:-1]
        places = torch.rand(shape, generator=generator, device="cpu")
        deviations: list[Tensor] = []
        for batch in batches:
            x = with_channels(batch).cpu()
            x = x - x.nanmean(-1, keepdim=True)
            # Reservoir sampling: the n-th signal replaces the source of a shapelet with probability 1 / n, so that the
            # number of signals need not be known.
            numbers = torch.arange(1, len(x) + 1) + sum(map(len, deviations))
            replaces = torch.rand(len(x), *shape, generator=generator, device="cpu") * numbers.view(-1, 1, 1, 1, 1) < 1
            signals = (replaces * torch.arange(1, len(x) + 1).view(-1, 1, 1, 1, 1)).amax(0) - 1  # the last, or -1
            self._draw(x, signals, places)
            deviations.append(x.abs().nanmean(-1))
        scale = torch.cat(deviations).mean(0)
        self.scale = torch.where(scale > 0, scale, 1)[:, None].to(self.scale)
        self.shapelets = self.shapelets / self.scale[..., None]
        self.shapelets[:, 1] = normalise_windows(self.shapelets[:, 1].mT).mT

    def _draw(self, x: Tensor, signals: Tensor, places: Tensor) -> None:
        """Draw the shapelets (D, 2, M, K) for which `signals` has the index of a signal of `x` (b, M, T), not -1.

        `places` are the places of the shapelets in the signals, from 0 to 1.
        """
        numbers = dilation, _, channel, _ = (signals >= 0).nonzero(as_tuple=True)
        start, stop = (extent[signals[numbers]] for extent in unpadded_extent(x))
        steps = torch.tensor(self.dilations)[dilation, None] * torch.arange(self.shapelets.shape[-1])
        first = start + (places[numbers] * (stop - start - steps[:, -1]).clamp(min=1)).long()
        times = torch.minimum(first[:, None] + steps, stop[:, None] - 1)
        self.shapelets[numbers] = x[signals[numbers][:, None], channel[:, None], times].to(self.shapelets)

    def compute(self, x: Tensor) -> Tensor:
        """Compute the distances of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals. Leading and trailing NaN is padding, which is ignored.

        Returns
        -------
        Tensor of shape (B, F), float32
            The distances, in the order of channel, dilation, kind (values, shape) and shapelet.
        """
        with torch.autocast(x.device.type, enabled=False):
            if torch.onnx.is_in_onnx_export():
                return self._distances(x)
            # In parts whose distances and windows fit into the processor's cache.
            *_, n_channels, count, length = self.shapelets.shape
            values = n_channels * max(count, 1 + length) * x.shape[-1]
            parts = x.split(max(1, (_MAX_VALUES if x.device.type == "cpu" else 64 * _MAX_VALUES) // values))
            return torch.cat([map_unpadded(self._distances, part) for part in parts])

    def _distances(self, x: Tensor) -> Tensor:
        """Compute the distances of signals without padding."""
        x = with_channels(x)
        x = (x - x.mean(-1, keepdim=True)) / self.scale
        distances = []
        for dilation, (values, shapes) in zip(self.dilations, self.shapelets, strict=True):
            windows = dilated_windows(x, self.shapelets.shape[-1], dilation)  # (B, M, n, W)
            distances.append(smallest_distances(windows, values))
            distances.append(smallest_distances(normalise_windows(windows), shapes))
        return torch.cat(distances, dim=2).flatten(1)
