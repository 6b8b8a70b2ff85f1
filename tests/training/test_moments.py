"""Tests of the sums over samples from which a ridge regression is computed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktsmae.training import moments as moments_module
from sktsmae.training.moments import Moments
from sktsmae.training.ridge import FeatureBlock, fit_ridge, solve_ridge


@pytest.fixture
def samples():
    """Return features, targets and weights of 60 samples."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 7)) + 2
    return features, features[:, :2] + rng.normal(size=(60, 2)), rng.uniform(0.5, 2, 60)


@pytest.mark.parametrize("chunk_values", [20, 2**22])
def test_moments_are_sums_of_products_of_all_or_some_features(samples, chunk_values, monkeypatch):
    monkeypatch.setattr(moments_module, "CHUNK_VALUES", chunk_values)
    features, targets, weights = samples
    moments = Moments(7, 2)
    moments.add(features, targets, weights)
    mean, target_mean = np.average(features, 0, weights), np.average(targets, 0, weights)
    columns, factors = np.array([1, 2, 5]), np.array([3.0, 0.5, 1.0])
    for centred, values, shift in (
        (moments.centred(), features, mean),
        (moments.centred(columns, factors), factors * features[:, columns], factors * mean[columns]),
    ):
        assert_allclose(centred.gram, np.tril((values - shift).T * weights @ (values - shift)), atol=1e-9)
        assert_allclose(centred.products, (values - shift).T * weights @ (targets - target_mean), atol=1e-9)
        assert_allclose(centred.mean, shift)
        assert_allclose(centred.target_mean, target_mean)


def test_sets_of_samples_can_be_added_one_after_the_other(samples):
    together, separately = Moments(7, 2), Moments(7, 2)
    together.add(*samples)
    separately.add(*(values[:20] for values in samples))
    separately.add(*(values[20:] for values in samples))
    for name, value in vars(together).items():
        assert_allclose(getattr(separately, name), value, rtol=1e-12)


def test_moments_and_a_subset_give_the_ridge_regression_of_all_samples(samples):
    features, targets, weights = samples
    expected = fit_ridge([FeatureBlock(features, weights)], [1.0], targets, weights)
    moments = Moments(7, 2)
    moments.add(features, targets, weights)
    subset = slice(10, 50)
    judged = np.ones(40, dtype=bool)
    coefficients, bias, loo = solve_ridge(moments.centred(), features[subset], targets[subset], weights[subset], judged)
    assert_allclose(coefficients, expected.weights[0], rtol=1e-9)
    assert_allclose(bias, expected.bias, rtol=1e-9)
    assert_allclose(loo, expected.loo[subset], rtol=1e-9)
