"""The losses of pre-training, and the weighted cross entropy of fine-tuning."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .masking import take_tokens
from .wavelets import standardize

# Values of which differences are held at once: they stay in the processor's cache.
_CHUNK_VALUES = 2**20


class _SquaredError(torch.autograd.Function):
    """Sum of weighted squared errors that makes nothing of the patches' size but their gradient."""

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
        return (patch_errors * weight).sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        pred, target, weight, valid = ctx.saved_tensors
        factor = (2 * grad * weight)[..., None]  # (B, N, 1)
        of_pred = pred - target
        if valid is not None:
            factor = factor * valid
        of_pred = of_pred * factor if torch.is_grad_enabled() else of_pred.mul_(factor)
        return of_pred, -of_pred if ctx.needs_input_grad[1] else None, None, None


def masked_patch_loss(pred: Tensor, target: Tensor, mask: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean squared error of a patch's values, averaged over the masked patches.

    Parameters
    ----------
    pred, target : Tensor of shape (B, N, P)
        Predicted and true patches.
    mask : Tensor of shape (B, N)
        1 for a patch that counts and 0 for one that does not. Where none does, the loss is 0.
    valid : Tensor of shape (N, P) or (B, N, P), default=None
        1 for a value that counts and 0 for padding; None if all count.

    Returns
    -------
    Tensor of shape (), float32
        The loss.

    References
    ----------
    K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.losses import masked_patch_loss
    >>> target = torch.tensor([[[1.0, 1.0], [3.0, 3.0]]])
    >>> masked_patch_loss(torch.zeros(1, 2, 2), target, torch.tensor([[0.0, 1.0]])).round(decimals=3).item()
    9.0
    """
    count = pred.shape[-1] if valid is None else valid.sum(-1)
    weight = mask / (count * mask.sum().clamp(min=1))  # (B, N)
    loss: Tensor = _SquaredError.apply(pred.float(), target.float(), weight, valid)  # type: ignore[no-untyped-call]
    return loss


def waveform_loss(pred: Tensor, signal: Tensor, columns: Tensor | None = None) -> Tensor:
    """Mean squared error against the signal, standardised by sample.

    Parameters
    ----------
    pred : Tensor of shape (B, T) or (B, C, samples)
        Predicted waveforms, or some of their columns of patches.
    signal : Tensor of shape (B, T)
        Signals as they came.
    columns : Tensor of shape (B, C), int64, default=None
        Which columns were predicted; None if the whole waveform was.

    Returns
    -------
    Tensor of shape (), float32
        The loss.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.losses import waveform_loss
    >>> waveform_loss(torch.zeros(1, 2), torch.tensor([[1.0, 5.0]])).round(decimals=3).item()
    0.5
    """
    target = standardize(signal.float(), -1)
    if columns is None:
        return F.mse_loss(pred.float(), target)
    n_timepoints, width = signal.shape[-1], pred.shape[-1]
    target = take_tokens(F.pad(target, (0, -n_timepoints % width)).unflatten(-1, (-1, width)), columns)  # (B, C, w)
    inside = columns[..., None] * width + torch.arange(width, device=pred.device) < n_timepoints  # (B, C, w)
    return ((pred.float() - target).square() * inside).sum() / inside.sum()


def instance_loss(first: Tensor, second: Tensor, temperature: float = 0.1) -> Tensor:
    """Tell from each view of a sample which of all second views is of the same sample (InfoNCE), both ways.

    Parameters
    ----------
    first, second : Tensor of shape (B, D)
        Embeddings of two views of each sample; only their directions count.
    temperature : float, default=0.1
        What cosines are divided by.

    Returns
    -------
    Tensor of shape (), float32
        The loss.

    References
    ----------
    A. van den Oord et al., "Representation learning with contrastive predictive coding", 2018.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.losses import instance_loss
    >>> round(instance_loss(torch.eye(4), torch.eye(4)).item(), 4)
    0.0001
    """
    with torch.autocast(first.device.type, enabled=False):  # losses are float32
        first, second = F.normalize(first.float(), dim=-1), F.normalize(second.float(), dim=-1)
        logits = first @ second.T / temperature  # (B, B)
    same = torch.arange(len(first), device=first.device)
    return (F.cross_entropy(logits, same) + F.cross_entropy(logits.T, same)) / 2


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross entropy with a weight a sample.

    Parameters
    ----------
    logits : Tensor of shape (B, C)
        Scores of the classes.
    labels : Tensor of shape (B,), int64
        Class indices.
    weights : Tensor of shape (B,)
        Weights whose mean over the data set is 1. The loss divides by the number of samples, not by the weights of
        the batch, so that a sample counts alike in whatever batch it falls.
    label_smoothing : float, default=0
        Probability that is spread over all classes.

    Returns
    -------
    Tensor of shape (), float32
        The loss.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.losses import weighted_cross_entropy
    >>> loss = weighted_cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]), torch.tensor([0.5, 1.5]))
    >>> round(loss.item(), 3)
    1.386
    """
    losses = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=label_smoothing)
    return (losses * weights).mean()
