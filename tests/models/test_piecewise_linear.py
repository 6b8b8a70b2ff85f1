"""Tests of models that are linear in standardised features and in their absolute values."""

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models.piecewise_linear import PiecewiseLinear, PiecewiseLinearBasis


def test_basis_has_the_standardised_features_and_their_absolute_values():
    x = 5 * torch.randn(200, 3) + torch.tensor([0.0, 100.0, -3.0])
    basis = PiecewiseLinearBasis(3)
    basis.fit(x, torch.ones(200))
    standardised, absolute = basis(x).chunk(2, dim=1)
    assert_close(standardised, (x - x.mean(0)) / x.std(0, correction=0), rtol=0, atol=1e-4)
    assert_close(absolute, standardised.abs() / 2)


def test_extreme_features_are_limited():
    basis = PiecewiseLinearBasis(1, limit=2.0)
    assert basis(torch.tensor([[-1e30], [1.0], [1e30]])).tolist() == [[-2, 1], [1, 0.5], [2, 1]]


@pytest.mark.parametrize("value", [0.0, 1e6])
def test_constant_features_are_not_amplified(value):
    basis = PiecewiseLinearBasis(2)
    x = torch.full((10, 2), value)
    x[3] += 0.0625  # one unit in the last place of 1e6
    basis.fit(x, torch.arange(10) != 3 if value == 0 else torch.ones(10))
    assert basis(x).abs().max() < 0.1


def test_weight_of_two_equals_a_repeated_sample():
    x = torch.randn(30, 4)
    weighted, repeated = PiecewiseLinearBasis(4), PiecewiseLinearBasis(4)
    weighted.fit(x, 1 + (torch.arange(30) < 10).double())
    repeated.fit(torch.cat([x, x[:10]]), torch.ones(40))
    assert_close(weighted(x), repeated(x))


def test_samples_of_weight_zero_are_ignored_unless_all_are():
    x = torch.randn(30, 4)
    x[0] = 1e6
    basis = PiecewiseLinearBasis(4)
    basis.fit(x, (torch.arange(30) > 0).float())
    assert basis.scale.max() < 3
    basis.fit(x, torch.zeros(30))
    assert basis.scale.min() > 1000


def test_model_is_linear_on_each_side_of_the_mean():
    model = PiecewiseLinear(1, 2)
    model.basis.fit(torch.tensor([[1.0], [3.0]]), torch.ones(2))
    lower, upper = (model(torch.linspace(*ends, 5)[:, None]) for ends in [(-4, 2), (2, 9)])
    for outputs in (lower, upper):
        assert_close(outputs.diff(n=2, dim=0), torch.zeros(3, 2), rtol=0, atol=1e-5)
    slopes = (lower[1] - lower[0]) / 1.5, (upper[1] - upper[0]) / 1.75
    weight = model.linear.weight * torch.tensor([1.0, 0.5])  # the scale is 1
    assert_close(slopes, (weight[:, 0] - weight[:, 1], weight[:, 0] + weight[:, 1]))


def test_outputs_do_not_depend_on_the_size_of_the_batch():
    generator = torch.Generator().manual_seed(0)
    x, model = torch.randn(40, 501, generator=generator), PiecewiseLinear(501, 1)
    alone = torch.cat([model(sample[None]) for sample in x])
    torch.testing.assert_close(model(x), alone, rtol=1e-7, atol=1e-7)
