from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import Readout
from sktsmae.models.encoder import build_encoder
from sktsmae.models.readout import band_rows, pool_bands, token_thresholds

SIZES = {"cwt_scales": 8, "patch_size_freq": 4, "patch_size_time": 10, "embed_dim": 16, "depth": 2, "num_heads": 2}


@pytest.fixture
def parts():
    return build_encoder(100, **SIZES)


def test_bands_are_described_by_statistics_over_time():
    tokens = torch.randn(3, 1 + 2 * 9, 5)
    thresholds = torch.randn(2 * 5, 8)
    pooled = pool_bands(tokens, (2, 9), thresholds).unflatten(1, (20, 2, 5))
    bands = tokens[:, 1:].unflatten(1, (2, 9))  # time is axis 2
    assert_close(pooled[:, 0], bands.mean(2))
    assert_close(pooled[:, 1], bands.amax(2))
    assert_close(pooled[:, 2], bands.amin(2))
    assert_close(pooled[:, 3], bands.std(2, correction=0))
    assert_close(pooled[:, 6], bands[:, :, 2:4].mean(2))  # of 9 columns, quarters begin at 0, 2, 4 and 6
    assert_close(pooled[:, 11], bands[:, :, 6:].amax(2))
    assert_close(pooled[:, 14], (bands > thresholds[:, 2].unflatten(0, (2, 5))[:, None]).float().mean(2))


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_short_rows_have_quarters_too(columns):
    pooled = pool_bands(torch.randn(2, 1 + columns, 4), (1, columns), torch.zeros(4, 8))
    assert pooled.shape == (2, 20 * 4)
    assert pooled.isfinite().all()


@pytest.mark.parametrize(
    ("pooling", "layers", "expected"),
    [("mean", None, 16), ("max", (1,), 16), ("cls", (0, 2), 32), ("bands", None, 640), ("bands", (2, 0), 1280)],
)
def test_channels_are_embedded_side_by_side(parts, pooling, layers, expected):
    readout = Readout(*parts, pooling, layers)
    x = torch.randn(4, 3, 100)
    out = readout(x)
    assert readout.out_features == expected
    assert out.shape == (4, 3 * expected)
    assert_close(out[:, expected : 2 * expected], readout(x[:, 1]), rtol=0, atol=1e-5)


def test_no_layer_means_the_output_of_the_encoder(parts):
    scalogram, encoder = parts
    x = torch.randn(4, 100)
    assert_close(Readout(*parts)(x), encoder(encoder.patchify(scalogram(x)))[:, 1:].mean(1))


def test_a_layer_is_what_that_many_blocks_make(parts):
    scalogram, encoder = parts
    patches = encoder.patchify(scalogram(torch.randn(4, 100)))
    first, last = encoder.readout(patches, (0, 2))
    assert_close(encoder.norm(last), encoder(patches), rtol=0, atol=1e-4)  # a norm of what is normalised
    embedded = encoder.patch_embed(patches) + encoder.pos_embed[:, 1:]
    assert_close(first[:, 1:], torch.nn.functional.layer_norm(embedded, (16,)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("layers", [(), (3,), (-1,)])
def test_layers_that_there_are_not(parts, layers):
    with pytest.raises(ValueError, match=r"readout_layers=.*from 0 to depth=2"):
        Readout(*parts, "mean", layers)


def test_thresholds_are_quantiles_of_each_layer(parts):
    scalogram, encoder = parts
    x = torch.randn(60, 100)
    with torch.inference_mode():
        thresholds = token_thresholds(scalogram, encoder, x.split(25))
        tokens = encoder.readout(encoder.patchify(scalogram(x)), (1,))[0]
    assert thresholds.shape == (4, 2 * 16, 8)
    share = (band_rows(tokens, encoder.grid_size)[..., None] > thresholds[1][:, None]).float().mean((0, 2))
    expected = 1 - torch.sigmoid(torch.linspace(-3.5, 3.5, 8))
    assert_close(share, expected.expand_as(share), rtol=0, atol=0.01)  # 600 values a row
