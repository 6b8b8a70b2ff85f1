"""Tests of the random projection of features."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sktsmae.training.sketch import CountSketch, divide_columns


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


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [
        ([16, 5000, 200, 7000], 1000, [16, 392, 200, 392]),
        ([10, 20], 100, [10, 20]),
        ([7000, 5000], 101, [51, 50]),
    ],
    ids=["two large kinds", "columns left", "odd number"],
)
def test_large_kinds_of_features_get_equally_many_columns(counts, total, expected):
    assert divide_columns(counts, total) == expected
