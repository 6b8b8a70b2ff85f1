"""Tests of the random projection of features."""

import numpy as np
import torch
from numpy.testing import assert_allclose

from sktsmae.training.sketch import CountSketch, needs_sketch


def test_coefficients_of_the_projection_expand_to_coefficients_of_the_features():
    features = 3 * torch.randn(50, 300) + 2
    sketch = CountSketch(features, 16)
    weight = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    expanded, bias = sketch.expand(weight)
    assert_allclose(features.numpy() @ expanded.T + bias, sketch(features).numpy() @ weight.T, rtol=1e-3, atol=1e-3)


def test_projection_preserves_inner_products_of_standardised_features_on_average():
    features = torch.randn(40, 2000)
    projected = CountSketch(features, 1000)(features)
    standardised = (features - features.mean(0)) / features.std(0, correction=0)
    error = (projected @ projected.T - standardised @ standardised.T).std()
    assert error < 2 * 2000 / np.sqrt(1000)  # the standard deviation of a projected inner product


def test_constant_features_are_not_amplified():
    features = torch.full((10, 20), 1e6)
    assert CountSketch(features, 4)(features).abs().max() == 0


def test_features_are_projected_only_if_they_are_many():
    assert not needs_sketch(3000, 20_000)
    assert needs_sketch(5000, 20_000)
    assert needs_sketch(1000, 200_000)
    assert not needs_sketch(10**6, 4096)
