"""Tests of WindowedClassifier, which classifies recordings by their windows."""

from __future__ import annotations

import copy
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer, WindowedClassifier
from sktsmae.estimators import windowed as windowed_module
from sktsmae.estimators._votes import VOTES


def statistics_classifier():
    """Return a classifier of signals that is fitted within a second."""
    return make_pipeline(CWTTransformer(output="statistics"), LogisticRegression(max_iter=300))


class SignOfMean(ClassifierMixin, BaseEstimator):
    """A classifier of windows whose probability of the class 1 is the mean of the first channel."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.shape_ = X.shape
        return self

    def predict_proba(self, X):
        self.largest_ = max(getattr(self, "largest_", 0), len(X))
        p = X.reshape(len(X), -1, X.shape[-1])[:, 0].mean(1)
        return np.stack([1 - p, p], axis=1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]


class NotOfScikitLearn:
    """A classifier that does not inherit from a class of scikit-learn."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def get_params(self, deep=True):
        return {}


class KeepsWindows(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier that keeps its training windows."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.X_ = X
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        return self.estimator_.predict(X)


@pytest.fixture
def steps():
    """Return two recordings of 8 and 6 samples whose values change after the fourth sample."""
    return [np.repeat([0.0, 1.0], 4), np.repeat([1.0, 0.0], [4, 2])]


@pytest.fixture
def fitted(steps):
    return WindowedClassifier(SignOfMean(), window=4, step=2).fit(steps, [0, 1])


def concatenate_exercises(bunch):
    """Return recordings of three exercises each, 200 samples per exercise, and their intervals."""
    rows = np.random.default_rng(0).permutation(len(bunch.target))
    rows = rows[: len(rows) // 3 * 3].reshape(-1, 3)
    X = [np.concatenate(bunch.data[row], axis=-1) for row in rows]
    starts = (0, 200, 400)
    y = [[(start, start + 200, label) for start, label in zip(starts, bunch.target[row], strict=True)] for row in rows]
    return X, y


@pytest.fixture(scope="module")
def exercises(many):
    """Return 54 recordings of three exercises each, and their intervals."""
    return concatenate_exercises(many)


def test_windows_have_the_label_and_the_group_of_their_recording(steps):
    bunch = WindowedClassifier(window=4, step=2).windows(steps, ["a", "b"])
    assert_array_equal(bunch.data[1], [0, 0, 1, 1])
    assert_array_equal(bunch.target, ["a", "a", "a", "b", "b"])
    assert_array_equal(bunch.groups, [0, 0, 0, 1, 1])
    assert_array_equal(bunch.starts, [0, 2, 4, 0, 2])


def test_last_window_ends_at_the_end_of_the_recording():
    bunch = WindowedClassifier(window=4, step=3).windows([np.arange(9)])
    assert_array_equal(bunch.starts, [0, 3, 5])
    assert bunch.target is None


def test_default_window_is_the_longest_recording_and_default_step_half_of_the_window(steps):
    assert WindowedClassifier().windows(steps).data.shape == (2, 8)
    assert_array_equal(WindowedClassifier(window=4).windows(steps[:1]).starts, [0, 2, 4])
    assert_array_equal(WindowedClassifier(window=1).windows(steps[:1]).starts, np.arange(8))


def test_short_recordings_and_padding_are_the_same(steps):
    padded = np.full((2, 10), np.nan)
    padded[0, :8], padded[1, :6] = steps
    windowed = WindowedClassifier(window=7, step=1)
    expected, actual = windowed.windows(steps), windowed.windows(padded)
    assert_array_equal(actual.data, expected.data)
    assert_array_equal(actual.starts, [0, 1, 0])
    assert_array_equal(actual.data[2], [1, 1, 1, 1, 0, 0, np.nan])


def test_windows_without_values_are_left_out():
    recording = np.ones((2, 12))
    recording[:, 3:10] = np.nan
    recording[1, :2] = np.nan
    assert_array_equal(WindowedClassifier(window=4, step=2).windows([recording]).starts, [0, 2, 8])


def test_windows_of_intervals_contain_no_boundary(steps):
    y = [[(0, 4, "low"), (4, 8, "high")], [(0, 4, "high")]]
    bunch = WindowedClassifier(window=3, step=1).windows(steps, y)
    assert_array_equal(bunch.starts, [0, 1, 4, 5, 0, 1])
    assert_array_equal(bunch.target, ["low", "low", "high", "high", "high", "high"])
    assert_array_equal(bunch.groups, [0, 0, 0, 0, 1, 1])
    assert_array_equal(np.ptp(bunch.data, axis=1), np.zeros(6))


def test_windows_are_predicted_with_times(fitted, steps):
    first, second = fitted.predict_windows(steps)
    assert_array_equal(first.starts, [0, 2, 4])
    assert_array_equal(first.times, [[0, 4], [2, 6], [4, 8]])
    assert_array_equal(first.proba[:, 1], [0, 0.5, 1])
    assert_array_equal(second.labels, [1, 0])  # the tie of the second window goes to the first class
    fitted.set_params(sampling_rate=2, step=1)
    first = fitted.predict_windows(steps)[0]
    assert_array_equal(first.times[:2], [[0, 2], [0.5, 2.5]])
    assert len(first.starts) == 5


def test_recording_is_predicted_by_the_vote_of_its_windows(fitted, steps):
    for vote, function in VOTES.items():
        fitted.set_params(vote=vote)
        expected = [function(windows.proba) for windows in fitted.predict_windows(steps)]
        assert_allclose(fitted.predict_proba(steps), expected)
    assert_array_equal(fitted.set_params(vote="soft").predict([np.zeros(9), np.ones(5)]), [0, 1])


def test_soft_vote_is_the_mean():
    assert_allclose(VOTES["soft"](np.array([[0.2, 0.8], [0.6, 0.4]])), [0.4, 0.6])


def test_confident_windows_decide_the_confidence_vote():
    proba = np.array([[0.6, 0.4]] * 5 + [[0.0, 1.0]])
    assert VOTES["soft"](proba).argmax() == 0
    assert VOTES["confidence"](proba).argmax() == 1
    assert_allclose(VOTES["confidence"](np.full((3, 4), 0.25)), np.full(4, 0.25))


def test_trimmed_vote_ignores_a_tenth_of_the_windows():
    proba = np.array([[0.55, 0.45]] * 9 + [[0.0, 1.0]])
    assert VOTES["soft"](proba).argmax() == 1
    assert_allclose(VOTES["trimmed"](proba), [0.55, 0.45])
    rare = np.eye(12)  # each class is certain in less than a tenth of the windows
    assert_allclose(VOTES["trimmed"](rare), np.full(12, 1 / 12))


@pytest.mark.parametrize("vote", VOTES)
def test_votes_are_probabilities(vote):
    proba = np.random.default_rng(0).dirichlet([0.3] * 4, size=50)
    assert VOTES[vote](proba).sum() == pytest.approx(1)
    assert (VOTES[vote](proba) >= 0).all()
    assert_allclose(VOTES[vote](proba[:1]), proba[0], atol=1e-6)


def test_exercises_in_recordings_of_new_persons_are_found(exercises, new_persons):
    windowed = WindowedClassifier(statistics_classifier(), window=200).fit(*exercises)
    X, y = concatenate_exercises(new_persons)
    assert windowed.score(X, y) > 0.7  # measured: 0.80; the largest class has 19 %
    windows = windowed.set_params(sampling_rate=50, step=50).predict_windows(X)
    correct = []
    for recording, intervals in zip(windows, y, strict=True):
        assert_array_equal(recording.starts, np.arange(0, 401, 50))
        assert_array_equal(recording.times[:, 1], np.arange(4, 13))
        correct += [recording.labels[4 * number] == label for number, (*_, label) in enumerate(intervals)]
    assert np.mean(correct) > 0.7  # the windows at the starts of the intervals, as above


def test_recordings_of_one_exercise_are_classified_by_the_default_estimator(X_channels, y):
    order = np.argsort(y, kind="stable")
    rows = np.array([order[y[order] == label][:4].reshape(2, 2) for label in np.unique(y)]).reshape(-1, 2)
    X = [np.concatenate(X_channels[pair], axis=-1) for pair in rows]
    windowed = WindowedClassifier(MAEClassifier(random_state=0), window=200, step=200).fit(X, y[rows[:, 0]])
    assert isinstance(clone(WindowedClassifier()).fit(X[:4], [0, 0, 1, 1]).estimator_, MAEClassifier)
    assert windowed.estimator_.input_shape_ == (2, 200)
    assert windowed.score(X, y[rows[:, 0]]) == 1
    proba = windowed.predict_proba([X[0][:, :150], X[1]])  # shorter than the window
    assert np.isfinite(proba).all()


def test_windows_of_a_recording_are_never_on_both_sides_of_a_split(exercises):
    X, y = exercises[0][:20], exercises[1][:20]
    windowed = WindowedClassifier(window=100)
    bunch, groups = windowed.windows(X, y), windowed.get_groups(X, y)
    assert_array_equal(groups, bunch.groups)
    assert_array_equal(windowed.get_groups(X), np.repeat(np.arange(20), 11))
    for train, test in GroupKFold(5).split(bunch.data, bunch.target, groups):
        assert not set(groups[train]) & set(groups[test])
        trained = {window.tobytes() for window in bunch.data[train]}
        assert not any(window.tobytes() in trained for window in bunch.data[test])
    scores = cross_val_score(statistics_classifier(), bunch.data, bunch.target, groups=groups, cv=GroupKFold(2))
    assert scores.mean() > 0.5  # chance: 0.14


def test_cross_validation_splits_recordings_and_persons(many):
    X, y, persons, cv = list(many.data[::2]), many.target[::2], many.groups[::2], GroupKFold(2)
    windowed = WindowedClassifier(KeepsWindows(statistics_classifier()), window=150, step=50)
    result = cross_validate(windowed, X, y, groups=persons, cv=cv, return_estimator=True)
    assert result["test_score"].mean() > 0.5  # measured: 0.75; chance: 0.14
    for fitted, (train, test) in zip(result["estimator"], cv.split(X, groups=persons), strict=True):
        assert not set(persons[train]) & set(persons[test])
        assert_array_equal(fitted.estimator_.X_, windowed.windows([X[row] for row in train]).data)


def test_intervals_need_a_splitter_without_strata(steps):
    X, y = [*steps, *steps, *steps], [[(0, 4, 0), (4, 8, 1)], [(0, 4, 1)]] * 3
    windowed = WindowedClassifier(LogisticRegression(), window=2)
    assert_allclose(cross_val_score(windowed, X, y, cv=KFold(3)), 1)
    assert_allclose(cross_val_score(windowed, X, y, groups=[0, 1, 2] * 2, cv=GroupKFold(3)), 1)
    with pytest.raises(ValueError, match="legacy multi-label"):  # the reason for the advice in the class docstring
        cross_val_score(windowed, X, y, cv=3)


def test_score_weighs_the_windows_of_a_recording(fitted, steps):
    y = [[(0, 4, 0), (4, 8, 0)], [(0, 4, 1)]]  # one of two windows of the first recording is predicted as 0
    assert fitted.score(steps, y) == pytest.approx(2 / 3)
    assert fitted.score(steps, y, sample_weight=[1, 0]) == pytest.approx(1 / 2)
    assert fitted.score(steps, y, sample_weight=[1, 4]) == pytest.approx(5 / 6)
    with pytest.raises(ValueError, match=r"sample_weight.*shape"):
        fitted.score(steps, y, sample_weight=[1, 2, 3])


def test_score_of_intervals_is_the_accuracy_of_their_windows(fitted, steps):
    assert fitted.score(steps, [[(0, 4, 0), (4, 8, 1)], [(0, 4, 0)]]) == pytest.approx(2 / 3)
    scores = cross_val_score(fitted, [*steps, *steps], [[(0, 4, 0), (4, 8, 1)], [(0, 4, 1)]] * 2, cv=KFold(2))
    assert_allclose(scores, 1)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (pd.array([0, 1], dtype="Int64"), np.array([0, 1])),
        (pd.array([False, True], dtype="boolean"), np.array([False, True])),
        (pd.Categorical([5, 3]), np.array([3, 5])),
        ([[(0, 4, False), (4, 8, True)], [(0, 4, True)]], np.array([False, True])),
        (["b", "a"], np.array(["a", "b"])),
    ],
)
def test_labels_keep_their_type(steps, y, classes):
    windowed = WindowedClassifier(LogisticRegression(), window=3).fit(steps, y)
    assert_array_equal(windowed.classes_, classes)
    assert windowed.classes_.dtype == classes.dtype
    assert 0 <= windowed.score(steps, y) <= 1


def test_windows_keep_the_mark_of_recordings_without_a_label(steps):
    estimator = MAEClassifier(unlabeled=float("nan"))
    for y in (pd.array([1, None], dtype="Int64"), [np.nan, 1.0], [None, "a"]):
        target = WindowedClassifier(estimator, window=6).windows(steps, y).target
        assert_array_equal(pd.isna(target), np.repeat(pd.isna(np.array(y, dtype=object)), [2, 1]))


def test_parameters_can_be_searched():
    X = np.random.default_rng(0).normal(size=(20, 30)) + np.arange(20)[:, None] % 2
    grid = {"estimator__C": [0.1, 1.0], "window": [5, 10]}
    search = GridSearchCV(WindowedClassifier(LogisticRegression()), grid, cv=2).fit(list(X), np.arange(20) % 2)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.window_ == search.best_params_["window"]


def test_classifier_without_probabilities_votes_with_its_labels(steps):
    windowed = WindowedClassifier(RidgeClassifier(), window=4, step=2)
    windowed.fit([np.zeros(8), np.ones(8)], ["low", "high"])
    assert_allclose(windowed.predict_proba([np.repeat([0.0, 1.0], [5, 9])]), [[4 / 6, 2 / 6]])
    assert_array_equal(windowed.classes_, ["high", "low"])


def test_windows_are_passed_in_chunks(fitted, monkeypatch):
    recording = np.random.default_rng(0).uniform(size=1000)
    expected = fitted.predict_windows([recording, recording[:30]])
    monkeypatch.setattr(windowed_module, "_MAX_VALUES", 40)
    del fitted.estimator_.largest_
    actual = fitted.predict_windows([recording, recording[:30]])
    assert fitted.estimator_.largest_ == 10
    for chunked, whole in zip(actual, expected, strict=True):
        assert_array_equal(chunked.proba, whole.proba)


def test_memory_does_not_contain_all_windows_of_an_hour():
    recording = np.zeros((6, 360_000), np.float32)
    windowed = WindowedClassifier(SignOfMean(), window=200, step=10).fit([recording[:, :400]] * 2, [0, 1])
    tracemalloc.start()
    try:
        (windows,) = windowed.predict_windows([recording])
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    assert len(windows.starts) == 35_981
    assert peak < 50  # MB; measured: 33; a copy of all windows has 165 MB


def test_recordings_may_be_given_in_several_containers(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(4, 2, 30))
    windowed = WindowedClassifier(SignOfMean(), window=8).fit(X, [0, 1, 0, 1])
    assert windowed.estimator_.shape_ == (24 + 4, 2, 8)
    expected = windowed.predict_proba(X)
    np.save(tmp_path / "X.npy", X)
    objects = np.empty(4, dtype=object)
    objects[:] = list(X)
    containers = [
        list(X),
        objects,
        [torch.from_numpy(x) for x in X],
        torch.from_numpy(X),
        [pd.DataFrame(x.T) for x in X],
        np.load(tmp_path / "X.npy", mmap_mode="r"),
    ]
    for container in containers:
        assert_array_equal(windowed.predict_proba(container), expected)


def test_one_channel_has_no_channel_axis(steps):
    windowed = WindowedClassifier(SignOfMean(), window=4).fit([x[None] for x in steps], [0, 1])
    assert windowed.estimator_.shape_ == (5, 4)
    assert windowed.n_channels_ == 1
    assert_array_equal(windowed.predict_proba(steps), windowed.predict_proba([x[None] for x in steps]))
    assert_array_equal(windowed.predict_proba([x.tolist() for x in steps]), windowed.predict_proba(steps))


def test_arrays_have_a_number_of_features_and_lists_do_not(steps):
    windowed = WindowedClassifier(SignOfMean(), window=4).fit(np.ones((2, 8)), [0, 1])
    assert windowed.n_features_in_ == 8
    with pytest.raises(ValueError, match="X has 9 features, but WindowedClassifier is expecting 8"):
        windowed.predict(np.ones((2, 9)))
    assert_array_equal(windowed.predict(list(np.ones((2, 9)))), [1, 1])
    assert not hasattr(windowed.fit(steps, [0, 1]), "n_features_in_")
    assert WindowedClassifier(SignOfMean()).fit(np.ones((2, 3, 8)), [0, 1]).predict(np.ones((1, 3, 20))) == 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda fitted: pickle.loads(pickle.dumps(fitted))])
def test_copy_gives_the_same_predictions(duplicate, exercises):
    X, y = exercises
    windowed = WindowedClassifier(statistics_classifier(), window=200, vote="trimmed").fit(X[:5], y[:5])
    assert_array_equal(duplicate(windowed).predict_proba(X[5:7]), windowed.predict_proba(X[5:7]))


def test_loaded_classifier_gives_the_same_predictions(tmp_path, X_channels):
    estimator = MAEClassifier(batch_size=100, random_state=0)
    windowed = WindowedClassifier(estimator, 100, 60, vote="trimmed", sampling_rate=50)
    windowed.fit(X_channels[:14], np.arange(14) % 2)
    windowed.save(tmp_path / "windowed.safetensors")
    loaded = WindowedClassifier.load(tmp_path / "windowed.safetensors")
    recordings = [X_channels[0], X_channels[1, :, :150]]
    assert_array_equal(loaded.predict_proba(recordings), windowed.predict_proba(recordings))
    assert_array_equal(loaded.predict_windows(recordings)[1].times, windowed.predict_windows(recordings)[1].times)
    assert (loaded.window, loaded.step, loaded.vote, loaded.estimator.batch_size) == (100, 60, "trimmed", 100)
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "windowed.safetensors").read_bytes()
    of_windows = MAEClassifier.load(tmp_path / "windowed.safetensors")
    of_windows.save(tmp_path / "classifier.safetensors")
    bare = WindowedClassifier.load(tmp_path / "classifier.safetensors").set_params(step=60, vote="trimmed")
    assert_array_equal(bare.predict_proba(recordings), windowed.predict_proba(recordings))


def test_default_estimator_is_saved_and_loaded(tmp_path):
    X = np.random.default_rng(0).normal(size=(4, 60))
    path = tmp_path / "windowed.safetensors"
    windowed = WindowedClassifier(window=40).fit(X, [0, 1, 0, 1])
    windowed.save(path)
    assert_array_equal(WindowedClassifier.load(path).predict_proba(X), windowed.predict_proba(X))
    windowed.estimator_._write(path, {"windowed": {"params": {"estimator": None, "window": 40}}})  # earlier files
    assert isinstance(WindowedClassifier.load(path).estimator, MAEClassifier)


def test_classifier_of_spectrograms_is_refused(tmp_path, X):
    path = tmp_path / "classifier.safetensors"
    images = CWTTransformer(cwt_scales=8).fit_transform(X[:4, :60])
    pretrainer = MAEPretrainer(embed_dim=8, depth=1, num_heads=1, patch_size=(4, 20), max_epochs=0)
    MAEClassifier(pretrainer=pretrainer).fit(images, [0, 1, 0, 1]).save(path)
    with pytest.raises(ValueError, match=r"was fitted on spectrograms; WindowedClassifier needs one .* on signals"):
        WindowedClassifier.load(path)


@pytest.mark.parametrize("params", [{"step": 0}, {"step": "x"}, {"vote": "unknown"}, {"unknown": 1}, [], None])
def test_damaged_metadata_is_refused(tmp_path, X, params):
    windowed = WindowedClassifier(MAEClassifier(random_state=0)).fit(X[:14], np.arange(14) % 2)
    path = tmp_path / "windowed.safetensors"
    windowed.estimator_._write(path, {"windowed": {"params": params}})
    with pytest.raises(ValueError, match=r"windowed\.safetensors: the metadata of the file is damaged"):
        WindowedClassifier.load(path)


def test_other_estimators_cannot_be_saved(fitted, tmp_path):
    with pytest.raises(ValueError, match="save needs a MAEClassifier, but the estimator is a SignOfMean; use pickle"):
        fitted.save(tmp_path / "windowed.safetensors")
    assert not list(tmp_path.iterdir())


def test_clone_is_unfitted_and_nested_parameters_can_be_set(fitted):
    assert not hasattr(clone(fitted), "estimator_")
    windowed = WindowedClassifier(MAEClassifier()).set_params(estimator__label_smoothing=0.2, window=5)
    assert (windowed.estimator.label_smoothing, windowed.window) == (0.2, 5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"window": 0}, "'window' parameter"),
        ({"step": 1.5}, "'step' parameter"),
        ({"vote": "hard"}, "vote='hard': give one of 'soft', 'confidence', 'trimmed'"),
        ({"estimator": CWTTransformer()}, "'estimator' parameter"),
        ({"estimator": NotOfScikitLearn()}, r"estimator=<.*NotOfScikitLearn.*let its class inherit from sklearn\.base"),
        ({"sampling_rate": 0}, "'sampling_rate' parameter"),
        ({"estimator": LogisticRegression(), "window": 7}, r"X\[1\], or an interval.*has 6 samples, but window=7"),
    ],
)
def test_invalid_parameters_are_refused(refused, fitted, steps, params, message):
    fitted.set_params(**params)
    with refused(fitted, message):
        fitted.fit(steps, [0, 1])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([np.ones(5), np.ones((2, 5))], [0, 1], "X is ragged"),
        ([np.ones(5), np.ones(0)], [0, 1], r"X\[1\] has shape \(0,\); remove recordings without samples"),
        ([np.ones(5), np.array(["a", "b"])], [0, 1], r"X\[1\] has dtype <U1; give numbers"),
        ([np.ones(5), np.array([1, np.inf, 2])], [0, 1], r"Input X\[1\] contains infinity"),
        (np.ones((2, 3, 4, 5)), [0, 1], "Expected 2D array, got 4D array"),
        ([np.ones(5)] * 2, [0, 1, 1], "inconsistent numbers of samples"),
        ([np.ones(5)] * 2, None, "requires y to be passed"),
        ([np.ones(5)] * 2, [[(0, 5, 1)], [(2, 6, 0)]], r"y\[1\] contains \(2, 6, 0\), but recording 1 has 5 samples"),
        (
            [np.ones(5)] * 2,
            [[(0, 5, 1)], [(2, 4)]],
            r"give lists of \(start, stop, label\) with integers 0 <= start < stop <= 5",
        ),
        ([np.ones(5)] * 2, [[(0.5, 5, 1)], []], r"y\[0\] contains \(0.5, 5, 1\)"),
        ([np.ones(5)] * 2, [[(0, 2, 1), (2, 5, "b")], []], "y contains text 'b' and int 1; convert all labels to text"),
        ([np.ones(5), np.ones(3)], [1.0, np.nan], r"y has no value in 1 of 2 rows \(1\)"),
        ([np.ones(5), np.ones(3)], ["a", None], r"y has no value in 1 of 2 rows \(1\)"),
    ],
)
def test_invalid_recordings_and_labels_are_refused(refused, fitted, X, y, message):
    with refused(fitted, message):
        fitted.fit(X, y)


def test_recording_with_a_gap_is_named(refused, steps):
    windowed = WindowedClassifier(LogisticRegression(), window=3, step=3)
    gap = np.where(np.arange(8) == 4, np.nan, steps[0])
    with refused(windowed, r"X\[1\] contains NaN between samples 3 and 6, which the estimator does not accept"):
        windowed.fit([steps[0], gap], [0, 1])
    windowed.fit(steps, [0, 1])
    with refused(windowed, r"X\[0\] contains NaN between samples 3 and 6"):
        windowed.predict([gap])


def test_nan_of_features_is_not_blamed_on_a_recording(refused, steps):
    to_nan = FunctionTransformer(lambda X: np.full((len(X), 1), np.nan))
    windowed = WindowedClassifier(make_pipeline(to_nan, LogisticRegression()), window=3)
    with refused(windowed, "^Input X contains NaN"):
        windowed.fit(steps, [0, 1])


def test_recording_without_values_is_refused(refused):
    windowed = WindowedClassifier(MAEClassifier())
    with refused(windowed, r"X\[1\] contains only NaN from sample 0 to 9; remove this part"):
        windowed.fit([np.ones(9), np.full(9, np.nan)], [0, 1])


def test_other_number_of_channels_is_refused(refused, fitted):
    with refused(fitted, r"X has recordings of 2 channel\(s\), but WindowedClassifier was fitted on recordings of 1"):
        fitted.predict([np.ones((2, 8))])
