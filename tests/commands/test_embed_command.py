"""Tests of ``python -m sktsmae embed``."""

import numpy as np
import pytest

from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.__main__ import main
from sktsmae.commands import _chunks

SMALL_NETWORK = {
    "cwt_scales": 8,
    "embed_dim": 16,
    "depth": 1,
    "num_heads": 1,
    "decoder_embed_dim": 16,
    "pooling": "mean",
}


def run(*arguments):
    return main(["embed", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def encoder(data, tmp_path_factory):
    """Return the path of a saved small pretrainer."""
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    MAEPretrainer(**SMALL_NETWORK, max_epochs=0, random_state=0).fit(data.X).save(path)
    return path


def test_default_model_is_the_encoder_in_the_package(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_SIZE", 10)  # splits the 24 signals into three chunks
    np.save(tmp_path / "X.npy", data.X_test)
    assert run(tmp_path / "X.npy", "--output", tmp_path / "Z.npy") == 0
    Z = np.load(tmp_path / "Z.npy")
    np.testing.assert_allclose(Z, MAEPretrainer.from_pretrained().transform(data.X_test), atol=1e-4)
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'Z.npy'}: 24 signals, {Z.shape[1]} features per signal\n"
    assert "24/24" in printed.err  # the progress bar


def test_features_of_encoders_and_classifiers_are_written_as_npy_or_csv(data, encoder, fitted, write_table, tmp_path):
    table = write_table(tmp_path / "test.csv", data.X_test, data.y_test)
    for model, estimator in ((encoder, MAEPretrainer.load(encoder)), (fitted, MAEClassifier.load(fitted))):
        for output in (tmp_path / "Z.npy", tmp_path / "Z.csv"):
            assert run(table, "--label", "exercise", "--model", model, "--output", output) == 0
        expected = estimator.transform(data.X_test)
        np.testing.assert_allclose(np.load(tmp_path / "Z.npy"), expected, atol=1e-5)
        csv_features = np.loadtxt(tmp_path / "Z.csv", delimiter=",", skiprows=1)
        np.testing.assert_array_equal(csv_features.astype(np.float32), np.load(tmp_path / "Z.npy"))
        column_names = (tmp_path / "Z.csv").read_text().split("\n")[0].split(",")
        assert column_names == [f"embedding{column}" for column in range(expected.shape[1])]


@pytest.fixture
def folder(data, encoder, tmp_path, monkeypatch):
    """Return the working folder, with an encoder, a truncated encoder, and signals of two lengths."""
    (tmp_path / "encoder.safetensors").write_bytes(encoder.read_bytes())
    (tmp_path / "truncated.safetensors").write_bytes(encoder.read_bytes()[:5000])
    np.save(tmp_path / "X.npy", data.X)
    np.save(tmp_path / "short.npy", data.X[:, :50])
    np.save(tmp_path / "old.npy", np.zeros(3))
    monkeypatch.chdir(tmp_path)
    return tmp_path


ERROR_MESSAGES = {
    "short.npy --model encoder.safetensors --output old.npy": "short.npy: X has 50 features",
    "X.npy --model truncated.safetensors": "truncated.safetensors: not a readable safetensors file",
    "X.npy --model missing.safetensors": "missing.safetensors: ",
    "X.npy --model X.npy": "X.npy: not a safetensors file",
    "X.npy --output Z.txt": "--output Z.txt: the file name must end in .npy or .csv",
    "X.npy --output X.npy": "--output X.npy: this file is also an input of the command",
    "X.npy --output missing/Z.npy": "the folder missing does not exist",
    "old.npy": "old.npy: the array has shape (3,)",
}


@pytest.mark.parametrize(("arguments", "match"), ERROR_MESSAGES.items(), ids=ERROR_MESSAGES)
def test_invalid_arguments_give_one_error_line_and_change_no_file(arguments, match, folder, error_line):
    before = sorted(folder.iterdir())
    assert match in error_line("embed", *arguments.split())
    assert sorted(folder.iterdir()) == before
    np.testing.assert_array_equal(np.load("old.npy"), np.zeros(3))
