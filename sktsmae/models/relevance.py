"""Relevance maps, which show the times and scales that contribute to the decision of a classifier."""

from __future__ import annotations

import torch
from torch import Tensor

from ..functional.gaps import missing_channels, unpadded_extent
from ..functional.patches import unpatchify
from .signal_classifier import SignalClassifier


def relevance_map(model: SignalClassifier, x: Tensor, classes: Tensor) -> Tensor:
    """Compute a relevance map for the class of each signal by gradient times difference from a reference.

    The gradient is that of the logit of the class minus the mean of all logits, with respect to the embedding of each
    patch. The difference is that between the embedding and its reference, which is the mean embedding of the patches in
    the same row (frequency band). The relevance of a patch is the dot product of gradient and difference, or 0 if the
    dot product is negative.

    Parameters
    ----------
    model : SignalClassifier
        The network, in evaluation mode.
    x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
        Signals of one channel or of M channels, or spectrograms.
    classes : Tensor of shape (B,), int64
        The class of each signal, as an index into the logits.

    Returns
    -------
    Tensor of shape (B, M, S, T), float32
        Relevance of each point of the image of each channel. It is not negative and sums to 1 per signal. All points
        of a patch have the same relevance. If the scalogram resamples signals, each time step of `x` has the relevance
        of the nearest time step of the image. Padding and channels without values have relevance 0. If no patch has a
        positive relevance, as in a constant signal, the map is uniform.

    Notes
    -----
    The attention weights of the reasoning tokens are a poor explanation: after a short fine-tuning they are nearly
    uniform, and the attention of the encoder has already moved information to other tokens. An experiment with
    planted patterns measured the fraction of each map that lies within the time interval of the pattern. If only the
    head was fine-tuned (chance level 0.20), this fraction was 0.24 for attention, 0.43 for attention times its
    gradient, and 0.48 for this method. If the whole network was fine-tuned (chance level 0.16), the fractions were
    0.16, 0.16 and 0.73.

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
    patches = model.signal_encoder.patches(x)  # (B * M, N, P)
    num_channels, missing = model.signal_encoder.num_channels(x.shape[1:]), missing_channels(x)
    with torch.inference_mode(False), torch.enable_grad():
        # Tensors from inference mode cannot have gradients, so they are cloned. The patches require gradients because
        # the weights may be frozen.
        patches = patches.clone().requires_grad_()
        missing = None if missing is None else missing.clone()
        embedded, *_, last = encoder.through_blocks(patches, None, num_channels, missing)  # (B * M, 1 + N, D)
        tokens = encoder.norm(last)[:, 1:].unflatten(0, (len(x), -1))  # (B, M, N, D)
        if missing is not None:
            tokens = tokens.masked_fill(missing[..., None, None], torch.nan)
        logits = model.head(tokens.flatten(1, 2))
        # Softmax is invariant to a constant that is added to all logits, so the mean is subtracted.
        margin = logits.gather(1, classes.clone()[:, None])[:, 0] - logits.mean(1)
        (gradient,) = torch.autograd.grad(margin.sum(), embedded)
        values = encoder.patch_embed(patches.detach().to(gradient.dtype))
    values = values.detach().unflatten(1, (rows, columns))  # (B * M, rows, columns, D)
    product = (values - values.mean(2, keepdim=True)) * gradient[:, 1:].unflatten(1, (rows, columns))
    relevance = product.float().sum(-1).clamp(min=0).flatten(1)[..., None]  # (B * M, N, 1)
    height, width = encoder.patch_size
    points = relevance.expand(-1, -1, height * width)
    image = unpatchify(points, encoder.image_size[1:], encoder.patch_size)[:, 0]  # (B * M, S, T)
    image = image.unflatten(0, (len(x), -1))  # (B, M, S, T)
    if x.ndim < 4:
        image = _map_to_time_steps(image, x)
    total = image.sum((1, 2, 3), keepdim=True)
    uniform = _map_to_time_steps(torch.ones_like(image), x) if x.ndim < 4 else torch.ones_like(image)
    relevance = torch.where(total > 0, image, uniform)
    return relevance / relevance.sum((1, 2, 3), keepdim=True)


def _map_to_time_steps(image: Tensor, x: Tensor) -> Tensor:
    """Resample images (B, M, S, T') to the time steps of signals (B, ..., T) by nearest neighbour; padding is 0."""
    start, stop = unpadded_extent(x)
    time = torch.arange(x.shape[-1], device=x.device)  # (T,)
    fraction = (time - start[:, None]) / (stop - start - 1).clamp(min=1)[:, None]  # (B, T)
    nearest = (fraction.clamp(0, 1) * (image.shape[-1] - 1)).round().long()[:, None, None]
    inside = (time >= start[:, None]) & (time < stop[:, None])
    return image.gather(-1, nearest.expand(-1, *image.shape[1:3], -1)) * inside[:, None, None]
