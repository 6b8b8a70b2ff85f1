"""Signals and a fitted classifier that several commands are tried on."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from sktsmae.__main__ import main
from sktsmae.datasets import load_sparwatch


@pytest.fixture(scope="session")
def data():
    """40 signals of a channel of three exercises to train on, and 24 to test on."""

    def some(subset, each):
        X, y = load_sparwatch(subset=subset, return_X_y=True)
        rows = np.concatenate([np.flatnonzero(y == label)[:each] for label in np.unique(y)[:3]])
        return X[rows, 1, :100], y[rows]

    X_train, y_train = some("train", 14)
    X_test, y_test = some("test", 8)
    return SimpleNamespace(X=X_train[:40], y=y_train[:40], X_test=X_test, y_test=y_test)


@pytest.fixture(scope="session")
def write_table():
    """Write signals as a .csv file, with the labels, if any, in the first column."""

    def write(path, X, y=None):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*(["exercise"] if y is not None else []), *(f"t{place}" for place in range(X.shape[1]))])
            for place, row in enumerate(X):
                writer.writerow([*([y[place]] if y is not None else []), *row])
        return path

    return write


@pytest.fixture(scope="session")
def fitted(data, write_table, tmp_path_factory):
    """Run ``fit`` on a .csv file."""
    folder = tmp_path_factory.mktemp("fitted")
    path = write_table(folder / "train.csv", data.X, data.y)
    output = folder / "classifier.safetensors"
    assert main(["fit", str(path), "--label", "exercise", "--output", str(output)]) == 0
    return output


@pytest.fixture
def refused(capsys):
    """Run a command that has to end with exit code 1 and one line, and return the line."""

    def run(*arguments):
        assert main([str(argument) for argument in arguments]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1, printed.err
        assert printed.err.startswith(f"sktsmae {arguments[0]}: ")
        return printed.err

    return run
