"""How much the linear models of a probe count."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose

from sktsmae import MAEClassifier, MAERegressor
from sktsmae.estimators._probe import _closest_shares, _likeliest_shares


def likelihood(share, probabilities):
    """Of samples left out and of one more that speaks for the others."""
    first, others = probabilities[0], probabilities[1:].mean(0)
    return np.log(share * first + (1 - share) * others).sum() + np.log(1 - share)


@pytest.mark.parametrize("first", [0.2, 0.5, 0.8])
def test_shares_of_classifiers_are_the_likeliest(first):
    probabilities = np.random.default_rng(0).uniform(0.1, 0.9, (3, 50)) * np.array([[first], [0.5], [0.5]])
    shares = _likeliest_shares(probabilities, np.ones(50))
    assert shares.sum() == pytest.approx(1)
    assert shares[1] == shares[2]
    grid = np.linspace(0, 0.999, 1000)
    best = grid[np.argmax([likelihood(share, probabilities) for share in grid])]
    assert shares[0] == pytest.approx(best, abs=1e-3)  # the grid's step


def test_without_need_the_first_has_no_share():
    probabilities = np.full((3, 30), 0.7)
    assert _likeliest_shares(probabilities, np.ones(30))[0] < 1e-4


def test_samples_count_by_their_weights():
    first_is_right = np.array([[0.9, 0.1], [0.1, 0.9]])
    some, others = (_likeliest_shares(first_is_right, np.array(weights))[0] for weights in ([9.0, 1.0], [1.0, 9.0]))
    assert some > 0.5 > others
    assert _likeliest_shares(first_is_right, np.array([90.0, 10.0]))[0] == pytest.approx(some)


def test_shares_of_linear_models_come_closest():
    rng = np.random.default_rng(0)
    first, others = rng.normal(size=(2, 40))
    targets = 0.3 * first + 0.7 * others
    assert_allclose(_closest_shares(np.stack([first, others, others]), targets, np.ones(40)), [0.3, 0.35, 0.35])
    assert _closest_shares(np.stack([first, others]), others - 0.1 * first, np.ones(40))[0] == 0  # none is negative
    assert_allclose(_closest_shares(np.stack([others, others]), targets, np.ones(40)), [0, 1])


def test_one_model_decides_alone():
    assert _likeliest_shares(np.full((1, 5), 0.5), np.ones(5)).tolist() == [1]
    assert _closest_shares(np.ones((1, 5)), np.zeros(5), np.ones(5)).tolist() == [1]


def test_levels_decide_where_they_tell_classes_apart_and_not_where_they_say_nothing(few):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    levels = y[:, None] + rng.normal(size=(40, 100))
    classifier = MAEClassifier(random_state=0).fit(levels, y)
    assert classifier.probe_.shares[0] > 0.5
    X = few.data[:, 0] - few.data[:, 0].mean(1, keepdims=True)
    assert MAEClassifier(random_state=0).fit(X / X.std(1, keepdims=True), few.target).probe_.shares[0] < 0.5


@pytest.mark.parametrize("estimator", [MAEClassifier(), MAERegressor()], ids=["classifier", "regressor"])
def test_metadata_routing_may_be_on(estimator, few):
    y = np.arange(41) % 2
    with sklearn.config_context(enable_metadata_routing=True):
        estimator.fit(few.data[:, 0, :60], y)
