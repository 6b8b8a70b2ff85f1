"""Tests of the readers of signals and labels, with valid and invalid files."""

import gzip
import lzma
import pickle
import wave
import zipfile
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from sktsmae.datasets import read_signals
from sktsmae.datasets._files import read_labels

NAN = np.nan
SIGNALS = [[1.0, 2.5, -3e-2], [4.0, 5.0, 6.0]]
TS_TEMPLATE = "#{}\n@problemName Two\n@timeStamps false\n@classLabel {}\n\n@data\n{}"


def text_file(content, name):
    """Return a function that writes a text file to a folder and returns its path."""

    def write(folder):
        (folder / name).write_text(content, encoding="utf-8")
        return folder / name

    return write


def binary_file(content, name):
    """Return a function that writes a binary file to a folder and returns its path."""

    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def npz_file(**arrays):
    """Return a function that writes an .npz file to a folder and returns its path."""

    def write(folder):
        np.savez_compressed(folder / "a.npz", **arrays)
        return folder / "a.npz"

    return write


def npy_file(X, name="a.npy"):
    """Return a function that writes a .npy file to a folder and returns its path."""

    def write(folder):
        with open(folder / name, "wb") as file:
            np.save(file, X)
        return folder / name

    return write


def pandas_csv_file(**settings):
    """Return a function that writes a .csv file as pandas does. The names of the six columns are 0 to 5."""
    stream = StringIO()
    pd.DataFrame(np.arange(12.0).reshape(2, 6)).to_csv(stream, **settings)
    return text_file(stream.getvalue(), "a.csv")


CSV_FILES = {
    "no header": ("1,2.5,-3e-2\n4,5,6\n", None, SIGNALS, None),
    "no newline at the end, blank lines": ("1,2.5,-3e-2\n\n4,5,6", None, SIGNALS, None),
    "header": ("a,b,c\n1,2.5,-3e-2\n4,5,6\n", None, SIGNALS, None),
    "byte order mark, semicolons, CRLF": ("\ufeffa;b;c\r\n1;2.5;-3e-2\r\n4;5;6\r\n", None, SIGNALS, None),
    "tabs": ("1\t2.5\t-3e-2\n4\t5\t6\n", None, SIGNALS, None),
    "label in the first column": ("what,a,b,c\nwalk,1,2.5,-3e-2\nrun,4,5,6\n", "what", SIGNALS, ["walk", "run"]),
    "label in the last column, in quotes": (
        'a;b;c;"x y"\n1;2.5;-3e-2;"a; b"\n4;5;6; 2 \n',
        "x y",
        SIGNALS,
        ["a; b", "2"],
    ),
    "missing label": ("a,b,c,y\n1,2.5,-3e-2,0\n4,5,6,\n", "y", SIGNALS, ["0", ""]),
    "missing values": ("1,,?\nNaN,NA, 6\n", None, [[1, NAN, NAN], [NAN, NAN, 6]], None),
}


@pytest.mark.parametrize(("content", "label", "X", "y"), CSV_FILES.values(), ids=CSV_FILES)
def test_csv_file_is_read(content, label, X, y, tmp_path):
    signals = read_signals(text_file(content, "a.CSV")(tmp_path), label=label)
    np.testing.assert_array_equal(signals.X, X)
    assert signals.y is None if y is None else signals.y.tolist() == y


def test_numeric_header_gives_a_warning(tmp_path):
    (tmp_path / "a.csv").write_text("0,1,2\n4,5,7\n")
    with pytest.warns(UserWarning, match=r"a.csv, line 1: 0, 1 ... are read as column names"):
        assert read_signals(tmp_path / "a.csv").X.tolist() == [[4, 5, 7]]


@pytest.mark.parametrize("missing", ["null", "N/A", "None", "-"])
def test_first_line_with_missing_values_is_not_a_header(missing, tmp_path):
    (tmp_path / "a.csv").write_text(f"1.5,{missing},2\n{missing},5,7\n")
    np.testing.assert_array_equal(read_signals(tmp_path / "a.csv").X, [[1.5, np.nan, 2], [np.nan, 5, 7]])


def test_empty_line_in_a_label_file_is_a_missing_label(tmp_path):
    for content in ("a\n\nb\n", "label\na\n\nb\n", "label\na\n\nb\n\n\n"):
        (tmp_path / "y.csv").write_text(content)
        assert read_labels(tmp_path / "y.csv", 3).tolist() == ["a", "", "b"]
    (tmp_path / "y.csv").write_text("a\nb\nc\n\n")
    with pytest.raises(ValueError, match=r"3 signals, but 4 lines, the last of which is empty.*remove the header"):
        read_labels(tmp_path / "y.csv", 3)


@pytest.mark.filterwarnings("ignore:.*are read as column names")
def test_csv_file_written_by_pandas_is_read(tmp_path):
    X = np.arange(12.0).reshape(2, 6)
    for settings in ({}, {"index": False}, {"index": False, "header": False}):
        np.testing.assert_array_equal(read_signals(pandas_csv_file(**settings)(tmp_path)).X, X)


TS_FILES = {
    "univariate": ("false", "1,2,3\n4,5,6\n", [[[1, 2, 3]], [[4, 5, 6]]], None),
    "labels": ("true a b", "1,2,3:a\n4,5,6: b\n", [[[1, 2, 3]], [[4, 5, 6]]], ["a", "b"]),
    "channels": ("true 0 1", "1,2:3,4:1\n5,6:7,8:0", [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], ["1", "0"]),
    "missing values": ("TRUE 0", "1,?:0\nNaN,4:0\n", [[[1, NAN]], [[NAN, 4]]], ["0", "0"]),
    "unequal lengths": ("false", "1,2,3:4\n5:6,7\n", [[[1, 2, 3], [4, NAN, NAN]], [[5, NAN, NAN], [6, 7, NAN]]], None),
}


@pytest.mark.parametrize(("labels", "data", "X", "y"), TS_FILES.values(), ids=TS_FILES)
def test_ts_file_is_read(labels, data, X, y, tmp_path):
    signals = read_signals(text_file(TS_TEMPLATE.format(" \u00fc", labels, data), "a.ts")(tmp_path))
    np.testing.assert_array_equal(signals.X, X)
    assert signals.y is None if y is None else signals.y.tolist() == y


def test_split_selects_the_training_or_test_signals_of_an_npz_file(tmp_path):
    parts = {"X_train": np.zeros((2, 1, 4)), "y_train": ["a", "b"], "X_test": np.ones((3, 1, 4)), "y_test": [1, 2, 3]}
    path = npz_file(**parts)(tmp_path)
    for split in ("train", "test"):
        X, y, *_ = read_signals(path, split=split)
        np.testing.assert_array_equal(X, parts[f"X_{split}"])
        assert y.tolist() == parts[f"y_{split}"]


@pytest.mark.parametrize("names", [("X",), ("X", "y"), ("anything",)])
def test_npz_file_is_read(names, tmp_path):
    arrays = {"X": np.eye(3), "anything": np.eye(3), "y": np.array([True, False, True])}
    X, y, *_ = read_signals(npz_file(**{name: arrays[name] for name in names})(tmp_path))
    np.testing.assert_array_equal(X, np.eye(3))
    assert (y is not None) == ("y" in names)


def test_npy_file_is_memory_mapped(tmp_path):
    X = read_signals(npy_file(np.eye(3, dtype=">i2"))(tmp_path)).X
    assert isinstance(X, np.memmap)
    np.testing.assert_array_equal(X, np.eye(3))


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (npy_file(np.array([3, 1, 2])), [3, 1, 2]),
        (npy_file(np.array(["x", "y", "x"])), ["x", "y", "x"]),
        (text_file("x\ny\nx\n", "a.csv"), ["x", "y", "x"]),
        (text_file("what\nx\ny\nx\n", "a.csv"), ["x", "y", "x"]),
    ],
)
def test_labels_are_read_from_a_separate_file(write, expected, tmp_path):
    assert read_labels(write(tmp_path), 3).tolist() == expected


def npz_with_wrong_header(folder):
    """Write an .npz file whose header gives nine signals, although the file contains four."""
    np.save(folder / "X.npy", np.zeros((4, 5)))
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        archive.writestr("X.npy", (folder / "X.npy").read_bytes().replace(b"(4, 5)", b"(9, 5)"))
    return folder / "a.npz"


def zip_bomb(folder):
    """Write an .npz file of zeros with a higher compression ratio than NumPy, which uses Deflate, can reach."""
    with (
        zipfile.ZipFile(folder / "a.npz", "w", compression=zipfile.ZIP_BZIP2) as archive,
        archive.open("X.npy", "w") as file,
    ):
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (2**20, 8)})
        for _ in range(64):
            file.write(bytes(2**20))
    return folder / "a.npz"


def folder_with_3_and_4_channels(folder):
    """Write two .npy files whose signals have different numbers of channels."""
    np.save(folder / "a.npy", np.zeros((2, 3, 9)))
    np.save(folder / "b.npy", np.zeros((2, 4, 9)))
    return folder


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))
NPY_HEADER = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (4, 60), }"
INVALID_FILES = {
    "missing file": (lambda folder: folder / "a.csv", None, "a.csv: the file does not exist"),
    "unknown file type": (binary_file(PNG, "a.png"), None, "the file type is unknown"),
    "column name for a .npy file": (npy_file(np.eye(3)), "y", "a.npy: label= is only for tables such as .csv files"),
    "csv, empty": (text_file("", "a.csv"), None, "a.csv: the file contains no signals"),
    "csv, only a header": (text_file("a,b\n", "a.csv"), None, "a.csv: the file contains no signals"),
    "csv, only labels": (text_file("a\nx\n", "a.csv"), "a", "a.csv: the file contains no signals"),
    "csv, truncated": (text_file("1,2,3\n4,5", "a.csv"), None, "a.csv, line 2: 2 columns, but the first line has 3"),
    "csv, text in a column with a name": (
        text_file("a,b\n1,2\n3,x\n", "a.csv"),
        None,
        "a.csv, line 3, column 'b': 'x' is not a number",
    ),
    "csv, text in a column without a name": (
        text_file("1,2\n3,x\n", "a.csv"),
        None,
        "a.csv, line 2, column '2': 'x' is not a number",
    ),
    "csv, text in a column other than the labels": (
        text_file("a,y,b\n1,x,z\n", "a.csv"),
        "y",
        "line 2, column 'b': 'z' is not a number; name the column",
    ),
    "csv, no column of this name": (
        text_file("a,b\n1,2\n", "a.csv"),
        "c",
        "label='c' matches 0 columns, but must match exactly one; the columns are a, b",
    ),
    "csv, two columns of this name": (text_file("a,a\n1,2\n", "a.csv"), "a", "label='a' matches 2 columns"),
    "csv, column without a name": (text_file(",a,b\n5,1,2\n7,3,4\n", "a.csv"), None, "a column has no name"),
    "csv, unclosed quotation mark": (text_file('1,2\n3,"4\n5,6\n', "a.csv"), None, "not valid in a .csv file"),
    "csv, too long label": (text_file(f"y,a\n{'x' * 2000},1\n", "a.csv"), "y", "has 2000 characters; use at most 1000"),
    "csv, is a .png file": (binary_file(PNG, "a.csv"), None, "a.csv: not a text file in UTF-8"),
    "csv, zero byte": (binary_file(b"1,2\n3,\x00\n", "a.csv"), None, "a.csv, line 2"),
    "ts, empty": (text_file("", "a.ts"), None, "a.ts: there is no line @data"),
    "ts, no signals": (text_file("@problemName x\n@data\n", "a.ts"), None, "the file contains no signals after @data"),
    "ts, no header": (text_file("1,2,3\n", "a.ts"), None, "a.ts, line 1: '1,2,3' before @data"),
    "ts, text": (
        text_file(TS_TEMPLATE.format("", "false", "1,2\n1,x\n"), "a.ts"),
        None,
        "a.ts, line 8, value 2: 'x' is not a number",
    ),
    "ts, missing label": (
        text_file(TS_TEMPLATE.format("", "true", "1,2:a\n1,2:\n"), "a.ts"),
        None,
        "line 8: there is no class label at the end",
    ),
    "ts, label without a signal": (
        text_file(TS_TEMPLATE.format("", "true", "a\n"), "a.ts"),
        None,
        "line 7: there is no class label at the end",
    ),
    "ts, different numbers of channels": (
        text_file(TS_TEMPLATE.format("", "false", "1:2\n1:2:3\n"), "a.ts"),
        None,
        "line 8: 3 channels, but the first",
    ),
    "ts, time stamps": (
        text_file("@timeStamps true\n@data\n(0,1)\n", "a.ts"),
        None,
        "@timestamps is true, but time stamps are not",
    ),
    "ts, regression targets": (text_file("@targetLabel true\n@data\n1:2\n", "a.ts"), None, "@targetlabel is true"),
    "ts, one signal much longer than the others": (
        text_file(TS_TEMPLATE.format("", "false", "1\n" * 5000 + "1," * 5000 + "1"), "a.ts"),
        None,
        "longest signal has 5001 samples, more than 64 times the mean length",
    ),
    "ts, is a .png file": (binary_file(PNG, "a.ts"), None, "a.ts: not a text file in UTF-8"),
    "npy, empty": (binary_file(b"", "a.npy"), None, "a.npy: not an array of numbers"),
    "npy, truncated": (
        binary_file(NPY_HEADER.ljust(127) + b"\n" + bytes(50), "a.npy"),
        None,
        "a.npy: not an array of numbers",
    ),
    "npy, is a pickle": (binary_file(pickle.dumps([1, 2]), "a.npy"), None, "a.npy: not an array of numbers"),
    "npy, Python objects": (npy_file(np.array([[None, 1]])), None, "a.npy: not an array of numbers"),
    "npy, is an .npz file": (
        lambda folder: npz_file(X=np.eye(3))(folder).rename(folder / "a.npy"),
        None,
        "not an array of num",
    ),
    "npy, text": (npy_file(np.array([["a", "b"]])), None, "the array has shape (1, 2) and type <U1; give numbers"),
    "npy, one-dimensional array": (npy_file(np.zeros(5)), None, "the array has shape (5,)"),
    "npy, no channels": (npy_file(np.zeros((5, 0, 3))), None, "a.npy:"),
    "npz, empty": (binary_file(b"", "a.npz"), None, "a.npz: not an archive of signals"),
    "npz, unknown names": (npz_file(a=[1], b=[2]), None, "contains a, b; name the array of signals with x_key="),
    "npz, is a .npy file": (npy_file(np.eye(3), "a.npz"), None, "a.npz: not an archive of signals"),
    "npz, Python objects": (
        npz_file(X=np.eye(2), y=np.array([None, 1])),
        None,
        "y contains Python objects; save signals as numbers",
    ),
    "npz, more labels than signals": (
        npz_file(X=np.eye(2), y=[1, 2, 3]),
        None,
        "a.npz: there are 2 signals but labels of shape (3,)",
    ),
    "npz, wrong header": (npz_with_wrong_header, None, "X does not have the size that is given in its header"),
    "npz, zip bomb": (zip_bomb, None, "X does not have the size that is given in its header"),
    "folder, empty": (lambda folder: folder, None, "the folder contains no .npy files and no recordings"),
    "folder, different numbers of channels": (
        folder_with_3_and_4_channels,
        None,
        "b.npy: the array has shape (2, 4, 9)",
    ),
    "folder, text": (
        lambda folder: npy_file(np.array(["a"]))(folder).parent,
        None,
        "a.npy: the array has shape (1, 1)",
    ),
}


@pytest.mark.parametrize(("write", "label", "match"), INVALID_FILES.values(), ids=INVALID_FILES)
def test_invalid_signals_raise_with_a_message_of_one_line(write, label, match, tmp_path):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked below
        read_signals(write(tmp_path), label=label)
    assert match in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)


INVALID_LABEL_FILES = {
    "unknown file type": (
        binary_file(b"1", "a.txt"),
        "the file type is unknown; give the labels as a .npy or .csv file",
    ),
    "missing file": (lambda folder: folder / "a.npy", "cannot be read (No such file or directory)"),
    "fewer labels than signals": (text_file("a\n", "a.csv"), "a.csv: 1 labels for 3 signals"),
    "two columns": (text_file("a\nb,1\nc\n", "a.csv"), "a.csv, line 2: 2 columns"),
    "array with fewer labels than signals": (
        npy_file(np.zeros(2)),
        "there are 3 signals, but the labels have shape (2,)",
    ),
    "array of dates": (npy_file(np.zeros(3, dtype="M8[s]")), "type datetime64[s]"),
    "Python objects": (npy_file(np.array([None] * 3)), "not an array of numbers"),
}


@pytest.mark.parametrize(("write", "match"), INVALID_LABEL_FILES.values(), ids=INVALID_LABEL_FILES)
def test_invalid_labels_raise_with_a_message_of_one_line(write, match, tmp_path):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked below
        read_labels(write(tmp_path), 3)
    assert match in str(raised.value)
    assert "\n" not in str(raised.value)


def test_permission_error_names_the_file(tmp_path, monkeypatch):
    def refuse(*arguments, **settings):
        raise PermissionError(13, "Permission denied")

    path = text_file("1,2", "a.csv")(tmp_path)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ValueError, match=r"a.csv: the file cannot be read \(Permission denied\)"):
        read_signals(path)


def long_table(*lines, name="a.csv"):
    """Return a function that writes a table with one row per time step."""
    return text_file("\n".join(["rec,t,x,y,who", *lines]), name)


def mixed_folder(folder):
    """Write two recordings whose tables have different channels."""
    (folder / "run").mkdir()
    (folder / "run" / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (folder / "run" / "b.csv").write_text("x,z\n1,2\n3,4\n")
    return folder


def stray_table(folder):
    """Write a table beside a folder of recordings."""
    (folder / "people.csv").write_text("who,age\nAnn,7\n")
    mixed_folder(folder)
    return folder


def two_types(folder):
    """Write a table and an array."""
    (folder / "a.csv").write_text("x,y\n1,2\n3,4\n")
    np.save(folder / "b.npy", np.eye(3))
    return folder


def arrays(folder):
    """Write an array."""
    np.save(folder / "a.npy", np.eye(3))
    return folder


def sounds(folder):
    """Write two sounds with different sampling rates."""
    for name, rate in (("a.wav", 50), ("b.wav", 100)):
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", "not compressed"))
            file.writeframes(bytes(40))
    return folder


LONG = {"long": True, "id": "rec", "time": "t", "label": "who"}
ROWS = ("1,0,1,2,Ann", "1,1,3,4,Ann", "2,0,5,6,Bob", "2,1,7,8,Bob")
INVALID_TABLES = {
    "long table without an option": (
        long_table(*ROWS),
        {"label": "who"},
        "read it with long=True, time='t', columns=['rec', 'x', 'y'], label='who'",
    ),
    "long table with text and a missing value": (
        text_file("t,x,y,who,note\n" + "0,,1,Ann,none\n1,2,3,Ann,none\n2,2,3,Bob,none\n3,4,5,Bob,none\n", "a.csv"),
        {"label": "who"},
        "read it with long=True, time='t', columns=['x', 'y'], label='who'. If",
    ),
    "id of a long table is missing": (long_table(*ROWS), {**LONG, "id": "walk"}, "id='walk' matches 0 columns"),
    "time of a long table is missing": (long_table(*ROWS), {**LONG, "time": "s"}, "time='s' matches 0 columns"),
    "time is text": (long_table("1,noon,1,2,Ann"), LONG, "line 2: 'noon' is not a number or a date"),
    "time is numbers and dates": (long_table("1,0,1,2,A", "1,2026-01-01,1,2,A"), LONG, "has numbers and dates"),
    "label changes in a recording": (long_table(*ROWS, "2,2,7,8,Ann"), LONG, "line 6: the label 'Ann' differs from"),
    "channel is text": (long_table("1,0,1,up,Ann"), LONG, "line 2, column 'y': 'up' is not a number"),
    "channel is missing": (long_table(*ROWS), {**LONG, "columns": ["z"]}, "columns='z' matches no column"),
    "long table of different widths": (long_table(*ROWS, "2,3"), LONG, "line 6: 2 columns, but the first line has 5"),
    "long table without rows": (long_table(), LONG, "give one line of numbers per time step"),
    "id without long": (text_file("a,b\n1,2\n", "a.csv"), {"id": "a"}, "add long=True"),
    "column to drop is missing": (text_file("a,b\n1,2\n", "a.csv"), {"drop": ["c"]}, "drop='c' matches no column"),
    "no column of samples": (text_file("a,b\n1,2\n", "a.csv"), {"columns": ["t*"]}, "columns='t*' matches no column"),
    "all columns dropped": (text_file("a,b\n1,2\n", "a.csv"), {"drop": ["*"]}, "the file contains no signals"),
    "damaged .gz": (binary_file(b"1,2\n3,4\n", "a.csv.gz"), {}, "the compressed file is damaged"),
    "truncated .gz": (binary_file(gzip.compress(b"1,2\n" * 99)[:-9], "a.csv.gz"), {}, "the compressed file is damaged"),
    "damaged .xz": (binary_file(b"1,2\n3,4\n", "a.csv.xz"), {}, "the compressed file is damaged"),
    "damaged .zip": (binary_file(b"1,2\n3,4\n", "a.csv.zip"), {}, "the compressed file is damaged"),
    "damaged .parquet": (binary_file(b"PAR1", "a.parquet"), {}, "not a readable parquet file"),
    "damaged .feather": (binary_file(b"ARROW1", "a.feather"), {}, "not a readable feather file"),
    "damaged .mat": (binary_file(b"MATLAB 5.0" * 20, "a.mat"), {}, "not a .mat file with signals"),
    "key of signals is missing": (npz_file(a=[1], b=[2]), {"x_key": "c"}, "x_key='c' is not an array of the file"),
    "key of labels is missing": (npz_file(X=[1]), {"y_key": "c"}, "y_key='c' is not an array of the file"),
    "key for a table": (text_file("1,2\n", "a.csv"), {"x_key": "X"}, "x_key= and y_key= are only for .npz and .mat"),
    "long for an array": (npy_file(np.eye(3)), {"long": True}, "long= is only for tables"),
    "folder of different channels": (mixed_folder, {}, "b.csv: 2 channels (x, z), but a.csv has 2 channels (x, y)"),
    "time is empty": (long_table("1,,1,2,Ann"), LONG, "line 2: the time is missing"),
    "id is empty": (long_table(",0,1,2,Ann"), LONG, "line 2: the cell of id='rec' is empty"),
    "named column without a header": (text_file("1,2,4\n2,3,5\n", "a.csv"), {"label": "1"}, "has only numbers"),
    "compressed .parquet": (binary_file(b"PAR1", "a.parquet.gz"), {}, "the file type is unknown"),
    "unknown split": (text_file("1,2\n", "a.csv"), {"split": "tset"}, "split='tset'"),
    "id of a folder": (mixed_folder, {"id": "x"}, "id='x' is for a table of several recordings"),
    "label of a folder is missing": (mixed_folder, {"label": "w"}, "label='w' matches 0 columns"),
    "folder with a stray table": (
        stray_table,
        {},
        "both files, such as people.csv, and folders of recordings",
    ),
    "folder of two types": (two_types, {}, "there are .csv and .npy files"),
    "folder of arrays, option of a table": (arrays, {"drop": ["x"]}, "drop= is only for tables"),
    "folder of different sampling rates": (
        sounds,
        {},
        "b.wav: 1 channel at 100 Hz, but a.wav has 1 channel at 50 Hz",
    ),
    "folder with a damaged sound": (lambda folder: binary_file(b"RIFF", "a.wav")(folder).parent, {}, "not a .wav file"),
}


@pytest.mark.parametrize(("write", "settings", "match"), INVALID_TABLES.values(), ids=INVALID_TABLES)
def test_invalid_tables_and_folders_raise_with_a_message_of_one_line(write, settings, match, tmp_path):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked below
        read_signals(write(tmp_path), **settings)
    assert match in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value) or "split" in settings


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zip"])
def test_compressed_table_is_read(suffix, tmp_path):
    path, content = tmp_path / f"a.csv{suffix}", b"1,2\n3,4.5\n"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", content)
    else:
        path.write_bytes({".gz": gzip, ".xz": lzma}[suffix].compress(content))
    assert read_signals(path).X.tolist() == [[1, 2], [3, 4.5]]


def test_rows_of_a_long_table_are_sorted_and_shorter_recordings_are_padded(tmp_path):
    path = long_table("b,2,5,6,Bob", "a,1,3,4,Ann", "a,0,1,2,Ann")(tmp_path)
    signals = read_signals(path, **LONG)
    np.testing.assert_array_equal(signals.X, [[[5, NAN], [6, NAN]], [[1, 3], [2, 4]]])
    assert signals.y.tolist() == ["Bob", "Ann"]
    assert signals.channels == ("x", "y")
    assert str(signals) == "2 signals, 2 channels (x, y), 2 samples, 2 classes (1 each)"


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_sounds_are_read_as_numbers_between_minus_one_and_one(width, tmp_path):
    samples = np.array([[-1.0, 0.0], [0.5, -0.25]])  # time, channels
    integers = (samples * 2 ** (8 * width - 1)).astype(np.int64) + (128 if width == 1 else 0)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, width, 50, 0, "NONE", "not compressed"))
        file.writeframes(b"".join(int(i).to_bytes(width, "little", signed=width > 1) for i in integers.ravel()))
    signals = read_signals(tmp_path)
    np.testing.assert_array_equal(signals.X, samples.T[None])
    assert signals.sampling_rate == 50
    assert str(signals) == "1 signal, 2 channels, 2 samples, sampling rate 50 Hz"


def test_row_numbers_of_a_long_table_are_not_a_channel(tmp_path):
    path = text_file(",rec,t,x\n0,1,0,5\n1,1,1,6\n2,2,0,7\n3,2,1,8\n", "a.csv")(tmp_path)
    signals = read_signals(path, long=True, id="rec", time="t")
    assert signals.channels == ("x",)
    assert signals.X.tolist() == [[[5, 6]], [[7, 8]]]


def test_missing_values_and_dates_of_a_parquet_file_are_read(tmp_path):
    pd.DataFrame({"a": [1.0, NAN], "b": [2.0, 3.0], "y": ["u", None]}).to_parquet(tmp_path / "a.parquet")
    signals = read_signals(tmp_path / "a.parquet", label="y")
    np.testing.assert_array_equal(signals.X, [[1, 2], [NAN, 3]])
    assert signals.y.tolist() == ["u", ""]
    times = pd.to_datetime(["2026-01-02", "2026-01-01"])
    pd.DataFrame({"rec": [1, 1], "t": times, "x": [6.0, 5.0]}).to_parquet(tmp_path / "b.parquet")
    assert read_signals(tmp_path / "b.parquet", long=True, id="rec", time="t").X.tolist() == [[[5, 6]]]


def test_labels_of_recordings_can_be_in_their_tables(tmp_path):
    for name, label in (("a.csv", "run"), ("b.csv", "walk")):
        (tmp_path / name).write_text(f"x,y,what\n1,2,{label}\n3,4,{label}\n")
    signals = read_signals(tmp_path, label="what")
    assert signals.y.tolist() == ["run", "walk"]
    assert signals.channels == ("x", "y")


def test_decimal_commas_are_read_in_samples_but_not_in_labels(tmp_path):
    signals = read_signals(text_file("y;a;b\n1,5;2,5;3\n2,5;4;5,5\n", "a.csv")(tmp_path), label="y")
    assert signals.X.tolist() == [[2.5, 3], [4, 5.5]]
    assert signals.y.tolist() == ["1,5", "2,5"]


def test_column_with_brackets_is_selected_by_its_name(tmp_path):
    path = text_file("rec,ax [g],b\n1,2,3\n", "a.csv")(tmp_path)
    assert read_signals(path, columns="ax [g]").X.tolist() == [[2]]


def test_unlabelled_table_is_described(tmp_path):
    signals = read_signals(text_file("a,y\n1,\n2,\n", "a.csv")(tmp_path), label="y")
    assert str(signals) == "2 signals, 1 samples, 2 without a label"


def test_columns_of_the_same_name_keep_their_order(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,t,x,y,x,y\n1,0,1,2,3,4\n1,1,1,2,3,4\n")
    signals = read_signals(path, long=True, id="id", time="t")
    assert read_signals(path, rules=signals.rules).X[0, :, 0].tolist() == [1, 2, 3, 4]
    path.write_text("id,t,x,y\n1,0,1,2\n1,1,1,2\n")
    with pytest.raises(ValueError, match="1 columns have the name 'x', but 2 of the training signals had it"):
        read_signals(path, rules=signals.rules)


def test_rules_find_arrays_under_the_name_of_the_training_signals_or_the_usual_names(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, sig_train=np.zeros((4, 30)), sig_test=np.ones((4, 30)))
    rules = read_signals(path, x_key="sig_train").rules
    assert read_signals(path, rules=rules, split="test").X.all()
    np.savez(path, sig_train=np.ones((4, 30)))
    assert read_signals(path, rules=rules, split="test").X.all()
    np.savez(path, X=np.ones((4, 30)))
    assert read_signals(path, rules=rules, split="test").X.all()
