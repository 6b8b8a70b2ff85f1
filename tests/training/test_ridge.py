"""Mixture weights of the linear models of a probe."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose

from sktsmae import MAEClassifier, MAERegressor
from sktsmae.training.mixture import likelihood_mixture_weights, squared_error_mixture_weights


def likelihood(weight, probabilities):
    """Compute the log-likelihood of leave-one-out predictions and of a pseudo-sample that favours the later models."""
    first, others = probabilities[0], probabilities[1:].mean(0)
    return np.log(weight * first + (1 - weight) * others).sum() + np.log(1 - weight)


@pytest.mark.parametrize("first", [0.2, 0.5, 0.8])
def test_mixture_weights_of_classifiers_maximise_the_likelihood(first):
    probabilities = np.random.default_rng(0).uniform(0.1, 0.9, (3, 50)) * np.array([[first], [0.5], [0.5]])
    weights = likelihood_mixture_weights(probabilities, np.ones(50))
    assert weights.sum() == pytest.approx(1)
    assert weights[1] == weights[2]
    grid = np.linspace(0, 0.999, 1000)
    best = grid[np.argmax([likelihood(weight, probabilities) for weight in grid])]
    assert weights[0] == pytest.approx(best, abs=1e-3)  # the step of the grid


def test_first_model_has_no_weight_if_it_does_not_help():
    probabilities = np.full((3, 30), 0.7)
    assert likelihood_mixture_weights(probabilities, np.ones(30))[0] < 1e-4


def test_sample_weights_change_mixture_weights():
    first_is_right = np.array([[0.9, 0.1], [0.1, 0.9]])
    some, others = (
        likelihood_mixture_weights(first_is_right, np.array(weights))[0] for weights in ([9.0, 1.0], [1.0, 9.0])
    )
    assert some > 0.5 > others
    assert likelihood_mixture_weights(first_is_right, np.array([90.0, 10.0]))[0] == pytest.approx(some)


def test_mixture_weights_of_regressors_minimise_the_squared_error():
    rng = np.random.default_rng(0)
    first, others = rng.normal(size=(2, 40))
    targets = 0.3 * first + 0.7 * others
    assert_allclose(
        squared_error_mixture_weights(np.stack([first, others, others]), targets, np.ones(40)), [0.3, 0.35, 0.35]
    )
    # Weights are not negative.
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
