"""Tests that equal values in different containers, dtypes and memory layouts give equal results."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator

from sktsmae import CWTTransformer


def memory_mapped(X: np.ndarray, folder: Path) -> np.memmap:
    """Write an array to a file and map the file read-only."""
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def strided(X: np.ndarray) -> np.ndarray:
    """Return equal values that are not contiguous in memory."""
    return np.repeat(X, 2, axis=-1)[..., ::2]


# float32 represents all values exactly, whatever the dtype of the container, so the results must be exactly equal.
CONTAINERS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "float64": lambda X, _: X.astype(np.float64),
    "big-endian": lambda X, _: X.astype(">f4"),
    "long-double": lambda X, _: X.astype(np.longdouble),
    "fortran-order": lambda X, _: np.asfortranarray(X),
    "strided": lambda X, _: strided(X),
    "list": lambda X, _: X.tolist(),
    "list-of-arrays": lambda X, _: list(X),
    "tensor": lambda X, _: torch.from_numpy(X.copy()),
    "float64-tensor-with-gradient": lambda X, _: torch.from_numpy(X.copy()).double().requires_grad_(),
    "memory-mapped": memory_mapped,
}
CONTAINERS_OF_ONE_CHANNEL = {
    **CONTAINERS,
    "one-channel": lambda X, _: X[:, None],
    "data-frame": lambda X, _: pd.DataFrame(X),
    "array-of-objects": lambda X, _: X.astype(object),
}
INTEGER_CONTAINERS = {
    "int8": lambda X: X.astype(np.int8),
    "int64": lambda X: X.astype(np.int64),
    "float16": lambda X: X.astype(np.float16),
    "int-tensor": lambda X: torch.from_numpy(X.astype(np.int32)),
    "data-frame": lambda X: pd.DataFrame(X.astype(np.int64)),
}
LABELS = {
    "string": np.array(["abduction", "rotation"]),
    "object": np.array(["abduction", "rotation"], dtype=object),
    "boolean": np.array([False, True]),
    "integer": np.array([3, 70]),
    "small-integer": np.array([3, 70], dtype=np.uint8),
    "minus-one-and-one": np.array([-1, 1]),
    "float": np.array([0.0, 1.0]),
}


@pytest.mark.parametrize("convert", CONTAINERS_OF_ONE_CHANNEL.values(), ids=CONTAINERS_OF_ONE_CHANNEL)
def test_results_do_not_depend_on_the_container_of_one_channel(
    new_pretrainer, new_classifier, fitted_pretrainer, fitted_classifier, X, y, tmp_path, convert
):
    converted = convert(X, tmp_path)
    transformer = CWTTransformer(cwt_scales=8, device="cpu")
    assert_array_equal(transformer.fit_transform(converted), transformer.fit_transform(X))
    assert_array_equal(new_pretrainer().fit(converted).transform(X), fitted_pretrainer.transform(X))
    assert_array_equal(fitted_pretrainer.transform(converted), fitted_pretrainer.transform(X))
    assert fitted_pretrainer.score(converted) == fitted_pretrainer.score(X)
    assert_array_equal(fitted_pretrainer.reconstruct(converted).image_pred, fitted_pretrainer.reconstruct(X).image_pred)
    assert_array_equal(new_classifier().fit(converted, y).predict_proba(X), fitted_classifier.predict_proba(X))
    assert_array_equal(fitted_classifier.predict(converted), fitted_classifier.predict(X))


@pytest.mark.parametrize("finetune", ["full", "head"])
@pytest.mark.parametrize("convert", CONTAINERS.values(), ids=CONTAINERS)
def test_results_do_not_depend_on_the_container_of_several_channels(
    new_pretrainer, new_classifier, X_channels, y, tmp_path, convert, finetune
):
    converted = convert(X_channels, tmp_path)
    transformer = CWTTransformer(cwt_scales=8, device="cpu")
    assert_array_equal(transformer.fit_transform(converted), transformer.fit_transform(X_channels))
    classifier = new_classifier(pretrainer=new_pretrainer(max_epochs=1), finetune=finetune, max_epochs=1)
    expected = classifier.fit(X_channels, y).predict_proba(X_channels)
    assert_array_equal(classifier.fit(converted, y).predict_proba(converted), expected)


@pytest.mark.parametrize("convert", INTEGER_CONTAINERS.values(), ids=INTEGER_CONTAINERS)
def test_integers_give_the_same_results_as_equal_floats(new_pretrainer, new_classifier, X, y, convert):
    rounded = np.round(8 * X)
    converted = convert(rounded)
    pretrainer = new_pretrainer(max_epochs=1)
    assert_array_equal(pretrainer.fit(converted).transform(converted), pretrainer.fit(rounded).transform(rounded))
    classifier = new_classifier(max_epochs=1)
    expected = classifier.fit(rounded, y).predict_proba(rounded)
    assert_array_equal(classifier.fit(converted, y).predict_proba(converted), expected)


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_spectrograms_get_the_same_probabilities_as_their_signals(
    new_pretrainer, new_classifier, X_channels, y, finetune
):
    images = CWTTransformer(cwt_scales=16, device="cpu").fit_transform(X_channels)
    pretrainer = FrozenEstimator(new_pretrainer().fit(X_channels))
    classifier = new_classifier(pretrainer=pretrainer, finetune=finetune)
    expected = classifier.fit(X_channels, y).predict_proba(X_channels)
    # The images are standardised a second time, which adds rounding errors that grow in training.
    assert_allclose(classifier.fit(images, y).predict_proba(images), expected, atol=1e-3)


def test_pre_training_on_spectrograms_equals_pre_training_on_their_signals(new_pretrainer, X_channels):
    images = CWTTransformer(cwt_scales=16, device="cpu").fit_transform(X_channels)
    settings = {"time_loss_weight": 0}  # because the waveform target of a spectrogram is not the signal
    expected = new_pretrainer(**settings).fit(X_channels).transform(X_channels)
    # The parameters of the wavelet transform have no effect on spectrograms. Values other than the defaults would cause
    # a warning.
    pretrainer = new_pretrainer(**settings, cwt_scales="auto", boundary="reflect")
    embeddings = pretrainer.fit(images).transform(images)
    assert pretrainer.input_shape_ == (6, 16, 200)
    # The images are standardised a second time, which adds rounding errors that grow in training.
    assert_allclose(embeddings, expected, atol=1e-3)


def test_pretrainer_accepts_spectrograms_of_one_view(new_pretrainer, X_channels):
    images = CWTTransformer(cwt_scales=16, diff_orders=(1,), device="cpu").fit_transform(X_channels)
    pretrainer = new_pretrainer(diff_orders=(1,), cwt_scales="auto", boundary="reflect").fit(images)
    assert pretrainer.transform(images).shape == (41, 2 * 32)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("container", [np.asarray, list, pd.Series], ids=["array", "list", "pandas-series"])
def test_labels_of_any_dtype_give_the_same_classifier(new_classifier, X, y, labels, container):
    codes = (y > "FEL").astype(np.int64)  # two classes of exercises
    expected = new_classifier().fit(X, codes)
    classifier = new_classifier().fit(X, container(labels[codes]))
    assert_array_equal(classifier.classes_, labels)
    assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))
    predicted = classifier.predict(X)
    assert_array_equal(predicted, labels[expected.predict(X)])
    assert predicted.dtype == classifier.classes_.dtype
    assert classifier.score(X, labels[codes]) == expected.score(X, codes)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_classes_keep_the_dtype_of_the_labels(new_classifier, X, y, labels):
    classifier = new_classifier(max_epochs=0).fit(X, labels[(y > "FEL").astype(np.int64)])
    assert classifier.classes_.dtype == labels.dtype


@pytest.mark.parametrize("batch_size", [1, 3, 40, 1000])
def test_predictions_do_not_depend_on_the_batch_size(fitted_classifier, fitted_pretrainer, X, batch_size):
    classifier = copy.deepcopy(fitted_classifier).set_params(batch_size=batch_size)
    pretrainer = copy.deepcopy(fitted_pretrainer).set_params(batch_size=batch_size)
    # Rounding errors of matrix products depend on the batch size.
    assert_allclose(classifier.predict_proba(X), fitted_classifier.predict_proba(X), atol=1e-5)
    assert_allclose(classifier.transform(X), fitted_classifier.transform(X), atol=1e-5)
    assert_allclose(pretrainer.transform(X), fitted_pretrainer.transform(X), atol=1e-5)


def test_fit_does_not_modify_data_or_parameters(new_pretrainer, new_classifier, X_channels, y):
    scales, callbacks, class_weight, weights = [1.0, 2.0, 4.0, 8.0], [], {"ABD": 2.0}, np.linspace(1, 2, 41)
    data, labels = X_channels.copy(), y.copy()
    pretrainer = new_pretrainer(cwt_scales=scales, patch_size=(1, 25), callbacks=callbacks)
    classifier = new_classifier(pretrainer=pretrainer, class_weight=class_weight, callbacks=callbacks)
    before = classifier.get_params()
    classifier.fit(data, labels, sample_weight=weights)
    after = classifier.get_params()
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    assert (scales, callbacks, class_weight) == ([1.0, 2.0, 4.0, 8.0], [], {"ABD": 2.0})
    assert not hasattr(pretrainer, "model_")
    assert_array_equal(data, X_channels)
    assert_array_equal(labels, y)
    assert_array_equal(weights, np.linspace(1, 2, 41))
