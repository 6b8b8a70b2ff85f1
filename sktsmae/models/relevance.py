"""Where in time and frequency a classifier found what its head decided by."""

from __future__ import annotations

import torch
from torch import Tensor

from ..functional.gaps import unpadded_extent
from ..functional.patches import unpatchify
from .classifier import SignalClassifier


def relevance_map(model: SignalClassifier, x: Tensor, classes: Tensor) -> Tensor:
    """Follow what speaks for a class from the head, through the attention of head and encoder, back to the patches.

    A patch's relevance is how much its embedding raises the class's logit over the mean of all classes, to first order,
    by what it has over the mean of its row of patches, a frequency band; where it lowers it, 0.

    Parameters
    ----------
    model : SignalClassifier
        The network, in evaluation mode.
    x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
        Signals of one channel or of M, or spectrograms.
    classes : Tensor of shape (B,), int64
        The class of each, an index of the logits.

    Returns
    -------
    Tensor of shape (B, M, S, T), float32
        Relevance of each place of the image of each channel, not negative, of sum 1 a sample. All places of a patch
        have the same. Where the scalogram resamples, each sample of `x` has the relevance of the nearest of the image,
        and none where a shorter signal is padded.
        Where nothing in a signal speaks for its class, as in a constant one, all places have the same.

    Notes
    -----
    The attention weights of the reasoning tokens themselves say little: after a short fine-tuning they are nearly even,
    and the encoder's attention has by then carried what it found to other tokens. Measured on planted patterns, the
    share of a map within the pattern's stretch of time: with the head fine-tuned (chance 0.20) 0.24 by attention, 0.43
    by attention times its gradient, 0.48 by this; with all fine-tuned (chance 0.16) 0.16, 0.16 and 0.73.

    References
    ----------
    A. Shrikumar et al., "Learning important features through propagating activation differences", ICML 2017 (gradient
    times difference from a reference).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import TF_MAE_Classifier, relevance_map
    >>> model = TF_MAE_Classifier(None, num_classes=3, signal_len=200, embed_dim=32, depth=1, num_heads=2).eval()
    >>> relevance_map(model, torch.randn(5, 200), torch.tensor([0, 1, 2, 0, 1])).shape
    torch.Size([5, 1, 64, 200])
    """
    encoder, (rows, columns) = model.encoder, model.encoder.grid_size
    patches = encoder.patchify(model.scalogram(x))  # (B * M, N, P)
    with torch.inference_mode(False), torch.enable_grad():
        # A clone, for a tensor made in inference mode has no gradients; asked for here, for the weights may be frozen.
        patches = patches.clone().requires_grad_()
        embedded, *_, last = encoder.through_blocks(patches)  # (B * M, 1 + N, D)
        tokens = encoder.norm(last)[:, 1:].unflatten(0, (len(x), -1)).flatten(1, 2)  # (B, M * N, D)
        logits = model.head(tokens)
        # Softmax does not see what all logits share.
        margin = logits.gather(1, classes.clone()[:, None])[:, 0] - logits.mean(1)
        (gradient,) = torch.autograd.grad(margin.sum(), embedded)
        values = encoder.patch_embed(patches.detach().to(gradient.dtype))
    values = values.detach().unflatten(1, (rows, columns))  # (B * M, rows, columns, D)
    gain = (values - values.mean(2, keepdim=True)) * gradient[:, 1:].unflatten(1, (rows, columns))
    relevance = gain.float().sum(-1).clamp(min=0).flatten(1)[..., None]  # (B * M, N, 1)
    height, width = encoder.patch_size
    places = relevance.expand(-1, -1, height * width)
    image = unpatchify(places, encoder.image_size[1:], encoder.patch_size)[:, 0]  # (B * M, S, T)
    image = image.unflatten(0, (len(x), -1))  # (B, M, S, T)
    if x.ndim < 4:
        image = _at_samples(image, x)
    total = image.sum((1, 2, 3), keepdim=True)
    even = _at_samples(torch.ones_like(image), x) if x.ndim < 4 else torch.ones_like(image)
    relevance = torch.where(total > 0, image, even)
    return relevance / relevance.sum((1, 2, 3), keepdim=True)


def _at_samples(image: Tensor, x: Tensor) -> Tensor:
    """Return what images (B, M, S, T') of signals (B, ..., T) hold at their samples, (B, M, S, T); 0 outside ends."""
    start, stop = unpadded_extent(x)
    time = torch.arange(x.shape[-1], device=x.device)  # (T,)
    share = (time - start[:, None]) / (stop - start - 1).clamp(min=1)[:, None]  # (B, T)
    nearest = (share.clamp(0, 1) * (image.shape[-1] - 1)).round().long()[:, None, None]
    inside = (time >= start[:, None]) & (time < stop[:, None])
    return image.gather(-1, nearest.expand(-1, *image.shape[1:3], -1)) * inside[:, None, None]
