from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae import CWTTransformer

VIEWS = {"all": (0, 1, 2), "one": (1,), "reversed": (2, 0)}


def transformed(X, **params):
    return CWTTransformer(**{"cwt_scales": 8, "device": "cpu", **params}).fit_transform(X)


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize(("output", "columns"), [("image", None), ("flat", 200), ("statistics", 12)])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_output_has_an_image_or_a_row_a_signal(X, X_channels, views, output, columns, n_channels):
    out = transformed(X if n_channels == 1 else X_channels, diff_orders=views, output=output)
    images = n_channels * len(views)
    assert out.shape == ((41, images, 8, 200) if columns is None else (41, images * 8 * columns))
    assert out.dtype == np.float32


def test_flat_output_is_the_image_as_a_row(X_channels):
    assert_array_equal(transformed(X_channels, output="flat"), transformed(X_channels).reshape(41, -1))


@pytest.mark.parametrize("standardize", [True, False])
def test_statistics_describe_each_row_of_the_image(X_channels, standardize):
    images = transformed(X_channels, standardize=standardize).astype(np.float64)
    mean, std = images.mean(-1, keepdims=True), images.std(-1, keepdims=True)
    scaled = (images - mean) / std
    quantiles = np.quantile(images, (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0), axis=-1, method="nearest")
    moments = [mean[..., 0], std[..., 0], (scaled**3).mean(-1), (scaled**4).mean(-1)]
    change = np.abs(np.diff(images)).mean(-1)
    expected = np.stack([*moments, *quantiles, change], axis=-1).reshape(41, -1)
    # Fourth powers of float32 values, summed over 200 samples.
    assert_allclose(transformed(X_channels, standardize=standardize, output="statistics"), expected, 1e-3, 1e-4)


def test_statistics_of_a_constant_signal_are_finite():
    out = transformed(np.full((2, 50), 3.0), output="statistics")
    assert np.isfinite(out).all()


def test_standardised_views_have_mean_0_and_deviation_1(X_channels):
    images = transformed(X_channels).astype(np.float64)
    # A mean of 1,600 float32 values.
    assert_allclose(images.mean((2, 3)), 0, atol=1e-5)
    assert_allclose(images.std((2, 3), ddof=1), 1, atol=1e-4)


def test_standardising_forgets_the_amplitude_and_keeping_it_scales_with_the_signal(X):
    # Powers of two scale a float32 without rounding.
    assert_allclose(transformed(4 * X), transformed(X), atol=1e-5)
    assert_array_equal(transformed(4 * X, standardize=False), 4 * transformed(X, standardize=False))


@pytest.mark.parametrize("period", [12, 24, 40])
def test_a_period_answers_most_at_a_quarter_of_it(period):
    signal = np.sin(2 * np.pi * np.arange(400) / period)[None]
    scales = np.arange(1, 20)
    images = transformed(signal, cwt_scales=scales, diff_orders=(0,), standardize=False)
    strength = np.square(images[0, 0, :, 150:250]).sum(-1)
    assert scales[strength.argmax()] == period / 4


@pytest.mark.parametrize(
    ("cwt_scales", "expected"),
    [
        (3, [0.1, 1.1, 2.1]),
        (np.int64(3), [0.1, 1.1, 2.1]),
        ([1, 2.5, 7], [1, 2.5, 7]),
        ((4,), [4]),
        (np.geomspace(1, 8, 4), [1, 2, 4, 8]),
    ],
    ids=["number", "numpy-number", "list", "tuple", "array"],
)
def test_scales_are_remembered(X, cwt_scales, expected):
    transformer = CWTTransformer(cwt_scales=cwt_scales, device="cpu").fit(X)
    assert_allclose(transformer.scales_, expected)
    assert transformer.transform(X[:2]).shape == (2, 3, len(expected), 200)


def test_a_view_is_the_same_whatever_stands_beside_it(X):
    everything = transformed(X)
    for place, order in enumerate((0, 1, 2)):
        assert_array_equal(transformed(X, diff_orders=(order,))[:, 0], everything[:, place])


def test_channels_are_transformed_apart(X_channels):
    both = transformed(X_channels)
    for channel in (0, 1):
        # Fourier transforms of other batches may round differently.
        assert_allclose(both[:, 3 * channel : 3 * channel + 3], transformed(X_channels[:, channel]), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 41, 1000])
def test_batch_size_does_not_change_the_result(X, batch_size):
    # Fourier transforms of other batches may round differently.
    assert_allclose(transformed(X, batch_size=batch_size), transformed(X), atol=1e-5)


def test_size_is_remembered(X, X_channels):
    one, two = CWTTransformer(device="cpu").fit(X), CWTTransformer(device="cpu").fit(X_channels)
    assert (one.n_channels_, one.n_timepoints_, one.n_features_in_, one.input_shape_) == (1, 200, 200, (200,))
    assert (two.n_channels_, two.n_timepoints_, two.n_features_in_, two.input_shape_) == (2, 200, 2, (2, 200))


@pytest.mark.parametrize(
    ("output", "first", "last"),
    [("flat", "ch0_d2_s0.1_t0", "ch1_d0_s7.1_t199"), ("statistics", "ch0_d2_s0.1_mean", "ch1_d0_s7.1_mean_change")],
)
def test_each_column_has_its_name(X_channels, output, first, last):
    transformer = CWTTransformer(cwt_scales=8, diff_orders=(2, 0), output=output, device="cpu")
    out = transformer.fit_transform(X_channels)
    names = transformer.get_feature_names_out()
    assert len(set(names)) == len(names) == out.shape[1]
    assert (names[0], names[-1]) == (first, last)


def test_a_name_belongs_to_its_statistic(X_channels):
    transformer = CWTTransformer(cwt_scales=8, output="statistics", device="cpu").set_output(transform="pandas")
    out = transformer.fit_transform(X_channels)
    images = transformed(X_channels)
    assert isinstance(out, pd.DataFrame)
    assert_array_equal(out["ch1_d2_s3.1_maximum"], images[:, 5, 3].max(-1))
    assert_array_equal(out["ch0_d1_s0.1_minimum"], images[:, 1, 0].min(-1))


def test_images_have_no_columns_to_name(X):
    transformer = CWTTransformer(device="cpu").fit(X)
    with pytest.raises(AttributeError, match="set_output"):
        transformer.set_output(transform="pandas")
    with pytest.raises(AttributeError, match="get_feature_names_out") as caught:
        transformer.get_feature_names_out()
    assert "choose output='flat' or output='statistics'" in str(caught.value.__cause__)
