"""Tests of the patch embedding."""

from __future__ import annotations

import torch
from torch.testing import assert_close

from sktsmae.functional.patches import patchify
from sktsmae.layers.patch_embed import PatchEmbed


def test_patch_embed_is_a_strided_convolution_followed_by_a_norm():
    embed = PatchEmbed(num_views=3, patch_size=(4, 10), embed_dim=16)
    image = torch.randn(2, 3, 8, 50)
    expected = embed.norm(embed.proj(image).flatten(2).transpose(1, 2))
    assert_close(embed(patchify(image, (4, 10))), expected)


def test_patch_embed_processes_each_patch_independently():
    embed = PatchEmbed(num_views=2, patch_size=(4, 10), embed_dim=16)
    patches = torch.randn(2, 6, 80)
    assert_close(embed(patches)[:, [4, 1]], embed(patches[:, [4, 1]]))


def test_patch_embed_has_the_weight_shape_of_a_convolution():
    embed = PatchEmbed(num_views=3, patch_size=(4, 50), embed_dim=16)
    assert embed.proj.weight.shape == (16, 3, 4, 50)
    assert embed.proj.bias.shape == (16,)
