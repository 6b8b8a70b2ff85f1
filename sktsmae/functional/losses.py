"""The two losses of pre-training, and the weighted cross entropy of fine-tuning."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .wavelets import standardize


def masked_patch_loss(pred: Tensor, target: Tensor, mask: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean squared error of a patch's values, averaged over the masked patches.

    Parameters
    ----------
    pred, target : Tensor of shape (B, N, P)
        Predicted and true patches.
    mask : Tensor of shape (B, N)
        1 for a patch that counts and 0 for one that does not.
    valid : Tensor of shape (N, P), default=None
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
    >>> masked_patch_loss(torch.zeros(1, 2, 2), target, torch.tensor([[0.0, 1.0]])).item()
    9.0
    """
    error = F.mse_loss(pred.float(), target.float(), reduction="none")
    patch_error = error.mean(-1) if valid is None else (error * valid).sum(-1) / valid.sum(-1)
    return (patch_error * mask).sum() / mask.sum()


def waveform_loss(pred: Tensor, signal: Tensor) -> Tensor:
    """Mean squared error against the signal, standardised by sample.

    Parameters
    ----------
    pred : Tensor of shape (B, T)
        Predicted waveforms.
    signal : Tensor of shape (B, T)
        Signals as they came.

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
    return F.mse_loss(pred.float(), standardize(signal.float(), -1))


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
