"""Tests of ``python -m sktsmae predict``."""

import csv
import io
import os
import subprocess
import sys

import numpy as np
import pytest

from sktsmae import MAEClassifier
from sktsmae.__main__ import main
from sktsmae.commands import _chunks


def run(*arguments):
    return main(["predict", *(str(argument) for argument in arguments)])


def check_table(text, classifier, X):
    """Check that a .csv table contains the predictions and probabilities of the classifier."""
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["prediction", *(f"probability_{label}" for label in classifier.classes_)]
    np.testing.assert_array_equal([row[0] for row in rows], classifier.predict(X))
    probabilities = np.array([row[1:] for row in rows], dtype=float)
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), atol=1e-5)


def test_predictions_are_written_as_csv(fitted, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_SIZE", 10)  # splits the 24 signals into three chunks
    classifier = MAEClassifier.load(fitted)
    np.save(tmp_path / "X.npy", data.X_test)
    assert run(fitted, tmp_path / "X.npy", "--output", tmp_path / "a.csv") == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'a.csv'}: 24 predictions\n"
    assert "24/24" in printed.err  # the progress bar
    check_table((tmp_path / "a.csv").read_text(), classifier, data.X_test)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []  # no temporary file


def test_accuracy_is_printed_if_the_signals_have_labels(fitted, data, write_table, tmp_path, capsys):
    classifier = MAEClassifier.load(fitted)
    table = write_table(tmp_path / "test.csv", data.X_test, data.y_test)
    np.savez(tmp_path / "both.npz", X_train=data.X, X_test=data.X_test, y_test=data.y_test)
    for arguments in ([table, "--label", "exercise"], [tmp_path / "both.npz"]):
        assert run(fitted, *arguments) == 0
        printed = capsys.readouterr()
        check_table(printed.out, classifier, data.X_test)
        accuracy = classifier.score(data.X_test, data.y_test)
        description = f"{arguments[0]}: 24 signals, 100 samples, 3 classes (8 each)\n"
        assert printed.err == f"{description}{arguments[0]}: accuracy {accuracy:.3f} on 24 signals\n"


@pytest.fixture
def folder(data, fitted, write_table, tmp_path, monkeypatch):
    """Return the working folder, with a classifier, a truncated classifier, and valid and invalid signals."""
    (tmp_path / "model.safetensors").write_bytes(fitted.read_bytes())
    (tmp_path / "truncated.safetensors").write_bytes(fitted.read_bytes()[:5000])
    np.save(tmp_path / "X.npy", data.X)
    np.save(tmp_path / "short.npy", data.X[:, :50])
    np.save(tmp_path / "channels.npy", np.stack([data.X, data.X], axis=1))
    write_table(tmp_path / "table.csv", data.X, data.y)
    (tmp_path / "infinite.csv").write_text(",".join(["1e999"] * 100))
    (tmp_path / "old.csv").write_text("old")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ERROR_MESSAGES = {
    "model.safetensors short.npy": "short.npy: X has 50 features",
    "model.safetensors channels.npy": "channels.npy: X has samples of shape (2, 100)",
    "model.safetensors infinite.csv": "infinite.csv: Input X contains infinity",
    "model.safetensors table.csv --columns *": "table.csv, line 2, column 'exercise'",
    "model.safetensors table.csv --label other": "table.csv: --label other matches 0 columns",
    "model.safetensors missing.npy": "missing.npy: the file does not exist",
    "model.safetensors X.npy --output a.npy": "--output a.npy: the file name must end in .csv",
    "model.safetensors X.npy --output missing/a.csv": "the folder missing does not exist",
    "model.safetensors short.npy --output old.csv": "short.npy: X has 50 features",
    "model.safetensors table.csv --label exercise --output table.csv": "this file is also an input of the command",
    "model.safetensors X.npy --device nonsense": "device='nonsense'",
    "missing.safetensors X.npy": "missing.safetensors: ",
    "truncated.safetensors X.npy": "truncated.safetensors: not a readable safetensors file",
    "X.npy X.npy": "X.npy: not a safetensors file",
}


@pytest.mark.parametrize(("arguments", "match"), ERROR_MESSAGES.items(), ids=ERROR_MESSAGES)
def test_invalid_arguments_give_one_error_line_and_change_no_file(arguments, match, folder, error_line):
    before = sorted(folder.iterdir())
    assert match in error_line("predict", *arguments.split())
    assert sorted(folder.iterdir()) == before
    assert (folder / "old.csv").read_text() == "old"


@pytest.mark.slow
def test_closed_pipe_ends_the_command_without_an_error_message(fitted, data, tmp_path):
    np.save(tmp_path / "X.npy", data.X_test)
    receiver, sender = os.pipe()
    os.close(receiver)
    command = [sys.executable, "-m", "sktsmae", "predict", fitted, tmp_path / "X.npy"]
    result = subprocess.run(command, stdout=sender, stderr=subprocess.PIPE, text=True, check=False)
    os.close(sender)
    assert result.returncode == 1
    assert result.stderr == f"{tmp_path / 'X.npy'}: 24 signals, 100 samples\n"
