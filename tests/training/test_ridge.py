"""Tests of ridge regression with leave-one-out predictions, and of the mixture weights of linear models."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from sktsmae import MAEClassifier, MAERegressor
from sktsmae.training.mixture import PSEUDO_SAMPLES, likelihood_mixture_weights, squared_error_mixture_weights
from sktsmae.training.ridge import ALPHAS, fit_ridge


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


@pytest.mark.parametrize("shape", [(30, 8), (30, 200)], ids=["more samples", "more features"])
def test_ridge_agrees_with_refitting_without_each_sample(shape):
    rng = np.random.default_rng(0)
    features = rng.normal(size=shape) * rng.uniform(0.3, 3, shape[1]) + 5
    targets = features[:, :2] @ rng.normal(size=(2, 3)) + rng.normal(size=(30, 3))
    weight, bias, loo = fit_ridge(features, targets, np.ones(30))
    errors = []
    for alpha in ALPHAS:
        refits = [Ridge(alpha).fit(np.delete(features, row, 0), np.delete(targets, row, 0)) for row in range(30)]
        predicted = [refit.predict(features[row : row + 1])[0] for row, refit in enumerate(refits)]
        errors.append((((predicted - targets) ** 2).sum(), alpha, predicted))
    _, alpha, predicted = min(errors, key=lambda error: error[0])
    assert_allclose(loo, predicted, rtol=1e-6, atol=1e-8)
    ridge = Ridge(alpha).fit(features, targets)
    assert_allclose(features @ weight.T + bias, ridge.predict(features), rtol=1e-6, atol=1e-8)


def test_sample_weight_of_two_equals_a_repeated_sample():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 5))
    targets = features[:, 0] + 0.1 * rng.normal(size=40)
    repeated = np.r_[0:40, 0:10]
    weight, bias, _ = fit_ridge(features, targets, np.r_[2 * np.ones(10), np.ones(30)])
    # The smallest penalty is chosen in both fits. It may differ in general, because a leave-one-out prediction of a
    # repeated sample uses its copy.
    expected_weight, expected_bias, _ = fit_ridge(features[repeated], targets[repeated], np.ones(50))
    assert_allclose(weight, expected_weight, rtol=1e-6, atol=1e-9)
    assert_allclose(bias, expected_bias, rtol=1e-6, atol=1e-9)


def test_constant_features_get_finite_coefficients():
    features = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    features[:, 1] = 1e6
    weight, bias, loo = fit_ridge(features, features[:, 0], np.ones(20))
    assert all(np.isfinite(values).all() for values in (weight, bias, loo))


@pytest.mark.parametrize("estimator", [MAEClassifier(), MAERegressor()], ids=["classifier", "regressor"])
def test_fit_works_with_metadata_routing_enabled(estimator, few):
    y = np.arange(41) % 2
    with sklearn.config_context(enable_metadata_routing=True):
        estimator.fit(few.data[:, 0, :60], y)


def test_constant_features_predict_the_mean():
    targets = np.arange(20.0)
    weight, bias, loo = fit_ridge(np.ones((20, 3)), targets, np.ones(20))
    assert_allclose(weight, 0, atol=1e-12)
    assert bias == pytest.approx(targets.mean())
    assert_allclose(loo, (targets.sum() - targets) / 19)


@pytest.mark.parametrize("estimator", [MAEClassifier, MAERegressor])
def test_constant_signals_can_be_fitted(estimator):
    X, y = np.zeros((20, 60)), np.arange(20) % 2
    assert np.isfinite(estimator(random_state=0).fit(X, y).predict(X)).all()
