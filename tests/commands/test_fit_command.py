"""Tests of ``python -m sktsmae fit``."""

import re

import numpy as np
import pytest

from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.__main__ import main
from sktsmae.commands import fit

TS_HEADER = "@problemName exercises\n@timeStamps false\n@classLabel true\n@data\n"
SMALL_NETWORK = {"cwt_scales": 8, "embed_dim": 16, "depth": 1, "num_heads": 1, "decoder_embed_dim": 16, "max_epochs": 0}


def run(*arguments):
    return main(["fit", *(str(argument) for argument in arguments)])


def write_ts(path, X, y):
    lines = [f"{','.join(map(str, row))}:{label}\n" for row, label in zip(X, y, strict=True)]
    path.write_text(TS_HEADER + "".join(lines))
    return path


def test_classifier_equals_a_classifier_fitted_in_python(fitted, data):
    classifier = MAEClassifier.load(fitted)
    expected = MAEClassifier(random_state=0).fit(data.X, data.y)
    np.testing.assert_array_equal(classifier.classes_, expected.classes_)
    np.testing.assert_allclose(classifier.predict_proba(data.X_test), expected.predict_proba(data.X_test), atol=1e-5)
    assert classifier.get_params()["verbose"] == 0


def test_all_file_types_give_the_same_classifier(fitted, data, tmp_path, capsys):
    np.save(tmp_path / "X.npy", data.X)
    (tmp_path / "y.csv").write_text("\n".join(["exercise", *data.y]))
    np.savez(tmp_path / "data.npz", X_test=data.X_test, y_test=data.y_test)
    ts, test, output = tmp_path / "train.ts", tmp_path / "test.ts", tmp_path / "classifier.safetensors"
    for arguments in (
        [tmp_path / "X.npy", "--labels", tmp_path / "y.csv", "--test", tmp_path / "data.npz"],
        [write_ts(ts, data.X, data.y), "--test", write_ts(test, data.X_test, data.y_test)],
    ):
        assert run(*arguments, "--output", output) == 0
        classifier, expected = MAEClassifier.load(output), MAEClassifier.load(fitted)
        np.testing.assert_allclose(
            classifier.predict_proba(data.X_test), expected.predict_proba(data.X_test), rtol=0, atol=1e-4
        )
        fit_line, test_line = capsys.readouterr().out.splitlines()
        assert re.search(
            r"classifier.safetensors: fitted in \d+\.\d seconds to 40 signals of shape \(.*100,?\), 3 cl", fit_line
        )
        accuracy = np.mean(classifier.predict(data.X_test) == data.y_test)
        assert test_line == f"{arguments[-1]}: accuracy {accuracy:.3f} on 24 signals"


def test_missing_label_is_not_a_class(data, write_table, tmp_path, capsys):
    y = np.where(np.arange(40) % 4, data.y, "")
    path = write_table(tmp_path / "train.csv", data.X, y)
    assert run(path, "--label", "exercise", "--output", tmp_path / "a.safetensors") == 0
    assert "" not in MAEClassifier.load(tmp_path / "a.safetensors").classes_
    assert "40 signals of shape (100,) (10 without a label), 3 classes" in capsys.readouterr().out


def test_training_signals_may_be_npz_and_test_signals_csv(data, write_table, tmp_path, capsys):
    np.savez(tmp_path / "train.npz", X=data.X, y=data.y)
    test = write_table(tmp_path / "test.csv", data.X_test, data.y_test)
    output = tmp_path / "a.safetensors"
    assert run(tmp_path / "train.npz", "--test", test, "--label", "exercise", "--output", output) == 0
    assert "test.csv: accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("finetune", ["lora", "1"])
def test_finetune_option_accepts_lora_and_a_number_of_blocks(data, tmp_path, finetune):
    np.savez(tmp_path / "train.npz", X=data.X, y=data.y)
    encoder, output = tmp_path / "encoder.safetensors", tmp_path / "a.safetensors"
    MAEPretrainer(**SMALL_NETWORK, random_state=0).fit(data.X).save(encoder)
    arguments = ["--pretrainer", encoder, "--finetune", finetune, "--epochs", 1, "--output", output]
    assert run(tmp_path / "train.npz", *arguments) == 0
    assert MAEClassifier.load(output).finetune == (finetune if finetune == "lora" else 1)


def test_encoder_from_a_file_is_fine_tuned_with_the_given_options(data, tmp_path, capsys):
    encoder, output = tmp_path / "encoder.safetensors", tmp_path / "classifier.safetensors"
    MAEPretrainer(**SMALL_NETWORK, random_state=0).fit(data.X).save(encoder)
    np.savez(tmp_path / "data.npz", X=data.X, y=data.y)
    options = ["--pretrainer", encoder, "--finetune", "head", "--epochs", "2", "--seed", "3", "--device", "cpu"]
    assert run(tmp_path / "data.npz", *options, "--output", output) == 0
    assert "epoch" in capsys.readouterr().err  # the progress bar
    classifier = MAEClassifier.load(output)
    assert (classifier.n_iter_, classifier.finetune, classifier.device) == (2, "head", "auto")
    assert classifier.encoder_.embed_dim == 16


@pytest.fixture
def folder(data, write_table, tmp_path, monkeypatch):
    """Return the working folder, with files of signals and of labels."""
    write_table(tmp_path / "good.csv", data.X, data.y)
    write_table(tmp_path / "one_class.csv", data.X[:5], data.y[:5])
    write_table(tmp_path / "unlabelled.csv", data.X)
    np.save(tmp_path / "X.npy", data.X)
    np.save(tmp_path / "five_labels.npy", data.y[:5])
    (tmp_path / "damaged.safetensors").write_bytes(b"nonsense")
    monkeypatch.chdir(tmp_path)
    return tmp_path


VALID_INPUT = "good.csv --label exercise"
ERROR_MESSAGES = {
    "good.csv": "good.csv, line 2, column 'exercise': 'ABD' is not a number; name the column of labels with --label",
    "X.npy": "X.npy: the file contains no labels; give --labels FILE",
    "unlabelled.csv": "unlabelled.csv: the file contains no labels; name the column of labels with --label",
    "good.csv --label nonsense": "good.csv: --label nonsense matches 0 columns",
    f"{VALID_INPUT} --labels five_labels.npy": "--labels five_labels.npy: good.csv also has labels",
    "X.npy --labels five_labels.npy": "five_labels.npy: there are 40 signals, but the labels have shape (5,)",
    "one_class.csv --label exercise": "one_class.csv: y has only one class",
    f"{VALID_INPUT} --pretrainer damaged.safetensors": "damaged.safetensors: not a",
    f"{VALID_INPUT} --pretrainer missing": "missing: ",
    f"{VALID_INPUT} --device nonsense": "device='nonsense' is not available",
    f"{VALID_INPUT} --output missing/a.safetensors": (
        "--output missing/a.safetensors: the folder missing does not exist; create it first"
    ),
    f"{VALID_INPUT} --output .": "--output .: the file name must end in .safetensors",
    f"{VALID_INPUT} --output good.csv": "--output good.csv: the file name must end in .safetensors",
    f"{VALID_INPUT} --test X.npy": "X.npy: the file contains no labels to compare with",
    f"{VALID_INPUT} --test missing.npz": "missing.npz: the file does not exist",
}


@pytest.mark.parametrize(("arguments", "match"), ERROR_MESSAGES.items(), ids=ERROR_MESSAGES)
def test_invalid_arguments_give_one_error_line_and_write_no_file(arguments, match, folder, error_line):
    before = sorted(folder.iterdir())
    assert match in error_line("fit", *arguments.split())
    assert sorted(folder.iterdir()) == before


def test_classifier_is_saved_even_if_the_test_signals_are_invalid(data, write_table, tmp_path, capsys):
    np.savez(tmp_path / "data.npz", X_train=data.X, y_train=data.y, X_test=data.X_test[:, :50], y_test=data.y_test)
    output = tmp_path / "classifier.safetensors"
    assert run(tmp_path / "data.npz", "--test", tmp_path / "data.npz", "--output", output) == 1
    assert "data.npz: X has" in capsys.readouterr().err
    MAEClassifier.load(output)


@pytest.mark.parametrize(
    ("epochs", "match"),
    [("2", "needs --finetune full"), ("0", "not an integer of at least 1"), ("x", "not an integer")],
)
def test_epochs_must_be_positive_and_need_fine_tuning(epochs, match, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_error:
        run(tmp_path / "a.npz", "--epochs", epochs)
    assert exit_error.value.code == 2
    assert match in capsys.readouterr().err


def test_interrupted_command_returns_130_and_writes_no_file(data, tmp_path, capsys, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(fit.MAEClassifier, "fit", interrupted)
    np.savez(tmp_path / "data.npz", X=data.X, y=data.y)
    assert run(tmp_path / "data.npz", "--output", tmp_path / "a.safetensors") == 130
    assert capsys.readouterr().err.splitlines()[-1] == "sktsmae fit: interrupted"
    assert not (tmp_path / "a.safetensors").exists()
