"""Tests of the layer that computes rotary position embeddings."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.rotary import rotary_angles
from sktsmae.layers.rotary import RotaryEmbedding


@pytest.mark.parametrize("num_axes", [1, 2])
def test_rotary_embedding_returns_cosines_and_sines_with_an_axis_for_the_heads(num_axes):
    positions = torch.randint(0, 100, (3, 7, num_axes))
    cos, sin = RotaryEmbedding(16, num_axes)(positions)
    angles = rotary_angles(positions, 16)
    assert cos.shape == sin.shape == (3, 1, 7, 8)
    assert_close(cos[:, 0], angles.cos())
    assert_close(sin[:, 0], angles.sin())


@pytest.mark.parametrize(("dim", "num_axes"), [(7, 1), (6, 2), (9, 2), (2, 2)])
def test_head_size_that_cannot_be_divided_among_the_axes_is_refused(dim, num_axes):
    with pytest.raises(ValueError, match=rf"{dim} features .* {num_axes} axes.*multiple of {2 * num_axes}"):
        RotaryEmbedding(dim, num_axes)


def test_positions_have_no_upper_limit():
    cos, sin = RotaryEmbedding(8, 1)(torch.tensor([[[1_000_000]]]))
    assert_close(cos.square() + sin.square(), torch.ones(1, 1, 1, 4))
    assert cos[0, 0, 0, 0].item() == pytest.approx(0.936752, abs=1e-6)  # cos(1e6)


def test_rotary_embedding_stays_float32_and_has_no_weights():
    rotary = RotaryEmbedding(8, 2).bfloat16()
    assert not rotary.state_dict()
    assert rotary(torch.zeros(1, 1, 2, dtype=torch.int64))[0].dtype == torch.float32
