"""Tests of the warnings about parameters that were set but have no effect."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer, MAERegressor


def unused_parameter_warnings(estimator, *data) -> list[str]:
    """Fit the estimator and return the warnings about parameters without effect."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(*data)
    return [str(warning.message) for warning in caught if "no effect" in str(warning.message)]


@pytest.fixture(scope="module")
def data(few):
    """Return short signals of one channel and their labels."""
    return few.data[:, 0, :60], few.target


FINE_TUNING_PARAMETERS = {
    "head": "mlp",
    "num_reasoning_tokens": 4,
    "num_res_blocks": 1,
    "hidden_dim": 64,
    "dropout": 0.2,
    "layer_decay": 0.9,
    "patch_drop_rate": 0.2,
    "label_smoothing": 0.0,
    "max_epochs": 10,
    "lr": 1e-4,
    "weight_decay": 0.1,
    "warmup_fraction": 0.2,
    "gradient_clip": None,
    "early_stopping": True,
    "validation_fraction": 0.2,
    "n_iter_no_change": 5,
    "precision": "float32",
    "callbacks": [],
    "checkpoint_dir": "checkpoints",
}


@pytest.mark.parametrize("name", FINE_TUNING_PARAMETERS)
def test_fine_tuning_parameter_without_fine_tuning_causes_a_warning(data, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = FINE_TUNING_PARAMETERS[name]
    (message,) = unused_parameter_warnings(MAEClassifier(random_state=0, device="cpu", **{name: value}), *data)
    assert message == (
        f"{name}={value!r} has no effect with finetune='none'; choose another value of finetune to use it."
    )


def test_one_warning_names_all_parameters_without_effect(data):
    (message,) = unused_parameter_warnings(MAERegressor(random_state=0, lr=0.1, dropout=0.5), data[0], np.arange(41.0))
    assert message.startswith("dropout=0.5, lr=0.1 have no effect with finetune='none'; ")
    assert message.endswith("to use them.")


def test_warning_points_to_the_line_that_calls_fit(data):
    with pytest.warns(UserWarning, match="no effect") as caught:
        MAEClassifier(random_state=0, lr=0.1).fit(*data)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("params", "expected_warning"),
    [
        ({}, None),
        ({"num_reasoning_tokens": 2}, None),
        ({"head": "mlp", "hidden_dim": 8}, None),
        ({"head": "mlp", "num_reasoning_tokens": 2}, "num_reasoning_tokens=2 has no effect with head='mlp'"),
        ({"hidden_dim": 8}, "hidden_dim=8 has no effect with head='reasoning'"),
        ({"n_iter_no_change": 3}, "n_iter_no_change=3 has no effect with early_stopping=False"),
        ({"finetune": "head", "layer_decay": 0.5}, "layer_decay=0.5 has no effect with finetune='head'"),
        ({"finetune": 1, "layer_decay": 0.5}, None),
        ({"finetune": "head", "patch_drop_rate": 0.2}, "patch_drop_rate=0.2 has no effect with finetune='head'"),
    ],
)
def test_unused_parameters_of_head_and_early_stopping_cause_a_warning(new_classifier, X, y, params, expected_warning):
    messages = unused_parameter_warnings(new_classifier(max_epochs=1, **params), X, y)
    assert [message.split(";")[0] for message in messages] == ([] if expected_warning is None else [expected_warning])


def test_precision_and_checkpoint_dir_cause_no_warning_if_a_pretrainer_is_fitted(new_pretrainer, X, y, tmp_path):
    params = {"precision": "float32", "checkpoint_dir": tmp_path, "random_state": 0, "device": "cpu"}
    classifier = MAEClassifier(pretrainer=new_pretrainer(max_epochs=1, pooling="mean"), **params)
    assert all(
        "precision" not in message and "checkpoint" not in message
        for message in unused_parameter_warnings(classifier, X, y)
    )


@pytest.mark.parametrize(
    ("params", "expected_warning"),
    [
        ({}, None),
        ({"max_epochs": 0}, None),
        ({"max_epochs": 0, "lr": 0.1}, "lr=0.1 has no effect with max_epochs=0"),
        ({"validation_fraction": 0.3}, "validation_fraction=0.3 has no effect with early_stopping=False"),
        ({"validation_fraction": 0.3, "early_stopping": True}, None),
    ],
)
def test_unused_parameters_of_a_pretrainer_cause_a_warning(X, params, expected_warning):
    messages = unused_parameter_warnings(
        MAEPretrainer(**{"max_epochs": 1, "embed_dim": 16, "depth": 1, "device": "cpu", **params}), X
    )
    assert [message.split(";")[0] for message in messages] == ([] if expected_warning is None else [expected_warning])


def test_cwt_scales_cause_a_warning_with_spectrograms(new_pretrainer, X):
    images = CWTTransformer(cwt_scales=16, device="cpu").fit_transform(X)
    (message,) = unused_parameter_warnings(new_pretrainer(max_epochs=1, cwt_scales=8, boundary="reflect"), images)
    assert message.startswith("cwt_scales=8 has no effect with spectrograms as X; give signals")


def test_standardize_causes_a_warning_with_statistics(X):
    (message,) = unused_parameter_warnings(CWTTransformer(output="statistics", standardize=False), X)
    assert message.startswith("standardize=False has no effect with output='statistics'; choose output='image'")
