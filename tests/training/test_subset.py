"""Tests of the choice of a random subset that represents all classes."""

import numpy as np
from numpy.testing import assert_array_equal

from sktsmae.training.subset import choose_samples


def test_all_samples_are_chosen_if_there_are_few():
    assert_array_equal(choose_samples(np.zeros(100, int), 200, seed=0), np.arange(100))


def test_the_same_fraction_of_each_class_is_chosen_from_many_samples():
    codes = np.r_[np.zeros(3000, int), np.ones(50, int)]
    chosen = choose_samples(codes, 1000, seed=0)
    assert len(chosen) == 1000
    assert abs((codes[chosen] == 1).sum() - 50 / 3) < 2  # about a third of all samples are chosen
    assert (np.diff(chosen) > 0).all()


def test_a_subset_of_many_samples_has_all_classes():
    codes = np.zeros(2000, dtype=int)
    codes[:3] = [1, 2, 3]  # classes with a single sample
    assert set(codes[choose_samples(codes, 10, seed=0)]) == {0, 1, 2, 3}
