"""Tests of signals in Dask arrays: their blocks are processed where they are."""

from __future__ import annotations

import os
import signal

import dask
import dask.array
import distributed
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer, MAERegressor
from sktsmae.training import features, streamed_features


@pytest.fixture(autouse=True)
def _synchronous():
    """Compute in this thread, unless a test chooses another scheduler."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def _streamed(monkeypatch):
    """Stream the features of any number of samples."""
    monkeypatch.setattr(features, "_MAX_SAMPLES", 0)
    monkeypatch.setattr(streamed_features, "WIDTH", 64)
    monkeypatch.setattr(streamed_features, "GROUP_SAMPLES", 10)


@pytest.fixture
def signals(few, y):
    """Return 41 signals of one channel and 60 samples, and their labels."""
    return few.data[:, 0, :60].copy(), y


def coefficients(estimator):
    """Return the weights of all linear models as one array."""
    return np.concatenate([linear.linear.weight.detach().numpy().ravel() for linear in estimator.probe_.linear])


def assert_same_models(estimator, expected):
    scale = np.abs(coefficients(expected)).max()
    assert estimator.ensemble_weights_.keys() == expected.ensemble_weights_.keys()
    assert_allclose(coefficients(estimator), coefficients(expected), rtol=0, atol=1e-6 * scale)


@pytest.mark.usefixtures("_streamed")
@pytest.mark.parametrize("chunk", [41, 6, 1])
def test_models_do_not_depend_on_the_chunks(signals, chunk):
    X, y = signals
    expected = MAEClassifier(random_state=0).fit(X, y)
    blocks = dask.array.from_array(X, chunks=(chunk, 20))
    assert_same_models(MAEClassifier(random_state=0).fit(blocks, dask.array.from_array(y, chunks=chunk)), expected)


@pytest.mark.usefixtures("_streamed")
def test_regressor_sums_over_the_blocks(few):
    X, target = few.data[:, :2, :60] + 1e5, few.data[:, 0].std(-1)  # a large mean, which is subtracted
    expected = MAERegressor(random_state=0).fit(X, target)
    blocks = dask.array.from_array(X, chunks=(7, -1, -1))
    regressor = MAERegressor(random_state=0).fit(blocks, target)
    assert (regressor.offset_ > 9e4).all()
    assert_same_models(regressor, expected)
    assert_allclose(regressor.predict(blocks).compute(), expected.predict(X), rtol=1e-4)


@pytest.mark.usefixtures("_streamed")
def test_blocks_without_a_labelled_signal_are_skipped(signals):
    X, y = signals
    y = np.where(np.arange(len(y)) < 20, y, "?")
    expected = MAEClassifier(unlabeled="?", random_state=0).fit(X, y)
    blocks = dask.array.from_array(X, chunks=(8, -1))
    assert_same_models(MAEClassifier(unlabeled="?", random_state=0).fit(blocks, y), expected)


@pytest.mark.parametrize("settings", [{}, {"finetune": "head", "max_epochs": 1}])
def test_few_signals_give_the_same_classifier_as_an_array_in_memory(signals, settings):
    X, y = signals
    expected = MAEClassifier(random_state=0, **settings).fit(X, y).predict_proba(X)
    blocks = dask.array.from_array(X, chunks=(9, -1))
    assert_array_equal(MAEClassifier(random_state=0, **settings).fit(blocks, y).predict_proba(X), expected)


@pytest.mark.parametrize("channels", [1, 2])
def test_pretrainer_trains_as_on_an_array_in_memory(new_pretrainer, few, channels):
    X = few.data[:, :channels, :60]
    expected, pretrainer = new_pretrainer().fit(X), new_pretrainer()
    blocks = dask.array.from_array(X, chunks=(9, 1, 30))
    assert_array_equal(pretrainer.fit(blocks).transform(X), expected.transform(X))
    assert pretrainer.score(blocks) == expected.score(X)
    assert_array_equal(pretrainer.partial_fit(blocks).transform(X), expected.partial_fit(X).transform(X))


def test_results_are_lazy_and_have_the_blocks_of_the_signals(signals):
    X, y = signals
    blocks = dask.array.from_array(X, chunks=(9, -1))
    classifier = MAEClassifier(random_state=0).fit(X, y)
    results = {
        "predict": (classifier.predict, y.dtype.kind),
        "predict_proba": (classifier.predict_proba, "f"),
        "classifier.transform": (classifier.transform, "f"),
        "regressor.predict": (MAERegressor(random_state=0).fit(X, X[:, 0]).predict, "f"),
        "images": (CWTTransformer().fit(X).transform, "f"),
        "score_samples": (MAEPretrainer.from_pretrained().score_samples, "f"),
    }
    for name, (method, kind) in results.items():
        lazy, expected = method(blocks), method(X)
        assert isinstance(lazy, dask.array.Array), name
        assert lazy.chunks[0] == blocks.chunks[0]
        assert (lazy.shape, lazy.dtype.kind) == (expected.shape, kind)
        computed = lazy.compute()
        if kind == "f":
            assert_allclose(computed, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
        else:
            assert_array_equal(computed, expected)


def test_no_block_is_computed_before_the_results_are(signals):
    X, y = signals

    def fail(block):
        raise RuntimeError("computed")

    classifier = MAEClassifier(random_state=0).fit(X, y)
    lazy = classifier.predict(dask.array.from_array(X, chunks=(9, -1)).map_blocks(fail, dtype=X.dtype, meta=X[:0]))
    with pytest.raises(RuntimeError, match="computed"):
        lazy.compute()


def test_invalid_blocks_are_named(signals):
    X, y = signals
    invalid = X.copy()
    invalid[23] = np.nan
    with pytest.raises(ValueError, match="only NaN in sample 23"):
        MAEClassifier().fit(dask.array.from_array(invalid, chunks=(5, -1)), y)
    with pytest.raises(ValueError, match="X has 59 features"):
        MAEClassifier(random_state=0).fit(X, y).predict(dask.array.from_array(X[:, 1:], chunks=(5, -1)))
    blocks = dask.array.from_array(X, chunks=(5, -1))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        MAEClassifier(random_state=0).fit(X, y).predict(blocks[:0])
    with pytest.raises(ValueError, match=r"call X\.compute_chunk_sizes"):
        MAEClassifier().fit(blocks[blocks[:, 0] > 0], y)


def test_a_later_fit_does_not_change_lazy_results(signals):
    X, _ = signals
    transformer = CWTTransformer(cwt_scales=4).fit(X)
    lazy = transformer.transform(dask.array.from_array(X, chunks=(9, -1)))
    transformer.set_params(cwt_scales=6).fit(X)
    assert lazy.compute().shape == lazy.shape == (41, 3, 4, 60)


@pytest.mark.usefixtures("_streamed")
def test_blocks_are_computed_a_few_times_only(signals):
    X, y = signals
    computed = []

    def count(block):
        computed.append(len(block))
        return block

    blocks = dask.array.from_array(X, chunks=(10, -1)).map_blocks(count, dtype=X.dtype, meta=X[:0])
    MAEClassifier(random_state=0).fit(blocks, y)
    # For the first signal, validation, offsets, thresholds and sums.
    assert len(computed) <= 1 + 4 * blocks.npartitions


@pytest.mark.slow
@pytest.mark.usefixtures("_streamed")
def test_models_are_the_same_on_a_cluster_that_loses_a_worker(signals, tmp_path):
    X, y = signals
    expected = MAEClassifier(random_state=0).fit(X, y)
    killed = tmp_path / "killed"

    def die_once(block, block_info=None):
        if block_info and block_info[0]["chunk-location"] == (3, 0) and (tmp_path / "go").exists():
            try:
                killed.touch(exist_ok=False)
            except FileExistsError:
                return block
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    blocks = dask.array.from_array(X, chunks=(6, -1)).map_blocks(die_once, dtype=X.dtype, meta=X[:0])
    (tmp_path / "go").touch()
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    )
    with cluster, distributed.Client(cluster), dask.config.set(scheduler="distributed"):
        classifier = MAEClassifier(random_state=0).fit(blocks, y)
        predicted = classifier.predict(blocks).compute()
    assert killed.exists()
    assert_same_models(classifier, expected)
    assert_array_equal(predicted, expected.predict(X))
