"""Tests of the embeddings of an encoder as features."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.pooling import band_rows
from sktsmae.models import EncoderEmbedding, SignalEncoder

SIZES = {"cwt_scales": 8, "patch_size_freq": 4, "patch_size_time": 10, "embed_dim": 16, "depth": 2, "num_heads": 2}


@pytest.fixture
def signal_encoder():
    return SignalEncoder.from_settings(signal_len=100, **SIZES)


@pytest.mark.parametrize(
    ("pooling", "layers", "num_features"),
    [("mean", None, 16), ("max", (1,), 16), ("cls", (0, 2), 32), ("bands", None, 640), ("bands", (2, 0), 1280)],
)
def test_embeddings_of_the_channels_are_concatenated(signal_encoder, pooling, layers, num_features):
    embedding = EncoderEmbedding(signal_encoder, pooling, layers, n_channels=3)
    x = torch.randn(4, 3, 100)
    out = embedding(x)
    assert embedding.out_features == 3 * num_features
    assert embedding.channel_features == num_features
    assert out.shape == (4, 3 * num_features)
    assert_close(out[:, num_features : 2 * num_features], embedding(x[:, 1]), rtol=0, atol=1e-5)


def test_layers_none_pools_the_output_of_the_encoder(signal_encoder):
    x = torch.randn(4, 100)
    assert_close(EncoderEmbedding(signal_encoder)(x), signal_encoder(x)[:, 0, 1:].mean(1))


def test_layer_number_is_the_number_of_applied_blocks(signal_encoder):
    encoder, patches = signal_encoder.encoder, signal_encoder.patches(torch.randn(4, 100))
    layer_0, layer_2 = encoder.readout(patches, (0, 2))
    # `readout` already applies a layer norm. The second layer norm adds rounding errors.
    assert_close(encoder.norm(layer_2), encoder(patches), rtol=0, atol=1e-4)
    embedded = encoder.patch_embed(patches) + encoder.pos_embed[:, 1:]
    assert_close(layer_0[:, 1:], torch.nn.functional.layer_norm(embedded, (16,)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("layers", [(), (3,), (-1,)])
def test_layers_that_do_not_exist_are_refused(signal_encoder, layers):
    with pytest.raises(ValueError, match=r"readout_layers=.*from 0 to depth=2"):
        EncoderEmbedding(signal_encoder, "mean", layers)


def test_thresholds_are_quantiles_of_each_layer(signal_encoder):
    encoder, x = signal_encoder.encoder, torch.randn(60, 100)
    embedding = EncoderEmbedding(signal_encoder, "bands", (1,))
    with torch.inference_mode():
        thresholds = embedding.fit_all_layers(x.split(25))
        tokens = signal_encoder.layer_tokens(x, (1,))[0]
    assert torch.equal(embedding.thresholds, thresholds[[1]])
    assert thresholds.shape == (4, 2 * 16, 8)
    fraction = (band_rows(tokens, encoder.grid_size)[..., None] > thresholds[1][:, None]).float().mean((0, 2))
    expected = 1 - torch.sigmoid(torch.linspace(-3.5, 3.5, 8))
    # Each fraction is estimated from 600 values.
    assert_close(fraction, expected.expand_as(fraction), rtol=0, atol=0.01)
