"""Tests of the random projection of features."""

import numpy as np
import torch
from numpy.testing import assert_allclose

from sktsmae.training.sketch import CountSketch


def test_coefficients_of_the_projection_expand_to_coefficients_of_the_features():
    features = torch.randn(50, 300)
    sketch = CountSketch(300, 16)
    weight = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    expected = sketch(features).numpy() @ weight.T
    assert_allclose(features.numpy() @ sketch.expand(weight).T, expected, rtol=1e-3, atol=1e-3)


def test_projection_preserves_inner_products_on_average():
    features = torch.randn(40, 2000)
    projected = CountSketch(2000, 1000)(features)
    error = (projected @ projected.T - features @ features.T).std()
    assert error < 2 * 2000 / np.sqrt(1000)  # the standard deviation of a projected inner product


def test_sum_of_projections_with_different_seeds_preserves_the_sum_of_inner_products():
    features = torch.randn(40, 2000)
    gram = features @ features.T

    def error(seed: int) -> float:
        # Two kinds with the same features. With the same seed, the inner products would be four times those of one.
        together = CountSketch(2000, 1000, seed=0)(features) + CountSketch(2000, 1000, seed=seed)(features)
        return (together @ together.T - 2 * gram).std().item()

    assert error(1) < 2 * 4000 / np.sqrt(1000) < error(0)
