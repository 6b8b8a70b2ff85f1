"""Competition of convolution kernels: at each time step, the kernels of a group compete for the largest response."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def competing_responses(x: Tensor, kernels: Tensor, dilation: int) -> Tensor:
    """Compute how often each kernel of a group has the smallest response, and the sum of its largest responses.

    Parameters
    ----------
    x : Tensor of shape (B, G, T)
        Signals, one for each of G groups. If G is 1 here, all groups use the same signal.
    kernels : Tensor of shape (K, G, L)
        K kernels of odd length L in each group.
    dilation : int
        Number of samples between two taps of a kernel.

    Returns
    -------
    Tensor of shape (B, 2, K, G), float32
        First, the sum over those time steps at which the kernel has the largest response of its group, of this
        response; second, the number of time steps at which it has the smallest response. Both are divided by T.

    References
    ----------
    A. Dempster, D. F. Schmidt and G. I. Webb, "Hydra: competing convolutional kernels for fast and accurate time series
    classification", Data Mining and Knowledge Discovery 37, 2023.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.competition import competing_responses
    >>> kernels = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])[:, None]
    >>> competing_responses(torch.tensor([[[3.0, -2.0, 5.0, 2.0]]]), kernels, 1)[..., 0].tolist()
    [[[2.5, 0.5], [0.25, 0.75]]]
    """
    num_kernels, groups, length = kernels.shape
    # The output channels of a grouped convolution are sorted by group, those of an ordinary one as the weights are.
    shared = x.shape[1] == 1
    weight = (kernels if shared else kernels.transpose(0, 1)).reshape(-1, 1, length)
    padding = dilation * (length // 2)
    responses = F.conv1d(x, weight, padding=padding, dilation=dilation, groups=x.shape[1])
    if shared:
        responses = responses.unflatten(1, (num_kernels, groups))  # (B, K, G, T)
    else:
        responses = responses.unflatten(1, (groups, num_kernels)).transpose(1, 2)  # (B, K, G, T)
    largest, smallest = responses.amax(1, keepdim=True), responses.amin(1, keepdim=True)
    sums = torch.where(responses == largest, responses, 0).mean(-1)
    counts = (responses == smallest).float().mean(-1)
    return torch.stack((sums, counts), dim=1)
