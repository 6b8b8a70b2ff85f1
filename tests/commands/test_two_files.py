"""Tests of commands that read two files, to which different arguments apply."""

import numpy as np
import pytest

from sktsmae.__main__ import main


@pytest.fixture
def archive(data, tmp_path):
    """Return the path of an archive with training and test arrays of unusual names."""
    arrays = {"A_train": data.X, "B_train": data.y, "A_test": data.X_test, "B_test": data.y_test}
    np.savez(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz"


def test_keys_of_training_arrays_select_the_test_arrays_of_the_test_file(archive, tmp_path, capsys):
    arguments = ["--x-key", "A_train", "--y-key", "B_train", "--test", str(archive)]
    assert main(["fit", str(archive), *arguments, "--output", str(tmp_path / "a.safetensors")]) == 0
    assert "24 signals" in capsys.readouterr().err.splitlines()[1]  # not the 40 training signals


def test_training_arrays_are_not_used_for_testing(archive, tmp_path, data, error_line):
    np.savez(tmp_path / "b.npz", A=data.X, B=data.y, C=data.y)
    arguments = ["--x-key", "A", "--y-key", "B", "--test", tmp_path / "b.npz"]
    assert "A would be read for training and for testing" in error_line("fit", tmp_path / "b.npz", *arguments)


def test_keys_and_table_options_apply_to_the_file_of_their_type(data, archive, write_table, tmp_path, capsys):
    table = write_table(tmp_path / "test.csv", data.X_test, data.y_test)
    keys = ["--x-key", "A_train", "--y-key", "B_train"]
    arguments = [str(archive), *keys, "--test", str(table), "--label", "exercise"]
    assert main(["fit", *arguments, "--output", str(tmp_path / "a.safetensors")]) == 0
    assert "24 signals, 100 samples, 3 classes" in capsys.readouterr().err.splitlines()[1]
