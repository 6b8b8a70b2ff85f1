"""What is refused: each error says what was wrong, and changes nothing."""

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

METHODS = {
    "transformer": ["transform"],
    "pretrainer": ["transform", "score", "reconstruct"],
    "classifier": ["predict", "predict_proba", "transform"],
}


def spoilt(X: np.ndarray, value: float) -> np.ndarray:
    """Put one other number into an array."""
    out = X.astype(np.float64)
    out[3, ..., 7] = value
    return out


RAGGED = [np.zeros((2, 30)), np.zeros((3, 30))]
# What makes an array bad, whether it has channels or not.
BAD_X = {
    "nan-alone": (
        lambda X: np.where(np.arange(len(X)).reshape(-1, *[1] * (X.ndim - 1)) == 3, np.nan, X),
        "NaN alone in",
    ),
    "infinity": (lambda X: spoilt(X, np.inf), "X contains infinity"),
    "minus-infinity": (lambda X: spoilt(X, -np.inf), "X contains infinity"),
    "too-large-for-float32": (lambda X: spoilt(X, 1e300), "X.*too large.*float32"),
    "no-sample": (lambda X: X[:0], r"0 sample\(s\)"),
    "no-time": (lambda X: X[..., :0], r"\(41, (2, )?0\)"),
    "one-axis": (lambda X: X.ravel(), "Expected 2D array, got 1D array.*length"),
    "five-axes": (lambda X: X.reshape(41, -1, 1, 1, 1), "got 5D array.*channels"),
    "series": (lambda X: pd.Series(X.ravel()), "Expected 2D array, got 1D array"),
    "complex": (lambda X: X + 1j, "Complex data not supported"),
    "strings": (lambda X: X.astype(str), "strings"),
    "objects": (lambda X: np.full(X.shape, "one", dtype=object), "X holds text; give numbers"),
    "numbers-as-text": (lambda X: X.astype(str).astype(object), "X holds text; give numbers"),
    "ragged-channels": (lambda X: RAGGED, "X is ragged: its signals differ in the number of channels"),
    "ragged-text": (lambda X: [["a", "b"], ["a", "b", "c"]], "X holds text"),
    "file-name": (lambda X: "signals.npy", "X='signals.npy' is the name of a file; give the signals in it"),
    "None": (lambda X: None, "X"),
}
BAD_TABLES = {
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
    """Fitted on one channel; not to be changed."""
    transformer = CWTTransformer(cwt_scales=8, device="cpu").fit(X)
    return {"transformer": transformer, "pretrainer": fitted_pretrainer, "classifier": fitted_classifier}


@pytest.fixture(scope="module")
def fitted_on_channels(new_pretrainer, new_classifier, X_channels, y) -> dict[str, Any]:
    """Fitted on two channels; not to be changed."""
    return {
        "transformer": CWTTransformer(cwt_scales=8, device="cpu").fit(X_channels),
        "pretrainer": new_pretrainer(max_epochs=0).fit(X_channels),
        "classifier": new_classifier(max_epochs=0).fit(X_channels, y),
    }


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("make", "match"), BAD_X.values(), ids=BAD_X)
def test_array_that_no_estimator_takes(fitted, fitted_on_channels, X, X_channels, refused, name, make, match):
    for estimator, good in ((fitted[name], X), (fitted_on_channels[name], X_channels)):
        bad, again = make(good), copy.deepcopy(estimator)
        with refused(again, match):
            again.fit(bad, np.arange(41 if bad is None or isinstance(bad, str) else len(bad)) % 2)
        for method in METHODS[name]:
            with refused(estimator, match):
                getattr(estimator, method)(bad)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("make", "error", "match"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_table_that_no_estimator_takes(fitted, X, y, refused, name, make, error, match):
    bad, again = make(X), copy.deepcopy(fitted[name])
    with refused(again, match, error):
        again.fit(bad, y)
    for method in METHODS[name]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "X has feature names")
            with refused(fitted[name], match, error):
                getattr(fitted[name], method)(bad)


@pytest.mark.parametrize("name", ["pretrainer", "classifier"])
def test_one_sample_is_too_few_to_fit_and_enough_to_transform(fitted, X, y, refused, name):
    estimator = copy.deepcopy(fitted[name])
    with refused(estimator, r"1 sample\(s\).*minimum of 2"):
        estimator.fit(X[:1], y[:1])
    assert estimator.transform(X[:1]).shape == (1, 32)


SHAPES = {
    (200,): [(100,), (2, 200), (3, 16, 200)],
    (2, 200): [(200,), (2,), (3, 200), (2, 100), (6, 16, 200)],
    (6, 16, 200): [(200,), (6, 200), (3, 16, 200), (6, 8, 200), (6, 16, 100)],
}


@pytest.mark.parametrize(("seen", "given"), [(seen, given) for seen in SHAPES for given in SHAPES[seen]])
def test_another_size_than_in_fit(fitted, y, refused, seen, given):
    data = np.random.default_rng(0).normal(size=(41, *seen))
    for name in METHODS if len(seen) < 3 else ["pretrainer", "classifier"]:
        estimator = clone(fitted[name])
        if name != "transformer":
            estimator.set_params(max_epochs=0)
        estimator.fit(data, y)
        for method in METHODS[name]:
            with refused(estimator, rf"{re.escape(str(given))}.*{re.escape(str(seen))}|100 features.*200 features"):
                getattr(estimator, method)(np.zeros((4, *given)))


def test_spectrograms_that_do_not_fit(new_pretrainer, new_classifier, refused):
    images, labels = np.random.default_rng(0).normal(size=(4, 4, 8, 50)), [0, 1, 0, 1]
    transformer, pretrainer, classifier = CWTTransformer(device="cpu"), new_pretrainer(), new_classifier()
    with refused(transformer, r"\(4, 4, 8, 50\), a spectrogram already"):
        transformer.fit(images)
    with refused(pretrainer, "4 channels, no multiple of the 3 views of diff_orders"):
        pretrainer.fit(images)
    with refused(classifier, "4 channels, no multiple of the 3 views of diff_orders"):
        classifier.fit(images, labels)
    with refused(classifier, "8 scales, but pretrainer was fitted on 16"):
        classifier.fit(images[:, :3], labels)


BAD_Y = {
    "None": (lambda y: None, "requires y"),
    "shorter": (lambda y: y[:-1], r"\[41, 40\]"),
    "one-class": (lambda y: np.full(41, "ABD"), r"y holds the one class \['ABD'\]"),
    "continuous": (lambda y: np.linspace(0, 1, 41), "Unknown label type.*continuous"),
    "two-columns": (lambda y: np.column_stack([y, y]), r"y should be a 1d array.*\(41, 2\)"),
    "nan": (lambda y: np.where(y == "ABD", np.nan, 1.0), "y contains NaN"),
}
BAD_WEIGHTS = {
    "negative": (np.full(41, -1.0), "Negative values.*sample_weight"),
    "shorter": (np.ones(40), r"sample_weight.*\(40,\).*\(41,\)"),
    "two-columns": (np.ones((41, 2)), "[Ss]ample.weights must be 1D"),
    "nan": (np.full(41, np.nan), "sample_weight contains NaN"),
    "zeros": (np.zeros(41), "[Ss]ample.weight.*(non-zero|give some)"),
    "one-class": (np.eye(41)[0], "y holds the one class.*label and a weight"),
}


@pytest.mark.parametrize(("make", "match"), BAD_Y.values(), ids=BAD_Y)
def test_labels_that_are_refused(fitted_classifier, X, y, refused, make, match):
    classifier = copy.deepcopy(fitted_classifier)
    with refused(classifier, match):
        classifier.fit(X, make(y))


TOO_FEW = {
    "none": (np.full(41, -1), r"no row of y has both a label \(unlabeled=-1\) and a positive sample_weight"),
    "one-class": (np.where(np.arange(41) < 30, -1, 2), r"y holds the one class \[2\].*give two classes"),
    "mark-of-another-type": (np.full(41, "-1"), "unlabeled=-1 is not; give unlabeled='-1'"),
}


@pytest.mark.parametrize(("labels", "match"), TOO_FEW.values(), ids=TOO_FEW)
def test_too_few_labels(fitted_classifier, X, refused, labels, match):
    classifier = copy.deepcopy(fitted_classifier).set_params(unlabeled=-1)
    with refused(classifier, match):
        classifier.fit(X, labels)


def test_signals_do_not_suit_a_pretrainer_of_spectrograms(new_pretrainer, new_classifier, X, y, refused):
    spectrograms = CWTTransformer(cwt_scales=[1, 2, 4, 8, 16, 32, 64, 100]).fit_transform(X)
    pretrainer = new_pretrainer(patch_size=(2, 25)).fit(spectrograms)
    classifier = new_classifier(pretrainer=FrozenEstimator(pretrainer))
    with refused(classifier, "X holds signals, but pretrainer was fitted on spectrograms"):
        classifier.fit(X, y)


def test_weights_in_a_pth_file_come_with_the_way_to_load_them(new_classifier, X, y, tmp_path, refused):
    path = tmp_path / "mae.pth"
    torch.save({"cls_token": torch.zeros(1)}, path)
    classifier = new_classifier(pretrainer=path)
    with refused(classifier, r"mae\.pth: not a safetensors file.*load_reference_mae"):
        classifier.fit(X, y)


def test_misspelt_scratch_is_named(new_classifier, X, y, refused):
    classifier = new_classifier(pretrainer="Scratch")
    with refused(classifier, "pretrainer='Scratch': no such file.*'scratch'", FileNotFoundError):
        classifier.fit(X, y)


@pytest.mark.parametrize(("weights", "match"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights_that_are_refused(fitted_classifier, X, y, refused, weights, match):
    classifier = copy.deepcopy(fitted_classifier)
    with refused(classifier, match):
        classifier.fit(X, y, sample_weight=weights)


CLASSES = ["ABD", "ER", "FEL", "IR", "PEN", "ROW", "TRAP"]
SCALES = [0, -3, 16.0, "many", None, [], [3, 2, 1], [1, 1], [0, 1], [-1, 2], [np.nan], [np.inf], ["a"], [[1, 2]]]
ORDERS = [(), (3,), (0, 0), 5, "012", (0.5,), [[0, 1]]]
TRAINING = {
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
IMPOSSIBLE = {
    "transformer": {
        "cwt_scales": SCALES,
        "diff_orders": ORDERS,
        "standardize": ["yes", None, "column"],
        "boundary": ["wrap", None],
        "output": ["picture", None],
        "sampling_rate": [0, -50, "fast"],
        "batch_size": [0, -1, 2.5],
        "device": ["nonsense", "cuda:99", 3],
    },
    "pretrainer": {
        "cwt_scales": SCALES,
        "diff_orders": ORDERS,
        "standardize": ["yes", None, "column"],
        "boundary": ["wrap", None],
        "signal_len": [0, -1, 1.5],
        "patch_size": ["large", 4, None, (4,), (4, 25, 1), (0, 25), (4, -1), (4.0, 25), ("4", "25")],
        "embed_dim": [0, -32, 1.5, 33, 34],
        "depth": [0, -1, 1.5],
        "num_heads": [0, -1, 5],
        "mlp_rank_ratio": [0, -0.5],
        "decoder_embed_dim": [0, -32, 33],
        "decoder_depth": [0, -1],
        "rope": ["spiral", None],
        "mask_ratio": [0, 1, -0.5, 1.5, np.nan, 0.99, 1e-17],
        "masking": ["bands", None],
        "instance_loss_weight": [-1, "half"],
        "time_loss_weight": [-1, "half"],
        "decode_ratio": [0, 1.5, np.nan],
        "readout_layers": [(), (2,), (-1,), 1, "last"],
        "pooling": ["median", None],
        "warm_start": ["yes", None],
        **TRAINING,
    },
    "classifier": {
        "pretrainer": [3, StandardScaler(), MAEPretrainer, FrozenEstimator(StandardScaler())],
        "probe": ["yes", None],
        "finetune": ["everything", None, "none"],
        "head": ["linear", None],
        "num_reasoning_tokens": [0, -1, 1.5],
        "num_res_blocks": [-1, 1.5],
        "hidden_dim": [0, -1, 1.5],
        "dropout": [-0.1, 1, 2],
        "layer_decay": [0, -1, 1.5],
        "label_smoothing": [-0.1, 1],
        "class_weight": ["heavy", 3, {"ABD": -1.0}, {"ABD": np.nan}, {"nobody": 1.0}, dict.fromkeys(CLASSES, 0.0)],
        **TRAINING,
    },
}
CASES = [(name, key, value) for name, params in IMPOSSIBLE.items() for key in params for value in params[key]]


@pytest.mark.parametrize(("name", "parameter", "value"), CASES, ids=lambda part: str(part).replace(" ", "")[:40])
def test_parameter_that_is_impossible(fitted, X, y, refused, name, parameter, value):
    estimator = copy.deepcopy(fitted[name]).set_params(**{parameter: value})
    with refused(estimator, parameter):
        estimator.fit(X, y)


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_has_an_impossible_value_here(fitted, name):
    assert set(fitted[name].get_params(deep=False)) - set(IMPOSSIBLE[name]) <= {"unlabeled"}


def test_message_of_a_mask_says_how_many_patches_it_leaves(new_pretrainer, X):
    with pytest.raises(ValueError, match=r"mask_ratio=0\.99 leaves 0 of 32 patches visible.*smaller patch_size"):
        new_pretrainer(mask_ratio=0.99).fit(X)


def test_message_of_heads_that_do_not_divide_says_what_to_choose(new_pretrainer, X):
    with pytest.raises(ValueError, match=r"embed_dim=32.*num_heads=5.*choose"):
        new_pretrainer(num_heads=5).fit(X)


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_impossible_pretrainer_of_a_classifier(fitted_classifier, new_pretrainer, X, y, refused, finetune):
    pretrainer = new_pretrainer(embed_dim=0)
    classifier = copy.deepcopy(fitted_classifier).set_params(pretrainer=pretrainer, finetune=finetune)
    with refused(classifier, "'embed_dim' parameter of MAEPretrainer"):
        classifier.fit(X, y)


@pytest.mark.parametrize(("fraction", "rows"), [(0.01, 41), (0.99, 41), (0.1, 14)])
def test_classes_that_cannot_be_held_out(fitted_classifier, X, y, refused, fraction, rows):
    settings = {"early_stopping": True, "validation_fraction": fraction}
    classifier = copy.deepcopy(fitted_classifier).set_params(**settings)
    with refused(classifier, f"early_stopping=True.*validation_fraction={fraction}.*early_stopping=False"):
        classifier.fit(X[:rows], y[:rows])


def test_signals_that_cannot_be_held_out(fitted_pretrainer, X, refused):
    pretrainer = copy.deepcopy(fitted_pretrainer).set_params(early_stopping=True, validation_fraction=0.99)
    with refused(pretrainer, "validation_fraction=0.99"):
        pretrainer.fit(X[:2])


def test_unfitted_frozen_pretrainer(new_classifier, new_pretrainer, X, y, refused):
    classifier = new_classifier(pretrainer=FrozenEstimator(new_pretrainer()))
    with refused(classifier, "MAEPretrainer instance is not fitted", NotFittedError):
        classifier.fit(X, y)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_but_fitting_works_before_fit(fitted, X, refused, tmp_path, name):
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


def test_axes_that_look_swapped_are_warned_of(X_channels):
    with pytest.warns(UserWarning, match=r"200 channels of 2 samples each; .*X\.transpose\(0, 2, 1\)"):
        CWTTransformer(cwt_scales=4, device="cpu").fit(X_channels.transpose(0, 2, 1))


def test_parameters_of_a_pretrainer_that_is_not_there(new_classifier, refused):
    classifier = new_classifier(pretrainer=None)
    with refused(classifier, "pretrainer__mask_ratio: pretrainer=None has no parameters; give"):
        classifier.set_params(pretrainer__mask_ratio=0.5)
    classifier.set_params(pretrainer=MAEPretrainer(), pretrainer__mask_ratio=0.5)
    assert classifier.pretrainer.mask_ratio == 0.5


def test_a_mark_of_another_type_than_the_labels(new_classifier, X, refused):
    classifier = new_classifier(unlabeled="-1")
    with refused(classifier, "y is numbers and unlabeled='-1' is text"):
        classifier.fit(X, np.arange(41) % 3 - 1)


def test_a_folder_is_no_file_and_a_file_no_folder(new_pretrainer, fitted_pretrainer, X, refused, tmp_path):
    with refused(fitted_pretrainer, "a folder; give the name of a file in it"):
        fitted_pretrainer.save(tmp_path)
    with pytest.raises(ValueError, match="a folder; give a file in it"):
        MAEPretrainer.load(tmp_path)
    (tmp_path / "file").touch()
    pretrainer = new_pretrainer(checkpoint_dir=tmp_path / "file")
    with refused(pretrainer, "checkpoint_dir=.* is a file; give a folder"):
        pretrainer.fit(X)
