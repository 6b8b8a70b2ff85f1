"""Tests of competing kernels."""

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from sktsmae.functional.competition import _compete, _compete_by_comparison, competing_responses


@pytest.mark.parametrize("dilation", [1, 4, 32])
@pytest.mark.parametrize("n_views", [1, 2])
def test_responses_are_those_of_a_dilated_convolution(n_views, dilation):
    views, kernels_of_views = torch.randn(2, n_views, 50), torch.randn(n_views, 4, 3, 9)
    results = competing_responses(views, kernels_of_views, dilation)
    for x, kernels, result in zip(views.unbind(1), kernels_of_views, results.unbind(1), strict=True):
        assert_result(x[:, None].expand(2, 3, 50), kernels, result, dilation)


def assert_result(signals, kernels, result, dilation):
    """Compare a result (B, 2, K, G) with a grouped convolution of signals (B, G, T) with kernels (K, G, L)."""
    responses = torch.stack(
        [F.conv1d(signals, weights[:, None], padding=4 * dilation, dilation=dilation, groups=3) for weights in kernels]
    )  # (K, B, G, T)
    largest, smallest = responses.argmax(0), responses.argmin(0)
    for kernel in range(4):
        assert_close(result[:, 0, kernel], (responses[kernel] * (largest == kernel)).mean(-1), rtol=1e-4, atol=1e-5)
        assert_close(result[:, 1, kernel], (smallest == kernel).float().mean(-1))


def test_exported_computation_gives_the_same_results():
    responses = torch.randn(2, 8, 3, 5, 40)
    assert_close(_compete(responses.clone()), _compete_by_comparison(responses), rtol=1e-5, atol=1e-5)


def test_exported_computation_gives_the_same_results_where_all_responses_are_zero():
    responses = torch.randn(2, 8, 3, 5, 40)
    responses[..., 10:25] = 0
    assert_close(_compete(responses.clone()), _compete_by_comparison(responses), rtol=1e-5, atol=1e-5)


def test_where_all_responses_are_zero_one_kernel_is_the_smallest():
    _, counts = _compete(torch.zeros(1, 8, 1, 1, 10))
    assert counts.flatten().tolist() == [10, 0, 0, 0, 0, 0, 0, 0]
