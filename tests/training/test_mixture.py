"""Tests of the mixture weights of models."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktsmae.training.mixture import (
    PSEUDO_SAMPLES,
    likelihood_mixture_weights,
    squared_error_mixture_weights,
    without_negligible,
)


def log_posterior(mixture, probabilities, prior):
    """Compute the log-likelihood of the samples and of pseudo-samples that are distributed as the prior."""
    return np.log(mixture @ probabilities).sum() + PSEUDO_SAMPLES * prior @ np.log(mixture)


@pytest.mark.parametrize("quality", [0.2, 0.5, 0.8])
def test_mixture_weights_of_classifiers_maximise_the_posterior(quality):
    probabilities = np.random.default_rng(0).uniform(0.1, 0.9, (2, 50)) * np.array([[quality], [0.5]])
    prior = np.array([0.7, 0.3])
    weights = likelihood_mixture_weights(probabilities, np.ones(50), prior)
    assert weights.sum() == pytest.approx(1)
    grid = np.linspace(0.001, 0.999, 999)
    best = grid[np.argmax([log_posterior(np.array([w, 1 - w]), probabilities, prior) for w in grid])]
    assert weights[0] == pytest.approx(best, abs=1e-3)  # the step of the grid


def test_mixture_weights_equal_the_prior_if_all_models_predict_the_same():
    prior = [0.5, 0.3, 0.2]
    assert_allclose(likelihood_mixture_weights(np.full((3, 30), 0.7), np.ones(30), prior), prior, atol=1e-6)
    predicted, targets = np.ones((3, 30)), np.arange(30.0)
    assert_allclose(squared_error_mixture_weights(predicted, targets, np.ones(30), prior), prior, atol=1e-5)


def test_mixture_weights_depart_from_the_prior_as_the_number_of_samples_grows():
    def weight_of_better_model(n_samples):
        probabilities = np.tile([[0.9], [0.3]], n_samples)
        return likelihood_mixture_weights(probabilities, np.ones(n_samples), [0.5, 0.5])[0]

    assert weight_of_better_model(2) < 0.6 < weight_of_better_model(20) < weight_of_better_model(1000)


def test_sample_weights_change_mixture_weights():
    # Rows are models and columns are samples. Each model is right about one sample.
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9]])
    prior = [0.5, 0.5]
    high, low = (
        likelihood_mixture_weights(probabilities, np.array(weights), prior)[0] for weights in ([9.0, 1.0], [1.0, 9.0])
    )
    assert high > 0.5 > low
    assert likelihood_mixture_weights(probabilities, np.array([90.0, 10.0]), prior)[0] == pytest.approx(high)


def test_mixture_weights_of_regressors_minimise_the_squared_error_of_many_samples():
    first, second = np.random.default_rng(0).normal(size=(2, 40_000))
    targets, weights, prior = 0.3 * first + 0.7 * second, np.ones(40_000), [0.5, 0.5]
    predicted = np.stack([first, second])
    assert_allclose(squared_error_mixture_weights(predicted, targets, weights, prior), [0.3, 0.7], atol=1e-3)
    # Without the lower bound of 0, the first weight would be negative.
    assert squared_error_mixture_weights(predicted, second - 0.1 * first, weights, prior)[0] < 1e-3


def test_a_single_model_has_weight_one():
    assert likelihood_mixture_weights(np.full((1, 5), 0.5), np.ones(5), [1.0]).tolist() == [1]
    assert squared_error_mixture_weights(np.ones((1, 5)), np.zeros(5), np.ones(5), [1.0]).tolist() == [1]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([0.5, 0.5], [0.5, 0.5]),
        ([0.04, 0.96], [0, 1]),
        ([0.04, 0.03, 0.93], [0.04 / 0.97, 0, 0.93 / 0.97]),  # both together would be more than 5 %
        (np.full(60, 1 / 60), np.where(np.arange(60) < 3, 0, 1 / 57)),
        ([1.0], [1.0]),
    ],
)
def test_models_of_at_most_five_percent_in_total_are_dropped(weights, expected):
    assert_allclose(without_negligible(np.array(weights)), expected, atol=1e-12)
