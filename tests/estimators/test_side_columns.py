"""Tests of tables in which one column contains signals and others contain numbers, such as age and load."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktsmae import CWTTransformer, MAEClassifier, MAERegressor
from sktsmae.datasets import load_sparwatch

SIDE = ["age", "load"]
RECORDING = ["signal"]


def table_of(signals, y, seed=0):
    """Return a table of signals, ages without information, and loads that differ between the classes."""
    rng = np.random.default_rng(seed)
    _, codes = np.unique(y, return_inverse=True)
    columns = {"age": rng.normal(40, 10, len(y)), "load": 2 * codes + rng.normal(size=len(y))}
    return pd.DataFrame({"signal": list(signals), **columns})


@pytest.fixture(scope="module")
def table(X_channels, y):
    return table_of(X_channels, y)


@pytest.fixture
def columns():
    """Return a transformer to 16 columns of a signal with two channels, and two side columns."""
    return make_column_transformer((CWTTransformer(output="summary"), "signal"), (StandardScaler(), SIDE))


@pytest.mark.parametrize("selection", ["signal", RECORDING], ids=["series", "frame"])
def test_columns_of_a_table_are_those_of_its_signals_and_its_numbers(X_channels, table, selection):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu")
    columns = make_column_transformer((transformer, selection), ("passthrough", SIDE))
    expected = np.hstack([transformer.fit_transform(X_channels), table[SIDE].to_numpy()])
    assert_array_equal(columns.fit_transform(table), expected)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_all_columns_are_named(X_channels, table, columns, container):
    given = table
    if container == "polars":
        given = polars.DataFrame({"signal": X_channels.tolist(), **table[SIDE]})
        # scikit-learn 1.6 selects columns of polars only by their positions.
        columns = make_column_transformer((CWTTransformer(output="summary"), 0), (StandardScaler(), [1, 2]))
    frame = columns.set_output(transform=container).fit_transform(given)
    names = [
        f"cwttransformer__{name}" for name in CWTTransformer(output="summary").fit(X_channels).get_feature_names_out()
    ]
    assert list(frame.columns) == [*names, "standardscaler__age", "standardscaler__load"]
    assert columns.get_feature_names_out().tolist() == list(frame.columns)


@pytest.mark.parametrize("kind", ["frozen pretrainer", "pretrainer", "classifier"])
def test_columns_of_embeddings_are_named(new_pretrainer, new_classifier, X_channels, y, table, kind):
    embedder = {
        "frozen pretrainer": lambda: FrozenEstimator(new_pretrainer().fit(X_channels)),
        "pretrainer": new_pretrainer,
        "classifier": new_classifier,
    }[kind]()
    columns = make_column_transformer((embedder, "signal"), ("passthrough", SIDE), verbose_feature_names_out=False)
    frame = columns.set_output(transform="pandas").fit_transform(table, y)
    name = "maeclassifier" if kind == "classifier" else "maepretrainer"
    assert list(frame.columns) == [*(f"{name}{index}" for index in range(64)), "age", "load"]
    assert columns.get_feature_names_out().tolist() == list(frame.columns)


@pytest.mark.parametrize(
    "final", [LogisticRegression(max_iter=1000), RidgeClassifierCV(), Ridge()], ids=lambda final: type(final).__name__
)
def test_pipelines_are_validated_and_pickled(table, y, columns, final):
    pipeline = make_pipeline(columns, final)
    target = table["load"] if isinstance(final, Ridge) else y
    assert np.isfinite(cross_val_score(pipeline, table, target, cv=3)).all()
    pipeline.fit(table, target)
    loaded = pickle.loads(pickle.dumps(pipeline))
    assert_array_equal(loaded.predict(table[:5]), pipeline.predict(table)[:5])


def test_search_chooses_the_features_of_the_signals(table, y, columns):
    pipeline = make_pipeline(columns, RidgeClassifier())
    grid = {"columntransformer__cwttransformer__output": ["summary", "spectrum"]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(table, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    assert search.predict(table).shape == (41,)


def test_missing_numbers_are_imputed_and_missing_values_of_signals_are_interpolated(table, y):
    gaps = table.copy()
    gaps.loc[3, "load"] = np.nan
    gaps.at[5, "signal"] = np.where(np.arange(200) == 100, np.nan, gaps.at[5, "signal"])
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((CWTTransformer(output="summary"), "signal"), (numbers, SIDE))
    complete, incomplete = columns.fit_transform(table), columns.fit_transform(gaps)
    assert np.isfinite(incomplete).all()
    assert incomplete[3, -1] == pytest.approx(0)  # the mean
    assert_allclose(incomplete[5, :-2], complete[5, :-2], atol=0.05)  # one of 200 samples has a small effect


def test_a_wrong_row_is_named_by_the_index_of_the_table(table, y, columns):
    wrong = table.copy()
    wrong.at[30, "signal"] = wrong.at[30, "signal"].T
    with pytest.raises(ValueError, match=r"shape \(200, 2\) in row 30 of column 'signal'.*or remove the row"):
        cross_val_score(make_pipeline(columns, RidgeClassifier()), wrong, y, cv=3, error_score="raise")
    for estimator, target in ((MAEClassifier(), y), (MAERegressor(), table["load"])):
        with pytest.raises(ValueError, match=r"only in some of its columns, \['signal'\]; select these columns"):
            estimator.fit(table, target)


def test_classifier_and_regressor_accept_a_column_of_signals(new_classifier, X_channels, y, table):
    classifier = new_classifier()
    regressor = MAERegressor(pretrainer=classifier.pretrainer, probe=False, finetune="full", max_epochs=1, device="cpu")
    for estimator, target in ((classifier, y), (regressor.set_params(random_state=0), table["load"])):
        expected = estimator.fit(X_channels, target).predict(X_channels)
        assert_array_equal(estimator.fit(table["signal"], target).predict(table["signal"]), expected)


@pytest.fixture(scope="module")
def tables(many):
    """Return tables and labels for training and test. One axis of the acceleration does not determine the exercise."""
    new_persons = load_sparwatch(subset="test")
    train, test = (table_of(data.data[:, 0], data.target, seed) for seed, data in enumerate((many, new_persons)))
    return train, many.target, test, new_persons.target


# About two standard errors of the difference of two accuracies on the 493 recordings for the test.
CLEARLY = 0.04


def test_voting_of_signals_and_side_columns_is_better_than_either(tables):
    train, y_train, test, y_test = tables
    signals = make_pipeline(make_column_transformer(("passthrough", RECORDING)), MAEClassifier(random_state=0))
    numbers = make_pipeline(make_column_transformer((StandardScaler(), SIDE)), LogisticRegression())
    both = VotingClassifier([("signals", signals), ("numbers", numbers)], voting="soft", flatten_transform=False)
    probabilities = both.fit(train, y_train).transform(test)  # of each classifier; `predict` uses their mean
    predicted = [both.classes_[values.argmax(1)] for values in (probabilities.mean(0), *probabilities)]
    voted, *alone = ((labels == y_test).mean() for labels in predicted)
    assert voted > max(alone) + CLEARLY


def test_a_weight_of_few_side_columns_among_thousands_of_statistics_improves_a_ridge_classifier(tables):
    train, y_train, test, y_test = tables
    statistics = make_pipeline(CWTTransformer(output="statistics"), StandardScaler())
    accuracies = []
    for weight in (0, 1, 10):
        parts = [("signal", statistics, "signal"), ("side", StandardScaler(), SIDE)]
        columns = ColumnTransformer(parts, transformer_weights={"side": weight})
        pipeline = make_pipeline(columns, RidgeClassifierCV(np.logspace(-1, 5, 7)))
        accuracies.append(pipeline.fit(train, y_train).score(test, y_test))
    assert accuracies[2] > max(accuracies[:2]) + CLEARLY


def test_regression_uses_signals_and_side_columns(many):
    table = table_of(many.data, many.target)
    target = table["load"] + 3 * np.array([signal[0].std() for signal in table["signal"]])
    pipelines = [
        make_pipeline(make_column_transformer(*parts), Ridge())
        for parts in (
            [(CWTTransformer(output="summary"), "signal")],
            [(StandardScaler(), SIDE)],
            [(CWTTransformer(output="summary"), "signal"), (StandardScaler(), SIDE)],
        )
    ]
    signals, numbers, both = (np.mean((cross_val_predict(p, table, target, cv=3) - target) ** 2) for p in pipelines)
    assert both < 0.5 * min(signals, numbers)
