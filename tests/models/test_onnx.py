"""Classifiers as ONNX files, computed by onnxruntime."""

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
    parse_version(torch.__version__) < parse_version("2.9"), reason="older exporters know no loops"
)


def session_of(classifier, folder):
    """Export, and open what was written."""
    path = folder / "classifier.onnx"
    classifier.export_onnx(path)
    assert [file.name for file in folder.iterdir()] == ["classifier.onnx"]  # nothing temporary, no second file
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def probabilities(session, X):
    return session.run(["probabilities"], {"X": X})[0]


@pytest.fixture(scope="module")
def tuned(fitted_classifier, tmp_path_factory):
    """The file of a fine-tuned network."""
    return session_of(fitted_classifier, tmp_path_factory.mktemp("tuned"))


# Networks are smooth: what differs is the rounding of sums of some hundred products.
@pytest.mark.parametrize("n", [1, 2, 41])
def test_a_fine_tuned_network_gives_the_same_probabilities_for_any_number_of_signals(tuned, fitted_classifier, X, n):
    got = probabilities(tuned, X[:n].astype(np.float32))
    assert got.dtype == np.float32
    assert_allclose(got, fitted_classifier.predict_proba(X[:n]), atol=1e-5)


@pytest.mark.parametrize("change", [lambda X: 0 * X + 3, lambda X: 1e-12 * X, lambda X: 1e10 * X, lambda X: X + 100])
def test_flat_tiny_large_and_shifted_signals_are_no_exceptions(tuned, fitted_classifier, X, change):
    X = change(X).astype(np.float32)
    # A shift by 100 takes two digits of float32's seven from signals of about 1.
    assert_allclose(probabilities(tuned, X), fitted_classifier.predict_proba(X), atol=1e-4)


# Where a value is within rounding of a threshold, a share of time differs by a sample, and a probability by up to 2e-3:
# predict_proba moves as much by rounding X. Half of the signals have no such value.
@pytest.mark.slow
@pytest.mark.parametrize("params", [{}, {"finetune": "head", "head": "mlp"}], ids=["default", "with a network"])
def test_the_default_classifier_gives_the_same_probabilities(few, strangers, params, tmp_path):
    classifier = MAEClassifier(random_state=0, device="cpu", max_epochs=1, **params).fit(few.data, few.target)
    X = strangers.data[:, :2].astype(np.float32)
    off = np.abs(probabilities(session_of(classifier, tmp_path), X) - classifier.predict_proba(X)).max(1)
    assert np.median(off) < 1e-4
    assert off.max() < 1e-2


@pytest.mark.slow
def test_spectrograms_may_be_given_too(new_classifier, X, y, tmp_path):
    images = CWTTransformer(cwt_scales=16, device="cpu").fit_transform(X)
    classifier = new_classifier(max_epochs=1).fit(images, y)
    assert_allclose(
        probabilities(session_of(classifier, tmp_path), images[:3]), classifier.predict_proba(images[:3]), atol=1e-5
    )


@pytest.mark.slow
def test_signals_on_a_large_level_are_taken_in_float64(new_classifier, X, y, tmp_path):
    level = X.astype(np.float64) + 1e7
    classifier = new_classifier(max_epochs=1).fit(level, y)
    session = session_of(classifier, tmp_path)
    assert session.get_inputs()[0].type == "tensor(double)"
    assert_allclose(probabilities(session, level), classifier.predict_proba(level), atol=1e-5)


def test_the_file_says_which_classes_and_settings_it_has(tuned, fitted_classifier, X):
    properties = tuned.get_modelmeta().custom_metadata_map
    said = {name: json.loads(value) for name, value in properties.items()}
    labels = np.array(said["classes"]["values"])[probabilities(tuned, X.astype(np.float32)).argmax(1)]
    assert labels.tolist() == fitted_classifier.predict(X).tolist()
    assert said["settings"]["signal_len"] == 200
    assert said["estimator"]["params"]["finetune"] == "full"


def test_without_a_folder_nothing_is_computed(fitted_classifier, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the directory .*missing does not exist; create it first"):
        fitted_classifier.export_onnx(tmp_path / "missing" / "classifier.onnx")


def test_a_failed_export_leaves_the_old_file(fitted_classifier, tmp_path, monkeypatch):
    path = tmp_path / "classifier.onnx"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("torch.onnx.export", fail)
    with pytest.raises(OSError, match="disk full"):
        fitted_classifier.export_onnx(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_missing_is_named(fitted_classifier, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"export_onnx needs onnxscript; install .*sktsmae\[onnx\]"):
        fitted_classifier.export_onnx(tmp_path / "classifier.onnx")


def test_an_unfitted_classifier_is_refused(new_classifier, tmp_path):
    with pytest.raises(NotFittedError):
        new_classifier().export_onnx(tmp_path / "classifier.onnx")
