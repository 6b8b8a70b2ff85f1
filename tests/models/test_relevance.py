"""Tests of relevance maps of a classifier."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sktsmae.models import (
    Encoder,
    LatentReasoningHead,
    MultichannelHead,
    Scalogram,
    SignalClassifier,
    SignalEncoder,
    TF_MAE_Classifier,
    relevance_map,
)

CLASSES = torch.tensor([0, 1, 2, 1])


@pytest.fixture
def model(small_encoder):
    return TF_MAE_Classifier(None, num_classes=3, **small_encoder).eval()


def multichannel_model(num_channels, small_encoder):
    single_channel = TF_MAE_Classifier(None, num_classes=3, **small_encoder)
    return SignalClassifier(
        single_channel.signal_encoder, MultichannelHead(single_channel.head, num_channels, 16)
    ).eval()


def test_map_has_the_size_of_the_image_and_sums_to_one(model):
    image = relevance_map(model, torch.randn(4, 130), CLASSES)
    assert image.shape == (4, 1, 10, 130)  # without the padding: the patches cover 12 x 140 points
    assert image.dtype == torch.float32
    assert (image >= 0).all()
    assert_close(image.sum((1, 2, 3)), torch.ones(4))


def test_relevance_is_constant_within_a_patch(model):
    image = relevance_map(model, torch.randn(4, 130), CLASSES)
    patch = image[:, 0, 4:8, 40:60]
    assert torch.equal(patch, patch[:, :1, :1].expand_as(patch))


def test_relevance_agrees_with_finite_differences_of_the_class_logit(model):
    """Move each patch embedding away from the mean embedding of its row of patches, in float64."""
    model = model.double()
    model.scalogram.forward = lambda x, own=model.scalogram.forward: own(x).double()
    x = torch.randn(1, 130)
    patches = model.encoder.patchify(model.scalogram(x))
    embedded = model.encoder.patch_embed(patches)  # (1, 21, D)
    rows = embedded.unflatten(1, (3, 7))
    direction = (rows - rows.mean(2, keepdim=True)).flatten(1, 2)

    def relative_logit(change):
        model.encoder.patch_embed.forward = lambda _: embedded + change
        logits = model.head(model.encoder(patches)[:, 1:])[0]
        del model.encoder.patch_embed.forward  # restores the method of the class
        return (logits[2] - logits.mean()).item()

    step = 1e-5
    slopes = []
    for patch in range(21):
        change = torch.zeros_like(embedded)
        change[:, patch] = step * direction[:, patch]
        slopes.append((relative_logit(change) - relative_logit(-change)) / (2 * step))
    expected = torch.tensor(slopes).clamp(min=0)
    found = relevance_map(model, x, torch.tensor([2]))[0, 0, ::4, ::20].flatten()
    assert_close(found / found.sum(), (expected / expected.sum()).float(), atol=1e-5, rtol=1e-3)  # the map is float32


def test_map_of_a_signal_does_not_depend_on_its_batch(model):
    x = torch.randn(4, 130)
    assert_close(relevance_map(model, x, CLASSES)[2:3], relevance_map(model, x[2:3], CLASSES[2:3]))


def test_maps_of_different_classes_differ(model):
    x = torch.randn(1, 130)
    first, second = (relevance_map(model, x, torch.tensor([label])) for label in (0, 1))
    assert not torch.allclose(first, second, rtol=0.1)


@pytest.mark.parametrize("num_channels", [2, 3])
def test_channel_that_the_head_ignores_has_no_relevance(small_encoder, num_channels):
    model = multichannel_model(num_channels, small_encoder)
    with torch.no_grad():
        model.head.weight[1] = 0
    image = relevance_map(model, torch.randn(4, num_channels, 130), CLASSES)
    assert image.shape == (4, num_channels, 10, 130)
    assert not image[:, 1].any()
    assert_close(image.sum((1, 2, 3)), torch.ones(4))


def test_spectrogram_has_the_same_map_as_its_signal(model):
    x = torch.randn(4, 2, 130)
    spectrogram = model.scalogram.transform(x).flatten(1, 2)
    # The images of a signal and of its spectrogram may differ by rounding errors.
    expected = relevance_map(model, x, CLASSES)
    assert_close(relevance_map(model, spectrogram, CLASSES), expected, atol=1e-5, rtol=1e-2)


def test_constant_signal_has_a_uniform_map(small_encoder):
    scalogram = Scalogram(small_encoder["cwt_scales"], boundary="reflect")  # zero padding would change the edges
    encoder = Encoder((3, 10, 140), (4, 20), embed_dim=16, depth=1, num_heads=2)
    head = LatentReasoningHead(16, 3, num_heads=2)
    model = SignalClassifier(SignalEncoder(scalogram, encoder), head).eval()
    image = relevance_map(model, torch.ones(4, 140), CLASSES)
    assert_close(image, torch.full_like(image, 1 / 1400))


def test_relevance_map_works_in_inference_mode_and_with_frozen_weights(model):
    x = torch.randn(4, 130)
    expected = relevance_map(model, x, CLASSES)
    with torch.inference_mode():
        assert_close(relevance_map(model, x.clone(), CLASSES.clone()), expected)
    assert_close(relevance_map(model.requires_grad_(False), x, CLASSES), expected)


def test_relevance_map_leaves_no_gradients_on_the_weights(model):
    relevance_map(model, torch.randn(4, 130), CLASSES)
    assert [name for name, p in nn.Module.named_parameters(model) if p.grad is not None] == []
