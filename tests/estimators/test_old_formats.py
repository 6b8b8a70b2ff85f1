"""Tests that files of format versions 1, 2 and 3 load and give the results of the package version that wrote them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from safetensors import safe_open
from safetensors.torch import save_file

from sktsmae import MAEClassifier, MAEPretrainer, MAERegressor
from sktsmae.models.format_1 import upgrade_format_1
from sktsmae.models.format_2 import upgrade_format_2

FOLDER = Path(__file__).parent / "format_1"


@pytest.fixture(scope="module")
def expected():
    """Return signals, and the results for them of the package version that wrote the files."""
    with np.load(FOLDER / "expected.npz") as file:
        return dict(file)


def test_loaded_pretrainer_gives_the_same_embeddings(expected):
    pretrainer = MAEPretrainer.load(FOLDER / "pretrainer.safetensors").set_params(device="cpu")
    # Embeddings are float32 values of up to 3.4. Those of the package version that wrote the files differ by 7e-6
    # between processors.
    assert_allclose(pretrainer.transform(expected["X"]), expected["embeddings"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "index"),
    [("classifier_network", np.s_[:]), ("classifier_probe_and_mlp", np.s_[:, :1, :32])],
    ids=["network", "probe-and-mlp-for-one-channel-of-32-samples"],
)
def test_loaded_classifier_gives_the_same_probabilities(expected, name, index):
    classifier = MAEClassifier.load(FOLDER / f"{name}.safetensors").set_params(device="cpu")
    assert classifier.classes_.tolist() == expected["classes"].tolist()
    assert_allclose(classifier.predict_proba(expected["X"][index]), expected[name], rtol=0, atol=1e-6)


def test_loaded_regressor_gives_the_same_predictions(expected):
    regressor = MAERegressor.load(FOLDER / "regressor.safetensors").set_params(device="cpu")
    assert_allclose(regressor.predict(expected["X"][:, 0, :32]), expected["regressor"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["classifier_network", "classifier_probe_and_mlp"])
def test_saving_a_loaded_classifier_writes_the_current_format(expected, tmp_path, name):
    old = MAEClassifier.load(FOLDER / f"{name}.safetensors").set_params(device="cpu")
    old.save(tmp_path / "new.safetensors")
    assert b'\\"format_version\\": 4' in (tmp_path / "new.safetensors").read_bytes()
    new = MAEClassifier.load(tmp_path / "new.safetensors")
    X = expected["X"][:3, :, : old.input_shape_[-1]]
    X = X if len(old.input_shape_) == 2 else X[:, 0]
    assert_allclose(new.predict_proba(X), old.predict_proba(X), rtol=0, atol=0)


def write_format_2(source, path):
    """Write the content of a file of format 1 as a file of format 2."""
    with safe_open(source, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = json.loads(file.metadata()["sktsmae"])
    del metadata["version"]
    state, metadata = upgrade_format_1(state, metadata)
    save_file(state, path, metadata={"sktsmae": json.dumps({"format_version": 2, **metadata})})


def test_file_of_format_2_gives_the_same_predictions(expected, tmp_path):
    write_format_2(FOLDER / "regressor.safetensors", tmp_path / "regressor.safetensors")
    regressor = MAERegressor.load(tmp_path / "regressor.safetensors").set_params(device="cpu")
    assert_allclose(regressor.predict(expected["X"][:, 0, :32]), expected["regressor"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("estimator", "method"), [(MAEClassifier, "predict_proba"), (MAERegressor, "predict")])
def test_file_of_format_3_gives_the_same_predictions(estimator, method):
    name = estimator.__name__.removeprefix("MAE").lower()
    loaded = estimator.load(FOLDER.parent / "format_3" / f"{name}.safetensors").set_params(device="cpu")
    with np.load(FOLDER.parent / "format_3" / "expected.npz") as file:
        assert_allclose(getattr(loaded, method)(file["X"]), file[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("damaged", [torch.zeros(()), torch.zeros(0, 10**12)], ids=["no axis", "no rows"])
def test_file_of_format_3_with_a_damaged_weight_is_refused(damaged, tmp_path):
    with safe_open(FOLDER.parent / "format_3" / "classifier.safetensors", framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    save_file({**state, "probe.linear.0.weight": damaged}, tmp_path / "damaged.safetensors", metadata)
    with pytest.raises(ValueError, match=r"probe\.linear\.0\.weight is unknown"):
        MAEClassifier.load(tmp_path / "damaged.safetensors")


@pytest.mark.parametrize("missing", ["probe.features.statistics.thresholds", "probe.linear.0.weight"])
def test_file_of_format_2_without_a_tensor_is_refused(missing):
    names = ["summary", "statistics"]
    state = {"probe.features.statistics.thresholds": torch.zeros(1, 4)}
    state |= {f"probe.linear.{number}.weight": torch.zeros(2, 3 + 28 * number) for number in range(2)}
    del state[missing]
    tensors, metadata = upgrade_format_2(state, {"probe": names})
    assert tensors.keys() == state.keys()
    assert metadata["probe"] == [["summary"], ["summary", "statistics", "quarters"]]
