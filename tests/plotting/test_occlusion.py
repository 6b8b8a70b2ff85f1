"""Tests of the occlusion of times and frequencies."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae.plotting._occlusion import NUM_BANDS, NUM_SEGMENTS, occlude_bands, occlude_times, occlusion


@pytest.mark.parametrize("shape", [(160,), (3, 160)])
def test_each_time_segment_is_replaced_by_a_straight_line(shape):
    signal = np.random.default_rng(0).normal(size=shape)
    occluded = occlude_times(signal)
    assert occluded.shape == (NUM_SEGMENTS, *shape)
    for number, copy in enumerate(occluded):
        start, stop = 10 * number, 10 * number + 10
        assert_array_equal(np.delete(copy, range(start, stop), axis=-1), np.delete(signal, range(start, stop), axis=-1))
        assert_allclose(np.diff(copy[..., start:stop], n=2), 0, atol=1e-12)


def test_each_octave_is_removed_from_a_sum_of_sinusoids():
    time, edges = np.arange(640), 0.5 ** np.arange(NUM_BANDS, 0, -1)
    frequencies = np.round(640 * 0.75 * edges) / 640  # one in each band, with whole periods
    waves = np.sin(2 * np.pi * frequencies[:, None] * time)
    occluded, limits = occlude_bands(7 + waves.sum(0))
    assert_allclose(limits, [0, *edges])
    assert_allclose(occluded, 7 + waves.sum(0) - waves, atol=1e-10)


def test_occlusion_finds_the_time_and_the_frequency_of_a_burst():
    class BurstDetector:
        def predict_proba(self, X):
            energy = np.square(X[:, 200:220]).sum(1)  # in the sixth of 16 segments of 640 samples
            return np.stack([1 / (1 + energy), energy / (1 + energy)], axis=1)

    signal = np.zeros(640)
    signal[200:220] = np.sin(2 * np.pi * 0.2 * np.arange(20))
    times, bands, edges = occlusion(BurstDetector(), signal, 1)
    assert times.argmax() == 5
    assert edges[bands.argmax()] <= 0.2 <= edges[bands.argmax() + 1]
