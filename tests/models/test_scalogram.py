"""Tests of the wavelet transform of a signal with its standardisation."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.morlet import morlet_magnitude
from sktsmae.functional.scales import scale_grid
from sktsmae.functional.wavelets import cwt, differences
from sktsmae.models import Scalogram


@pytest.mark.parametrize(
    ("input_shape", "diff_orders", "image_shape"),
    [
        ((2, 40), (0, 1, 2), (2, 3, 6, 40)),
        ((2, 1, 40), (0, 1, 2), (2, 1, 3, 6, 40)),
        ((2, 5, 40), (0, 1, 2), (2, 5, 3, 6, 40)),
        ((2, 5, 40), (1,), (2, 5, 1, 6, 40)),
        ((2, 15, 6, 40), (0, 1, 2), (2, 5, 3, 6, 40)),
        ((2, 4, 6, 40), (0, 2), (2, 2, 2, 6, 40)),
    ],
)
def test_last_axes_of_the_image_are_views_scales_and_time(input_shape, diff_orders, image_shape):
    scalogram = Scalogram(6, diff_orders)
    assert scalogram.num_views == len(diff_orders)
    assert scalogram(torch.randn(input_shape)).shape == image_shape


def test_transform_is_the_wavelet_transform_of_the_views():
    x = torch.randn(2, 3, 40)
    expected = cwt(differences(x, (2, 0)), scale_grid([1.0, 2.5]))
    assert_close(Scalogram([1.0, 2.5], (2, 0)).transform(x), expected)
    assert_close(Scalogram([1.0, 2.5], (2, 0), standardize=False)(x), expected)


def test_each_view_of_each_sample_is_standardised_independently():
    x = torch.randn(3, 2, 50) * torch.tensor([1.0, 100.0, 0.01])[:, None, None]
    image = Scalogram(6)(x)
    flat = image.flatten(-2)
    assert_close(flat.mean(-1), torch.zeros(3, 2, 3))
    assert_close(flat.std(-1), torch.ones(3, 2, 3))
    assert_close(Scalogram(6)(x[1:2, :1]), image[1:2, :1])


@pytest.mark.parametrize("gain", [0.01, 1000.0])
def test_image_does_not_depend_on_the_unit_of_the_signal(gain):
    x = torch.randn(2, 50)
    # Multiplication by the gain causes rounding errors.
    assert_close(Scalogram(6)(gain * x), Scalogram(6)(x), rtol=0, atol=1e-4)


def test_difference_views_of_a_constant_signal_are_zero():
    image = Scalogram(6)(torch.full((1, 50), 3.0))
    assert (image[:, 1:] == 0).all()


@pytest.mark.parametrize("standardize", [True, False])
def test_spectrogram_gives_the_same_image_as_its_signals(standardize):
    x = torch.randn(2, 4, 50)
    scalogram = Scalogram(6, standardize=standardize)
    assert_close(scalogram(scalogram.transform(x).flatten(1, 2)), scalogram(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int16])
def test_image_is_float32_for_any_input_dtype(dtype):
    x = (100 * torch.randn(2, 50)).to(dtype)
    image = Scalogram(6)(x)
    assert image.dtype == torch.float32
    assert_close(image, Scalogram(6)(x.float()))


def test_image_is_float32_under_autocast():
    x = torch.randn(2, 50)
    with torch.autocast("cpu", torch.bfloat16):
        image = Scalogram(6)(x)
    assert torch.equal(image, Scalogram(6)(x))


@pytest.mark.parametrize("diff_orders", [(), (3,), (0, -1), (0, 0), (0, 1, 2, 3)])
def test_unknown_or_repeated_diff_orders_are_refused(diff_orders):
    with pytest.raises(ValueError, match="diff_orders=") as error:
        Scalogram(6, diff_orders)
    assert repr(diff_orders) in str(error.value)


def test_scalogram_has_no_weights():
    scalogram = Scalogram(6)
    assert not list(scalogram.parameters())
    assert not scalogram.state_dict()


def test_per_scale_option_standardises_each_scale_of_each_view_independently():
    x = torch.randn(3, 2, 50) * torch.tensor([1.0, 100.0, 0.01])[:, None, None] + 5
    image = Scalogram(6, standardize="per_scale", boundary="reflect")(x)
    assert_close(image.mean(-1), torch.zeros(3, 2, 3, 6), rtol=0, atol=1e-4)
    assert_close(image.std(-1), torch.ones(3, 2, 3, 6), rtol=1e-3, atol=0)


@pytest.mark.parametrize(("name", "value"), [("standardize", "view"), ("boundary", "wrap"), ("wavelet", "haar")])
def test_unknown_standardisation_boundary_or_wavelet_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}='{value}'"):
        Scalogram(6, **{name: value})


def test_w0_below_1_is_refused():
    with pytest.raises(ValueError, match=r"w0=0\.5"):
        Scalogram(6, wavelet="morlet", w0=0.5)


def test_morlet_image_is_the_standardised_magnitude():
    x = torch.randn(2, 3, 60)
    scalogram = Scalogram(6, wavelet="morlet", w0=8.0)
    magnitudes = scalogram.transform(x)
    assert_close(magnitudes, morlet_magnitude(x, scalogram.scales, w0=8.0))
    image = scalogram(x)
    assert image.shape == (2, 3, 3, 6, 60)
    assert_close(image.mean((-2, -1)), torch.zeros(2, 3, 3), rtol=0, atol=1e-4)
