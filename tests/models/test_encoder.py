"""Tests of the encoder, its masked input, and its position embedding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from sktsmae.functional.masking import random_masking
from sktsmae.layers.low_rank import LowRankLinear
from sktsmae.models import Encoder
from sktsmae.models.positions import resample_pos_embed, rotary_grid


def make_encoder(rope: str = "axial", embed_dim: int = 16, num_heads: int = 2) -> Encoder:
    """Return an encoder of 3 x 4 patches. A patch has 2 views, 3 scales and 5 samples."""
    return Encoder((2, 9, 20), (3, 5), embed_dim=embed_dim, depth=2, num_heads=num_heads, rope=rope).eval()


@pytest.fixture(params=["axial", "raster"])
def encoder(request) -> Encoder:
    return make_encoder(request.param)


@pytest.fixture
def patches() -> Tensor:
    return torch.randn(3, 12, 30)


def test_encoder_returns_a_class_token_and_one_token_per_patch(encoder, patches):
    assert encoder.grid_size == (3, 4)
    assert encoder.num_patches == 12
    tokens = encoder(patches)
    assert tokens.shape == (3, 13, 16)
    assert_close(tokens.mean(-1), torch.zeros(3, 13))  # by the final layer norm


def test_masked_patches_do_not_influence_the_tokens(encoder, patches):
    ids_keep, _, mask = random_masking(torch.rand(3, 12), 0.75)
    changed = torch.where(mask[..., None] == 1, 100 * torch.randn_like(patches), patches)
    tokens = encoder(patches, ids_keep)
    assert tokens.shape == (3, 4, 16)
    assert torch.equal(encoder(changed, ids_keep), tokens)
    assert (encoder(changed) - encoder(patches)).abs().max() > 0.1


def test_visible_patches_influence_the_tokens(encoder, patches):
    ids_keep, _, mask = random_masking(torch.rand(3, 12), 0.75)
    changed = torch.where(mask[..., None] == 0, torch.randn_like(patches), patches)
    difference = (encoder(changed, ids_keep) - encoder(patches, ids_keep)).abs().amax((1, 2))
    assert difference.min() > 0.1


def test_permuting_the_patches_permutes_the_tokens(encoder, patches):
    ids = torch.rand(3, 12).argsort(1)
    full, permuted = encoder(patches), encoder(patches, ids)
    assert_close(permuted[:, 0], full[:, 0])
    for b in range(3):
        assert_close(permuted[b, 1:], full[b, 1:][ids[b]])


def test_samples_do_not_influence_each_other(encoder, patches):
    ids_keep = random_masking(torch.rand(3, 12), 0.5)[0]
    together = encoder(patches, ids_keep)
    for b in range(3):
        assert_close(together[b : b + 1], encoder(patches[b : b + 1], ids_keep[b : b + 1]))


def test_axial_and_raster_rope_give_different_tokens(patches):
    axial, raster = make_encoder("axial"), make_encoder("raster")
    raster.load_state_dict(axial.state_dict())
    assert (axial(patches) - raster(patches)).abs().max() > 1e-3


def test_rotary_positions_follow_the_grid_of_patches():
    _, axial = rotary_grid((2, 3), 8, 1, "axial")
    _, raster = rotary_grid((2, 3), 8, 1, "raster")
    # The class token is at the origin. The axial position of a patch is (column, row), counted from 1.
    assert axial.tolist() == [[0, 0], [1, 1], [2, 1], [3, 1], [1, 2], [2, 2], [3, 2]]
    assert raster[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_mlps_are_low_rank_and_have_the_given_hidden_size_and_rank():
    encoder = Encoder((1, 4, 10), (4, 5), embed_dim=96, depth=1, num_heads=4, mlp_ratio=3.0, mlp_rank_ratio=0.75)
    assert isinstance(encoder.blocks[0].mlp.fc1, LowRankLinear)
    assert encoder.blocks[0].mlp.fc1.u.weight.shape == (288, 72)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rope": "spiral"}, ["rope='spiral'", "'axial'", "'raster'"]),
        ({"embed_dim": 16, "num_heads": 3}, ["embed_dim=16", "num_heads=3"]),
        ({"embed_dim": 12, "num_heads": 2}, ["embed_dim", "num_heads", "6", "multiple of 4"]),
        ({"embed_dim": 6, "num_heads": 2, "rope": "raster"}, ["embed_dim", "num_heads", "3", "multiple of 2"]),
    ],
)
def test_error_names_invalid_settings(settings, words):
    with pytest.raises(ValueError, match="".join(f"(?=.*{word})" for word in words)):  # the message contains all words
        make_encoder(**settings)


def test_raster_rope_needs_only_an_even_head_size(patches):
    assert make_encoder("raster", embed_dim=12, num_heads=2)(patches).shape == (3, 13, 12)


def test_resampled_pos_embed_keeps_the_class_token_and_resamples_each_row_over_time():
    pos_embed = torch.randn(1, 1 + 3 * 8, 5)
    out = resample_pos_embed(pos_embed, (3, 8), (3, 20))
    assert out.shape == (1, 1 + 3 * 20, 5)
    assert torch.equal(out[:, :1], pos_embed[:, :1])
    old, new = pos_embed[0, 1:].unflatten(0, (3, 8)), out[0, 1:].unflatten(0, (3, 20))
    for row in range(3):
        expected = F.interpolate(old[row].T[None, :, None], size=(1, 20), mode="bicubic")[0, :, 0].T
        assert_close(new[row], expected)


@pytest.mark.parametrize("columns", [3, 8, 50])
def test_resampling_preserves_an_embedding_that_is_constant_over_time(columns):
    by_row = torch.randn(1, 3, 1, 5)
    old, new = (torch.cat((torch.zeros(1, 1, 5), by_row.expand(-1, -1, n, -1).flatten(1, 2)), 1) for n in (8, columns))
    assert_close(resample_pos_embed(old, (3, 8), (3, columns)), new)


def test_resampling_to_the_same_grid_does_not_change_the_embedding():
    pos_embed = torch.randn(1, 13, 5)
    assert torch.equal(resample_pos_embed(pos_embed, (3, 4), (3, 4)), pos_embed)
