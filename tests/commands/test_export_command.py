"""Tests of ``python -m sktsmae export``."""

import json
import logging
import sys

import numpy as np
import pytest
import torch
from sklearn.utils.fixes import parse_version

from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.__main__ import main


@pytest.fixture(scope="module")
def fine_tuned(data, tmp_path_factory):
    """Return the path of a saved small fine-tuned classifier."""
    network = MAEPretrainer(embed_dim=16, depth=1, num_heads=2)
    classifier = MAEClassifier(pretrainer=network, finetune="head", probe=False, max_epochs=2, random_state=0)
    path = tmp_path_factory.mktemp("fine_tuned") / "classifier.safetensors"
    classifier.fit(data.X, data.y).save(path)
    return path


@pytest.mark.skipif(
    parse_version(torch.__version__) < parse_version("2.9"), reason="older ONNX exporters do not support loops"
)
@pytest.mark.parametrize("output", [None, "other.onnx"])
def test_exported_model_predicts_the_same_probabilities(fine_tuned, data, output, tmp_path, capsys, caplog):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = tmp_path / "model.safetensors"
    model.write_bytes(fine_tuned.read_bytes())
    onnx_path = tmp_path / (output or "model.onnx")
    assert main(["export", str(model), *(["--output", str(onnx_path)] if output else [])]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert printed.out.startswith(f"{onnx_path}: ")
    assert "input: signals of shape (n, 100); output: probabilities of 3 classes" in printed.out
    session = onnxruntime.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"])["values"] == sorted(set(data.y.tolist()))
    (probabilities,) = session.run(["probabilities"], {"X": data.X_test.astype(np.float32)})
    np.testing.assert_allclose(probabilities, MAEClassifier.load(model).predict_proba(data.X_test), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "match"),
    {
        "missing.safetensors": "missing.safetensors: ",
        "truncated.safetensors": "truncated.safetensors: not a readable safetensors file",
        "encoder.safetensors": "encoder.safetensors: ",
        "model.safetensors --output model.safetensors": "--output model.safetensors: the file name must end in .onnx",
        "model.safetensors --output missing/a.onnx": "the folder missing does not exist",
    }.items(),
)
def test_invalid_arguments_give_one_error_line_and_write_no_file(
    arguments, match, fine_tuned, tmp_path, monkeypatch, error_line
):
    (tmp_path / "model.safetensors").write_bytes(fine_tuned.read_bytes())
    (tmp_path / "truncated.safetensors").write_bytes(fine_tuned.read_bytes()[:5000])
    MAEPretrainer.from_pretrained().save(tmp_path / "encoder.safetensors")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert match in error_line("export", *arguments.split())
    assert sorted(tmp_path.iterdir()) == before


def test_error_line_names_the_extra_if_the_exporter_is_missing(fine_tuned, tmp_path, monkeypatch, error_line):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert "sktsmae[onnx]" in error_line("export", fine_tuned, "--output", tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
