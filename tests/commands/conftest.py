"""Fixtures for the tests of the commands: signals, a fitted classifier, and a check of error messages."""

import csv
import re
from types import SimpleNamespace

import numpy as np
import pytest

from sktsmae.__main__ import main
from sktsmae.datasets import load_sparwatch


@pytest.fixture(scope="session")
def data():
    """Return 40 training signals and 24 test signals: one channel, 100 samples and three classes."""

    def select(subset, per_class):
        X, y = load_sparwatch(subset=subset, return_X_y=True)
        indices = np.concatenate([np.flatnonzero(y == label)[:per_class] for label in np.unique(y)[:3]])
        return X[indices, 1, :100], y[indices]

    X_train, y_train = select("train", 14)
    X_test, y_test = select("test", 8)
    return SimpleNamespace(X=X_train[:40], y=y_train[:40], X_test=X_test, y_test=y_test)


@pytest.fixture(scope="session")
def write_table():
    """Return a function that writes signals to a .csv file. Labels, if given, are in the first column."""

    def write(path, X, y=None):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*(["exercise"] if y is not None else []), *(f"t{column}" for column in range(X.shape[1]))])
            for index, row in enumerate(X):
                writer.writerow([*([y[index]] if y is not None else []), *row])
        return path

    return write


@pytest.fixture(scope="session")
def fitted(data, write_table, tmp_path_factory):
    """Return the path of a saved classifier. The command ``fit`` fitted it to a .csv file."""
    folder = tmp_path_factory.mktemp("fitted")
    path = write_table(folder / "train.csv", data.X, data.y)
    output = folder / "classifier.safetensors"
    assert main(["fit", str(path), "--label", "exercise", "--output", str(output)]) == 0
    return output


@pytest.fixture
def error_line(capsys):
    """Return a function that runs a command, checks that it returns 1 with one error line, and returns the line."""

    def run(*arguments):
        assert main([str(argument) for argument in arguments]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        *read, line = printed.err.splitlines(keepends=True)
        assert all(re.search(r": \d+ signals?, ", description) for description in read), printed.err
        assert line.startswith(f"sktsmae {arguments[0]}: ")
        return line

    return run
