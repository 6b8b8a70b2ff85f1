"""Tests of the magnitude of the transform with the Morlet wavelet."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.fft import fast_length, mirror_indices
from sktsmae.functional.morlet import morlet_magnitude
from sktsmae.functional.scales import peak_frequency
from sktsmae.functional.wavelets import differences

SCALES = torch.tensor([1.0, 2.0, 4.0, 8.0])


def direct(x: torch.Tensor, scale: float, w0: float) -> torch.Tensor:
    """Compute the magnitude at one scale by a direct convolution with the sampled wavelet."""
    width = scale * w0 / math.sqrt(2)
    half = math.ceil(5 * width)
    time = torch.arange(-half, half + 1, dtype=torch.float64) / width
    envelope = torch.exp(-time.square() / 2) / (math.pi**0.25 * math.sqrt(width))
    padded = torch.nn.functional.pad(x, (half, half))
    windows = padded.unfold(-1, 2 * half + 1, 1)
    return torch.complex(windows @ (envelope * torch.cos(w0 * time)), windows @ (envelope * torch.sin(w0 * time))).abs()


@pytest.mark.parametrize("w0", [5.0, 12.0])
def test_magnitude_equals_a_direct_convolution(w0):
    x = torch.randn(3, 150, dtype=torch.float64)
    magnitudes = morlet_magnitude(x, SCALES, (0,), w0=w0)[:, 0]
    for row, scale in enumerate(SCALES.tolist()):
        # The wavelet of the direct convolution is cut off at five standard deviations, and its mean is exp(-w0^2 / 2).
        assert_close(magnitudes[:, row], direct(x, scale, w0), rtol=0, atol=1e-4)


@pytest.mark.parametrize("boundary", ["zeros", "reflect"])
def test_views_are_transforms_of_the_differences(boundary):
    x = torch.randn(2, 3, 100, dtype=torch.float64)
    views = morlet_magnitude(x, SCALES, (0, 1, 2), boundary=boundary)
    assert views.shape == (2, 3, 3, 4, 100)
    inner = slice(45, 55)
    for view, order in enumerate((0, 1, 2)):
        alone = morlet_magnitude(differences(x, (order,))[..., 0, :], SCALES[:2], (0,), boundary="zeros")
        assert_close(views[..., view, :2, inner], alone[..., 0, :, inner], rtol=0, atol=1e-4)


@pytest.mark.parametrize("w0", [6.0, 12.0])
def test_sinusoid_is_strongest_at_the_scale_whose_peak_frequency_is_its_own(w0):
    scales = torch.logspace(0.3, 1.2, 60)
    frequency = 0.05
    x = torch.sin(2 * math.pi * frequency * torch.arange(2000))
    magnitudes = morlet_magnitude(x, scales, (0,), w0=w0)[0, :, 1000]
    # Wavelets of unit energy respond in proportion to the square root of the scale, so the peak is slightly shifted.
    best = peak_frequency(scales[(magnitudes / scales.sqrt()).argmax()])
    assert best == pytest.approx(frequency, rel=0.02)


def test_magnitude_does_not_depend_on_the_phase():
    time = torch.arange(1000) * 0.3
    magnitudes = [morlet_magnitude(torch.sin(time + phase), SCALES, (0,))[0, :, 500] for phase in (0.0, 1.0, 2.0)]
    assert_close(magnitudes[1], magnitudes[0], rtol=1e-4, atol=1e-4)
    assert_close(magnitudes[2], magnitudes[0], rtol=1e-4, atol=1e-4)


def test_large_w0_separates_close_frequencies_that_a_small_one_does_not():
    time = torch.arange(4000)
    x = torch.sin(2 * math.pi * 0.1 * time) + torch.sin(2 * math.pi * 0.125 * time)
    scales = math.sqrt(2) / (2 * math.pi * torch.tensor([0.1, 0.1125, 0.125]))
    for w0, separated in ((3.0, False), (30.0, True)):
        low, between, high = morlet_magnitude(x, scales, (0,), w0=w0)[0].mean(-1)
        assert (between < 0.5 * min(low, high)) == separated


def test_offset_has_no_effect_if_the_signal_is_reflected():
    x = torch.randn(1, 80, dtype=torch.float64)
    shifted = morlet_magnitude(x + 1000, SCALES, boundary="reflect")
    assert_close(shifted, morlet_magnitude(x, SCALES, boundary="reflect"), rtol=0, atol=1e-8)


def test_gradient_agrees_with_finite_differences():
    x = torch.randn(1, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda signal: morlet_magnitude(signal, SCALES[:2], (0, 1)), (x,))


def test_chunks_do_not_change_the_result(monkeypatch):
    x = torch.randn(7, 90)
    whole = morlet_magnitude(x, SCALES, (0, 2))
    monkeypatch.setattr("sktsmae.functional.morlet.CHUNK_BYTES", 1)
    assert_close(morlet_magnitude(x, SCALES, (0, 2)), whole)


@pytest.mark.parametrize("boundary", ["zeros", "reflect"])
def test_onnx_export_computes_the_same_by_convolution(boundary, monkeypatch):
    x = torch.randn(2, 120)
    expected = morlet_magnitude(x, SCALES, boundary=boundary)
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    assert_close(morlet_magnitude(x, SCALES, boundary=boundary), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("boundary", ["zeros", "reflect"])
def test_scale_far_above_the_length_needs_no_more_memory(boundary):
    magnitudes = morlet_magnitude(torch.randn(1, 50), torch.tensor([1.0, 1e10]), boundary=boundary)
    assert magnitudes.shape == (1, 3, 2, 50)
    assert magnitudes.isfinite().all()


def test_unknown_difference_order_raises():
    with pytest.raises(ValueError, match=r"diff_orders=\(5,\)"):
        morlet_magnitude(torch.randn(1, 10), SCALES, (5,))


def test_unknown_boundary_raises():
    with pytest.raises(ValueError, match="boundary='wrap'"):
        morlet_magnitude(torch.randn(1, 10), SCALES, boundary="wrap")


@pytest.mark.parametrize("n", [1, 2, 7, 97, 1000, 4097])
def test_fast_length_is_the_smallest_even_number_with_factors_2_3_and_5(n):
    def has_small_factors(number):
        for factor in (2, 3, 5):
            while number % factor == 0:
                number //= factor
        return number == 1

    expected = next(m for m in range(n, 3 * n + 3) if m % 2 == 0 and has_small_factors(m))
    assert fast_length(n) == expected


def test_mirror_indices_repeat_beyond_the_length():
    assert mirror_indices(3, 4, torch.device("cpu")).tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert mirror_indices(1, 2, torch.device("cpu")).tolist() == [0] * 5
