"""Tests of the low-rank linear layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sktsmae.layers.low_rank import LowRankLinear


@pytest.mark.parametrize(
    ("sizes", "rank_ratio", "rank"),
    [
        ((768, 3072), 0.5, 384),
        ((3072, 768), 0.5, 384),
        ((768, 3072), 0.25, 192),
        ((99, 200), 0.5, 49),
        ((48, 192), 0.5, 32),
        ((16, 64), 0.5, 32),
        ((100, 100), 1.0, 100),
    ],
)
def test_rank_is_a_fraction_of_the_smaller_dimension_and_at_least_32(sizes, rank_ratio, rank):
    layer = LowRankLinear(*sizes, rank_ratio=rank_ratio)
    assert layer.v.weight.shape == (rank, sizes[0])
    assert layer.u.weight.shape == (sizes[1], rank)


def test_default_rank_is_half_the_smaller_dimension():
    assert LowRankLinear(200, 100).u.in_features == 50


def test_only_u_has_a_bias():
    layer = LowRankLinear(40, 60)
    assert layer.v.bias is None
    assert layer.u.bias.shape == (60,)
    assert set(layer.state_dict()) == {"v.weight", "u.weight", "u.bias"}


def test_output_is_the_product_of_u_v_and_x_plus_the_bias():
    layer = LowRankLinear(40, 60)
    x = torch.randn(2, 5, 40)
    assert_close(layer(x), x @ (layer.u.weight @ layer.v.weight).T + layer.u.bias)


@pytest.mark.parametrize("sizes", [(40, 64), (64, 40)])
def test_full_rank_layer_can_equal_a_dense_layer(sizes):
    dense, layer = nn.Linear(*sizes).double(), LowRankLinear(*sizes, rank_ratio=1.0).double()
    u, s, vh = torch.linalg.svd(dense.weight.detach(), full_matrices=False)
    layer.u.weight.data, layer.u.bias.data, layer.v.weight.data = u * s, dense.bias.data, vh
    x = torch.randn(7, sizes[0], dtype=torch.float64)
    assert_close(layer(x), dense(x))


def test_low_rank_layer_has_fewer_parameters_than_a_dense_layer():
    count = sum(p.numel() for p in LowRankLinear(768, 3072).parameters())
    assert count == 384 * (768 + 3072) + 3072 < 768 * 3072
