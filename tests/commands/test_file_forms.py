"""A walk over files as users have them: each form is fitted and predicted by two commands."""

from __future__ import annotations

import csv
import gzip
import wave

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from sktsmae import MAEClassifier
from sktsmae.__main__ import main

CHANNELS = ["x", "y", "z"]


@pytest.fixture(scope="module")
def recordings():
    """Return 24 signals of three channels and 40 samples, and their labels."""
    rng = np.random.default_rng(0)
    y = np.array(["run", "walk"] * 12)
    X = rng.normal(size=(24, 3, 40)).round(3)
    X[:, 0] += np.where(y[:, None] == "run", 3, 1) * np.sin(np.arange(40) / 2).round(3)
    return X, y


def wide(X, y):
    """Return a table with one row per signal of the first channel."""
    return pd.DataFrame(X[:, 0], columns=[f"t{time}" for time in range(40)]).assign(activity=y)


def long(X, y):
    """Return a table with one row per time step, in which the recordings are numbered from 100."""
    rows = [
        {
            "recording": 100 + number,
            "time": time / 50,
            **dict(zip(CHANNELS, values, strict=True)),
            "activity": y[number],
        }
        for number, signal in enumerate(X)
        for time, values in enumerate(signal.T)
    ]
    return pd.DataFrame(rows)


def write_with_index_and_subject(folder, X, y):
    wide(X, y).assign(subject=np.arange(24) // 6).to_csv(folder / "a.csv")
    return "a.csv", ["--label", "activity", "--drop", "subject"]


def write_with_semicolons_and_decimal_commas(folder, X, y):
    wide(X, y).to_csv(folder / "a.csv", sep=";", decimal=",", index=False)
    return "a.csv", ["--label", "activity"]


def write_compressed(folder, X, y):
    with gzip.open(folder / "a.csv.gz", "wt") as file:
        wide(X, y).assign(note="none").to_csv(file, index=False)
    return "a.csv.gz", ["--label", "activity", "--columns", "t*"]


def write_ucr(folder, X, y):
    with open(folder / "a.tsv", "w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(
            [int(label == "run"), *row] for label, row in zip(y, X[:, 0], strict=True)
        )
    return "a.tsv", []


def write_parquet(folder, X, y):
    wide(X, y).to_parquet(folder / "a.parquet")
    return "a.parquet", ["--label", "activity"]


def write_long(folder, X, y):
    long(X, y).sample(frac=1, random_state=0).to_csv(folder / "a.csv", index=False)
    return "a.csv", ["--long", "--id", "recording", "--time", "time", "--channels", "x,y,z", "--label", "activity"]


def write_long_with_dates(folder, X, y):
    table = long(X, y).assign(date=lambda table: pd.Timestamp("2026-01-01") + pd.to_timedelta(table["time"], "s"))
    table.drop(columns="time").to_csv(folder / "a.csv", index=False)
    return "a.csv", ["--long", "--id", "recording", "--time", "date", "--label", "activity"]


def write_folders(folder, X, y, write):
    for number, (signal, label) in enumerate(zip(X, y, strict=True)):
        (folder / "all" / label).mkdir(parents=True, exist_ok=True)
        write(folder / "all" / label / f"{number:02d}", signal)


def write_folder_of_tables(folder, X, y):
    def write(path, signal):
        pd.DataFrame(signal.T, columns=CHANNELS).assign(time=np.arange(40)).to_csv(f"{path}.csv", index=False)

    write_folders(folder, X, y, write)
    return "all", ["--time", "time"]


def write_folder_of_arrays(folder, X, y):
    write_folders(folder, X, y, lambda path, signal: np.save(f"{path}.npy", signal))
    return "all", []


def write_folder_of_sounds(folder, X, y):
    def write(path, signal):
        with wave.open(f"{path}.wav", "wb") as file:
            file.setparams((3, 2, 50, 0, "NONE", "not compressed"))
            file.writeframes((signal.T * 5000).astype("<i2").tobytes())

    write_folders(folder, X, y, write)
    return "all", []


def write_npz(folder, X, y):
    np.savez(folder / "a.npz", accelerations=X, activities=y)
    return "a.npz", ["--x-key", "accelerations", "--y-key", "activities"]


def write_mat(folder, X, y):
    savemat(folder / "a.mat", {"signals": X, "labels": np.array(y, dtype=object)[:, None]})
    return "a.mat", []


FORMS = {
    "row numbers and a column to drop": write_with_index_and_subject,
    "semicolons and decimal commas": write_with_semicolons_and_decimal_commas,
    "compressed, with a column of text": write_compressed,
    "UCR archive": write_ucr,
    "parquet": write_parquet,
    "long": write_long,
    "long, with dates": write_long_with_dates,
    "folder of tables per class": write_folder_of_tables,
    "folder of arrays per class": write_folder_of_arrays,
    "folder of sounds per class": write_folder_of_sounds,
    "npz with other names": write_npz,
    "MATLAB": write_mat,
}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_files_of_each_form_are_fitted_and_predicted_by_two_commands(write, recordings, tmp_path, capsys):
    X, y = recordings
    name, arguments = write(tmp_path, X, y)
    model, output = str(tmp_path / "model.safetensors"), str(tmp_path / "predictions.csv")
    path = str(tmp_path / name)
    assert main(["fit", path, *arguments, "--output", model]) == 0
    description = capsys.readouterr().err.splitlines()[0]
    assert "24 signals, " in description
    assert "40 samples, 2 classes (12 each)" in description
    assert main(["predict", model, path, *arguments, "--output", output]) == 0
    assert pd.read_csv(output)["prediction"].shape == (24,)
    classes = ["0", "1"] if name == "a.tsv" else ["run", "walk"]
    assert MAEClassifier.load(model).classes_.tolist() == classes
    assert MAEClassifier.load(model).input_shape_ in ((40,), (3, 40))


@pytest.mark.parametrize("delay", [0, 1])
def test_long_table_without_options_is_refused_with_the_options_to_read_it(delay, recordings, tmp_path, error_line):
    table = long(*recordings)
    table.iloc[delay:].to_csv(tmp_path / "a.csv", index=False)
    expected = "--long --id recording --time time --channels x,y,z --label activity"
    assert expected in error_line("fit", tmp_path / "a.csv", "--label", "activity")
    assert expected in error_line("fit", tmp_path / "a.csv")
    table.drop(columns="recording").to_csv(tmp_path / "a.csv", index=False)
    assert "--long --time time --channels x,y,z" in error_line("fit", tmp_path / "a.csv", "--label", "activity")
