"""Tests of ``python -m sktsmae detect``."""

import csv
import io
import re

import numpy as np
import pytest

from sktsmae import MAEAnomalyDetector
from sktsmae.__main__ import main
from sktsmae.commands import _chunks


def run(*arguments):
    return main(["detect", *(str(argument) for argument in arguments)])


def check_table(text, detector, X):
    """Check that a .csv table contains the predictions and scores of the detector."""
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["prediction", "score"]
    np.testing.assert_array_equal([int(row[0]) for row in rows], detector.predict(X))
    np.testing.assert_allclose([float(row[1]) for row in rows], detector.score_samples(X), atol=1e-5)


@pytest.fixture
def folder(data, tmp_path, monkeypatch):
    """Return the working folder, with normal signals of one class, other signals, and invalid ones."""
    np.save(tmp_path / "normal.npy", data.X[data.y == data.y[0]])
    np.save(tmp_path / "new.npy", data.X_test)
    np.save(tmp_path / "short.npy", data.X_test[:, :50])
    np.save(tmp_path / "one.npy", data.X[:1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def detector(data):
    return MAEAnomalyDetector(window_length=None).fit(data.X[data.y == data.y[0]])


def test_scores_are_written_as_csv(folder, data, detector, capsys, monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_SIZE", 10)  # splits the 24 signals into three chunks
    assert run("normal.npy", "new.npy", "--output", "scores.csv") == 0
    printed = capsys.readouterr()
    anomalies = (detector.predict(data.X_test) == -1).sum()
    assert printed.out == f"scores.csv: 24 scores, {anomalies} anomalies\n"
    assert "24/24" in printed.err  # the progress bar
    check_table((folder / "scores.csv").read_text(), detector, data.X_test)


def test_scores_are_printed_without_output(folder, data, detector, capsys):
    assert run("normal.npy", "new.npy", "--contamination", "0.2") == 0
    printed = capsys.readouterr()
    detector.set_params(contamination=0.2).fit(np.load("normal.npy"))
    check_table(printed.out, detector, data.X_test)
    assert "new.npy: 24 scores, " in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.npy", "new.npy"], r"missing\.npy"),
        (["one.npy", "new.npy"], r"one\.npy: .*minimum of 2 is required"),
        (["normal.npy", "short.npy"], r"short\.npy: .*50"),
        (["normal.npy", "new.npy", "--output", "scores.txt"], r"scores\.txt: .*\.csv"),
        (["normal.npy", "new.npy", "--device", "cuda:99"], "device='cuda:99' is not available"),
    ],
)
def test_errors_name_the_file_or_argument(folder, error_line, arguments, message):
    line = error_line("detect", *arguments)
    assert re.search(message, line), line
    assert not (folder / "scores.csv").exists()


@pytest.mark.parametrize("fraction", ["0", "0.6", "many"])
def test_invalid_contamination_is_refused(folder, capsys, fraction):
    with pytest.raises(SystemExit) as error:
        run("normal.npy", "new.npy", "--contamination", fraction)
    assert error.value.code == 2
    assert "neither 'auto' nor a number above 0 and at most 0.5" in capsys.readouterr().err
