"""Tests of the transformer block."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sktsmae.layers.block import Block
from sktsmae.layers.low_rank import LowRankLinear
from sktsmae.layers.rotary import RotaryEmbedding


@pytest.fixture
def rotation() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the cosines and sines that rotate the tokens of 3 x 2 patches."""
    return RotaryEmbedding(8, 2)(torch.cartesian_prod(torch.arange(3), torch.arange(2))[None])


def test_block_has_pre_norm_residual_branches(rotation):
    block, x = Block(16, 2), torch.randn(2, 6, 16)
    middle = x + block.attn(block.norm1(x), *rotation)
    assert_close(block(x, *rotation), middle + block.mlp(block.norm2(middle)))


def test_block_with_zero_output_weights_is_the_identity(rotation):
    block, x = Block(16, 2), torch.randn(2, 6, 16)
    for layer in (block.attn.proj, block.mlp.fc2):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    assert torch.equal(block(x, *rotation), x)


@pytest.mark.parametrize(("mlp_ratio", "hidden"), [(4.0, 64), (2.5, 40)])
def test_mlp_ratio_sets_the_hidden_size_of_the_mlp(mlp_ratio, hidden):
    assert Block(16, 2, mlp_ratio).mlp.fc1.out_features == hidden


def test_linear_argument_sets_the_layers_of_the_mlp_only(rotation):
    block = Block(16, 2, linear=partial(LowRankLinear, rank_ratio=0.25))
    kinds = {name: type(module) for name, module in block.named_modules()}
    assert kinds["mlp.fc1"] is kinds["mlp.fc2"] is LowRankLinear
    assert kinds["attn.qkv"] is kinds["attn.proj"] is nn.Linear
    assert block(torch.randn(2, 6, 16), *rotation).shape == (2, 6, 16)
