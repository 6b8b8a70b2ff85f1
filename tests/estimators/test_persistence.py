"""Tests of pickling, copying, saving and loading fitted estimators."""

from __future__ import annotations

import copy
import json
import pickle
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator

import sktsmae
from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.models import load_mae, save_mae


def dump_and_load_with_joblib(estimator: BaseEstimator) -> Any:
    """Write the estimator with joblib, with compression, and return the estimator that joblib reads."""
    buffer = BytesIO()
    joblib.dump(estimator, buffer, compress=3)
    buffer.seek(0)
    return joblib.load(buffer)


def results(estimator: Any, X: np.ndarray) -> list[np.ndarray]:
    """Return the outputs for X of all methods that compute something from signals."""
    outputs = [estimator.transform(X)]
    if isinstance(estimator, MAEClassifier):
        outputs += [estimator.predict_proba(X), estimator.predict(X)]
    if isinstance(estimator, MAEPretrainer):
        outputs += [np.array(estimator.score(X)), estimator.reconstruct(X).image_pred]
    return outputs


def assert_same_results(estimator: Any, other: Any, X: np.ndarray) -> None:
    for output, other_output in zip(results(estimator, X), results(other, X), strict=True):
        assert_array_equal(output, other_output)
        assert output.dtype == other_output.dtype


@pytest.fixture(scope="module")
def fitted(new_classifier, fitted_pretrainer, fitted_classifier, X, y) -> dict[str, BaseEstimator]:
    """Return estimators fitted on `X` and `y`. Tests must not change them."""
    return {
        "transformer": CWTTransformer(cwt_scales=8, device="cpu").fit(X),
        "pretrainer": fitted_pretrainer,
        "classifier": fitted_classifier,
        "fine-tuned-head": new_classifier(finetune="head", head="mlp", hidden_dim=24).fit(X, y),
        "stopped-early": new_classifier(early_stopping=True, validation_fraction=0.3).fit(X, y),
    }


WAYS_TO_COPY = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "joblib": dump_and_load_with_joblib,
    "deepcopy": copy.deepcopy,
}
NAMES = ["transformer", "pretrainer", "classifier", "fine-tuned-head", "stopped-early"]
NAMES_WITH_SAVE = NAMES[1:]


@pytest.mark.parametrize("make_copy", WAYS_TO_COPY.values(), ids=WAYS_TO_COPY)
@pytest.mark.parametrize("name", NAMES)
def test_copy_gives_the_same_results(fitted, X, name, make_copy):
    duplicate = make_copy(fitted[name])
    assert_same_results(duplicate, fitted[name], X)
    assert_same_results(make_copy(duplicate), fitted[name], X)
    assert getattr(duplicate, "history_", None) == getattr(fitted[name], "history_", None)


@pytest.mark.parametrize("make_copy", WAYS_TO_COPY.values(), ids=WAYS_TO_COPY)
def test_fitting_a_copy_leaves_the_original_unchanged(fitted, X, y, make_copy):
    expected = fitted["classifier"].predict_proba(X)
    make_copy(fitted["classifier"]).set_params(random_state=1).fit(X, y)
    assert_array_equal(fitted["classifier"].predict_proba(X), expected)


def num_weight_bytes(*networks: torch.nn.Module) -> int:
    """Return the total number of bytes of the distinct tensors of the networks, including buffers."""
    states = [network.state_dict(keep_vars=True) for network in networks]
    return sum({tensor.data_ptr(): tensor.nbytes for state in states for tensor in state.values()}.values())


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_pickle_contains_each_weight_once(new_pretrainer, new_classifier, X, y, finetune):
    pretrainer = new_pretrainer(embed_dim=128, depth=2, max_epochs=1).fit(X)
    classifier = new_classifier(pretrainer=FrozenEstimator(pretrainer), finetune=finetune, max_epochs=1).fit(X, y)
    pretrainer_bytes = num_weight_bytes(pretrainer.model_)
    total_bytes = num_weight_bytes(classifier.model_, pretrainer.model_)
    # A pickle has an overhead of about half a kilobyte per tensor. The two moments per weight that the optimiser stores
    # would triple the size.
    assert pretrainer_bytes < len(pickle.dumps(pretrainer)) < 1.05 * pretrainer_bytes + 20_000
    assert total_bytes < len(pickle.dumps(classifier)) < 1.05 * total_bytes + 20_000


@pytest.mark.parametrize("early_stopping", [False, True], ids=["no-early-stopping", "early-stopping"])
@pytest.mark.parametrize("finetune", [None, "full", "head"], ids=["pretrainer", "full-classifier", "head-classifier"])
def test_pickle_does_not_contain_the_training_data(new_pretrainer, new_classifier, X, y, finetune, early_stopping):
    stopping = {"early_stopping": True, "validation_fraction": 0.3} if early_stopping else {}
    settings = {**stopping, "max_epochs": 1}
    estimator = new_classifier(finetune=finetune, **settings) if finetune else new_pretrainer(**settings)
    size = len(pickle.dumps(estimator.fit(X, y)))
    size_with_twice_the_data = len(pickle.dumps(estimator.fit(np.tile(X, (2, 1)), np.tile(y, 2))))
    assert size_with_twice_the_data < size + 0.1 * X.nbytes


def test_pickle_does_not_refer_to_a_gpu(new_pretrainer, new_classifier, X, y):
    classifier = new_classifier(pretrainer=new_pretrainer(device="auto"), device="auto").fit(X, y)
    assert b"cuda:" not in pickle.dumps(classifier)


@pytest.mark.parametrize("name", NAMES)
def test_fitted_estimator_uses_the_cpu_if_its_device_is_not_available(fitted, X, name):
    unpickled = pickle.loads(pickle.dumps(copy.deepcopy(fitted[name]).set_params(device="cuda:99")))
    with pytest.warns(UserWarning, match="device='cuda:99' is not available.*computing on the CPU"):
        outputs = results(unpickled, X)
    for output, expected in zip(outputs, results(fitted[name], X), strict=True):
        assert_array_equal(output, expected)


@pytest.mark.parametrize("name", NAMES)
def test_fitting_on_a_device_that_is_not_available_is_refused(fitted, refused, X, y, name):
    estimator = copy.deepcopy(fitted[name]).set_params(device="cuda:99")
    with refused(estimator, "device='cuda:99' is not available.*'cpu'.*'auto'"):
        estimator.fit(X, y)


@pytest.mark.parametrize("path_type", [str, Path])
@pytest.mark.parametrize("name", NAMES_WITH_SAVE)
def test_loaded_estimator_gives_the_same_results(fitted, X, tmp_path, name, path_type):
    estimator, path = fitted[name], path_type(tmp_path / "estimator.safetensors")
    estimator.save(path)
    loaded = type(estimator).load(path)
    assert_same_results(loaded, estimator, X)
    assert loaded.history_ == estimator.history_
    assert (loaded.n_iter_, loaded.input_shape_, loaded.n_features_in_) == (estimator.n_iter_, (200,), 200)
    assert loaded.get_feature_names_out().tolist() == estimator.get_feature_names_out().tolist()
    loaded.save(path)
    assert_same_results(pickle.loads(pickle.dumps(type(estimator).load(path))), estimator, X)


def test_loaded_estimator_has_the_same_parameters(new_pretrainer, new_classifier, X, tmp_path):
    settings = {"patch_size": [4, 25], "diff_orders": [0, 1], "cwt_scales": [1.0, 2.5, 7.0, 9.0], "pooling": "max"}
    pretrainer = new_pretrainer(**settings, max_epochs=0, device="auto").fit(X)
    pretrainer.save(tmp_path / "mae.safetensors")
    assert MAEPretrainer.load(tmp_path / "mae.safetensors").get_params() == pretrainer.get_params()
    settings = {"pretrainer": str(tmp_path / "mae.safetensors"), "class_weight": {0: 1.0, 1: 2.0}, "head": "mlp"}
    classifier = new_classifier(**settings, unlabeled=-1, device="auto").fit(X, np.arange(41) % 2)
    classifier.save(tmp_path / "classifier.safetensors")
    expected = {**classifier.get_params(), "pretrainer": None}  # a file does not name another file
    assert MAEClassifier.load(tmp_path / "classifier.safetensors").get_params() == expected


def test_file_does_not_name_files_devices_or_code_of_the_reader(fitted, tmp_path):
    of_a_stranger = {"checkpoint_dir": "/tmp/of-a-stranger", "device": "cuda:7", "callbacks": ["os.system"]}
    for name, path_parameter in {"pretrainer": "init", "classifier": "pretrainer"}.items():
        path = tmp_path / f"{name}.safetensors"
        fitted[name].save(path)
        with safe_open(path, framework="pt") as file:
            metadata = json.loads(file.metadata()["sktsmae"])
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        metadata["estimator"]["params"] |= {**of_a_stranger, path_parameter: "/tmp/of-a-stranger"}
        metadata["estimator"]["fitted"]["predict"] = "not an attribute"
        save_file(state, path, metadata={"sktsmae": json.dumps(metadata)})
        loaded = type(fitted[name]).load(path)
        defaults = type(loaded)().get_params(deep=False)
        for parameter in (*of_a_stranger, path_parameter):
            assert getattr(loaded, parameter) == defaults[parameter]
        assert "predict" not in vars(loaded)


RULES = {"columns": ["t0", "t1"], "long": True, "id": "recording", "time": None, "x_key": None}
DAMAGED_RULES = {
    "no dict": ["t0"],
    "missing name": {name: value for name, value in RULES.items() if name != "id"},
    "unknown name": {**RULES, "path": "/tmp/of-a-stranger"},
    "columns are a text": {**RULES, "columns": "t0"},
    "column is a number": {**RULES, "columns": [0]},
    "long column": {**RULES, "columns": ["t" * (2**17 + 1)]},
    "long is a number": {**RULES, "long": 1},
    "time is a list": {**RULES, "time": ["t"]},
}


@pytest.mark.parametrize("rules", DAMAGED_RULES.values(), ids=DAMAGED_RULES)
def test_damaged_reading_rules_are_refused(fitted, rules, tmp_path):
    classifier = copy.copy(fitted["classifier"])
    classifier.reading_rules_ = rules
    classifier.save(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"a\.safetensors: the metadata of the file is damaged"):
        MAEClassifier.load(tmp_path / "a.safetensors")


def test_reading_rules_are_saved_and_end_with_the_next_fit(new_classifier, X, y, tmp_path):
    classifier = new_classifier(max_epochs=1).fit(X, y)
    classifier.reading_rules_ = RULES
    classifier.save(tmp_path / "a.safetensors")
    loaded = MAEClassifier.load(tmp_path / "a.safetensors")
    assert loaded.reading_rules_ == {**RULES, "columns": ("t0", "t1")}
    assert not hasattr(loaded.fit(X, y), "reading_rules_")


def test_random_state_objects_are_not_saved(new_pretrainer, X, tmp_path):
    pretrainer = new_pretrainer(random_state=np.random.RandomState(0), max_epochs=0).fit(X)
    pretrainer.save(tmp_path / "mae.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "mae.safetensors")
    assert loaded.random_state is None
    assert_same_results(loaded, pretrainer, X)


@pytest.mark.parametrize(
    "labels",
    [["ab", "cde"], [3, 7], [False, True], [1.0, 2.0], np.array(["ab", "cde"], dtype=object), np.array([1, 2], "u1")],
    ids=["string", "integer", "boolean", "float", "object", "uint8"],
)
def test_loaded_classes_have_the_same_dtype(new_classifier, X, labels, tmp_path):
    y = np.asarray(labels)[np.arange(41) % 2]
    classifier = new_classifier(max_epochs=1).fit(X, y)
    classifier.save(tmp_path / "classifier.safetensors")
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert_array_equal(loaded.classes_, classifier.classes_)
    assert loaded.classes_.dtype == classifier.classes_.dtype == y.dtype
    assert_array_equal(loaded.predict(X), classifier.predict(X))


def test_loaded_estimator_has_the_same_column_names(new_pretrainer, X, tmp_path):
    frame = pd.DataFrame(X).add_prefix("t")
    new_pretrainer(max_epochs=0).fit(frame).save(tmp_path / "mae.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "mae.safetensors")
    assert loaded.feature_names_in_.tolist() == frame.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        loaded.transform(frame.add_prefix("other"))


def test_loaded_estimator_has_the_same_number_of_channels(new_pretrainer, X_channels, tmp_path):
    pretrainer = new_pretrainer().fit(X_channels)
    pretrainer.save(tmp_path / "mae.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "mae.safetensors")
    assert loaded.input_shape_ == (2, 200)
    assert_same_results(loaded, pretrainer, X_channels)


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_weights_from_a_file_are_copied_into_the_classifier(
    new_classifier, fitted_pretrainer, X, y, tmp_path, finetune
):
    path = tmp_path / "mae.safetensors"
    fitted_pretrainer.save(path)
    classifier = new_classifier(pretrainer=path, finetune=finetune).fit(X, y)
    expected = classifier.predict_proba(X)
    path.unlink()
    assert_array_equal(classifier.predict_proba(X), expected)
    restored = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(restored.predict_proba(X), expected)
    assert_array_equal(restored.pretrainer_.transform(X), fitted_pretrainer.transform(X))


def test_pretrainer_loads_network_files_and_load_mae_loads_pretrainer_files(
    fitted_pretrainer, X, same_weights, tmp_path
):
    save_mae(fitted_pretrainer.model_, tmp_path / "network.safetensors")
    fitted_pretrainer.save(tmp_path / "pretrainer.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "network.safetensors").set_params(pooling="mean")
    assert_array_equal(loaded.transform(X), fitted_pretrainer.transform(X))
    assert same_weights(load_mae(tmp_path / "pretrainer.safetensors"), fitted_pretrainer.model_)
    architecture = {"cwt_scales", "embed_dim", "depth", "num_heads", "decoder_embed_dim", "mask_ratio", "rope"}
    assert all(getattr(loaded, name) == getattr(fitted_pretrainer, name) for name in architecture)
    assert clone(loaded).fit(X).transform(X).shape == (41, 32)


def test_saving_replaces_an_existing_file(fitted_pretrainer, new_pretrainer, X, tmp_path):
    new_pretrainer(max_epochs=0).fit(X).save(tmp_path / "mae.safetensors")
    fitted_pretrainer.save(tmp_path / "mae.safetensors")
    assert_same_results(MAEPretrainer.load(tmp_path / "mae.safetensors"), fitted_pretrainer, X)
    assert [path.name for path in tmp_path.iterdir()] == ["mae.safetensors"]


@pytest.fixture
def files(fitted_pretrainer, fitted_classifier, tmp_path) -> dict[str, Any]:
    """Return paths by name: 'valid' is the file of a pretrainer, and the others are not."""
    names = ["valid", "truncated", "text", "other-tensors", "classifier"]
    paths = {name: tmp_path / f"{name}.safetensors" for name in names}
    fitted_pretrainer.save(paths["valid"])
    fitted_classifier.save(paths["classifier"])
    content = paths["valid"].read_bytes()
    paths["truncated"].write_bytes(content[: len(content) // 2])
    paths["text"].write_text("hello world\n" * 50)
    save_file({"weight": torch.zeros(3)}, paths["other-tensors"])
    return {**paths, "missing": tmp_path / "missing.safetensors", "directory": tmp_path}


@pytest.mark.parametrize("path_type", [str, Path])
@pytest.mark.parametrize("name", ["missing", "directory", "truncated", "text", "other-tensors", "classifier"])
def test_path_that_is_not_a_pretrainer_file_is_refused(fitted_classifier, X, y, files, refused, name, path_type):
    path, error = path_type(files[name]), FileNotFoundError if name == "missing" else ValueError
    classifier = copy.deepcopy(fitted_classifier).set_params(pretrainer=path)
    with refused(classifier, re.escape(str(path)), error):
        classifier.fit(X, y)
    with pytest.raises(error, match=re.escape(str(path))):
        MAEPretrainer.load(path)
    if name != "classifier":
        with pytest.raises(error, match=re.escape(str(path))):
            MAEClassifier.load(path)


def test_file_of_another_kind_of_estimator_is_refused(files):
    with pytest.raises(ValueError, match=f"{re.escape(str(files['valid']))}: the file has the kind 'mae'"):
        MAEClassifier.load(files["valid"])
    with pytest.raises(ValueError, match=f"{re.escape(str(files['classifier']))}: the file has the kind 'classifier'"):
        MAEPretrainer.load(files["classifier"])


RELEASE_FOLDERS = sorted(path.parent for path in (Path(__file__).parent / "releases").glob("*/expected.npz"))


@pytest.mark.parametrize("folder", RELEASE_FOLDERS, ids=lambda folder: folder.name)
def test_files_of_every_release_load_and_give_the_same_results(folder):
    with np.load(folder / "expected.npz") as expected:
        X = expected["X"]
        pretrainer = MAEPretrainer.load(folder / "pretrainer.safetensors")
        classifier = MAEClassifier.load(folder / "classifier.safetensors")
        # Rounding errors depend on the processor, because the order of summation does. They may move values across a
        # threshold and thereby change fractions of time.
        assert_allclose(pretrainer.transform(X), expected["embeddings"], atol=0.05)
        assert_allclose(classifier.predict_proba(X), expected["probabilities"], atol=0.01)
        assert_array_equal(classifier.classes_.astype(str), expected["classes"])


def test_files_of_the_current_version_exist():
    assert sktsmae.__version__ in [folder.name for folder in RELEASE_FOLDERS]
