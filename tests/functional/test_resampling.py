import numpy as np
import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.resampling import resample


@pytest.mark.parametrize(("old", "new"), [(5, 9), (9, 5), (100, 512), (1, 4), (2, 3)])
def test_resampling_interpolates_between_the_ends(old, new):
    x = torch.randn(3, 2, old)
    places = np.linspace(0, old - 1, new)
    expected = np.stack([[np.interp(places, np.arange(old), row) for row in rows] for rows in x.numpy()])
    # Places between samples are float32: up to 1e-5 of a sample off at 100.
    assert_close(resample(x, new), torch.from_numpy(expected).float(), rtol=0, atol=1e-4)


def test_the_same_length_costs_nothing():
    x = torch.randn(3, 10)
    assert resample(x, 10) is x
