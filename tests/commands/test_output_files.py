"""Files that commands write."""

import pytest

from sktsmae.commands._output import check_output
from sktsmae.models.checkpoints import atomic_write


def write_half(path):
    path.write_text("half")
    raise OSError("disk full")


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_write(path) as temporary:
        write_half(temporary)
    assert path.read_text() == "old"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
    (any_file := tmp_path / "any").touch()
    assert path.stat().st_mode == any_file.stat().st_mode


def test_what_can_be_written_passes(tmp_path):
    path = tmp_path / "a.CSV"
    check_output(path, (".csv",), inputs=(tmp_path / "b", None))
    path.touch()
    check_output(path, inputs=(tmp_path / "b", None))
    with pytest.raises(ValueError, match="is read by this command"):
        check_output(path, inputs=(None, tmp_path / ".." / tmp_path.name / "a.CSV"))


def test_a_folder_that_takes_no_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ValueError, match="nothing can be written into"):
        check_output(tmp_path / "a.csv")
