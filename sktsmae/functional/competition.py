"""Competition of convolution kernels: at each time step, the kernels of a group compete for the largest response."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def competing_responses(x: Tensor, kernels: Tensor, dilation: int) -> Tensor:
    """Compute the sum of the largest responses of each kernel, and how often it has the smallest response of its group.

    Parameters
    ----------
    x : Tensor of shape (B, 1, T) or (B, G, T), float32
        Signals: one for all groups, or one per group. They continue with zeros at both ends.
    kernels : Tensor of shape (K, G, L), float32
        K kernels of odd length L in each of G groups; K is a power of two.
    dilation : int
        Number of samples between two taps of a kernel.

    Returns
    -------
    Tensor of shape (B, 2, K, G), float32
        First, the sum of the kernel's response over the time steps at which it is the largest of the group; second, the
        number of time steps at which it is the smallest. Both are divided by T.

    References
    ----------
    A. Dempster, D. F. Schmidt and G. I. Webb, "Hydra: competing convolutional kernels for fast and accurate time series
    classification", Data Mining and Knowledge Discovery 37, 2023.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.competition import competing_responses
    >>> kernels = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])[:, None]
    >>> responses = competing_responses(torch.tensor([[[3.0, -2.0, 5.0, 2.0]]]), kernels, 1)
    >>> responses[..., 0].round(decimals=3).tolist()
    [[[2.5, 0.5], [0.25, 0.75]]]
    """
    reach, n_timepoints = dilation * (kernels.shape[2] // 2), x.shape[-1]
    padded = F.pad(x, (reach, reach)).transpose(0, 1)  # (G, B, T + 2 * reach)
    # A matrix product with the shifted signals is several times faster than a dilated convolution.
    shifted = [padded[..., start : start + n_timepoints] for start in range(0, 2 * reach + 1, dilation)]
    if x.shape[1] == 1:
        responses = kernels.flatten(0, 1) @ torch.cat(shifted).flatten(1)  # (K * G, B * T)
        responses = responses.view(*kernels.shape[:2], *x.shape[::2])  # (K, G, B, T)
    else:
        responses = kernels.transpose(0, 1)[:, None] @ torch.stack(shifted, dim=2)  # (G, B, K, T)
        responses = responses.movedim(2, 0)  # (K, G, B, T)
    compete = _compete_by_comparison if torch.onnx.is_in_onnx_export() else _compete
    return compete(responses).permute(2, 0, 3, 1) / n_timepoints


def _compete(responses: Tensor) -> Tensor:
    """Return the sums of the largest responses and the numbers of the smallest ones (2, G, B, K).

    The index of the kernel replaces the last bits of each response (a relative change of less than 1e-6), so that the
    maximum and the minimum contain the index of their kernel. This is three times as fast as comparing all responses
    with them.
    """
    num_kernels = len(responses)
    index = torch.arange(num_kernels, dtype=torch.int32, device=responses.device)[:, None, None, None]
    marked = responses.view(torch.int32).bitwise_and_(-num_kernels).bitwise_or_(index).view(torch.float32)
    largest, smallest = marked.amax(0), marked.amin(0)  # (G, B, T)
    zeros = responses.new_zeros(*largest.shape[:2], num_kernels)
    sums = zeros.scatter_add(2, _kernel_of(largest, num_kernels), largest)
    counts = zeros.scatter_add(2, _kernel_of(smallest, num_kernels), torch.ones_like(smallest))
    return torch.stack((sums, counts))


def _kernel_of(marked: Tensor, num_kernels: int) -> Tensor:
    return marked.contiguous().view(torch.int32).bitwise_and(num_kernels - 1).long()


def _compete_by_comparison(responses: Tensor) -> Tensor:
    """Compute the same by operators that ONNX has.

    If responses are equal, for example where a signal is constant, the last kernel is the largest and the first kernel
    is the smallest one, as in `_compete`.
    """
    num_kernels = len(responses)
    index = torch.arange(num_kernels, dtype=responses.dtype, device=responses.device)[:, None, None, None]
    last = torch.where(responses == responses.amax(0), index, -1.0).amax(0)
    first = torch.where(responses == responses.amin(0), index, float(num_kernels)).amin(0)
    sums = torch.where(index == last, responses, 0.0).sum(-1)
    counts = (index == first).float().sum(-1)
    return torch.stack((sums, counts)).permute(0, 2, 3, 1)
