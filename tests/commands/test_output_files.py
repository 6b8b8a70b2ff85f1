"""Tests of the output files of commands."""

import pytest

from sktsmae.commands._output import check_output
from sktsmae.models.atomic import atomic_write


def write_and_fail(path):
    path.write_text("half")
    raise OSError("disk full")


def test_atomic_write_replaces_the_file_only_after_success(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_write(path) as temporary:
        write_and_fail(temporary)
    assert path.read_text() == "old"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
    (new_file := tmp_path / "new").touch()
    assert path.stat().st_mode == new_file.stat().st_mode  # permissions are not those of a temporary file


def test_check_output_accepts_writable_files_that_are_not_inputs(tmp_path):
    path = tmp_path / "a.CSV"
    check_output(path, (".csv",), inputs=(tmp_path / "b", None))
    path.touch()
    check_output(path, inputs=(tmp_path / "b", None))
    with pytest.raises(ValueError, match="this file is also an input of the command"):
        check_output(path, inputs=(None, tmp_path / ".." / tmp_path.name / "a.CSV"))


def test_check_output_refuses_a_folder_that_is_not_writable(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ValueError, match="is not writable"):
        check_output(tmp_path / "a.csv")
