"""Tests of ridge regression with leave-one-out predictions."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_info, threadpool_limits

from sktsmae import MAEClassifier, MAERegressor
from sktsmae.training import moments, ridge
from sktsmae.training.ridge import ALPHAS, FeatureBlock, fit_ridge


def fit(features, targets, weights):
    """Fit a ridge regression on two blocks of features; return weight (C, F), bias (C,) and LOO predictions (n, C)."""
    blocks = [FeatureBlock(part, weights) for part in np.split(features, [1], axis=1)]
    result = fit_ridge(blocks, [1.0, 1.0], targets.reshape(len(targets), -1), weights)
    return np.concatenate(result.weights, axis=1), result.bias, result.loo


@pytest.mark.parametrize("chunk_values", [40, 2**22], ids=["many chunks", "one chunk"])
@pytest.mark.parametrize("shape", [(30, 8), (30, 200)], ids=["more samples", "more features"])
def test_ridge_agrees_with_refitting_without_each_sample(shape, chunk_values, monkeypatch):
    monkeypatch.setattr(moments, "CHUNK_VALUES", chunk_values)
    rng = np.random.default_rng(0)
    features = rng.normal(size=shape) * rng.uniform(0.3, 3, shape[1]) + 5
    targets = features[:, :2] @ rng.normal(size=(2, 3)) + rng.normal(size=(30, 3))
    weight, bias, loo = fit(features, targets, np.ones(30))
    errors = []
    for alpha in ALPHAS:
        refits = [Ridge(alpha).fit(np.delete(features, row, 0), np.delete(targets, row, 0)) for row in range(30)]
        predicted = [refit.predict(features[row : row + 1])[0] for row, refit in enumerate(refits)]
        errors.append((((predicted - targets) ** 2).sum(), alpha, predicted))
    _, alpha, predicted = min(errors, key=lambda error: error[0])
    assert_allclose(loo, predicted, rtol=1e-6, atol=1e-8)
    expected = Ridge(alpha).fit(features, targets).predict(features)
    assert_allclose(features @ weight.T + bias, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_leave_one_out_predictions_are_accurate_when_the_samples_are_fitted_almost_exactly(scale, monkeypatch):
    monkeypatch.setattr(ridge, "ALPHAS", np.array([0.1]))
    features = np.random.default_rng(0).normal(size=(8, 3000)) * scale + 5
    targets = np.where(np.arange(8) < 4, 1.0, -1.0)
    _, _, loo = fit(features, targets, np.ones(8))
    refits = [Ridge(0.1, solver="svd").fit(np.delete(features, row, 0), np.delete(targets, row)) for row in range(8)]
    expected = [refit.predict(features[[row]]) for row, refit in enumerate(refits)]
    assert_allclose(loo, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(30, 8), (30, 200)], ids=["more samples", "more features"])
@pytest.mark.parametrize(("max_rows", "threads"), [(30, 1), (7, 2)], ids=["small", "large"])
def test_small_decompositions_use_one_thread(shape, max_rows, threads, monkeypatch):
    def threads_of_blas():
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    used, decompose = [], ridge.cholesky

    def recorded(*args, **kwargs):
        used.append(threads_of_blas())
        return decompose(*args, **kwargs)

    monkeypatch.setattr(ridge, "MAX_ROWS_FOR_ONE_THREAD", max_rows)
    monkeypatch.setattr(ridge, "cholesky", recorded)
    rng = np.random.default_rng(0)
    with threadpool_limits(2, user_api="blas"):
        before = threads_of_blas()
        fit(rng.normal(size=shape), rng.normal(size=30), np.ones(30))
        assert threads_of_blas() == before
    assert before <= {2}  # empty if threadpoolctl does not know the library
    assert used
    assert all(number == ({threads} if before else set()) for number in used)


def test_fits_in_several_threads_do_not_change_the_number_of_blas_threads():
    features, targets = np.split(np.random.default_rng(0).normal(size=(200, 301)), [300], axis=1)
    before = threadpool_info()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fit(features, targets, np.ones(200)), range(40)))
    assert threadpool_info() == before


@pytest.mark.parametrize("max_kept_rows", [0, 4000])
def test_factor_of_a_block_multiplies_its_features(max_kept_rows, monkeypatch):
    monkeypatch.setattr(ridge, "_MAX_KEPT_ROWS", max_kept_rows)
    rng = np.random.default_rng(0)
    for shape in [(30, 8), (30, 200)]:
        features, targets, weights = rng.normal(size=shape), rng.normal(size=(30, 2)), rng.uniform(0.5, 2, 30)
        blocks = [FeatureBlock(part, weights) for part in np.split(features, 2, axis=1)]
        result = fit_ridge(blocks, [1.0, 3.0], targets, weights)
        scaled = features * np.repeat([1, 3], shape[1] // 2)
        expected = fit_ridge([FeatureBlock(scaled, weights)], [1.0], targets, weights)
        assert_allclose(result.loo, expected.loo, rtol=1e-6, atol=1e-9)
        predicted = features @ np.concatenate(result.weights, axis=1).T + result.bias
        assert_allclose(predicted, scaled @ expected.weights[0].T + expected.bias, rtol=1e-6, atol=1e-9)


def test_sample_weight_of_two_equals_a_repeated_sample():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 5))
    targets = features[:, 0] + 0.1 * rng.normal(size=40)
    repeated = np.r_[0:40, 0:10]
    weight, bias, _ = fit(features, targets, np.r_[2 * np.ones(10), np.ones(30)])
    # The smallest penalty is chosen in both fits. It may differ in general, because a leave-one-out prediction of a
    # repeated sample uses its copy.
    expected_weight, expected_bias, _ = fit(features[repeated], targets[repeated], np.ones(50))
    assert_allclose(weight, expected_weight, rtol=1e-6, atol=1e-9)
    assert_allclose(bias, expected_bias, rtol=1e-6, atol=1e-9)


def test_penalty_is_chosen_by_some_of_many_samples_but_all_have_leave_one_out_predictions(monkeypatch):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 8))
    targets = features[:, 0] + rng.normal(size=60)
    expected = fit(features, targets, np.ones(60))
    monkeypatch.setattr(ridge, "_SEARCH_SAMPLES", 40)
    for value, value_of_all in zip(fit(features, targets, np.ones(60)), expected, strict=True):
        assert_allclose(value, value_of_all, rtol=1e-9)  # both choose the same penalty
    monkeypatch.setattr(ridge, "_SEARCH_SAMPLES", 0)
    smallest = Ridge(ALPHAS[0]).fit(features, targets).coef_
    assert_allclose(fit(features, targets, np.ones(60))[0][0], smallest, rtol=1e-6)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [([5, 4, 3, 2, 1], 4), ([1, 2, 3, 4, 5], 0), ([0, 0, 0, 0, 0], 0), ([3, 1, 2, 4, 0], 1), ([7], 0)],
    ids=["last", "first", "equal", "minimum next to the middle", "one"],
)
def test_search_for_a_penalty_stops_at_a_minimum(errors, expected):
    assert ridge._descend(errors.__getitem__, len(errors)) == expected


def test_constant_features_get_finite_coefficients():
    features = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    features[:, 1] = 1e6
    weight, bias, loo = fit(features, features[:, 0], np.ones(20))
    assert all(np.isfinite(values).all() for values in (weight, bias, loo))


@pytest.mark.parametrize("estimator", [MAEClassifier(), MAERegressor()], ids=["classifier", "regressor"])
def test_fit_works_with_metadata_routing_enabled(estimator, few):
    y = np.arange(41) % 2
    with sklearn.config_context(enable_metadata_routing=True):
        estimator.fit(few.data[:, 0, :60], y)


def test_constant_features_predict_the_mean():
    targets = np.arange(20.0)
    weight, bias, loo = fit(np.ones((20, 3)), targets, np.ones(20))
    assert_allclose(weight, 0, atol=1e-12)
    assert bias == pytest.approx(targets.mean())
    assert_allclose(loo[:, 0], (targets.sum() - targets) / 19)


@pytest.mark.parametrize("estimator", [MAEClassifier, MAERegressor])
def test_constant_signals_can_be_fitted(estimator):
    X, y = np.zeros((20, 60)), np.arange(20) % 2
    assert np.isfinite(estimator(random_state=0).fit(X, y).predict(X)).all()
