"""Tests of the synthetic signals for pre-training."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae.datasets import _families, make_signals, stream_signals


@pytest.fixture(scope="module")
def corpus():
    """Return 1,024 synthetic signals of 512 samples."""
    return make_signals(1024, 512, random_state=0)


def test_signals_are_finite_and_standardised(corpus):
    assert corpus.shape == (1024, 512)
    assert corpus.dtype == np.float32
    assert np.isfinite(corpus).all()
    assert_allclose(corpus.mean(1), 0, atol=1e-5)
    assert_allclose(corpus.std(1), 1, atol=1e-5)


@pytest.mark.parametrize("n_timepoints", [8, 9, 31, 200, 1000])
def test_signals_of_any_length_are_standardised(n_timepoints):
    X = make_signals(300, n_timepoints, random_state=1)
    assert X.shape == (300, n_timepoints)
    assert_allclose(X.mean(1), 0, atol=1e-5)
    assert_allclose(X.std(1), 1, atol=1e-5)


def test_all_signals_are_different(corpus):
    assert len(np.unique(corpus, axis=0)) == len(corpus)


def test_equal_seeds_give_equal_signals_and_other_seeds_give_other_signals(corpus):
    assert_array_equal(make_signals(200, random_state=0), corpus[:200])
    others = make_signals(200, random_state=1)
    assert not (others == corpus[:200]).all(1).any()


def test_first_signals_do_not_depend_on_n_samples(corpus):
    for n_samples in (1, 128, 129, 300):
        assert_array_equal(make_signals(n_samples, random_state=0), corpus[:n_samples])


def test_random_state_object_gives_new_signals_in_each_call():
    state = np.random.RandomState(3)
    first, second = make_signals(5, 50, random_state=state), make_signals(5, 50, random_state=state)
    assert (first != second).any(1).all()
    assert_array_equal(make_signals(5, 50, random_state=np.random.RandomState(3)), first)


@pytest.mark.parametrize("random_state", [None, 0])
def test_global_generator_of_numpy_is_unchanged(random_state):
    np.random.seed(0)  # noqa: NPY002 - this test is about the global generator
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_signals(3, 20, random_state=random_state)
    next(stream_signals(20, batch_size=3, random_state=random_state))
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_random_state_none_ignores_the_global_seed_of_numpy():
    draws = []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002
        draws.append(make_signals(3, 50))
    assert (draws[0] != draws[1]).any(1).all()


@pytest.mark.parametrize("batch_size", [1, 48, 128, 300])
def test_concatenated_batches_equal_make_signals(batch_size, corpus):
    batches = list(islice(stream_signals(batch_size=batch_size, random_state=0), 3))
    assert [batch.shape for batch in batches] == [(batch_size, 512)] * 3
    assert_array_equal(np.concatenate(batches), corpus[: 3 * batch_size])


@pytest.mark.parametrize("batch_size", [1, 48, 128, 300])
@pytest.mark.parametrize("start", [1, 3, 7])
def test_stream_with_start_skips_the_first_batches(batch_size, start):
    all_batches = list(islice(stream_signals(40, batch_size=batch_size, random_state=5), start + 2))
    later_batches = list(islice(stream_signals(40, batch_size=batch_size, random_state=5, start=start), 2))
    assert_array_equal(later_batches, all_batches[start:])


def test_batches_before_start_are_not_generated():
    # Generating all batches before this one would not finish.
    assert next(stream_signals(20, batch_size=4, random_state=0, start=10**12)).shape == (4, 20)


def test_changing_a_batch_does_not_affect_the_next_batch():
    changed, unchanged = (stream_signals(40, batch_size=3, random_state=0) for _ in range(2))
    next(changed)[:] = 0
    next(unchanged)
    assert_array_equal(next(changed), next(unchanged))


@pytest.mark.parametrize("family", _families._FAMILIES, ids=lambda function: function.__name__)
@pytest.mark.parametrize("n_timepoints", [8, 31, 512, 2000])
def test_family_generates_finite_signals_that_are_not_constant(family, n_timepoints):
    signals = family(np.random.default_rng(0), 60, n_timepoints)
    assert signals.shape == (60, n_timepoints)
    assert np.isfinite(signals).all()
    assert (signals.std(1) > 1e-4 * np.abs(signals).max(1)).all()
    assert len(np.unique(signals, axis=0)) > 30  # short square waves have few possible shapes


def test_weights_of_families_are_between_2_and_15_percent():
    weights = np.array(list(_families._FAMILIES.values()))
    assert (weights / weights.sum()).min() > 0.02
    assert (weights / weights.sum()).max() < 0.15


@pytest.mark.parametrize(
    "distortion", [function for function, _ in _families._DISTORTIONS], ids=lambda function: function.__name__
)
def test_distortion_changes_most_signals_and_keeps_their_shape(distortion, corpus):
    changed = distortion(np.random.default_rng(0), corpus[:50])
    assert changed.shape == (50, 512)
    assert np.isfinite(changed).all()
    assert (changed != corpus[:50]).any(1).mean() > 0.5
    assert distortion(np.random.default_rng(0), corpus[:0]).shape == (0, 512)


@pytest.mark.parametrize("n_pairs", [0, 1, 200])
def test_mixture_depends_on_both_signals(n_pairs):
    first, second = np.random.default_rng(1).standard_normal((2, 200, 64), np.float32)[:, :n_pairs]
    mixed = _families._mix(np.random.default_rng(0), first, second)
    assert mixed.shape == (n_pairs, 64)
    assert np.isfinite(mixed).all()
    other = _families._mix(np.random.default_rng(0), first, second[::-1])
    # If the number of pairs is odd, the reversal keeps the pair in the middle.
    assert (mixed != other).any(1).sum() >= 0.9 * (n_pairs - n_pairs % 2)


def test_constant_infinite_and_nan_signals_are_replaced_by_noise_and_others_are_kept():
    ramp = np.linspace(-1, 1, 50)
    signals = np.array(
        [np.full(50, 3), ramp, np.zeros(50), ramp + np.inf, ramp + np.nan, 1e6 + ramp, 1e30 * ramp], np.float32
    )
    result = _families._replace_flat(np.random.default_rng(0), signals)
    assert_allclose(result.mean(1), 0, atol=1e-6)
    assert_allclose(result.std(1), 1, atol=1e-6)
    assert_allclose(result[1], ramp / ramp.std(), atol=1e-6)


def test_spectral_centroids_range_from_2_to_100_cycles_per_signal(corpus):
    power = np.abs(np.fft.rfft(corpus)) ** 2
    centroids = (power * np.arange(257)).sum(1) / power.sum(1)  # in cycles per signal
    low, high = np.quantile(centroids, [0.02, 0.98])
    assert low < 2
    assert high > 100


def test_corpus_contains_smooth_and_rough_signals(corpus):
    roughness = (np.diff(corpus, axis=1) ** 2).mean(1) / 2  # 1 for white noise
    assert 0.2 < (roughness < 0.01).mean() < 0.5
    assert 0.1 < (roughness > 0.25).mean() < 0.4


def test_some_signals_have_two_values_and_some_have_spikes(corpus):
    kurtosis = (corpus.astype(float) ** 4).mean(1)  # 3 for Gaussian noise, 1 for a square wave
    assert np.quantile(kurtosis, 0.02) < 1.6
    assert np.quantile(kurtosis, 0.97) > 20
    assert 2 < np.median(kurtosis) < 4


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_samples": 0}, r"'n_samples' .* int in the range \[1, inf\). Got 0"),
        ({"n_samples": 2.5}, r"'n_samples' .* Got 2.5"),
        ({"n_timepoints": 7}, r"'n_timepoints' .* int in the range \[8, inf\). Got 7"),
        ({"n_timepoints": "512"}, r"'n_timepoints' .* Got '512'"),
        ({"random_state": "seed"}, r"'random_state' .* Got 'seed'"),
    ],
)
def test_invalid_parameter_of_make_signals_raises(params, message):
    with pytest.raises(ValueError, match=message):
        make_signals(**params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_timepoints": 7}, r"'n_timepoints' .* int in the range \[8, inf\). Got 7"),
        ({"batch_size": 0}, r"'batch_size' .* int in the range \[1, inf\). Got 0"),
        ({"start": -1}, r"'start' .* int in the range \[0, inf\). Got -1"),
        ({"random_state": 1.5}, r"'random_state' .* Got 1.5"),
    ],
)
def test_invalid_parameter_of_stream_signals_raises_before_the_first_batch(params, message):
    with pytest.raises(ValueError, match=message):
        stream_signals(**params)
