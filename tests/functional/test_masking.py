"""Tests of the random masks of patches."""

from __future__ import annotations

import math

import pytest
import torch

from sktsmae.functional.masking import drop_channels, mixed_noise, num_kept, random_masking
from sktsmae.functional.patches import take_tokens


@pytest.mark.parametrize(
    ("num_patches", "mask_ratio", "kept"),
    [(960, 0.75, 240), (128, 0.75, 32), (10, 0.75, 2), (7, 0.5, 3), (2, 0.5, 1), (21, 0.1, 18), (100, 0.99, 1)],
)
def test_masking_keeps_the_given_fraction_of_patches_rounded_down(num_patches, mask_ratio, kept):
    ids_keep, ids_restore, mask = random_masking(torch.rand(5, num_patches), mask_ratio)
    assert num_kept(num_patches, mask_ratio) == kept
    assert ids_keep.shape == (5, kept)
    assert ids_restore.shape == mask.shape == (5, num_patches)
    assert mask.unique().tolist() == [0, 1]
    assert (mask.sum(1) == num_patches - kept).all()


def test_masking_keeps_the_patches_with_the_smallest_noise():
    noise = torch.rand(6, 40)
    ids_keep, _, mask = random_masking(noise, 0.7)
    for row in range(6):
        kept = noise[row][mask[row] == 0]
        assert kept.max() < noise[row][mask[row] == 1].min()
        assert torch.equal(noise[row][ids_keep[row]], kept.sort().values)


def test_ids_restore_undoes_the_shuffle():
    tokens, noise = torch.randn(4, 12, 3), torch.rand(4, 12)
    ids_keep, ids_restore, mask = random_masking(noise, 0.75)
    shuffled = torch.stack([torch.cat((tokens[b, ids_keep[b]], torch.full((9, 3), -1.0))) for b in range(4)])
    restored = take_tokens(shuffled, ids_restore)
    expected = torch.where(mask[..., None] == 1, -1.0, tokens)
    assert torch.equal(restored, expected)


def test_every_patch_is_kept_equally_often():
    _, _, mask = random_masking(torch.rand(4000, 16), 0.75)
    # The fraction over 4000 draws has a standard deviation of 0.007. The tolerance is five standard deviations.
    assert ((1 - mask).mean(0) - 0.25).abs().max() < 0.035


@pytest.mark.parametrize("mask_ratio", [0.0, 1.0, -0.1, 1.5, math.nan, math.inf])
def test_mask_ratio_must_be_strictly_between_zero_and_one(mask_ratio):
    with pytest.raises(ValueError, match=rf"mask_ratio={mask_ratio}: give a fraction strictly between 0 and 1"):
        random_masking(torch.rand(2, 10), mask_ratio)


@pytest.mark.parametrize(
    ("num_patches", "mask_ratio", "kept"), [(10, 0.95, 0), (1, 0.5, 0), (3, 0.75, 0), (10, 1e-17, 10)]
)
def test_mask_ratio_that_masks_all_or_no_patches_is_refused(num_patches, mask_ratio, kept):
    with pytest.raises(ValueError, match=rf"mask_ratio={mask_ratio} leaves {kept} of {num_patches} patches visible"):
        num_kept(num_patches, mask_ratio)


def test_take_tokens_selects_by_index():
    tokens = torch.randn(2, 5, 3)
    ids = torch.tensor([[4, 0], [1, 1]])
    assert torch.equal(take_tokens(tokens, ids), torch.stack([tokens[0, [4, 0]], tokens[1, [1, 1]]]))


def test_mixed_noise_keeps_single_patches_whole_columns_or_whole_rows():
    kept = mixed_noise(4000, (4, 8)).unflatten(1, (4, 8)) < 0.25
    whole_columns = (kept.all(1) | ~kept.any(1)).all(1)
    whole_rows = (kept.all(2) | ~kept.any(2)).all(1)
    # A quarter of the images keep whole columns, and a quarter keep whole rows. Images that keep no patch or all
    # patches are excluded, because they satisfy both conditions. The tolerance is four standard deviations.
    assert abs((whole_columns & ~whole_rows).float().mean() - 0.25 * (1 - 0.75**8 - 0.25**8)) < 0.025
    assert abs((whole_rows & ~whole_columns).float().mean() - 0.25 * (1 - 0.75**4 - 0.25**4)) < 0.025
    assert abs(kept.float().mean() - 0.25) < 0.02


def test_mixed_noise_has_no_ties():
    noise = mixed_noise(50, (4, 8))
    assert all(len(row.unique()) == 32 for row in noise)


def test_a_fifth_of_the_channels_is_dropped_but_one_channel_always_stays():
    x = torch.randn(2000, 3, 4)
    dropped = drop_channels(x, torch.rand(6000, 1)).isnan().all(-1)  # (2000, 3)
    assert not dropped.all(1).any()
    # 0.2 of all channels, less those that stay because all three are below 0.2: 0.2 - 0.2 ** 3 / 3. The standard error
    # of 6,000 draws is 0.005.
    assert abs(dropped.float().mean() - (0.2 - 0.2**3 / 3)) < 0.02


def test_the_only_channel_with_values_is_never_dropped():
    x = torch.randn(200, 2, 4)
    x[:, 0] = torch.nan
    assert torch.equal(drop_channels(x, torch.rand(400, 1)).isnan(), x.isnan())


def test_signals_of_one_channel_and_spectrograms_lose_no_channel():
    for x in (torch.randn(5, 4), torch.randn(5, 6, 8, 4)):
        assert drop_channels(x, torch.zeros(10, 1)) is x
