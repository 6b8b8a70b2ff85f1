"""Tests of the multilayer perceptron (MLP) of a block."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from sktsmae.layers.low_rank import LowRankLinear
from sktsmae.layers.mlp import MLP


def test_mlp_is_two_linear_layers_with_a_gelu_in_between():
    mlp, x = MLP(8, 20), torch.randn(3, 5, 8)
    expected = F.gelu(x @ mlp.fc1.weight.T + mlp.fc1.bias) @ mlp.fc2.weight.T + mlp.fc2.bias
    assert_close(mlp(x), expected)


def test_mlp_uses_the_given_class_of_linear_layer():
    mlp = MLP(8, 20, LowRankLinear)
    assert isinstance(mlp.fc1, LowRankLinear)
    assert isinstance(mlp.fc2, LowRankLinear)
    assert mlp(torch.randn(2, 8)).shape == (2, 8)
    assert isinstance(MLP(8, 20).fc1, nn.Linear)


def test_mlp_processes_each_token_independently():
    mlp, x = MLP(8, 20), torch.randn(2, 6, 8)
    assert_close(mlp(x)[:, [3, 0]], mlp(x[:, [3, 0]]))
