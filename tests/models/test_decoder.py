"""Tests of the decoder of the masked autoencoder."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sktsmae.functional.masking import random_masking
from sktsmae.functional.patches import take_tokens
from sktsmae.models import Decoder


def make_decoder(depth: int = 1, n_timepoints: int = 20, rope: str = "axial", decode_ratio: float = 1.0) -> Decoder:
    """Return a decoder of 3 x 4 patches. A patch has 2 views, 3 scales and 5 samples."""
    decoder = Decoder(
        (2, 9, n_timepoints),
        (3, 5),
        embed_dim=16,
        decoder_embed_dim=24,
        decoder_depth=depth,
        decoder_num_heads=3,
        rope=rope,
        decode_ratio=decode_ratio,
    )
    return decoder.eval()


@pytest.fixture
def masking() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return `ids_keep`, `ids_restore` and `mask` of two images with 3 visible patches each."""
    return random_masking(torch.rand(2, 12), 0.75)


@pytest.fixture
def ids_restore(masking) -> torch.Tensor:
    return masking[1]


@pytest.mark.parametrize("n_timepoints", [20, 17])
def test_decoder_predicts_all_patches_and_the_waveform(ids_restore, n_timepoints):
    pred_spec, pred_time = make_decoder(n_timepoints=n_timepoints)(torch.randn(2, 4, 16), ids_restore)
    assert pred_spec.shape == (2, 12, 30)
    assert pred_time.shape == (2, n_timepoints)


@pytest.mark.parametrize("rope", ["axial", "raster"])
def test_order_of_the_visible_tokens_does_not_matter(ids_restore, rope):
    decoder, latent = make_decoder(rope=rope), torch.randn(2, 4, 16)
    order = torch.tensor([2, 0, 1])
    new_position = torch.cat((order.argsort(), torch.arange(3, 12)))
    permuted = torch.cat((latent[:, :1], latent[:, 1:][:, order]), 1)
    outputs = zip(decoder(permuted, new_position[ids_restore]), decoder(latent, ids_restore), strict=True)
    for permuted_output, expected in outputs:
        assert_close(permuted_output, expected)


def test_each_visible_token_is_restored_to_its_position(masking):
    ids_keep, ids_restore, mask = masking
    decoder = make_decoder(depth=0)  # without blocks, a prediction depends only on its own token
    latent = torch.randn(2, 4, 16, requires_grad=True)
    pred_spec, _ = decoder(latent, ids_restore)
    visible = decoder.decoder_embed(latent[:, 1:]) + take_tokens(
        decoder.decoder_pos_embed[:, 1:].expand(2, -1, -1), ids_keep
    )
    assert_close(take_tokens(pred_spec, ids_keep), decoder.pred_spec(decoder.norm(visible)))
    masked = decoder.pred_spec(decoder.norm(decoder.mask_token + decoder.decoder_pos_embed[:, 1:])).expand(2, -1, -1)
    assert_close(pred_spec[mask == 1], masked[mask == 1])


def test_waveform_in_a_column_depends_on_all_patches_of_that_column():
    decoder = make_decoder(depth=0)
    latent = torch.randn(1, 13, 16, requires_grad=True)
    _, pred_time = decoder(latent, torch.arange(12)[None])
    for column in range(4):
        (grad,) = torch.autograd.grad(pred_time[0, 5 * column : 5 * column + 5].sum(), latent, retain_graph=True)
        used = grad[0].abs().sum(-1) > 0
        assert used[1:].unflatten(0, (3, 4)).nonzero()[:, 1].tolist() == [column] * 3


def test_axial_and_raster_rope_give_different_predictions(ids_restore):
    axial, raster = make_decoder(rope="axial"), make_decoder(rope="raster")
    raster.load_state_dict(axial.state_dict())
    latent = torch.randn(2, 4, 16)
    assert (axial(latent, ids_restore)[0] - raster(latent, ids_restore)[0]).abs().max() > 1e-4


def test_mlps_of_the_decoder_are_full_rank():
    assert type(make_decoder().blocks[0].mlp.fc1) is nn.Linear


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rope": "spiral"}, ["rope='spiral'"]),
        ({"decoder_embed_dim": 24, "decoder_num_heads": 5}, ["decoder_embed_dim=24", "decoder_num_heads=5"]),
        ({"decoder_embed_dim": 18, "decoder_num_heads": 3}, ["decoder_embed_dim", "decoder_num_heads", "6"]),
    ],
)
def test_error_names_invalid_settings(settings, words):
    with pytest.raises(ValueError, match="".join(f"(?=.*{word})" for word in words)):  # the message contains all words
        Decoder((2, 9, 20), (3, 5), embed_dim=16, **settings)


@pytest.mark.parametrize("rope", ["axial", "raster"])
def test_decoding_all_columns_in_any_order_equals_decoding_the_full_image(ids_restore, rope):
    decoder, latent = make_decoder(2, rope=rope), torch.randn(2, 4, 16)
    columns = torch.tensor([[3, 1, 0, 2], [0, 3, 2, 1]])
    pred_spec, pred_time = decoder(latent, ids_restore, columns)
    all_spec, all_time = decoder(latent, ids_restore)
    assert_close(pred_spec, take_tokens(all_spec, decoder.patches_of(columns)))
    assert_close(pred_time, take_tokens(all_time.unflatten(1, (4, 5)), columns))


def test_decoded_columns_attend_only_to_visible_patches_of_other_columns():
    decoder, latent = make_decoder(2), torch.randn(1, 4, 16)
    noise = torch.ones(1, 12)
    noise[0, [1, 6, 11]] = 0  # one patch is visible in each of the columns 1, 2 and 3
    _, ids_restore, _ = random_masking(noise, 0.75)
    columns = torch.tensor([[0, 1]])
    before = decoder(latent, ids_restore, columns)[0]
    # Patches 1 and 4 are in the decoded columns. In the other columns, only patches 6 and 11 are visible.
    for patch, has_effect in (
        (2, False),
        (3, False),
        (7, False),
        (10, False),
        (6, True),
        (11, True),
        (1, True),
        (4, True),
    ):
        changed = copy.deepcopy(decoder)
        with torch.no_grad():
            changed.decoder_pos_embed[0, 1 + patch] += torch.randn(24)
        assert torch.equal(changed(latent, ids_restore, columns)[0], before) != has_effect, patch


def test_patches_of_returns_the_patches_of_the_columns_row_by_row():
    ids = make_decoder().patches_of(torch.tensor([[3, 1], [0, 3]]))
    assert ids.tolist() == [[3, 1, 7, 5, 11, 9], [0, 3, 4, 7, 8, 11]]


@pytest.mark.parametrize(("decode_ratio", "num_columns"), [(0.5, 2), (0.8, 3), (0.01, 1)])
def test_columns_are_drawn_uniformly_and_only_in_training(decode_ratio, num_columns):
    decoder = make_decoder(decode_ratio=decode_ratio)
    assert decoder.draw_columns(2000) is None
    columns = decoder.train().draw_columns(2000)
    assert columns.shape == (2000, num_columns)
    assert all(len(set(row)) == num_columns for row in columns.tolist())
    fraction = columns.flatten().bincount(minlength=4) / 2000
    # The tolerance is five times the largest possible standard deviation of a fraction of 2000 draws.
    assert_close(fraction, torch.full((4,), num_columns / 4), rtol=0, atol=5 * (0.25 / 2000) ** 0.5)


def test_decode_ratio_of_one_decodes_all_columns():
    assert make_decoder().train().draw_columns(2) is None
