"""Export of classifiers to ONNX files, evaluated with onnxruntime."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.utils.fixes import parse_version

from sktsmae import CWTTransformer, MAEClassifier

onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.skipif(
    parse_version(torch.__version__) < parse_version("2.9"), reason="older exporters do not support loops"
)


def session_of(classifier, folder):
    """Export a classifier and return an onnxruntime session of the file."""
    path = folder / "classifier.onnx"
    classifier.export_onnx(path)
    assert [file.name for file in folder.iterdir()] == ["classifier.onnx"]  # no temporary file and no second file
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def probabilities(session, X):
    return session.run(["probabilities"], {"X": X})[0]


@pytest.fixture(scope="module")
def tuned(fitted_classifier, tmp_path_factory):
    """Return a session of an exported fine-tuned network."""
    return session_of(fitted_classifier, tmp_path_factory.mktemp("tuned"))


# A network is a smooth function, so only the rounding errors of sums of some hundred products differ.
@pytest.mark.parametrize("n", [1, 2, 41])
def test_a_fine_tuned_network_gives_the_same_probabilities_for_any_number_of_signals(tuned, fitted_classifier, X, n):
    found = probabilities(tuned, X[:n].astype(np.float32))
    assert found.dtype == np.float32
    assert_allclose(found, fitted_classifier.predict_proba(X[:n]), atol=1e-5)


@pytest.mark.parametrize("change", [lambda X: 0 * X + 3, lambda X: 1e-12 * X, lambda X: 1e10 * X, lambda X: X + 100])
def test_constant_tiny_large_and_shifted_signals_give_the_same_probabilities(tuned, fitted_classifier, X, change):
    X = change(X).astype(np.float32)
    # A shift by 100 costs signals of amplitude 1 two of float32's seven digits.
    assert_allclose(probabilities(tuned, X), fitted_classifier.predict_proba(X), atol=1e-4)


# If a value differs from a threshold by less than a rounding error, a fraction of time may differ by one sample, and a
# probability by up to 2e-3. Rounding X changes predict_proba by as much. Half of the signals have no such value.
@pytest.mark.slow
@pytest.mark.parametrize(
    "params", [{}, {"finetune": "head", "head": "mlp", "max_epochs": 1}], ids=["probe", "probe and network"]
)
def test_probe_and_ensemble_give_the_same_probabilities(few, strangers, params, tmp_path):
    classifier = MAEClassifier(random_state=0, device="cpu", **params).fit(few.data, few.target)
    X = strangers.data[:, :2].astype(np.float32)
    error = np.abs(probabilities(session_of(classifier, tmp_path), X) - classifier.predict_proba(X)).max(1)
    assert np.median(error) < 1e-4
    assert error.max() < 1e-2


@pytest.mark.slow
def test_exported_classifier_accepts_spectrograms(new_classifier, X, y, tmp_path):
    images = CWTTransformer(cwt_scales=16, device="cpu").fit_transform(X)
    classifier = new_classifier(max_epochs=1).fit(images, y)
    assert_allclose(
        probabilities(session_of(classifier, tmp_path), images[:3]), classifier.predict_proba(images[:3]), atol=1e-5
    )


@pytest.mark.slow
def test_signals_with_a_large_offset_are_exported_as_float64_input(new_classifier, X, y, tmp_path):
    shifted = X.astype(np.float64) + 1e7
    classifier = new_classifier(max_epochs=1).fit(shifted, y)
    session = session_of(classifier, tmp_path)
    assert session.get_inputs()[0].type == "tensor(double)"
    assert_allclose(probabilities(session, shifted), classifier.predict_proba(shifted), atol=1e-5)


def test_metadata_contains_the_classes_and_settings(tuned, fitted_classifier, X):
    properties = tuned.get_modelmeta().custom_metadata_map
    metadata = {name: json.loads(value) for name, value in properties.items()}
    labels = np.array(metadata["classes"]["values"])[probabilities(tuned, X.astype(np.float32)).argmax(1)]
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


def test_an_unfitted_classifier_is_refused(new_classifier, tmp_path):
    with pytest.raises(NotFittedError):
        new_classifier().export_onnx(tmp_path / "classifier.onnx")
