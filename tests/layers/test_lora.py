"""Tests of LoRA updates of the linear layers of a block."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.testing import assert_close

from sktsmae.layers.block import Block
from sktsmae.layers.lora import LoRA, inject_lora, merge_lora
from sktsmae.layers.low_rank import LowRankLinear


def test_lora_update_starts_at_zero_and_has_the_given_rank():
    update, matrix = LoRA(20, 30, rank=3), torch.randn(20, 30)
    assert torch.equal(update(matrix), matrix)
    nn.init.normal_(update.b)
    # The tolerance covers the rounding errors of values up to 10.
    assert_close(update(matrix) - matrix, update.b @ update.a, rtol=0, atol=1e-5)
    assert torch.linalg.matrix_rank(update.b @ update.a) == 3


def test_injecting_and_merging_lora_preserves_the_output_of_a_block():
    block, rotation = Block(16, 2, linear=LowRankLinear), (torch.ones(1, 1, 5, 4), torch.zeros(1, 1, 5, 4))
    original, x = copy.deepcopy(block), torch.randn(3, 5, 16)
    inject_lora(block)
    assert torch.equal(block(x, *rotation), original(x, *rotation))
    trained = [name for name, weights in block.named_parameters() if weights.requires_grad]
    assert len(trained) == 2 * 6  # a and b of qkv, proj, fc1.v, fc1.u, fc2.v and fc2.u
    for weights in block.parameters():
        if weights.requires_grad:
            nn.init.normal_(weights)
    updated = block(x, *rotation)
    merge_lora(block)
    assert torch.equal(block(x, *rotation), updated)
    assert block.state_dict().keys() == original.state_dict().keys()
    assert all(weights.requires_grad for weights in block.parameters())
    assert {type(module) for module in block.modules()} == {type(module) for module in original.modules()}
