"""Tests of the attention layer."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.rotary import apply_rotary
from sktsmae.layers.attention import Attention
from sktsmae.layers.rotary import RotaryEmbedding

DIM, HEADS = 24, 3


@pytest.fixture
def attention() -> Attention:
    return Attention(DIM, HEADS)


@pytest.fixture
def rotation() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the cosines and sines that rotate seven tokens."""
    return RotaryEmbedding(DIM // HEADS, 1)(torch.arange(7)[None, :, None])


def test_attention_is_scaled_dot_product_attention_per_head(attention, rotation):
    x = torch.randn(2, 7, DIM)
    q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in attention.qkv(x).chunk(3, -1))
    q, k = apply_rotary(q, *rotation), apply_rotary(k, *rotation)
    weights = (q @ k.transpose(-1, -2) / (DIM // HEADS) ** 0.5).softmax(-1)
    assert_close(attention(x, *rotation), attention.proj((weights @ v).transpose(1, 2).flatten(2)))


def test_only_the_output_projection_has_a_bias(attention):
    assert attention.qkv.bias is None
    assert attention.qkv.weight.shape == (3 * DIM, DIM)
    assert attention.proj.bias is not None


def test_token_order_matters_only_through_the_rotation(attention, rotation):
    x, order = torch.randn(2, 7, DIM), torch.tensor([3, 0, 6, 1, 5, 2, 4])
    cos, sin = rotation
    expected = attention(x, cos, sin)[:, order]
    assert_close(attention(x[:, order], cos[:, :, order], sin[:, :, order]), expected)
    assert (attention(x[:, order], cos, sin) - expected).abs().max() > 1e-3


def test_shifting_all_positions_does_not_change_the_output(attention):
    x, rotary = torch.randn(2, 7, DIM), RotaryEmbedding(DIM // HEADS, 1)
    positions = torch.arange(7)[None, :, None]
    assert_close(attention(x, *rotary(positions + 40)), attention(x, *rotary(positions)))


def test_each_sequence_can_have_its_own_rotation(attention):
    x, rotary = torch.randn(2, 7, DIM), RotaryEmbedding(DIM // HEADS, 1)
    positions = torch.stack((torch.arange(7), torch.tensor([0, 4, 2, 9, 30, 1, 5])))[..., None]
    both = attention(x, *rotary(positions))
    for b in range(2):
        assert_close(both[b : b + 1], attention(x[b : b + 1], *rotary(positions[b : b + 1])))
