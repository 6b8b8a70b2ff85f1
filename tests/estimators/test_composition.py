"""Tests of the estimators in pipelines, grid searches and meta-estimators of scikit-learn."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sktsmae import CWTTransformer


@pytest.fixture
def cwt_classifier_pipeline(new_pretrainer, new_classifier) -> Pipeline:
    """Return a pipeline of a CWTTransformer and a classifier with an unfitted pretrainer."""
    # Values of cwt_scales and boundary other than the defaults would cause a warning, because they have no effect
    # with spectrograms.
    classifier = new_classifier(pretrainer=new_pretrainer(cwt_scales="auto", boundary="reflect"))
    return Pipeline([("cwt", CWTTransformer(cwt_scales=16, device="cpu")), ("clf", classifier)])


@pytest.fixture
def embedding_pipeline(new_pretrainer) -> Pipeline:
    """Return a pipeline of a pretrainer and logistic regression."""
    regression = LogisticRegression(max_iter=1000)
    return Pipeline([("mae", new_pretrainer()), ("scale", StandardScaler()), ("clf", regression)])


def test_pipeline_of_cwt_transformer_and_classifier_is_better_than_chance(cwt_classifier_pipeline, many, new_persons):
    pipeline = cwt_classifier_pipeline.set_params(clf__max_epochs=10, clf__lr=0.003).fit(many.data, many.target)
    assert_array_equal(pipeline.classes_, np.unique(many.target))
    assert pipeline.predict_proba(new_persons.data).shape == (83, 7)
    assert pipeline.score(new_persons.data, new_persons.target) > 0.3  # always predicting the largest class gives 0.19


def test_pipeline_of_pretrainer_and_logistic_regression_is_better_than_chance(embedding_pipeline, many, new_persons):
    pipeline = embedding_pipeline.fit(many.data, many.target)
    assert pipeline.n_features_in_ == 3
    assert pipeline["clf"].coef_.shape == (7, 3 * 32)
    assert pipeline.score(new_persons.data, new_persons.target) > 0.35  # always predicting the largest class gives 0.19


def test_fine_tuned_classifier_works_as_a_transformer_in_a_pipeline(new_classifier, X, y):
    fine_tuned = new_classifier(max_epochs=5, lr=0.003)
    pipeline = make_pipeline(fine_tuned, StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)
    assert pipeline[:-1].get_feature_names_out().tolist() == [f"maeclassifier{index}" for index in range(32)]
    assert pipeline.score(X, y) > 0.8


def test_grid_search_over_all_steps_works_in_two_processes(cwt_classifier_pipeline, X_channels, y):
    grid = {"cwt__cwt_scales": [8, 16], "clf__head": ["mlp", "reasoning"], "clf__pretrainer__mask_ratio": [0.5, 0.75]}
    cwt_classifier_pipeline.set_params(clf__pretrainer__max_epochs=1, clf__max_epochs=1)
    search = GridSearchCV(cwt_classifier_pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(X_channels, y)
    assert len(search.cv_results_["params"]) == 8
    best = search.best_estimator_["clf"]
    assert best.input_shape_ == (6, search.best_params_["cwt__cwt_scales"], 200)
    assert best.pretrainer_.mask_ratio == search.best_params_["clf__pretrainer__mask_ratio"]
    assert best.pretrainer_.model_.settings["mask_ratio"] == search.best_params_["clf__pretrainer__mask_ratio"]
    # A fit with the best parameters in this process gives the same probabilities.
    refitted = clone(search.best_estimator_).fit(X_channels, y)
    assert_array_equal(refitted.predict_proba(X_channels), search.predict_proba(X_channels))
    restored = pickle.loads(pickle.dumps(search))
    assert_array_equal(restored.predict_proba(X_channels), search.predict_proba(X_channels))
    assert_array_equal(restored.predict(X_channels), search.predict(X_channels))


def test_grid_search_sets_the_scales_of_the_pretrainer(new_pretrainer, new_classifier, X, y):
    grid = {"pretrainer__cwt_scales": [8, [1, 2, 4, 8, 16]], "finetune": ["head"]}
    search = GridSearchCV(new_classifier(pretrainer=new_pretrainer()), grid, cv=2, error_score="raise").fit(X, y)
    best = search.best_params_["pretrainer__cwt_scales"]
    assert search.best_estimator_.pretrainer_.cwt_scales == best
    assert search.best_estimator_.encoder_.image_size == (3, 8 if best == 8 else 5, 200)


def test_grid_search_uses_the_score_of_the_pretrainer(new_pretrainer, X):
    search = GridSearchCV(new_pretrainer(), {"lr": [1e-6, 3e-3]}, cv=2, error_score="raise").fit(X)
    assert search.best_params_ == {"lr": 3e-3}
    assert search.transform(X).shape == (41, 32)


def test_clone_and_grid_search_keep_a_frozen_pretrainer(new_classifier, fitted_pretrainer, X, y, same_weights):
    before = copy.deepcopy(fitted_pretrainer.model_)
    classifier = clone(new_classifier(pretrainer=FrozenEstimator(fitted_pretrainer)))
    search = GridSearchCV(classifier, {"head": ["mlp", "reasoning"]}, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_.pretrainer_ is fitted_pretrainer
    assert same_weights(fitted_pretrainer.model_, before)


def test_frozen_pretrainer_gives_the_same_results_in_other_processes(new_classifier, fitted_pretrainer, X, y):
    classifier = new_classifier(pretrainer=FrozenEstimator(fitted_pretrainer), finetune="head", max_epochs=1)
    one_process, two_processes = (
        cross_validate(classifier, X, y, cv=2, n_jobs=n_jobs, return_estimator=True, error_score="raise")
        for n_jobs in (1, 2)
    )
    for local, remote in zip(one_process["estimator"], two_processes["estimator"], strict=True):
        assert_array_equal(remote.transform(X), fitted_pretrainer.transform(X))
        # Processes may use different numbers of threads, which changes rounding errors.
        assert_allclose(remote.predict_proba(X), local.predict_proba(X), atol=1e-5)


def test_pipeline_memory_caches_the_fitted_pretrainer(embedding_pipeline, X, y, tmp_path):
    expected = embedding_pipeline.fit(X, y).predict_proba(X)
    cached = clone(embedding_pipeline).set_params(memory=str(tmp_path))
    assert_array_equal(cached.fit(X, y).predict_proba(X), expected)
    cached.set_params(clf__C=0.1).fit(X, y)
    assert len(list(tmp_path.rglob("output.pkl"))) == 2  # one for the pretrainer and one for the scaler
    assert_array_equal(cached.set_params(clf__C=1.0).fit(X, y).predict_proba(X), expected)


@pytest.fixture
def table(few) -> pd.DataFrame:
    """Return a table of signals with two more columns: the person as a number, and a side as text."""
    frame = pd.DataFrame(few.data[:, 0]).add_prefix("acc_")
    return frame.assign(person=few.groups, side=np.where(few.groups % 2, "left", "right"))


def test_column_transformer_passes_signal_columns_to_the_pretrainer(new_pretrainer, fitted_pretrainer, table, X):
    signals = [name for name in table if name.startswith("acc_")]
    transformer = ColumnTransformer([("mae", new_pretrainer(), signals)], remainder="passthrough")
    out = transformer.set_output(transform="pandas").fit_transform(table)
    embeddings = [f"mae__maepretrainer{index}" for index in range(32)]
    assert out.columns.tolist() == [*embeddings, "remainder__person", "remainder__side"]
    assert_array_equal(transformer.get_feature_names_out(), out.columns)
    assert_array_equal(out[embeddings], fitted_pretrainer.transform(X))
    assert_array_equal(out["remainder__person"], table["person"])
    assert transformer.named_transformers_["mae"].feature_names_in_.tolist() == signals


def test_pandas_output_keeps_the_index(fitted_pretrainer, table, X):
    pretrainer = copy.deepcopy(fitted_pretrainer).set_output(transform="pandas")
    frame = pd.DataFrame(X, index=[f"recording {row}" for row in range(41)])
    out = pretrainer.transform(frame)
    assert out.index.equals(frame.index)
    assert (out.dtypes == np.float32).all()


def test_pipeline_of_images_works_if_pandas_output_is_configured_globally(cwt_classifier_pipeline, X, y):
    expected = cwt_classifier_pipeline.fit(X, y).predict_proba(X)
    with config_context(transform_output="pandas"):
        assert_array_equal(cwt_classifier_pipeline.fit(X, y).predict_proba(X), expected)


def test_feature_union_concatenates_embeddings_and_statistics(new_pretrainer, fitted_pretrainer, X):
    statistics = CWTTransformer(cwt_scales=8, output="statistics", device="cpu")
    union = FeatureUnion([("mae", new_pretrainer()), ("cwt", statistics)]).fit(X)
    expected = np.hstack([fitted_pretrainer.transform(X), statistics.fit_transform(X)])
    assert_array_equal(union.transform(X), expected)
    names = union.get_feature_names_out()
    assert len(names) == expected.shape[1]
    assert (names[0], names[32]) == ("mae__maepretrainer0", "cwt__ch0_signal_fraction_above_q3")


def test_soft_vote_with_a_random_forest_is_the_mean_of_both(new_classifier, X, y):
    forest = RandomForestClassifier(10, random_state=0)
    vote = VotingClassifier([("mae", new_classifier()), ("forest", forest)], voting="soft").fit(X, y)
    members = [member.predict_proba(X) for member in vote.estimators_]
    assert_allclose(vote.predict_proba(X), np.mean(members, axis=0), rtol=1e-6)  # rounding errors of float32
    assert set(vote.predict(X)) <= set(y)


def test_stacking_with_a_random_forest_uses_the_probabilities_of_both(new_classifier, fitted_classifier, X, y):
    forest = RandomForestClassifier(10, random_state=0)
    stack = StackingClassifier([("mae", new_classifier()), ("forest", forest)], LogisticRegression(), cv=2).fit(X, y)
    assert stack.final_estimator_.coef_.shape == (7, 14)
    assert_array_equal(stack.transform(X)[:, :7], fitted_classifier.predict_proba(X))
    assert set(stack.predict(X)) <= set(y)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_sum_to_one(new_classifier, X_channels, y, method):
    calibrated = CalibratedClassifierCV(new_classifier(), method=method, cv=2, ensemble=True).fit(X_channels, y)
    assert len(calibrated.calibrated_classifiers_) == 2
    assert_array_equal(calibrated.classes_, np.unique(y))
    assert_allclose(calibrated.predict_proba(X_channels).sum(1), 1)


def test_self_training_labels_the_most_confident_predictions(new_classifier, X, y):
    labels = np.unique(y, return_inverse=True)[1]
    labels[::3] = -1
    self_training = SelfTrainingClassifier(new_classifier(), criterion="k_best", k_best=5, max_iter=1).fit(X, labels)
    assert self_training.classes_.tolist() == list(range(7))
    assert (self_training.labeled_iter_ == 1).sum() == 5
    first_classifier = new_classifier().fit(X[labels >= 0], labels[labels >= 0])
    pseudo_labelled = self_training.labeled_iter_ == 1
    assert_array_equal(self_training.transduction_[pseudo_labelled], first_classifier.predict(X)[pseudo_labelled])
    assert set(self_training.predict(X)) <= set(range(7))


def test_cross_validation_by_person_returns_the_score_of_each_fold(new_classifier, few):
    results = cross_validate(
        new_classifier(), few.data, few.target, groups=few.groups, cv=GroupKFold(3), return_estimator=True,
        return_indices=True, error_score="raise",
    )  # fmt: skip
    for score, estimator, rows in zip(
        results["test_score"], results["estimator"], results["indices"]["test"], strict=True
    ):
        assert score == estimator.score(few.data[rows], few.target[rows])


def test_pipeline_passes_sample_weights_to_the_classifier(cwt_classifier_pipeline, X, y):
    has_weight = np.arange(41) % 4 > 0
    cwt_classifier_pipeline.set_params(clf__pretrainer="scratch")
    pipeline = cwt_classifier_pipeline.fit(X, y, clf__sample_weight=has_weight.astype(float))
    weighted = pipeline.predict_proba(X)
    assert not np.array_equal(pipeline.fit(X, y).predict_proba(X), weighted)
