"""Tests of the classification heads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sktsmae.models import LatentReasoningHead, MultichannelHead, ResidualMLPHead

HEADS = {
    "reasoning": lambda dropout=0.1: LatentReasoningHead(16, 5, num_heads=2, num_reasoning_tokens=3, dropout=dropout),
    "mlp": lambda dropout=0.1: ResidualMLPHead(16, 5, num_res_blocks=2, hidden_dim=20, dropout=dropout),
}


@pytest.fixture(params=HEADS)
def make_head(request) -> Callable[..., nn.Module]:
    return HEADS[request.param]


@pytest.mark.parametrize("num_tokens", [1, 12, 50])
def test_head_accepts_any_number_of_tokens(make_head, num_tokens):
    assert make_head()(torch.randn(4, num_tokens, 16)).shape == (4, 5)


def test_order_of_the_tokens_does_not_matter(make_head):
    head, tokens = make_head().eval(), torch.randn(4, 12, 16)
    assert_close(head(tokens[:, torch.randperm(12)]), head(tokens))


def test_every_token_influences_the_output(make_head):
    tokens = torch.randn(4, 12, 16, requires_grad=True)
    make_head().eval()(tokens).square().sum().backward()
    assert (tokens.grad.abs().amax(-1) > 0).all()


def test_samples_do_not_influence_each_other(make_head):
    head, tokens = make_head().eval(), torch.randn(4, 12, 16)
    assert_close(head(tokens)[1:2], head(tokens[1:2]))


def test_dropout_is_active_only_in_training(make_head):
    head, tokens = make_head(dropout=0.5), torch.randn(4, 12, 16)
    assert (head(tokens) - head(tokens)).abs().max() > 1e-3
    head.eval()
    assert torch.equal(head(tokens), head(tokens))


def test_training_and_evaluation_modes_agree_without_dropout(make_head):
    head, tokens = make_head(dropout=0.0), torch.randn(4, 12, 16)
    assert_close(head.train()(tokens), head.eval()(tokens))


def test_every_weight_gets_a_gradient(make_head):
    head = make_head(dropout=0.0)
    head(torch.randn(4, 12, 16)).square().sum().backward()
    assert [name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_reasoning_head_applies_cross_attention_self_attention_and_an_mlp():
    head, tokens = HEADS["reasoning"]().eval(), torch.randn(4, 12, 16)
    reasoning = head.reasoning_tokens.expand(4, -1, -1)
    assert reasoning.shape == (4, 3, 16)
    assert head.cross_attn.num_heads == head.self_attn.num_heads == 2
    assert head.mlp.fc1.out_features == 4 * 16
    reasoning = head.norm1(reasoning + head.cross_attn(reasoning, tokens, tokens)[0])
    reasoning = head.norm2(reasoning + head.self_attn(reasoning, reasoning, reasoning)[0])
    reasoning = head.norm3(reasoning + head.mlp(reasoning))
    assert_close(head(tokens), head.classifier(reasoning.mean(1)))


@pytest.mark.parametrize("num_res_blocks", [0, 1, 3])
def test_mlp_head_averages_the_tokens_and_applies_residual_blocks(num_res_blocks):
    head = ResidualMLPHead(16, 5, num_res_blocks, hidden_dim=20).eval()
    tokens = torch.randn(4, 12, 16)
    x = nn.functional.gelu(head.proj(head.norm_in(tokens.mean(1))))
    for block in head.blocks:
        x = x + block.fc2(nn.functional.gelu(block.fc1(block.norm(x))))
    assert len(head.blocks) == num_res_blocks
    assert_close(head(tokens), head.classifier(head.norm(x)))


def multichannel_head(num_channels=3):
    torch.manual_seed(0)
    return MultichannelHead(ResidualMLPHead(8, num_classes=4, hidden_dim=8), num_channels, 8).eval()


def test_multichannel_head_distinguishes_channels():
    tokens = torch.randn(2, 3 * 5, 8)
    swapped = tokens.unflatten(1, (3, 5))[:, [1, 0, 2]].flatten(1, 2)
    head = multichannel_head()
    assert not torch.allclose(head(tokens), head(swapped), atol=1e-4)
    # The wrapped head does not distinguish channels.
    assert torch.allclose(head.head(tokens), head.head(swapped), atol=1e-5)


def test_multichannel_head_with_identity_weights_equals_the_wrapped_head():
    tokens = torch.randn(2, 3 * 5, 8)
    head = multichannel_head()
    with torch.no_grad():
        head.weight.copy_(torch.eye(8).expand_as(head.weight))
    torch.testing.assert_close(head(tokens), head.head(tokens))
