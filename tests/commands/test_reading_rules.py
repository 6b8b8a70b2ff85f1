"""Tests that predictions read files in the way in which the training signals were read."""

import numpy as np
import pandas as pd
import pytest

from sktsmae import MAEClassifier
from sktsmae.__main__ import main
from sktsmae.commands._errors import name_options


@pytest.fixture(scope="module")
def tables():
    """Return 24 recordings of two channels and 30 samples, as a wide table of the first channel and a long table."""
    rng = np.random.default_rng(0)
    y = np.array(["run", "walk"] * 12)
    X = rng.normal(size=(24, 2, 30)) + np.where(y == "run", 3, 1)[:, None, None] * np.sin(np.arange(30) / 2)
    wide = pd.DataFrame(X[:, 0], columns=[f"t{time}" for time in range(30)]).assign(activity=y, subject="Ann")
    recording, time = np.repeat(np.arange(24), 30), np.tile(np.arange(30), 24)
    long = pd.DataFrame({"recording": recording, "time": time, "x": X[:, 0].ravel(), "y": X[:, 1].ravel()})
    return {"wide": wide, "long": long.assign(activity=y[recording], subject="Ann")}


ARGUMENTS = {
    "wide": ["--drop", "subject"],
    "long": ["--long", "--id", "recording", "--time", "time", "--channels", "x,y"],
}


@pytest.fixture(scope="module")
def models(tables, tmp_path_factory):
    """Return the paths of classifiers that the command ``fit`` fitted to the tables."""
    folder = tmp_path_factory.mktemp("models")
    for form, table in tables.items():
        table.to_csv(folder / f"{form}.csv", index=False)
        arguments = [*ARGUMENTS[form], "--label", "activity", "--output", str(folder / f"{form}.safetensors")]
        assert main(["fit", str(folder / f"{form}.csv"), *arguments]) == 0
    return {form: folder / f"{form}.safetensors" for form in tables}


@pytest.fixture
def predict(models, tmp_path):
    """Return a function that writes a table, predicts it, and returns the table of predictions."""

    def run(form, table, *arguments, **settings):
        table.to_csv(tmp_path / "new.csv", **{"index": False, **settings})
        output = tmp_path / "predictions.csv"
        assert main(["predict", str(models[form]), str(tmp_path / "new.csv"), *arguments, "--output", str(output)]) == 0
        return pd.read_csv(output)

    return run


@pytest.mark.parametrize("form", ARGUMENTS)
def test_columns_are_read_by_name_in_the_order_of_the_fit(form, tables, predict):
    table = tables[form]
    expected = predict(form, table, *ARGUMENTS[form], "--label", "activity")
    for other in (table, table[table.columns[::-1]].assign(note="none"), table.drop(columns=["subject", "activity"])):
        pd.testing.assert_frame_equal(predict(form, other), expected)


@pytest.mark.parametrize("form", ARGUMENTS)
def test_given_label_is_read_in_addition_to_the_rules(form, tables, predict, capsys):
    predict(form, tables[form], "--label", "activity")
    assert "2 classes (12 each)" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "column"), [("wide", "t7"), ("long", "y"), ("long", "time"), ("long", "recording")])
def test_missing_column_is_named(form, column, tables, models, tmp_path, error_line):
    tables[form].drop(columns=column).to_csv(tmp_path / "new.csv", index=False)
    line = error_line("predict", models[form], tmp_path / "new.csv")
    assert column in line.split("the columns are")[0]


def test_tables_without_names_and_arrays_are_read_as_before(tables, models, predict, tmp_path):
    samples = tables["wide"].drop(columns=["activity", "subject"])
    expected = predict("wide", samples)
    pd.testing.assert_frame_equal(predict("wide", samples, header=False), expected)
    np.save(tmp_path / "X.npy", samples)
    output = tmp_path / "of_array.csv"
    assert main(["predict", str(models["wide"]), str(tmp_path / "X.npy"), "--output", str(output)]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(output), expected)


def test_given_columns_replace_those_of_the_fit(tables, predict):
    renamed = tables["wide"].rename(columns=lambda name: name.replace("t", "s") if name[1:].isdigit() else name)
    pd.testing.assert_frame_equal(predict("wide", renamed, "--columns", "s[0-9]*"), predict("wide", tables["wide"]))
    renamed = tables["long"].rename(columns={"x": "ax", "y": "ay", "time": "t"})
    predictions = predict("long", renamed, "--channels", "ax,ay", "--time", "t")
    pd.testing.assert_frame_equal(predictions, predict("long", tables["long"]))


def test_numbers_as_column_names_are_recognised(tables, tmp_path, predict):
    numbers = tables["wide"].rename(columns=lambda name: f"{int(name[1:]) / 10}" if name[1:].isdigit() else name)
    numbers.to_csv(tmp_path / "train.csv", index=False)
    arguments = ["--label", "activity", "--drop", "subject", "--output", str(tmp_path / "a.safetensors")]
    assert main(["fit", str(tmp_path / "train.csv"), *arguments]) == 0
    output = str(tmp_path / "predictions.csv")
    assert main(["predict", str(tmp_path / "a.safetensors"), str(tmp_path / "train.csv"), "--output", output]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(output), predict("wide", tables["wide"]))


def test_folder_of_recordings_is_read_by_the_rules_of_a_long_table(tables, models, predict, tmp_path):
    (tmp_path / "new").mkdir()
    for number, recording in tables["long"].groupby("recording"):
        recording[["time", "y", "x", "subject"]].to_csv(tmp_path / "new" / f"{number:02d}.csv", index=False)
    output = tmp_path / "of_folder.csv"
    assert main(["predict", str(models["long"]), str(tmp_path / "new"), "--output", str(output)]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(output), predict("long", tables["long"]))


def test_test_file_is_read_by_the_names_of_the_training_file(tables, tmp_path, capsys):
    table = tables["wide"]
    table.to_csv(tmp_path / "train.csv", index=False)
    table[table.columns[::-1]].drop(columns="subject").to_csv(tmp_path / "test.csv", index=False)
    arguments = ["--label", "activity", "--drop", "subject", "--output", str(tmp_path / "a.safetensors")]
    assert main(["fit", str(tmp_path / "train.csv"), *arguments, "--test", str(tmp_path / "test.csv")]) == 0
    classifier = MAEClassifier.load(tmp_path / "a.safetensors")
    accuracy = classifier.score(table.filter(regex="t[0-9]").to_numpy(), table["activity"])
    assert f"accuracy {accuracy:.3f} on 24 signals" in capsys.readouterr().out


def test_features_are_computed_by_the_rules(tables, models, tmp_path):
    for name, columns in (("a", tables["long"].columns), ("b", tables["long"].columns[::-1])):
        tables["long"][columns].to_csv(tmp_path / f"{name}.csv", index=False)
        arguments = ["--model", str(models["long"]), "--output", str(tmp_path / f"{name}.npy")]
        assert main(["embed", str(tmp_path / f"{name}.csv"), *arguments]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_key_of_training_signals_selects_the_test_signals(tables, tmp_path, capsys):
    X, y = tables["wide"].filter(regex="t[0-9]").to_numpy(), tables["wide"]["activity"].to_numpy().astype(str)
    np.savez(tmp_path / "a.npz", A_train=X, B_train=y, A_test=X[:7])
    keys = ["--x-key", "A_train", "--y-key", "B_train"]
    model = str(tmp_path / "a.safetensors")
    assert main(["fit", str(tmp_path / "a.npz"), *keys, "--output", model]) == 0
    assert main(["predict", model, str(tmp_path / "a.npz")]) == 0
    assert "7 signals" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a.csv: label='y z' matches 0 columns", "a.csv: --label 'y z' matches 0 columns"),
        ("read it with long=True, id='r', columns=['x', \"it's\"], label='y'. If", None),
        ("name another column with time=.", "name another column with --time."),
        ("x_key= and y_key= are only", "--x-key and --y-key are only"),
        ("/data/label=run/a.csv: label= is only", "/data/label=run/a.csv: --label is only"),
        ("name other columns with columns=.", "name other columns with --columns."),
    ],
)
def test_arguments_in_messages_become_options(message, expected):
    assert name_options(message) == (expected or "read it with --long --id r --channels 'x,it'\"'\"'s' --label y. If")


def test_columns_of_a_long_table_become_channels():
    assert name_options("columns='z' matches no column", long=True) == "--channels z matches no column"
