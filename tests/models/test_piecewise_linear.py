"""Tests of models that are linear in standardised features and in their absolute values."""

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models.piecewise_linear import PiecewiseLinear, PiecewiseLinearBasis


def test_basis_has_the_standardised_features_and_their_absolute_values():
    x = 5 * torch.randn(200, 3) + torch.tensor([0.0, 100.0, -3.0])
    basis = PiecewiseLinearBasis(3)
    basis.fit(x)
    standardised, absolute = basis(x).chunk(2, dim=1)
    assert_close(standardised, (x - x.mean(0)) / x.std(0, correction=0), rtol=0, atol=1e-4)
    assert_close(absolute, standardised.abs())


def test_extreme_features_are_limited():
    basis = PiecewiseLinearBasis(1, limit=2.0)
    assert basis(torch.tensor([[-1e30], [1.0], [1e30]])).tolist() == [[-2, 2], [1, 1], [2, 2]]


@pytest.mark.parametrize("value", [0.0, 1e6])
def test_constant_features_are_not_amplified(value):
    basis = PiecewiseLinearBasis(2)
    x = torch.full((10, 2), value)
    basis.fit(x)
    assert basis(x).abs().max() == 0


def test_model_is_linear_on_each_side_of_the_mean():
    model = PiecewiseLinear(1, 2)
    model.basis.fit(torch.tensor([[1.0], [3.0]]))
    lower, upper = (model(torch.linspace(*ends, 5)[:, None]) for ends in [(-4, 2), (2, 9)])
    for outputs in (lower, upper):
        assert_close(outputs.diff(n=2, dim=0), torch.zeros(3, 2), rtol=0, atol=1e-5)
    slopes = (lower[1] - lower[0]) / 1.5, (upper[1] - upper[0]) / 1.75
    weight = model.linear.weight  # of the standardised feature and of its absolute value; the scale is 1
    assert_close(slopes, (weight[:, 0] - weight[:, 1], weight[:, 0] + weight[:, 1]))
