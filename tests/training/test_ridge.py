"""Tests of the mixture weights that combine the linear models of a probe."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose

from sktsmae import MAEClassifier, MAERegressor
from sktsmae.training.mixture import likelihood_mixture_weights, squared_error_mixture_weights


def log_likelihood(weight, probabilities):
    """Compute the log-likelihood of the samples and of one pseudo-sample of likelihood 1 - weight."""
    first, others = probabilities[0], probabilities[1:].mean(0)
    return np.log(weight * first + (1 - weight) * others).sum() + np.log(1 - weight)


@pytest.mark.parametrize("first", [0.2, 0.5, 0.8])
def test_mixture_weights_of_classifiers_maximise_the_likelihood(first):
    probabilities = np.random.default_rng(0).uniform(0.1, 0.9, (3, 50)) * np.array([[first], [0.5], [0.5]])
    weights = likelihood_mixture_weights(probabilities, np.ones(50))
    assert weights.sum() == pytest.approx(1)
    assert weights[1] == weights[2]
    grid = np.linspace(0, 0.999, 1000)
    best = grid[np.argmax([log_likelihood(weight, probabilities) for weight in grid])]
    assert weights[0] == pytest.approx(best, abs=1e-3)  # the step of the grid


def test_first_model_has_almost_no_weight_if_all_models_predict_the_same():
    probabilities = np.full((3, 30), 0.7)
    assert likelihood_mixture_weights(probabilities, np.ones(30))[0] < 1e-4


def test_sample_weights_change_mixture_weights():
    # Rows are models and columns are samples. Each model is right about one sample.
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9]])
    high, low = (
        likelihood_mixture_weights(probabilities, np.array(weights))[0] for weights in ([9.0, 1.0], [1.0, 9.0])
    )
    assert high > 0.5 > low
    assert likelihood_mixture_weights(probabilities, np.array([90.0, 10.0]))[0] == pytest.approx(high)


def test_mixture_weights_of_regressors_minimise_the_squared_error():
    rng = np.random.default_rng(0)
    first, others = rng.normal(size=(2, 40))
    targets = 0.3 * first + 0.7 * others
    assert_allclose(
        squared_error_mixture_weights(np.stack([first, others, others]), targets, np.ones(40)), [0.3, 0.35, 0.35]
    )
    # Without the lower bound of 0, the first weight would be negative.
    assert squared_error_mixture_weights(np.stack([first, others]), others - 0.1 * first, np.ones(40))[0] == 0
    assert_allclose(squared_error_mixture_weights(np.stack([others, others]), targets, np.ones(40)), [0, 1])


def test_a_single_model_has_weight_one():
    assert likelihood_mixture_weights(np.full((1, 5), 0.5), np.ones(5)).tolist() == [1]
    assert squared_error_mixture_weights(np.ones((1, 5)), np.zeros(5), np.ones(5)).tolist() == [1]


def test_summary_statistics_have_a_large_weight_only_if_they_separate_the_classes(few):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    means = y[:, None] + rng.normal(size=(40, 100))
    classifier = MAEClassifier(random_state=0).fit(means, y)
    assert classifier.probe_.mixture_weights[0] > 0.5
    X = few.data[:, 0] - few.data[:, 0].mean(1, keepdims=True)
    assert MAEClassifier(random_state=0).fit(X / X.std(1, keepdims=True), few.target).probe_.mixture_weights[0] < 0.5


@pytest.mark.parametrize("estimator", [MAEClassifier(), MAERegressor()], ids=["classifier", "regressor"])
def test_fit_works_with_metadata_routing_enabled(estimator, few):
    y = np.arange(41) % 2
    with sklearn.config_context(enable_metadata_routing=True):
        estimator.fit(few.data[:, 0, :60], y)
