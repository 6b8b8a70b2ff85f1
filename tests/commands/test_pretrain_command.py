"""Tests of ``python -m sktsmae pretrain``."""

import numpy as np
import pytest

from sktsmae import MAEPretrainer
from sktsmae.__main__ import main
from sktsmae.commands import pretrain
from sktsmae.datasets import make_signals, read_signals

SMALL_RECIPE = {
    "signal_len": 64,
    "patch_size": (8, 8),
    "embed_dim": 16,
    "depth": 1,
    "num_heads": 1,
    "decoder_embed_dim": 16,
}


@pytest.fixture(autouse=True)
def _small_recipe(monkeypatch):
    monkeypatch.setattr(pretrain, "RECIPE", {**SMALL_RECIPE, "batch_size": 8})


@pytest.fixture(scope="module")
def signals():
    """Return 24 synthetic signals of 80 samples."""
    return make_signals(24, 80, random_state=0)


def save_npy(folder, X):
    np.save(folder / "signals.npy", X)
    return folder / "signals.npy"


def save_npz(folder, X):
    np.savez(folder / "signals.npz", X=X, y=np.zeros(len(X)))
    return folder / "signals.npz"


def save_folder(folder, X):
    for index, signal in enumerate(X):
        np.save(folder / f"{index:02}.npy", signal)
    return folder


@pytest.mark.parametrize("save", [save_npy, save_npz, save_folder])
def test_encoder_equals_an_encoder_fitted_in_python(save, signals, tmp_path):
    data, output = tmp_path / "data", tmp_path / "encoder.safetensors"
    data.mkdir()
    assert main(["pretrain", str(save(data, signals)), "--output", str(output), "--epochs", "2"]) == 0
    encoder = MAEPretrainer.load(output)
    assert encoder.n_iter_ == 2
    assert np.isfinite(encoder.transform(signals[:3, :50])).all()
    expected = MAEPretrainer(**pretrain.RECIPE, max_epochs=2, random_state=0).fit(signals)
    np.testing.assert_allclose(encoder.transform(signals), expected.transform(signals), atol=1e-4)


def test_training_on_signals_continues_from_the_encoder_in_the_package(signals, tmp_path, monkeypatch):
    monkeypatch.undo()  # the recipe of that encoder
    output = tmp_path / "encoder.safetensors"
    assert main(["pretrain", str(save_npy(tmp_path, signals)), "--output", str(output), "--epochs", "1"]) == 0
    encoders = MAEPretrainer.load(output).encoder_, MAEPretrainer.from_pretrained().encoder_
    weights, shipped = (encoder.blocks[0].attn.proj.weight.detach() for encoder in encoders)
    assert 0 < (weights - shipped).abs().max() < 0.1 * shipped.abs().max()


def test_description_of_an_encoder_contains_the_command_and_the_losses(tmp_path):
    output = tmp_path / "encoder.safetensors"
    assert main(["pretrain", "--synthetic", "20", "--output", str(output), "--epochs", "2", "--seed", "5"]) == 0
    description = output.with_name("encoder.safetensors.md").read_text()
    assert "python -m sktsmae pretrain --synthetic 20 --epochs 2 --seed 5" in description
    losses = [row["train_loss"] for row in MAEPretrainer.load(output).history_]
    assert all(f"{loss:.4f}" in description for loss in losses)


def test_repeating_an_interrupted_command_resumes_the_training(tmp_path, signals, monkeypatch, interrupt, same_weights):
    command = ["pretrain", str(save_npy(tmp_path, signals)), "--epochs", "3", "--output"]
    assert main([*command, str(tmp_path / "uninterrupted.safetensors")]) == 0
    recipe = pretrain.RECIPE
    monkeypatch.setattr(pretrain, "RECIPE", {**recipe, "callbacks": [interrupt(epoch=2)]})
    assert main([*command, str(tmp_path / "resumed.safetensors")]) == 130
    monkeypatch.setattr(pretrain, "RECIPE", recipe)
    assert main([*command, str(tmp_path / "resumed.safetensors")]) == 0
    uninterrupted, resumed = (
        MAEPretrainer.load(tmp_path / f"{name}.safetensors") for name in ("uninterrupted", "resumed")
    )
    assert same_weights(uninterrupted.model_, resumed.model_)


def test_signals_in_a_folder_are_resampled_to_the_length_of_the_first_signal(tmp_path):
    save_folder(tmp_path, [np.arange(10.0), np.arange(20.0)])
    X = read_signals(tmp_path).X
    np.testing.assert_allclose(X[1], np.linspace(0, 19, 10), rtol=1e-6)


INVALID_FILES = {
    "missing": (lambda folder: folder / "missing.npy", "missing.npy"),
    "wav-file": (
        lambda folder: _write(folder / "a.wav", b"RIFF"),
        "the file type is unknown; give a table (.csv, .tsv, .txt, .parquet, .feather), a .npy, .npz, .mat or .ts file",
    ),
    "empty-folder": (lambda folder: folder, "the folder contains no .npy files"),
    "npy-without-header": (lambda folder: _write(folder / "a.npy", b"\x93NUMPY"), "not an array of numbers"),
    "npz-without-arrays": (lambda folder: _write(folder / "a.npz", b"PK nonsense"), "not an archive of signals"),
}


def _write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("write", "match"), INVALID_FILES.values(), ids=INVALID_FILES)
def test_invalid_file_gives_one_error_line(write, match, tmp_path, capsys):
    assert main(["pretrain", str(write(tmp_path)), "--output", str(tmp_path / "encoder.safetensors")]) == 1
    printed = capsys.readouterr().err.strip()
    assert match in printed
    assert printed.startswith("sktsmae pretrain: ")
    assert "\n" not in printed


def test_invalid_output_name_gives_an_error(tmp_path, capsys):
    (tmp_path / "a.safetensors.md").mkdir()
    for output, match in {
        "README": "must end in .safetensors",
        "a.safetensors": "a.safetensors.md: this is a folder",
    }.items():
        assert main(["pretrain", "--synthetic", "8", "--output", str(tmp_path / output)]) == 1
        assert match in capsys.readouterr().err


def test_label_with_synthetic_signals_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as exit_error:
        main(["pretrain", "--synthetic", "8", "--label", "a"])
    assert exit_error.value.code == 2
    assert "--label cannot be used with --synthetic" in capsys.readouterr().err


def test_missing_output_folder_gives_an_error(tmp_path, capsys):
    assert main(["pretrain", "--synthetic", "9", "--output", str(tmp_path / "missing" / "encoder.safetensors")]) == 1
    assert "does not exist; create it first" in capsys.readouterr().err
