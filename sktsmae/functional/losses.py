"""Losses of pre-training and fine-tuning, one value per signal."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .patches import take_tokens
from .standardization import standardize

# Maximum number of prediction errors that are computed at once, so that they stay in the processor's cache.
_CHUNK_VALUES = 2**20


class _SquaredError(torch.autograd.Function):
    """Weighted squared error per sample. To save memory, the backward pass computes the errors again.

    Predictions and targets have the shape (B, N, P), the weights (B, N), and the validity mask (N, P) or (B, N, P).
    """

    @staticmethod
    def forward(ctx: Any, pred: Tensor, target: Tensor, weight: Tensor, valid: Tensor | None) -> Tensor:
        ctx.save_for_backward(pred, target, weight, valid)
        patch_errors = torch.empty_like(weight)
        step = max(1, _CHUNK_VALUES // pred[0].numel())
        for start in range(0, len(pred), step):
            part = slice(start, start + step)
            error = pred[part] - target[part]
            if valid is not None:
                error *= valid if valid.ndim == 2 else valid[part]
            patch_errors[part] = torch.linalg.vector_norm(error, dim=-1).square()
        return (patch_errors * weight).sum(-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        pred, target, weight, valid = ctx.saved_tensors
        factor = (2 * grad[:, None] * weight)[..., None]  # (B, N, 1)
        if valid is not None:
            factor = factor * valid
        error = pred - target
        error = error * factor if torch.is_grad_enabled() else error.mul_(factor)
        return error, -error if ctx.needs_input_grad[1] else None, None, None


def masked_patch_loss(
    pred: Tensor, target: Tensor, mask: Tensor, valid: Tensor | None = None, num_masked: float | None = None
) -> Tensor:
    """Compute the mean squared error of the masked patches of each sample.

    Parameters
    ----------
    pred, target : Tensor of shape (B, N, P)
        Predicted and true patches.
    mask : Tensor of shape (B, N)
        1 for a masked patch, which is included in the loss, and 0 for a kept patch, which is not.
    valid : Tensor of shape (N, P) or (B, N, P), default=None
        1 for a value that is included in the loss, and 0 for padding. None includes all values.
    num_masked : float, default=None
        Number by which the sum of the errors of the masked patches is divided. None uses the number of masked patches
        of each sample.

    Returns
    -------
    Tensor of shape (B,), float32
        The losses; 0 for a sample without masked patches.

    References
    ----------
    K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.losses import masked_patch_loss
    >>> target = torch.tensor([[[1.0, 1.0], [3.0, 3.0]]])
    >>> masked_patch_loss(torch.zeros(1, 2, 2), target, torch.tensor([[0.0, 1.0]])).round(decimals=3).tolist()
    [9.0]
    """
    num_values = pred.shape[-1] if valid is None else valid.sum(-1)
    divisor = mask.sum(-1, keepdim=True).clamp(min=1) if num_masked is None else num_masked
    weight = mask / (num_values * divisor)  # (B, N)
    losses: Tensor = _SquaredError.apply(pred.float(), target.float(), weight, valid)  # type: ignore[no-untyped-call]
    return losses


def waveform_loss(pred: Tensor, signal: Tensor, columns: Tensor | None = None) -> Tensor:
    """Compute the mean squared error of each predicted waveform against its standardised signal.

    Parameters
    ----------
    pred : Tensor of shape (B, T) or (B, C, width)
        Predicted waveforms: all samples, or if `columns` is given, the samples of C columns of patches.
    signal : Tensor of shape (B, T)
        Signals. They are standardised before the comparison.
    columns : Tensor of shape (B, C), int64, default=None
        Indices of the predicted columns of patches. None means that `pred` contains whole waveforms.

    Returns
    -------
    Tensor of shape (B,), float32
        The losses.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.losses import waveform_loss
    >>> waveform_loss(torch.zeros(1, 2), torch.tensor([[1.0, 5.0]])).round(decimals=3).tolist()
    [0.5]
    """
    target = standardize(signal.float(), -1)
    if columns is None:
        return (pred.float() - target).square().mean(-1)
    n_timepoints, width = signal.shape[-1], pred.shape[-1]
    all_columns = F.pad(target, (0, -n_timepoints % width)).unflatten(-1, (-1, width))  # (B, all columns, width)
    target = take_tokens(all_columns, columns)  # (B, C, width)
    inside = columns[..., None] * width + torch.arange(width, device=pred.device) < n_timepoints  # (B, C, width)
    return ((pred.float() - target).square() * inside).sum((1, 2)) / inside.sum((1, 2))


def latent_loss(pred: Tensor, target: Tensor, mask: Tensor, num_masked: float) -> Tensor:
    """Compute the mean smooth L1 loss of the predicted tokens of the masked patches of each sample.

    Parameters
    ----------
    pred, target : Tensor of shape (B, N, D)
        Predicted tokens and latent targets.
    mask : Tensor of shape (B, N)
        1 for a masked patch, which is included in the loss, and 0 for a kept patch, which is not.
    num_masked : float
        Number by which the sum over the masked patches is divided.

    Returns
    -------
    Tensor of shape (B,), float32
        The losses.

    References
    ----------
    A. Baevski et al., "data2vec", ICML 2022.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.losses import latent_loss
    >>> target = torch.tensor([[[1.0, 3.0], [5.0, 5.0]]])
    >>> latent_loss(torch.zeros(1, 2, 2), target, torch.tensor([[1.0, 0.0]]), 1).tolist()
    [1.5]
    """
    errors = F.smooth_l1_loss(pred.float(), target.float(), reduction="none").mean(-1)  # (B, N)
    return (errors * mask).sum(-1) / num_masked


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Compute the weighted cross entropy of each sample.

    Parameters
    ----------
    logits : Tensor of shape (B, C)
        Logits of the classes.
    labels : Tensor of shape (B,), int64
        Class indices.
    weights : Tensor of shape (B,)
        Sample weights, scaled to a mean of 1 over the data set. Losses are not divided by the sum of the weights in a
        batch, so the contribution of a sample does not depend on its batch.
    label_smoothing : float, default=0
        Probability that is distributed evenly over all classes.

    Returns
    -------
    Tensor of shape (B,), float32
        The losses.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.losses import weighted_cross_entropy
    >>> losses = weighted_cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]), torch.tensor([0.5, 1.5]))
    >>> losses.round(decimals=3).tolist()
    [0.6930000185966492, 2.0789999961853027]
    """
    losses = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=label_smoothing)
    return losses * weights
