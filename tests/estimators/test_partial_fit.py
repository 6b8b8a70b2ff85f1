"""Tests of classifiers and regressors that learn from one batch after the other."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae import MAEClassifier, MAERegressor
from sktsmae.datasets import load_sparwatch
from sktsmae.training import accumulated_features, mixture


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    """Project features to few columns, so that the decompositions are fast."""
    monkeypatch.setattr(accumulated_features, "WIDTH", 256)


@pytest.fixture
def signals():
    """Return 164 signals in random order, and their labels."""
    X, y = load_sparwatch(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:164]
    return X[rows, 0, :60], y[rows]


@pytest.fixture
def noisy_sines():
    """Return 240 signals of four classes, which differ in their frequency, and their labels."""
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=240)
    phase = 2 * np.pi * rng.random((240, 1))
    return np.sin((0.3 + 0.04 * y[:, None]) * np.arange(60) + phase) + 2 * rng.normal(size=(240, 60)), y


def fit_batches(estimator, X, y, stops, **first):
    """Call `partial_fit` for the rows before each of the stops."""
    for rows in np.split(np.arange(len(y)), stops):
        estimator.partial_fit(X[rows], y[rows], **first)
    return estimator


def test_batches_after_the_first_can_be_divided_in_any_way(signals):
    X, y = signals
    classes = np.unique(y)
    expected = fit_batches(MAEClassifier(random_state=0), X, y, [80], classes=classes)
    divided = fit_batches(MAEClassifier(random_state=0), X, y, [80, 83, 120], classes=classes)
    assert divided.ensemble_weights_ == pytest.approx(expected.ensemble_weights_, rel=1e-4)
    assert_allclose(divided.predict_proba(X), expected.predict_proba(X), atol=1e-4)


def test_every_batch_improves_the_classifier_almost_as_much_as_a_fit_to_all_signals(noisy_sines):
    X, y = noisy_sines
    train, test = slice(0, 120), slice(120, None)
    expected = MAEClassifier(random_state=0).fit(X[train], y[train]).score(X[test], y[test])
    first_batch = MAEClassifier(random_state=0).partial_fit(X[:40], y[:40], np.unique(y)).score(X[test], y[test])
    accumulated = fit_batches(MAEClassifier(random_state=0), X[train], y[train], [40, 80], classes=np.unique(y))
    assert first_batch < expected - 0.1
    assert accumulated.score(X[test], y[test]) > (first_batch + expected) / 2


def test_one_model_uses_all_kinds_of_features(signals, monkeypatch):
    monkeypatch.setattr(mixture, "_NEGLIGIBLE", 0)
    X, y = signals
    names = fit_batches(MAEClassifier(random_state=0), X, y, [80], classes=np.unique(y)).probe_.model_names
    assert names[-1] == " + ".join(names[1:-1])
    assert names[:2] == ["summary", "statistics"]


def test_regressor_learns_from_batches(signals):
    X, _ = signals
    target = X.std(-1)
    regressor = fit_batches(MAERegressor(random_state=0), X[:120], target[:120], [60])
    assert regressor.score(X[120:], target[120:]) > 0.8


def test_estimator_can_be_pickled_between_batches_and_saved_at_the_end(signals, tmp_path):
    X, y = signals
    expected = fit_batches(MAEClassifier(random_state=0), X, y, [80, 120], classes=np.unique(y))
    classifier = fit_batches(MAEClassifier(random_state=0), X[:120], y[:120], [80], classes=np.unique(y))
    classifier = pickle.loads(pickle.dumps(classifier)).partial_fit(X[120:], y[120:])
    assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))
    classifier.save(tmp_path / "classifier.safetensors")
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert_array_equal(loaded.predict_proba(X), expected.predict_proba(X))
    with pytest.raises(ValueError, match="files do not contain"):
        loaded.partial_fit(X, y)


def test_only_some_features_are_kept_but_all_signals_count(noisy_sines, monkeypatch):
    X, y = noisy_sines
    train, test = slice(0, 120), slice(120, None)
    everything = fit_batches(MAEClassifier(random_state=0), X[train], y[train], [40, 80], classes=np.unique(y))
    monkeypatch.setattr(accumulated_features, "LOO_SAMPLES", 40)
    classifier = fit_batches(MAEClassifier(random_state=0), X[train], y[train], [40, 80], classes=np.unique(y))
    assert len(pickle.dumps(classifier)) < len(pickle.dumps(everything))
    first_batch = MAEClassifier(random_state=0).partial_fit(X[:40], y[:40], np.unique(y)).score(X[test], y[test])
    assert classifier.score(X[test], y[test]) > first_batch


def test_batches_may_lack_classes_and_labels(signals):
    X, y = signals
    order = np.argsort(y, kind="stable")
    classifier = MAEClassifier(unlabeled="?", random_state=0)
    hidden = np.where(np.arange(len(y)) % 5 == 0, "?", y[order])
    fit_batches(classifier, X[order], hidden, [80, 120], classes=np.unique(y))
    assert_array_equal(classifier.classes_, np.unique(y))
    assert classifier.score(X[order], y[order]) > 0.7


@pytest.mark.parametrize(
    ("settings", "classes", "message"),
    [
        ({}, None, "classes must be passed on the first call"),
        ({}, ["ABD", "ER"], "contains the label '[A-Z]+', which is not one of the classes"),
        ({"class_weight": "balanced"}, "all", "class_weight='balanced': partial_fit"),
    ],
)
def test_wrong_first_batches_are_refused_and_change_nothing(signals, settings, classes, message):
    X, y = signals
    classifier = MAEClassifier(random_state=0, **settings)
    before = dict(vars(classifier))
    with pytest.raises(ValueError, match=message):
        classifier.partial_fit(X, y, np.unique(y) if classes == "all" else classes)
    assert vars(classifier) == before


def test_partial_fit_does_not_exist_if_a_network_is_fine_tuned():
    classifier = MAEClassifier(finetune="head")
    assert not hasattr(classifier, "partial_fit")
    with pytest.raises(AttributeError) as error:
        classifier.partial_fit  # noqa: B018
    assert "finetune='head': partial_fit fine-tunes no network" in str(error.value.__cause__)


def test_classes_may_not_contain_the_mark_of_unlabelled_rows(signals):
    X, y = signals
    with pytest.raises(ValueError, match="classes contains 'ABD', but unlabeled='ABD'"):
        MAEClassifier(unlabeled="ABD").partial_fit(X, y, np.unique(y))


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_constant_weights_have_no_effect(signals, scale):
    X, y = signals
    expected = fit_batches(MAEClassifier(random_state=0), X, y, [80], classes=np.unique(y)).predict_proba(X)
    weighted = MAEClassifier(random_state=0)
    for rows in np.split(np.arange(len(y)), [80]):
        weighted.partial_fit(X[rows], y[rows], np.unique(y), np.full(len(rows), scale))
    assert_allclose(weighted.predict_proba(X), expected, atol=1e-4)


def test_weights_of_classes_act_about_as_in_fit(noisy_sines):
    X, y = noisy_sines
    weights = np.where(y == 0, 20.0, 1.0)
    expected = MAEClassifier(random_state=0).fit(X[:120], y[:120], weights[:120]).predict_proba(X[120:])
    weighted = MAEClassifier(random_state=0).partial_fit(X[:120], y[:120], np.unique(y), weights[:120])
    unweighted = MAEClassifier(random_state=0).partial_fit(X[:120], y[:120], np.unique(y))
    means = [classifier.predict_proba(X[120:])[:, 0].mean() for classifier in (unweighted, weighted)]
    assert means[0] + 0.1 < means[1] < expected[:, 0].mean() + 0.1


def test_a_rare_class_is_represented_among_the_samples_with_features(signals, monkeypatch):
    X = np.sin(np.outer(np.repeat([0.3, 0.6, 1.2], [150, 150, 6]), np.arange(60))) + 0.3 * np.random.default_rng(
        0
    ).normal(size=(306, 60))
    y = np.repeat([0, 1, 2], [150, 150, 6])
    order = np.random.default_rng(1).permutation(306)
    monkeypatch.setattr(accumulated_features, "LOO_SAMPLES", 20)
    classifier = fit_batches(MAEClassifier(random_state=0), X[order], y[order], [100, 200], classes=[0, 1, 2])
    assert (classifier.predict(X[y == 2]) == 2).mean() > 0.5


def test_wrong_later_batches_are_refused_and_change_nothing(signals):
    X, y = signals
    classifier = MAEClassifier(random_state=0).partial_fit(X, y, np.unique(y))
    expected = classifier.predict_proba(X)
    for wrong_X, wrong_y in [(X[:, 1:], y), (X, y[1:]), (X, np.where(y == "ABD", "other", y))]:
        with pytest.raises(ValueError, match=r"features|inconsistent|other"):
            classifier.partial_fit(wrong_X, wrong_y)
    assert_array_equal(classifier.predict_proba(X), expected)


def test_partial_fit_cannot_continue_from_fit_but_fit_can_start_again(signals):
    X, y = signals
    fitted = MAEClassifier(random_state=0).fit(X[:40], y[:40])
    with pytest.raises(ValueError, match="which fit does not keep"):
        fitted.partial_fit(X, y)
    again = MAEClassifier(random_state=0).partial_fit(X, y, np.unique(y)).fit(X[:40], y[:40])
    assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
