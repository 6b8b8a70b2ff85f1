"""Features of competing convolution kernels, as in Hydra."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ...functional.competition import competing_responses
from ...functional.gaps import map_unpadded
from .base import FeatureContext, Features, with_channels

KERNELS_PER_GROUP, GROUPS, KERNEL_LENGTH = 8, 32, 9
# Largest number of channels that are summed to the input of a group.
_MAX_CHANNELS = 8
# Maximum number of responses (float32) at once, so that they fit into the processor's cache.
_MAX_VALUES = 2**20


class CompetingKernels(Features):
    """How often each of many random kernels has the largest or smallest response within its group.

    Random kernels of nine samples are convolved with the signal and with its difference, at dilations 1, 2, 4, ... In
    each group of eight kernels, the kernels compete at each time step. The features are the sum of the largest
    responses of each kernel, and the number of its smallest responses. Their square root is taken, because counts vary
    in proportion to their mean. If there are several channels, the input of each group is the sum of a random subset of
    them, after division by their mean absolute deviations in `fit`. The same kernels are drawn for all data sets.

    Parameters
    ----------
    n_channels : int
        Number of channels M of a signal.
    n_timepoints : int
        Length T of a signal.

    References
    ----------
    A. Dempster, D. F. Schmidt and G. I. Webb, "Hydra: competing convolutional kernels for fast and accurate time series
    classification", Data Mining and Knowledge Discovery 37, 2023.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import CompetingKernels
    >>> CompetingKernels(2, 100)(torch.randn(5, 2, 100)).shape
    torch.Size([5, 4096])
    """

    joined: ClassVar[bool] = True
    max_fit_signals: ClassVar[int] = 1000

    scale: Tensor
    kernels: Tensor
    channels: Tensor

    def __init__(self, n_channels: int, n_timepoints: int) -> None:
        super().__init__()
        self.n_channels = n_channels
        # Mean absolute deviation of each channel.
        self.register_buffer("scale", torch.ones(n_channels, 1))
        # The longest kernel spans at least half of the signal.
        self.dilations = [1]
        while 2 * self.dilations[-1] * (KERNEL_LENGTH - 1) < n_timepoints:
            self.dilations.append(2 * self.dilations[-1])
        generator = torch.Generator("cpu").manual_seed(0)
        shape = (len(self.dilations), 2, KERNELS_PER_GROUP, GROUPS, KERNEL_LENGTH)
        kernels = torch.randn(shape, generator=generator, device="cpu")
        kernels = kernels - kernels.mean(-1, keepdim=True)
        self.register_buffer("kernels", kernels / kernels.abs().sum(-1, keepdim=True))
        count = min(_MAX_CHANNELS, -(-n_channels // 2))
        channels = torch.rand(len(self.dilations), 2, GROUPS, n_channels, generator=generator, device="cpu")
        self.register_buffer("channels", channels.argsort(-1)[..., :count])

    @classmethod
    def from_context(cls, context: FeatureContext) -> CompetingKernels:
        """Build the features for signals of one shape.

        Parameters
        ----------
        context : FeatureContext
            Shape of the signals.

        Returns
        -------
        CompetingKernels
            The features.
        """
        return cls(context.n_channels, context.n_timepoints)

    @property
    def out_features(self) -> int:
        """Number of features of a signal.

        Returns
        -------
        int
            1,024 per dilation.
        """
        return len(self.dilations) * 2 * 2 * KERNELS_PER_GROUP * GROUPS

    def feature_names(self, scale_names: Sequence[str] | None = None) -> list[str]:
        """Return the names of the features of a signal.

        Parameters
        ----------
        scale_names : sequence of str, default=None
            Not used.

        Returns
        -------
        list of str
            For example ``d1_dilation4_group7_kernel3_smallest``.
        """
        return [
            f"d{view}_dilation{dilation}_group{group}_kernel{kernel}_{kind}"
            for dilation in self.dilations
            for view in range(2)
            for kind in ("largest", "smallest")
            for kernel in range(KERNELS_PER_GROUP)
            for group in range(GROUPS)
        ]

    def fit(self, batches: Iterable[Tensor], n_signals: int) -> None:
        """Learn the mean absolute deviation of each channel.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, T) or (B, M, T)
            Training signals.
        n_signals : int
            Not used.
        """
        # Deviations from the mean of each signal, because offsets have no effect.
        signals = [with_channels(batch) for batch in batches]
        deviations = [(batch - batch.nanmean(-1, keepdim=True)).abs() for batch in signals]
        total = torch.stack([batch.nansum((0, 2)) for batch in deviations]).sum(0)
        count = torch.stack([batch.isfinite().sum((0, 2)) for batch in deviations]).sum(0)
        scale = total / count.clamp(min=1)
        self.scale = torch.where(scale > 0, scale, 1.0)[:, None]

    def compute(self, x: Tensor) -> Tensor:
        """Compute the features of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals. Leading and trailing NaN is padding, which is ignored.

        Returns
        -------
        Tensor of shape (B, F), float32
            The features, in the order of dilation, view, kind (largest, smallest), kernel and group.
        """
        with torch.autocast(x.device.type, enabled=False):
            if torch.onnx.is_in_onnx_export():
                return self._compete(x)
            # In parts whose responses fit into the processor's cache.
            most = _MAX_VALUES if x.device.type == "cpu" else 64 * _MAX_VALUES
            parts = x.split(max(1, most // _num_responses(x.shape[-1])))
            return torch.cat([map_unpadded(self._compete, part) for part in parts])

    def _compete(self, x: Tensor) -> Tensor:
        """Compute the features of signals without padding."""
        x = with_channels(x)
        x = (x - x.mean(-1, keepdim=True)) / self.scale  # a convolution continues signals with zeros
        views = torch.stack((x, x.diff(dim=-1, prepend=x[..., :1])), dim=1)  # (B, 2, M, T)
        views_at_once = 1 if _num_responses(x.shape[-1]) > _MAX_VALUES else 2
        features = []
        for dilation, kernels, channels in zip(self.dilations, self.kernels, self.channels, strict=True):
            inputs = views  # (B, 2, N, T); each of N inputs of a view is used by G / N groups
            if self.n_channels > 1:
                inputs = torch.stack([views[:, view, chosen].sum(2) for view, chosen in enumerate(channels)], dim=1)
            num_inputs = inputs.shape[2]
            of_inputs = kernels.unflatten(2, (num_inputs, -1)).movedim(2, 1)  # (2, N, K, G / N, L)
            at_once = views_at_once * num_inputs
            parts = zip(inputs.flatten(1, 2).split(at_once, 1), of_inputs.flatten(0, 1).split(at_once), strict=True)
            responses = torch.cat([competing_responses(*part, dilation) for part in parts], dim=1)
            responses = responses.unflatten(1, (2, num_inputs)).movedim(2, 4)  # (B, 2, 2, K, N, G / N)
            features.append(responses.flatten(1))
        return torch.cat(features, dim=1).clamp(min=0).sqrt()


def _num_responses(n_timepoints: int) -> int:
    """Return the number of responses of all kernels to both views of a signal at one dilation."""
    return 2 * KERNELS_PER_GROUP * GROUPS * n_timepoints
