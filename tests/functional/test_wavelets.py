"""Tests of the wavelet transform, its scales, and the standardisation of its input and output."""

from __future__ import annotations

import math

import numpy as np
import pytest
import pywt
import torch
from torch.testing import assert_close

from sktsmae.functional import wavelets
from sktsmae.functional.scales import peak_frequency, scale_grid
from sktsmae.functional.standardization import standardize, unit_amplitude
from sktsmae.functional.wavelets import cwt, cwt_of_views, differences, kernel_length, ricker


def mexican_hat(scale: float, length: int) -> np.ndarray:
    """Compute the Ricker wavelet in float64, centred on the middle sample."""
    t = (np.arange(length) - length // 2) / scale
    return 2 / (np.sqrt(3 * scale) * np.pi**0.25) * (1 - t**2) * np.exp(-(t**2) / 2)


def convolve(signal: np.ndarray, scales: list[float], length: int) -> np.ndarray:
    """Compute the wavelet transform by direct convolution."""
    h = length // 2
    return np.stack([np.convolve(signal, mexican_hat(s, length))[h : h + len(signal)] for s in scales])


@pytest.mark.parametrize(
    ("cwt_scales", "expected"),
    [
        (1, [0.1]),
        (4, [0.1, 1.1, 2.1, 3.1]),
        ([2.5], [2.5]),
        ((1, 2, 4.5), [1.0, 2.0, 4.5]),
        (np.array([0.5, 8.0]), [0.5, 8.0]),
        (torch.tensor([1.0, 3.0]), [1.0, 3.0]),
    ],
)
def test_scale_grid_returns_the_scales_in_float64(cwt_scales, expected):
    grid = scale_grid(cwt_scales)
    assert grid.dtype == torch.float64
    assert_close(grid, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize(
    ("cwt_scales", "message"),
    [
        (0, "cwt_scales=0: .* at least 1"),
        (-3, "cwt_scales=-3: .* at least 1"),
        ([], r"cwt_scales=\[\]: give one or more"),
        ([0.0, 1.0], "all positive and finite"),
        ([-1.0, 1.0], "all positive and finite"),
        ([1.0, math.nan], "all positive and finite"),
        ([1.0, math.inf], "all positive and finite"),
        ([2.0, 1.0], r"cwt_scales=\[2.0, 1.0\]: the scales must increase"),
        ((1.0, 1.0, 2.0), "must increase"),
    ],
)
def test_scale_grid_refuses_invalid_scales(cwt_scales, message):
    with pytest.raises(ValueError, match=message):
        scale_grid(cwt_scales)


@pytest.mark.parametrize("scale", [2.0, 4.0, 31.7])
def test_ricker_is_even_with_unit_energy_and_zero_mean(scale):
    psi = ricker(torch.tensor([scale], dtype=torch.float64), 2 * math.ceil(10 * scale) + 1)[0]
    assert_close(psi, psi.flip(0), rtol=0, atol=0)
    assert psi.argmax() == len(psi) // 2
    # The sums approximate integrals. At scales of at least 2, the aliasing error is below the tolerance.
    assert psi.square().sum().item() == pytest.approx(1, abs=1e-6)
    assert psi.sum().item() == pytest.approx(0, abs=1e-6)


def test_ricker_has_the_shape_of_pywavelets_mexh():
    psi, x = pywt.ContinuousWavelet("mexh").wavefun(level=10)
    step = x[1] - x[0]
    scale = 2 / step  # every second sample is on the grid of PyWavelets, which has no point at 0
    ours = ricker(torch.tensor([scale], dtype=torch.float64), 2 * len(x) - 1)[0, ::2].numpy()
    np.testing.assert_allclose(ours, psi / np.sqrt(scale), rtol=0, atol=1e-12)


def test_cwt_correlates_with_pywavelets():
    scales = [8.0, 16.0, 32.0]
    signal = np.random.default_rng(0).standard_normal(1000)
    theirs = pywt.cwt(signal, scales, "mexh", method="fft")[0]
    ours = cwt(torch.from_numpy(signal), torch.tensor(scales)).numpy()
    # PyWavelets differentiates a sampled integral of the wavelet, so the results are not exactly equal.
    for our_scale, their_scale in zip(ours, theirs, strict=True):
        assert np.corrcoef(our_scale, their_scale)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("largest_scale", "n_timepoints", "expected"),
    [
        (63.1, 3000, 631),
        (63.1, 631, 631),
        (63.1, 630, 631),
        (63.1, 100, 101),
        (64.0, 3000, 641),
        (3.1, 3000, 31),
        (0.11, 3000, 1),
        (63.1, 1, 1),
        (63.1, 2, 3),
    ],
)
def test_kernel_length_is_odd_and_limited_by_the_signal_length(largest_scale, n_timepoints, expected):
    assert kernel_length(torch.tensor([0.1, largest_scale], dtype=torch.float64), n_timepoints) == expected


@pytest.mark.parametrize("n_scales", [3, 64], ids=["short-kernel", "kernel-of-up-to-631-samples"])
@pytest.mark.parametrize("n_timepoints", [1, 2, 3, 20, 21, 97, 630, 631, 632, 1301])
def test_cwt_equals_a_direct_convolution(n_timepoints, n_scales):
    scales = scale_grid(n_scales)
    signal = torch.randn(n_timepoints, dtype=torch.float64)
    expected = convolve(signal.numpy(), scales.tolist(), kernel_length(scales, n_timepoints))
    np.testing.assert_allclose(cwt(signal, scales), expected, rtol=0, atol=1e-12)
    # Rounding errors of float32 Fourier transforms are relative to the largest value, which is below 10 here.
    np.testing.assert_allclose(cwt(signal.float(), scales), expected, rtol=0, atol=1e-5)


def test_cwt_keeps_leading_axes_and_dtype():
    x = torch.randn(2, 3, 50)
    out = cwt(x, scale_grid(5))
    assert out.shape == (2, 3, 5, 50)
    assert out.dtype == torch.float32
    assert_close(out[1, 2], cwt(x[1, 2], scale_grid(5)))


@pytest.mark.parametrize("orders", [(0, 1, 2), (0,), (1,), (2,), (2, 0), (1, 2)])
@pytest.mark.parametrize("n_timepoints", [1, 2, 40, 700])
def test_cwt_of_views_equals_direct_convolutions_of_the_differences(n_timepoints, orders):
    scales = scale_grid(16)
    signal = torch.randn(n_timepoints, dtype=torch.float64)
    length = kernel_length(scales, n_timepoints)
    expected = [convolve(view.numpy(), scales.tolist(), length) for view in differences(signal, orders)]
    np.testing.assert_allclose(cwt_of_views(signal, scales, orders), np.stack(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_timepoints", [500, 1000, 3000])
def test_float32_transform_adds_less_error_than_rounding_a_smooth_signal_to_float32(n_timepoints):
    scales = scale_grid(32)
    signal = torch.hann_window(n_timepoints, dtype=torch.float64)
    rounded = cwt_of_views(signal.float().double(), scales)
    std = rounded.flatten(1).std(1)
    error = (cwt_of_views(signal.float(), scales) - rounded).flatten(1).abs().amax(1) / std
    # Rounding the signal changes the second difference most: by 1e-2 of its standard deviation at 3000 samples.
    rounding_effect = (rounded - cwt_of_views(signal, scales)).flatten(1).abs().amax(1) / std
    assert (error < 1e-5 + rounding_effect / 10).all()
    assert (error[:2] < 2e-5).all()  # the signal and the first difference


@pytest.mark.parametrize("order", [3, -1])
def test_unknown_diff_orders_are_refused(order):
    with pytest.raises(ValueError, match="diff_orders="):
        cwt_of_views(torch.randn(20), scale_grid(3), (0, order))


@pytest.mark.parametrize("chunk_bytes", [1, 20_000, 10**9])
def test_finish_function_receives_whole_signals_for_any_chunk_size(monkeypatch, chunk_bytes):
    x, scales = torch.randn(7, 97), scale_grid(8)
    monkeypatch.setattr(wavelets, "CHUNK_BYTES", chunk_bytes)
    out = cwt_of_views(x, scales, (0, 2), lambda part: part - part.mean((-2, -1), keepdim=True))
    unfinished = torch.stack([cwt_of_views(signal, scales, (0, 2)) for signal in x])
    assert_close(out, unfinished - unfinished.mean((-2, -1), keepdim=True))


@pytest.mark.parametrize("shape", [(40,), (3, 40), (2, 3, 40)])
def test_finish_function_receives_single_views_with_and_without_gradients(shape):
    x, scales, shapes = torch.randn(shape), scale_grid(4), []

    def finish(part: torch.Tensor) -> torch.Tensor:
        shapes.append(part.shape[1:])
        return standardize(part, (-2, -1))

    expected = cwt_of_views(x, scales, finish=finish)
    assert_close(cwt_of_views(x.requires_grad_(), scales, finish=finish), expected)
    assert set(shapes) == {(4, 40)}


def test_filter_bank_cached_in_inference_mode_can_be_used_in_training():
    x = torch.randn(2, 31, requires_grad=True)
    with torch.inference_mode():
        cwt(x, torch.tensor([1.5, 2.25]))
    cwt(x, torch.tensor([1.5, 2.25])).sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("n_timepoints", [1, 2, 3, 97, 512, 3000, 60_000])
def test_fft_length_has_small_prime_factors_and_is_at_most_20_percent_longer_than_needed(n_timepoints):
    bank = wavelets._filter_bank((1.0, 12.0), n_timepoints, "zeros", torch.float32, torch.device("cpu"))
    n_fft = 2 * (bank.shape[1] - 1)
    needed = n_timepoints + 1 + kernel_length(torch.tensor([12.0]), n_timepoints) // 2
    assert needed <= n_fft <= max(4, 1.2 * needed)
    for prime in (2, 3, 5):
        while n_fft % prime == 0:
            n_fft //= prime
    assert n_fft == 1


@pytest.mark.parametrize("chunk_bytes", [1, 20_000, 10**9])
def test_cwt_does_not_depend_on_the_chunk_size(monkeypatch, chunk_bytes):
    x, scales = torch.randn(7, 3, 97), scale_grid(8)
    expected = torch.stack([cwt(signal, scales) for signal in x.flatten(0, 1)]).unflatten(0, (7, 3))
    monkeypatch.setattr(wavelets, "CHUNK_BYTES", chunk_bytes)
    assert_close(cwt(x, scales), expected)


@pytest.mark.parametrize("chunk_bytes", [1, 10**9])
def test_gradient_flows_through_cwt(monkeypatch, chunk_bytes):
    monkeypatch.setattr(wavelets, "CHUNK_BYTES", chunk_bytes)
    x = torch.randn(3, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cwt(x, scale_grid(4)), x)


@pytest.mark.parametrize("period", [15.0, 33.3, 60.0])
def test_response_to_a_sine_peaks_at_the_matching_scale(period):
    # The spectrum of the wavelet is proportional to s^(5/2) w^2 exp(-s^2 w^2 / 2): its maximum over s is at
    # s w = sqrt(5 / 2).
    omega = 2 * math.pi / period
    step = 0.05
    scales = torch.arange(2, 20, step, dtype=torch.float64)
    response = cwt(torch.sin(omega * torch.arange(2000, dtype=torch.float64)), scales)
    strength = response[:, 500:1500].std(-1)  # away from the edges, where the signal is padded with zeros
    assert scales[strength.argmax()].item() == pytest.approx(math.sqrt(5 / 2) / omega, abs=2 * step)


def test_differences_match_their_formulas():
    x = torch.randn(4, 2, 9)
    zeroth, first, second = differences(x, (0, 1, 2)).unbind(-2)
    padded = torch.cat((x[..., :1], x, x[..., -1:]), -1)  # edges replicated
    assert_close(zeroth, x)
    assert_close(first, x - padded[..., :-2])
    assert_close(second, padded[..., 2:] - 2 * x + padded[..., :-2])
    assert (first[..., 0] == 0).all()


@pytest.mark.parametrize("orders", [(0,), (2,), (0, 2), (2, 0, 1)])
def test_differences_are_returned_in_the_given_order(orders):
    x = torch.randn(11)
    assert_close(differences(x, orders), differences(x, (0, 1, 2))[list(orders)])


def test_differences_of_one_sample_are_zero():
    assert differences(torch.tensor([[3.0]])).tolist() == [[[3.0], [0.0], [0.0]]]


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1.1e6])
@pytest.mark.parametrize("shape", [(2, 3, 8, 97), (1, 1, 1, 1), (2, 1, 1, 3000)])
def test_standardize_maps_a_constant_to_zero(shape, value):
    assert (standardize(torch.full(shape, value), (-2, -1)) == 0).all()


@pytest.mark.parametrize("dim", [-1, (-2, -1), (0, 2)])
def test_standardize_gives_mean_zero_and_unbiased_standard_deviation_one(dim):
    out = standardize(5 + 3 * torch.randn(4, 6, 50), dim)
    assert_close(out.mean(dim), torch.zeros_like(out.mean(dim)))
    assert_close(out.std(dim, correction=1), torch.ones_like(out.std(dim)))


def test_standardize_clamps_the_standard_deviation_of_tiny_signals():
    assert_close(standardize(torch.tensor([0.0, 1e-6]), -1), torch.tensor([-0.05, 0.05]))


@pytest.mark.parametrize("amplitude", [1e-40, 1e-30, 1e-6, 1.0, 1e15, 1e37])
def test_unit_amplitude_multiplies_by_the_power_of_two_that_gives_a_range_of_one_half_to_one(amplitude):
    x = torch.rand(20, 3, 50) * amplitude
    out = unit_amplitude(x)
    span = out.amax(-1) - out.amin(-1)
    # The factor is at most 2^126, so subnormal float32 values stay small.
    assert ((span >= (0.5 if amplitude > 1e-37 else 1e-5)) & (span <= 1)).all()
    assert (torch.frexp(out).mantissa == torch.frexp(x).mantissa)[x > 1e-37].all()


def test_unit_amplitude_does_not_change_constants_with_rounding_errors():
    x = torch.full((2, 50), 0.1)
    x[1, ::2] = torch.nextafter(x[1, ::2], torch.tensor(1.0))
    assert (unit_amplitude(x) == x).all()


@pytest.mark.parametrize("n_timepoints", [2, 3, 60, 201])
def test_reflect_boundary_convolves_the_mirrored_signal_with_zero_mean_wavelets(n_timepoints):
    x = torch.randn(2, n_timepoints, dtype=torch.float64) + 7
    scales = torch.tensor([0.7, 3.0, 20.0], dtype=torch.float64)
    half = kernel_length(scales, n_timepoints) // 2
    margin = half + 1
    mirrored = np.pad(x.numpy(), ((0, 0), (margin, margin)), mode="reflect")
    hats = [mexican_hat(s, 2 * half + 1) for s in scales.tolist()]
    rows = np.stack([[np.convolve(signal, hat - hat.mean(), "same") for hat in hats] for signal in mirrored])
    here, before, after = (rows[..., margin + lag : margin + lag + n_timepoints] for lag in (0, -1, 1))
    expected = np.stack([here, here - before, after - 2 * here + before], axis=1)
    for signals in (x, x.clone().requires_grad_()):  # the implementation with gradients is different
        views = cwt_of_views(signals, scales, boundary="reflect").detach().numpy()
        np.testing.assert_allclose(views, expected, rtol=0, atol=1e-12)


def test_reflect_boundary_removes_an_offset():
    x = torch.randn(3, 100, dtype=torch.float64)
    scales = scale_grid([0.5, 2.0, 16.0])
    assert_close(cwt(x + 1e6, scales, "reflect"), cwt(x, scales, "reflect"), rtol=0, atol=1e-8)
    assert (cwt(torch.full((1, 100), 1e9), scales, "reflect") == 0).all()
    assert cwt(torch.ones(2, 1), scales, "reflect").shape == (2, 3, 1)


def test_unknown_boundary_is_refused():
    with pytest.raises(ValueError, match="boundary='wrap': choose"):
        cwt(torch.randn(2, 9), scale_grid(2), "wrap")


@pytest.mark.parametrize("scale", [2.0, 5.0, 20.0])
def test_spectrum_of_a_wavelet_peaks_at_its_peak_frequency(scale):
    rate, n_fft = 50.0, 2**16
    psi = ricker(torch.tensor([scale], dtype=torch.float64), 2 * math.ceil(10 * scale) + 1)
    found = torch.fft.rfft(psi, n_fft).abs().argmax() * rate / n_fft
    expected = peak_frequency(torch.tensor([scale]), rate)[0].item()
    # The spectrum is sampled in steps of rate / n_fft. Its peak is flat, which adds an error of the same size.
    assert found.item() == pytest.approx(expected, abs=2 * rate / n_fft)
    assert expected == pytest.approx(math.sqrt(2) * rate / (2 * math.pi * scale))
