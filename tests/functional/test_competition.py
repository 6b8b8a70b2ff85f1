"""Tests of competing kernels."""

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from sktsmae.functional.competition import _compete, _compete_by_comparison, competing_responses


@pytest.mark.parametrize("dilation", [1, 4, 32])
@pytest.mark.parametrize("n_inputs", [1, 3], ids=["one signal for all groups", "one signal per group"])
def test_responses_are_those_of_a_dilated_convolution(n_inputs, dilation):
    x, kernels = torch.randn(2, n_inputs, 50), torch.randn(4, 3, 9)
    signals = x.expand(2, 3, 50)
    responses = torch.stack(
        [F.conv1d(signals, weights[:, None], padding=4 * dilation, dilation=dilation, groups=3) for weights in kernels]
    )  # (K, B, G, T)
    largest, smallest = responses.argmax(0), responses.argmin(0)
    result = competing_responses(x, kernels, dilation)
    for kernel in range(4):
        assert_close(result[:, 0, kernel], (responses[kernel] * (largest == kernel)).mean(-1), rtol=1e-4, atol=1e-5)
        assert_close(result[:, 1, kernel], (smallest == kernel).float().mean(-1))


def test_exported_computation_gives_the_same_results():
    responses = torch.randn(8, 3, 5, 40)
    assert_close(_compete(responses.clone()), _compete_by_comparison(responses), rtol=1e-5, atol=1e-5)


def test_exported_computation_gives_the_same_results_where_all_responses_are_zero():
    responses = torch.randn(8, 3, 5, 40)
    responses[..., 10:25] = 0
    assert_close(_compete(responses.clone()), _compete_by_comparison(responses), rtol=1e-5, atol=1e-5)


def test_where_all_responses_are_zero_one_kernel_is_the_smallest():
    _, counts = _compete(torch.zeros(8, 1, 1, 10))
    assert counts.flatten().tolist() == [10, 0, 0, 0, 0, 0, 0, 0]
