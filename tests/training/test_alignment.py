"""Tests of the relevance of channels."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from sktsmae.training.alignment import channel_relevance


def test_channel_that_predicts_the_target_is_more_relevant_than_noise():
    rng = np.random.default_rng(0)
    targets = rng.choice([-1.0, 1.0], size=(40, 1))
    features = rng.normal(size=(40, 5, 10))
    features[:, 3] += 2 * targets
    weights = channel_relevance(features, targets)
    assert_allclose(weights.mean(), 1)
    assert weights[3] > 10 * np.delete(weights, 3).max()
    assert (weights > 0).all()


def test_relevance_does_not_depend_on_the_scale_of_the_features():
    rng = np.random.default_rng(0)
    targets, features = rng.normal(size=(30, 2)), rng.normal(size=(30, 3, 4))
    features[:, :, 0] += targets[:, :1]
    scaled = 1e3 * features * [1, 2, 3, 4] + 5
    assert_allclose(channel_relevance(scaled, targets), channel_relevance(features, targets), rtol=1e-6)


def test_single_channel_has_a_weight_of_1():
    assert channel_relevance(np.zeros((5, 1, 3)), np.zeros((5, 1))) == [1]


def test_channels_that_do_not_vary_are_equally_relevant():
    assert_allclose(channel_relevance(np.ones((5, 3, 2)), np.arange(5.0)[:, None]), 1)
