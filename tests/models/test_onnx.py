"""Tests that ONNX Runtime computes the same probabilities from an exported classifier."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.fixes import parse_version

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch

onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.skipif(
    parse_version(torch.__version__) < parse_version("2.9"),
    reason="the ONNX exporter of PyTorch before 2.9 does not support loops",
)


def export_and_load(classifier, folder):
    """Export a classifier to a folder and load the file with ONNX Runtime."""
    path = folder / "classifier.onnx"
    classifier.export_onnx(path)
    assert [file.name for file in folder.iterdir()] == ["classifier.onnx"]  # no temporary file, no external data
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def probabilities(session, X):
    """Return the probabilities that ONNX Runtime computes."""
    return session.run(["probabilities"], {"X": X})[0]


@pytest.fixture(scope="module")
def network_session(fitted_classifier, tmp_path_factory):
    """Return a session with the exported `fitted_classifier`: a fine-tuned network without linear models."""
    return export_and_load(fitted_classifier, tmp_path_factory.mktemp("network"))


# A network is a smooth function, so ONNX Runtime and PyTorch differ only by rounding errors.
@pytest.mark.parametrize("n_signals", [1, 2, 41])
def test_exported_network_gives_the_same_probabilities_for_any_number_of_signals(
    network_session, fitted_classifier, X, n_signals
):
    actual = probabilities(network_session, X[:n_signals].astype(np.float32))
    assert actual.dtype == np.float32
    assert_allclose(actual, fitted_classifier.predict_proba(X[:n_signals]), atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [lambda X: 0 * X + 3, lambda X: 1e-12 * X, lambda X: 1e10 * X, lambda X: X + 100],
    ids=["constant", "tiny", "large", "shifted"],
)
def test_exported_network_gives_the_same_probabilities_for_unusual_signals(
    network_session, fitted_classifier, X, change
):
    X = change(X).astype(np.float32)
    # Adding 100 to signals of amplitude 1 loses two of the seven digits of float32.
    assert_allclose(probabilities(network_session, X), fitted_classifier.predict_proba(X), atol=1e-4)


# The linear models of a probe use the fraction of samples at which a wavelet coefficient exceeds a threshold. If a
# coefficient is within a rounding error of a threshold, a fraction may differ by one sample and a probability by up to
# 2e-3. Fewer than half of the signals have such a coefficient.
@pytest.mark.slow
@pytest.mark.parametrize(
    "params", [{}, {"finetune": "head", "head": "mlp", "max_epochs": 1}], ids=["probe", "ensemble-of-probe-and-network"]
)
def test_exported_probe_and_ensemble_give_the_same_probabilities(few, new_persons, params, tmp_path):
    classifier = MAEClassifier(random_state=0, device="cpu", **params).fit(few.data, few.target)
    X = new_persons.data[:, :2].astype(np.float32)
    error = np.abs(probabilities(export_and_load(classifier, tmp_path), X) - classifier.predict_proba(X)).max(1)
    assert np.median(error) < 1e-4
    assert error.max() < 1e-2


@pytest.mark.slow
def test_exported_classifier_accepts_spectrograms(new_classifier, X, y, tmp_path):
    images = CWTTransformer(cwt_scales=16, device="cpu").fit_transform(X)
    classifier = new_classifier(max_epochs=1).fit(images, y)
    assert_allclose(
        probabilities(export_and_load(classifier, tmp_path), images[:3]),
        classifier.predict_proba(images[:3]),
        atol=1e-5,
    )


@pytest.mark.slow
def test_exported_classifier_encodes_waveforms(new_classifier, X, y, tmp_path):
    pretrainer = MAEPretrainer(representation="waveform", embed_dim=32, depth=1, max_epochs=0, device="cpu").fit(X)
    classifier = new_classifier(pretrainer=FrozenEstimator(pretrainer), max_epochs=1).fit(X, y)
    actual = probabilities(export_and_load(classifier, tmp_path), X.astype(np.float32))
    assert_allclose(actual, classifier.predict_proba(X), atol=1e-5)


@pytest.mark.slow
def test_classifier_of_signals_with_a_large_offset_is_exported_with_float64_input(new_classifier, X, y, tmp_path):
    shifted = X.astype(np.float64) + 1e7
    classifier = new_classifier(max_epochs=1).fit(shifted, y)
    session = export_and_load(classifier, tmp_path)
    assert session.get_inputs()[0].type == "tensor(double)"
    assert_allclose(probabilities(session, shifted), classifier.predict_proba(shifted), atol=1e-5)


def test_metadata_contains_the_classes_and_settings(network_session, fitted_classifier, X):
    properties = network_session.get_modelmeta().custom_metadata_map
    metadata = {name: json.loads(value) for name, value in properties.items()}
    labels = np.array(metadata["classes"]["values"])[probabilities(network_session, X.astype(np.float32)).argmax(1)]
    assert labels.tolist() == fitted_classifier.predict(X).tolist()
    assert metadata["settings"]["signal_len"] == 200
    assert metadata["estimator"]["params"]["finetune"] == "full"


def test_missing_directory_is_refused(fitted_classifier, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the directory .*missing does not exist; create it first"):
        fitted_classifier.export_onnx(tmp_path / "missing" / "classifier.onnx")


def test_failed_export_keeps_the_old_file_and_leaves_no_other_file(fitted_classifier, tmp_path, monkeypatch):
    path = tmp_path / "classifier.onnx"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("torch.onnx.export", fail)
    with pytest.raises(OSError, match="disk full"):
        fitted_classifier.export_onnx(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_error_names_the_package_to_install(fitted_classifier, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"export_onnx needs onnxscript; install .*sktsmae\[onnx\]"):
        fitted_classifier.export_onnx(tmp_path / "classifier.onnx")


def test_unfitted_classifier_is_refused(new_classifier, tmp_path):
    with pytest.raises(NotFittedError):
        new_classifier().export_onnx(tmp_path / "classifier.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cls", "tokens"])
def test_exported_network_mixes_channels(kind, tmp_path):
    X = load_sparwatch().data[::40, :3]
    pretrainer = MAEPretrainer(channel_mixing=kind, cwt_scales=8, embed_dim=16, depth=3, num_heads=2, max_epochs=0)
    # A high learning rate, so that the layers that mix channels are far from their initial zeros.
    settings = {"finetune": "full", "probe": False, "max_epochs": 4, "lr": 0.01, "random_state": 0}
    classifier = MAEClassifier(pretrainer=pretrainer, **settings).fit(X, np.arange(len(X)) % 2)
    session = export_and_load(classifier, tmp_path)
    for n_signals in (1, 5):
        signals = X[:n_signals].astype(np.float32)
        assert_allclose(probabilities(session, signals), classifier.predict_proba(signals), atol=1e-5)
