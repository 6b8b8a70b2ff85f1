"""Tests that invalid input raises an error that names the problem and leaves the estimator unchanged."""

from __future__ import annotations

import copy
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from sktsmae import CWTTransformer, MAEPretrainer

# For each estimator, the methods besides `fit` that are called with invalid X.
METHODS = {
    "transformer": ["transform"],
    "pretrainer": ["transform", "score", "reconstruct"],
    "classifier": ["predict", "predict_proba", "transform"],
}


def with_one_value(X: np.ndarray, value: float) -> np.ndarray:
    """Return a copy of X with another value at one time in all channels of one sample."""
    changed = X.astype(np.float64)
    changed[3, ..., 7] = value
    return changed


# Default values of parameters that have no effect with spectrograms. Any other value would cause a warning.
UNUSED_WITH_SPECTROGRAMS = {"cwt_scales": "auto", "boundary": "reflect"}

# Functions that return an invalid X, and regular expressions for the error. X may have an axis of channels.
INVALID_X = {
    "all-nan-sample": (
        lambda X: np.where(np.arange(len(X)).reshape(-1, *[1] * (X.ndim - 1)) == 3, np.nan, X),
        "X contains only NaN in sample",
    ),
    "infinity": (lambda X: with_one_value(X, np.inf), "X contains infinity"),
    "minus-infinity": (lambda X: with_one_value(X, -np.inf), "X contains infinity"),
    "too-large-for-float32": (lambda X: with_one_value(X, 1e300), "X.*too large.*float32"),
    "no-samples": (lambda X: X[:0], r"0 sample\(s\)"),
    "no-time-points": (lambda X: X[..., :0], r"\(41, (2, )?0\)"),
    "one-axis": (lambda X: X.ravel(), "Expected 2D array, got 1D array.*length"),
    "five-axes": (lambda X: X.reshape(41, -1, 1, 1, 1), "got 5D array.*channels"),
    "pandas-series": (lambda X: pd.Series(X.ravel()), "Expected 2D array, got 1D array"),
    "complex": (lambda X: X + 1j, "Complex data not supported"),
    "array-of-strings": (lambda X: X.astype(str), "strings"),
    "object-array-of-text": (lambda X: np.full(X.shape, "one", dtype=object), "X contains text; give numbers"),
    "object-array-of-numbers-as-text": (lambda X: X.astype(str).astype(object), "X contains text; give numbers"),
    "different-numbers-of-channels": (
        lambda X: [np.zeros((2, 30)), np.zeros((3, 30))],
        "X is ragged: its signals differ in the number of channels",
    ),
    "text-of-different-lengths": (lambda X: [["a", "b"], ["a", "b", "c"]], "X contains text"),
    "file-name": (lambda X: "signals.npy", "X='signals.npy' is a file name; give the signals in the file"),
    "None": (lambda X: None, "X"),
}
INVALID_TABLES = {
    "strings": (
        lambda X: pd.DataFrame(np.full(X.shape, "left")),
        ValueError,
        "convert string to float: 'left'",
    ),
    "sparse-matrix": (sparse.csr_matrix, TypeError, r"Sparse data.*'.toarray\(\)'"),
    "sparse-array": (sparse.coo_array, TypeError, r"Sparse data.*'.toarray\(\)'"),
}


@pytest.fixture(scope="module")
def fitted(new_classifier, fitted_pretrainer, fitted_classifier, X) -> dict[str, Any]:
    """Return estimators fitted on one channel. Tests must not change them."""
    transformer = CWTTransformer(cwt_scales=8, device="cpu").fit(X)
    return {"transformer": transformer, "pretrainer": fitted_pretrainer, "classifier": fitted_classifier}


@pytest.fixture(scope="module")
def fitted_on_channels(new_pretrainer, new_classifier, X_channels, y) -> dict[str, Any]:
    """Return estimators fitted on two channels. Tests must not change them."""
    return {
        "transformer": CWTTransformer(cwt_scales=8, device="cpu").fit(X_channels),
        "pretrainer": new_pretrainer(max_epochs=0).fit(X_channels),
        "classifier": new_classifier(max_epochs=0).fit(X_channels, y),
    }


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("make_invalid", "match"), INVALID_X.values(), ids=INVALID_X)
def test_invalid_array_is_refused_by_every_method(
    fitted, fitted_on_channels, X, X_channels, refused, name, make_invalid, match
):
    for estimator, valid in ((fitted[name], X), (fitted_on_channels[name], X_channels)):
        invalid, duplicate = make_invalid(valid), copy.deepcopy(estimator)
        with refused(duplicate, match):
            duplicate.fit(invalid, np.arange(41 if invalid is None or isinstance(invalid, str) else len(invalid)) % 2)
        for method in METHODS[name]:
            with refused(estimator, match):
                getattr(estimator, method)(invalid)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("make_invalid", "error", "match"), INVALID_TABLES.values(), ids=INVALID_TABLES)
def test_invalid_table_is_refused_by_every_method(fitted, X, y, refused, name, make_invalid, error, match):
    invalid, duplicate = make_invalid(X), copy.deepcopy(fitted[name])
    with refused(duplicate, match, error):
        duplicate.fit(invalid, y)
    for method in METHODS[name]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "X has feature names")
            with refused(fitted[name], match, error):
                getattr(fitted[name], method)(invalid)


@pytest.mark.parametrize("name", ["pretrainer", "classifier"])
def test_one_sample_cannot_be_fitted_but_can_be_transformed(fitted, X, y, refused, name):
    estimator = copy.deepcopy(fitted[name])
    with refused(estimator, r"1 sample\(s\).*minimum of 2"):
        estimator.fit(X[:1], y[:1])
    assert estimator.transform(X[:1]).shape == (1, 32)


# Shape of a sample in `fit`, and shapes of samples that the other methods refuse afterwards.
SHAPES = {
    (200,): [(100,), (2, 200), (3, 16, 200)],
    (2, 200): [(200,), (2,), (3, 200), (2, 100), (6, 16, 200)],
    (6, 16, 200): [(200,), (6, 200), (3, 16, 200), (6, 8, 200), (6, 16, 100)],
}


@pytest.mark.parametrize(
    ("fitted_shape", "other_shape"), [(shape, other) for shape in SHAPES for other in SHAPES[shape]]
)
def test_shape_that_differs_from_fit_is_refused(fitted, y, refused, fitted_shape, other_shape):
    is_spectrogram = len(fitted_shape) == 3
    training_samples = np.random.default_rng(0).normal(size=(41, *fitted_shape))
    for name in METHODS if not is_spectrogram else ["pretrainer", "classifier"]:
        estimator = clone(fitted[name])
        if name != "transformer":
            estimator.set_params(max_epochs=0)
        if name == "pretrainer" and is_spectrogram:
            estimator.set_params(**UNUSED_WITH_SPECTROGRAMS)
        estimator.fit(training_samples, y)
        for method in METHODS[name]:
            match = rf"{re.escape(str(other_shape))}.*{re.escape(str(fitted_shape))}|100 features.*200 features"
            with refused(estimator, match):
                getattr(estimator, method)(np.zeros((4, *other_shape)))


def test_spectrograms_of_unsuitable_shape_are_refused(new_pretrainer, new_classifier, refused):
    images, labels = np.random.default_rng(0).normal(size=(4, 4, 8, 50)), [0, 1, 0, 1]
    transformer, classifier = CWTTransformer(device="cpu"), new_classifier()
    pretrainer = new_pretrainer(**UNUSED_WITH_SPECTROGRAMS)
    with refused(transformer, r"\(4, 4, 8, 50\), which is a spectrogram"):
        transformer.fit(images)
    with refused(pretrainer, "4 channels, which is not a multiple of the 3 views of diff_orders"):
        pretrainer.fit(images)
    with refused(classifier, "4 channels, which is not a multiple of the 3 views of diff_orders"):
        classifier.fit(images, labels)
    with refused(classifier, "8 scales, but pretrainer was fitted on 16"):
        classifier.fit(images[:, :3], labels)


INVALID_Y = {
    "None": (lambda y: None, "requires y"),
    "shorter": (lambda y: y[:-1], r"\[41, 40\]"),
    "one-class": (lambda y: np.full(41, "ABD"), r"y has only one class, \['ABD'\]"),
    "continuous": (lambda y: np.linspace(0, 1, 41), "Unknown label type.*continuous"),
    "two-columns": (lambda y: np.column_stack([y, y]), r"y should be a 1d array.*\(41, 2\)"),
    "nan": (lambda y: np.where(y == "ABD", np.nan, 1.0), r"y has no value in [0-9]+ of"),
}
INVALID_WEIGHTS = {
    "negative": (np.full(41, -1.0), "Negative values.*sample_weight"),
    "shorter": (np.ones(40), r"sample_weight.*\(40,\).*\(41,\)"),
    "two-columns": (np.ones((41, 2)), "[Ss]ample.weights must be 1D"),
    "nan": (np.full(41, np.nan), "sample_weight contains NaN"),
    "zeros": (np.zeros(41), "[Ss]ample.weight.*(non-zero|give at least one)"),
    "one-positive-weight": (np.eye(41)[0], "y has only one class.*label and a positive sample_weight"),
}


@pytest.mark.parametrize(("make_invalid", "match"), INVALID_Y.values(), ids=INVALID_Y)
def test_invalid_labels_are_refused(fitted_classifier, X, y, refused, make_invalid, match):
    classifier = copy.deepcopy(fitted_classifier)
    with refused(classifier, match):
        classifier.fit(X, make_invalid(y))


INVALID_PARTLY_UNLABELLED_Y = {
    "all-unlabelled": (np.full(41, -1), r"no row of y has both a label \(unlabeled=-1\) and a positive sample_weight"),
    "one-class": (np.where(np.arange(41) < 30, -1, 2), r"y has only one class, \[2\].*give at least two classes"),
    "unlabeled-of-another-type": (np.full(41, "-1"), "unlabeled=-1 is not text; give unlabeled='-1'"),
}


@pytest.mark.parametrize(("labels", "match"), INVALID_PARTLY_UNLABELLED_Y.values(), ids=INVALID_PARTLY_UNLABELLED_Y)
def test_invalid_labels_of_partly_unlabelled_data_are_refused(fitted_classifier, X, refused, labels, match):
    classifier = copy.deepcopy(fitted_classifier).set_params(unlabeled=-1)
    with refused(classifier, match):
        classifier.fit(X, labels)


def test_signals_are_refused_with_a_pretrainer_fitted_on_spectrograms(new_pretrainer, new_classifier, X, y, refused):
    spectrograms = CWTTransformer(cwt_scales=[1, 2, 4, 8, 16, 32, 64, 100]).fit_transform(X)
    pretrainer = new_pretrainer(patch_size=(2, 25), **UNUSED_WITH_SPECTROGRAMS).fit(spectrograms)
    classifier = new_classifier(pretrainer=FrozenEstimator(pretrainer))
    with refused(classifier, "X contains signals, but pretrainer was fitted on spectrograms"):
        classifier.fit(X, y)


def test_error_for_a_pth_file_names_the_function_that_loads_it(new_classifier, X, y, tmp_path, refused):
    path = tmp_path / "mae.pth"
    torch.save({"cls_token": torch.zeros(1)}, path)
    classifier = new_classifier(pretrainer=path)
    with refused(classifier, r"mae\.pth: not a safetensors file.*load_reference_mae"):
        classifier.fit(X, y)


def test_error_for_a_misspelt_scratch_gives_the_correct_spelling(new_classifier, X, y, refused):
    classifier = new_classifier(pretrainer="Scratch")
    with refused(classifier, "pretrainer='Scratch': no such file.*'scratch'", FileNotFoundError):
        classifier.fit(X, y)


@pytest.mark.parametrize(("weights", "match"), INVALID_WEIGHTS.values(), ids=INVALID_WEIGHTS)
def test_invalid_sample_weights_are_refused(fitted_classifier, X, y, refused, weights, match):
    classifier = copy.deepcopy(fitted_classifier)
    with refused(classifier, match):
        classifier.fit(X, y, sample_weight=weights)


CLASSES = ["ABD", "ER", "FEL", "IR", "PEN", "ROW", "TRAP"]
BAD_SCALES = [0, -3, 16.0, "many", None, [], [3, 2, 1], [1, 1], [0, 1], [-1, 2], [np.nan], [np.inf], ["a"], [[1, 2]]]
BAD_DIFF_ORDERS = [(), (3,), (0, 0), 5, "012", (0.5,), [[0, 1]]]
INVALID_TRAINING_PARAMETERS = {
    "sampling_rate": [0, -50, "fast"],
    "max_epochs": [-1, 1.5, None],
    "batch_size": [0, -4, 1.5],
    "lr": [0, -1e-3, np.inf, "fast"],
    "weight_decay": [-0.1],
    "warmup_fraction": [-0.1, 1, 2],
    "gradient_clip": [0, -1],
    "early_stopping": ["yes", None],
    "validation_fraction": [0, 1, -0.5],
    "n_iter_no_change": [0, -1],
    "device": ["nonsense", "cuda:99", 3],
    "precision": ["float64", "half", None],
    "random_state": [-1, "zero", 0.5],
    "verbose": [-1, "loud"],
    "callbacks": ["mine", 3],
    "checkpoint_dir": [3],
}
# For each estimator and parameter, a list of invalid values.
INVALID_PARAMETERS = {
    "transformer": {
        "cwt_scales": BAD_SCALES,
        "diff_orders": BAD_DIFF_ORDERS,
        "standardize": ["yes", None, "column"],
        "boundary": ["wrap", None],
        "wavelet": ["haar", None],
        "w0": [0.5, 1e6, "6", None],
        "output": ["picture", None],
        "sampling_rate": [0, -50, "fast"],
        "batch_size": [0, -1, 2.5],
        "device": ["nonsense", "cuda:99", 3],
    },
    "pretrainer": {
        "representation": ["raw", None],
        "cwt_scales": BAD_SCALES,
        "diff_orders": BAD_DIFF_ORDERS,
        "standardize": ["yes", None, "column"],
        "boundary": ["wrap", None],
        "wavelet": ["haar", None],
        "w0": [0.5, 1e6, "6", None],
        "signal_len": [0, -1, 1.5],
        "patch_size": ["large", 4, None, (4,), (4, 25, 1), (0, 25), (4, -1), (4.0, 25), ("4", "25")],
        "embed_dim": [0, -32, 1.5, 33, 34],  # with 2 heads, rotary embedding needs a multiple of 8
        "depth": [0, -1, 1.5],
        "num_heads": [0, -1, 5],
        "mlp_rank_ratio": [0, -0.5],
        "decoder_embed_dim": [0, -32, 33],
        "decoder_depth": [0, -1],
        "rope": ["spiral", None],
        "channel_mixing": ["all", None],
        "channel_layout": ["line", True],
        "mask_ratio": [0, 1, -0.5, 1.5, np.nan, 0.99, 1e-17],
        "masking": ["bands", None],
        "time_loss_weight": [-1, "half"],
        "decode_ratio": [0, 1.5, np.nan],
        "readout_layers": [(), (2,), (-1,), 1, "last"],
        "pooling": ["median", None],
        "warm_start": ["yes", None],
        "pretext_task": ["jigsaw", None],
        "init": [None, 3],
        **INVALID_TRAINING_PARAMETERS,
    },
    "classifier": {
        "pretrainer": [3, StandardScaler(), MAEPretrainer, FrozenEstimator(StandardScaler())],
        "probe": ["yes", None],
        "finetune": ["everything", None, "none"],  # "none" is invalid, because the classifier has probe=False
        "head": ["linear", None],
        "num_reasoning_tokens": [0, -1, 1.5],
        "num_res_blocks": [-1, 1.5],
        "hidden_dim": [0, -1, 1.5],
        "dropout": [-0.1, 1, 2],
        "patch_drop_rate": [-0.1, 1, None],
        "layer_decay": [0, -1, 1.5],
        "label_smoothing": [-0.1, 1],
        "class_weight": ["heavy", 3, {"ABD": -1.0}, {"ABD": np.nan}, {"nobody": 1.0}, dict.fromkeys(CLASSES, 0.0)],
        **INVALID_TRAINING_PARAMETERS,
    },
}
INVALID_VALUES = [
    (name, parameter, value)
    for name, parameters in INVALID_PARAMETERS.items()
    for parameter, values in parameters.items()
    for value in values
]


@pytest.mark.parametrize(
    ("name", "parameter", "value"), INVALID_VALUES, ids=lambda value: str(value).replace(" ", "")[:40]
)
def test_invalid_parameter_value_is_refused(fitted, X, y, refused, name, parameter, value):
    estimator = copy.deepcopy(fitted[name]).set_params(**{parameter: value})
    with refused(estimator, parameter):
        estimator.fit(X, y)


@pytest.mark.parametrize("name", METHODS)
def test_invalid_values_are_listed_for_every_parameter_except_unlabeled(fitted, name):
    parameters = set(fitted[name].get_params(deep=False))
    assert parameters - set(INVALID_PARAMETERS[name]) <= {"unlabeled"}


def test_mask_ratio_error_gives_the_number_of_visible_patches(new_pretrainer, X):
    with pytest.raises(ValueError, match=r"mask_ratio=0\.99 leaves 0 of 32 patches visible.*smaller patch_size"):
        new_pretrainer(mask_ratio=0.99).fit(X)


def test_error_for_an_indivisible_embed_dim_gives_the_remedy(new_pretrainer, X):
    with pytest.raises(ValueError, match=r"embed_dim=32.*num_heads=5.*choose"):
        new_pretrainer(num_heads=5).fit(X)


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_invalid_parameter_of_an_unfitted_pretrainer_is_refused(
    fitted_classifier, new_pretrainer, X, y, refused, finetune
):
    pretrainer = new_pretrainer(embed_dim=0)
    classifier = copy.deepcopy(fitted_classifier).set_params(pretrainer=pretrainer, finetune=finetune)
    with refused(classifier, "'embed_dim' parameter of MAEPretrainer"):
        classifier.fit(X, y)


@pytest.mark.parametrize(("fraction", "n_samples"), [(0.01, 41), (0.99, 41), (0.1, 14)])
def test_validation_fraction_that_cannot_be_stratified_is_refused(
    fitted_classifier, X, y, refused, fraction, n_samples
):
    settings = {"early_stopping": True, "validation_fraction": fraction}
    classifier = copy.deepcopy(fitted_classifier).set_params(**settings)
    with refused(classifier, f"early_stopping=True.*validation_fraction={fraction}.*early_stopping=False"):
        classifier.fit(X[:n_samples], y[:n_samples])


def test_validation_fraction_that_leaves_no_training_signals_is_refused(fitted_pretrainer, X, refused):
    pretrainer = copy.deepcopy(fitted_pretrainer).set_params(early_stopping=True, validation_fraction=0.99)
    with refused(pretrainer, "validation_fraction=0.99"):
        pretrainer.fit(X[:2])


def test_unfitted_frozen_pretrainer_is_refused(new_classifier, new_pretrainer, X, y, refused):
    classifier = new_classifier(pretrainer=FrozenEstimator(new_pretrainer()))
    with refused(classifier, "MAEPretrainer instance is not fitted", NotFittedError):
        classifier.fit(X, y)


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_an_unfitted_estimator_raise_not_fitted_error(fitted, X, refused, tmp_path, name):
    estimator = clone(fitted[name])
    if name == "transformer":
        estimator.set_params(output="flat")
    for method in METHODS[name]:
        with refused(estimator, "is not fitted", NotFittedError):
            getattr(estimator, method)(X)
    with refused(estimator, "is not fitted", NotFittedError):
        estimator.get_feature_names_out()
    if name != "transformer":
        with refused(estimator, "is not fitted", NotFittedError):
            estimator.save(tmp_path / "estimator.safetensors")
        assert not hasattr(estimator, "encoder_")
    assert not list(tmp_path.iterdir())


def test_axes_that_are_probably_swapped_cause_a_warning(X_channels):
    with pytest.warns(UserWarning, match=r"200 channels of 2 samples each; .*X\.transpose\(0, 2, 1\)"):
        CWTTransformer(cwt_scales=4, device="cpu").fit(X_channels.transpose(0, 2, 1))


def test_setting_pretrainer_parameters_without_a_pretrainer_is_refused(new_classifier, refused):
    classifier = new_classifier(pretrainer=None)
    with refused(classifier, "pretrainer__mask_ratio: pretrainer=None has no parameters; give"):
        classifier.set_params(pretrainer__mask_ratio=0.5)
    classifier.set_params(pretrainer=MAEPretrainer(), pretrainer__mask_ratio=0.5)
    assert classifier.pretrainer.mask_ratio == 0.5


def test_unlabeled_of_another_type_than_the_labels_is_refused(new_classifier, X, refused):
    classifier = new_classifier(unlabeled="-1")
    with refused(classifier, "y contains numbers, but unlabeled='-1' is text"):
        classifier.fit(X, np.arange(41) % 3 - 1)


def test_directory_given_as_file_and_file_given_as_directory_are_refused(
    new_pretrainer, fitted_pretrainer, X, refused, tmp_path
):
    with refused(fitted_pretrainer, "this is a directory; give the path of a file"):
        fitted_pretrainer.save(tmp_path)
    with pytest.raises(ValueError, match="this is a directory; give the path of a file"):
        MAEPretrainer.load(tmp_path)
    (tmp_path / "file").touch()
    pretrainer = new_pretrainer(checkpoint_dir=tmp_path / "file")
    with refused(pretrainer, "checkpoint_dir=.* is a file; give a directory"):
        pretrainer.fit(X)
