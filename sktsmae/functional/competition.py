"""Competition of convolution kernels: at each time step, the kernels of a group compete for the largest response."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def competing_responses(x: Tensor, kernels: Tensor, dilation: int) -> Tensor:
    """Compute the sum of the largest responses of each kernel, and how often it has the smallest response of its group.

    Parameters
    ----------
    x : Tensor of shape (B, N, T), float32
        N inputs, such as views of a signal, of each of B signals. They continue with zeros at both ends.
    kernels : Tensor of shape (N, K, G, L), float32
        K kernels of odd length L in each of G groups for each input; K is a power of two.
    dilation : int
        Number of samples between two taps of a kernel.

    Returns
    -------
    Tensor of shape (B, N, 2, K, G), float32
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
    >>> kernels = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])[None, :, None]
    >>> responses = competing_responses(torch.tensor([[[3.0, -2.0, 5.0, 2.0]]]), kernels, 1)
    >>> responses[0, 0, ..., 0].round(decimals=3).tolist()
    [[2.5, 0.5], [0.25, 0.75]]
    """
    reach, n_timepoints = dilation * (kernels.shape[-1] // 2), x.shape[-1]
    padded = F.pad(x.transpose(0, 1), (reach, reach))  # (N, B, T + 2 * reach)
    # A matrix product with the shifted signals is several times faster than a dilated convolution.
    starts = range(0, 2 * reach + 1, dilation)
    shifted = torch.stack([padded[..., start : start + n_timepoints] for start in starts], dim=1)  # (N, L, B, T)
    responses = kernels.flatten(1, 2) @ shifted.flatten(2)  # (N, K * G, B * T)
    responses = responses.view(*kernels.shape[:3], *shifted.shape[2:])  # (N, K, G, B, T)
    compete = _compete_by_comparison if torch.onnx.is_in_onnx_export() else _compete
    return compete(responses).permute(3, 1, 0, 4, 2) / n_timepoints


def _compete(responses: Tensor) -> Tensor:
    """Return the sums of the largest responses and the numbers of the smallest ones, (2, N, G, B, K).

    The shape of the responses is (N, K, G, B, T).

    The index of the kernel replaces the last bits of each response (a relative change of less than 1e-6), so that the
    maximum and the minimum contain the index of their kernel. This is three times as fast as comparing all responses
    with them.
    """
    num_kernels = responses.shape[1]
    index = torch.arange(num_kernels, dtype=torch.int32, device=responses.device)[:, None, None, None]
    marked = responses.view(torch.int32).bitwise_and_(-num_kernels).bitwise_or_(index).view(torch.float32)
    largest, smallest = marked.amax(1), marked.amin(1)  # (N, G, B, T)
    zeros = responses.new_zeros(*largest.shape[:-1], num_kernels)
    sums = zeros.scatter_add(-1, _kernel_of(largest, num_kernels), largest)
    counts = zeros.scatter_add(-1, _kernel_of(smallest, num_kernels), torch.ones_like(smallest))
    return torch.stack((sums, counts))


def _kernel_of(marked: Tensor, num_kernels: int) -> Tensor:
    return marked.contiguous().view(torch.int32).bitwise_and(num_kernels - 1).long()


def _compete_by_comparison(responses: Tensor) -> Tensor:
    """Compute the same by operators that ONNX has.

    If responses are equal, for example where a signal is constant, the last kernel is the largest and the first kernel
    is the smallest one, as in `_compete`.
    """
    num_kernels = responses.shape[1]
    index = torch.arange(num_kernels, dtype=responses.dtype, device=responses.device)[:, None, None, None]
    last = torch.where(responses == responses.amax(1, keepdim=True), index, -1.0).amax(1, keepdim=True)
    first = torch.where(responses == responses.amin(1, keepdim=True), index, float(num_kernels)).amin(1, keepdim=True)
    sums = torch.where(index == last, responses, 0.0).sum(-1)
    counts = (index == first).float().sum(-1)
    return torch.stack((sums, counts)).movedim(2, -1)
