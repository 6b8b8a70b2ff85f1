"""Tests of the resampling of signals to another length."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.resampling import resample


@pytest.mark.parametrize(("old", "new"), [(5, 9), (9, 5), (100, 512), (1, 4), (2, 3)])
def test_resample_interpolates_linearly_from_the_first_to_the_last_sample(old, new):
    x = torch.randn(3, 2, old)
    positions = np.linspace(0, old - 1, new)
    expected = np.stack([[np.interp(positions, np.arange(old), row) for row in rows] for rows in x.numpy()])
    # `resample` computes positions in float32. At position 100, their rounding error is up to 1e-5 of a sample.
    assert_close(resample(x, new), torch.from_numpy(expected).float(), rtol=0, atol=1e-4)


def test_resample_to_the_same_length_returns_the_input():
    x = torch.randn(3, 10)
    assert resample(x, 10) is x
