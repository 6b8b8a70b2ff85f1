"""``python -m sktsmae export``."""

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
def tuned(data, tmp_path_factory):
    """The file of a small fine-tuned network: the exporter is quick with it."""
    network = MAEPretrainer(embed_dim=16, depth=1, num_heads=2)
    classifier = MAEClassifier(pretrainer=network, finetune="head", probe=False, max_epochs=2, random_state=0)
    path = tmp_path_factory.mktemp("tuned") / "classifier.safetensors"
    classifier.fit(data.X, data.y).save(path)
    return path


@pytest.mark.skipif(parse_version(torch.__version__) < parse_version("2.9"), reason="older exporters know no loops")
@pytest.mark.parametrize("output", [None, "other.onnx"])
def test_the_file_gives_what_the_classifier_gives(tuned, data, output, tmp_path, capsys, caplog):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = tmp_path / "model.safetensors"
    model.write_bytes(tuned.read_bytes())
    written = tmp_path / (output or "model.onnx")
    assert main(["export", str(model), *(["--output", str(written)] if output else [])]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    # What the exporter says of itself.
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert printed.out.startswith(f"{written}: ")
    assert "signals (n, 100) in, probabilities of 3 classes out" in printed.out
    session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"])["values"] == sorted(set(data.y.tolist()))
    (probabilities,) = session.run(["probabilities"], {"X": data.X_test.astype(np.float32)})
    np.testing.assert_allclose(probabilities, MAEClassifier.load(model).predict_proba(data.X_test), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "match"),
    {
        "nothing.safetensors": "nothing.safetensors: ",
        "cut.safetensors": "cut.safetensors: not a readable safetensors file",
        "encoder.safetensors": "encoder.safetensors: ",
        "model.safetensors --output model.safetensors": "--output model.safetensors: the name must end in .onnx",
        "model.safetensors --output no/a.onnx": "there is no folder no",
    }.items(),
)
def test_wrong_files_end_in_one_line(arguments, match, tuned, tmp_path, monkeypatch, refused):
    (tmp_path / "model.safetensors").write_bytes(tuned.read_bytes())
    (tmp_path / "cut.safetensors").write_bytes(tuned.read_bytes()[:5000])
    MAEPretrainer.from_pretrained().save(tmp_path / "encoder.safetensors")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert match in refused("export", *arguments.split())
    assert sorted(tmp_path.iterdir()) == before


def test_without_the_exporter_one_line_says_what_to_install(tuned, tmp_path, monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert "sktsmae[onnx]" in refused("export", tuned, "--output", tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
