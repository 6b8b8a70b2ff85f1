"""Tests of the readers of signals and labels, with valid and invalid files."""

import pickle
import zipfile
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from sktsmae.commands._signals import read_labels, read_signals

NAN = np.nan
TABLE = [[1.0, 2.5, -3e-2], [4.0, 5.0, 6.0]]
TS = "#{}\n@problemName Two\n@timeStamps false\n@classLabel {}\n\n@data\n{}"


def text(content, name):
    """Return a function that writes a text file to a folder and returns its path."""

    def write(folder):
        (folder / name).write_text(content, encoding="utf-8")
        return folder / name

    return write


def octets(content, name):
    """Return a function that writes a binary file."""

    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def archive(**arrays):
    """Return a function that writes an .npz file."""

    def write(folder):
        np.savez_compressed(folder / "a.npz", **arrays)
        return folder / "a.npz"

    return write


def array(X, name="a.npy"):
    """Return a function that writes a .npy file."""

    def write(folder):
        with open(folder / name, "wb") as file:
            np.save(file, X)
        return folder / name

    return write


def frame(**settings):
    """Return a function that writes a DataFrame whose column names are numbers as a .csv file."""
    stream = StringIO()
    pd.DataFrame(np.arange(12.0).reshape(2, 6)).to_csv(stream, **settings)
    return text(stream.getvalue(), "a.csv")


CSV = {
    "no header": ("1,2.5,-3e-2\n4,5,6\n", None, TABLE, None),
    "no newline at the end, blank lines": ("1,2.5,-3e-2\n\n4,5,6", None, TABLE, None),
    "header": ("a,b,c\n1,2.5,-3e-2\n4,5,6\n", None, TABLE, None),
    "byte order mark, semicolons, CRLF": ("\ufeffa;b;c\r\n1;2.5;-3e-2\r\n4;5;6\r\n", None, TABLE, None),
    "tabs": ("1\t2.5\t-3e-2\n4\t5\t6\n", None, TABLE, None),
    "label first": ("what,a,b,c\nwalk,1,2.5,-3e-2\nrun,4,5,6\n", "what", TABLE, ["walk", "run"]),
    "label last, in quotes": ('a;b;c;"x y"\n1;2.5;-3e-2;"a; b"\n4;5;6; 2 \n', "x y", TABLE, ["a; b", "2"]),
    "missing label": ("a,b,c,y\n1,2.5,-3e-2,0\n4,5,6,\n", "y", TABLE, ["0", ""]),
    "missing values": ("1,,?\nNaN,NA, 6\n", None, [[1, NAN, NAN], [NAN, NAN, 6]], None),
}


@pytest.mark.parametrize(("content", "label", "X", "y"), CSV.values(), ids=CSV)
def test_csv_files(content, label, X, y, tmp_path):
    signals = read_signals(text(content, "a.CSV")(tmp_path), label=label)
    np.testing.assert_array_equal(signals.X, X)
    assert signals.y is None if y is None else signals.y.tolist() == y


def test_numeric_header_gives_a_warning(tmp_path):
    (tmp_path / "a.csv").write_text("0,1,2\n4,5,7\n")
    with pytest.warns(UserWarning, match=r"a.csv, line 1: 0, 1 ... are read as column names"):
        assert read_signals(tmp_path / "a.csv").X.tolist() == [[4, 5, 7]]


@pytest.mark.parametrize("missing", ["null", "N/A", "None", "-"])
def test_missing_values_in_the_first_line_are_not_a_header(missing, tmp_path):
    (tmp_path / "a.csv").write_text(f"1.5,{missing},2\n{missing},5,7\n")
    np.testing.assert_array_equal(read_signals(tmp_path / "a.csv").X, [[1.5, np.nan, 2], [np.nan, 5, 7]])


def test_empty_line_is_a_missing_label(tmp_path):
    for content in ("a\n\nb\n", "label\na\n\nb\n", "label\na\n\nb\n\n\n"):
        (tmp_path / "y.csv").write_text(content)
        assert read_labels(tmp_path / "y.csv", 3).tolist() == ["a", "", "b"]
    (tmp_path / "y.csv").write_text("a\nb\nc\n\n")
    with pytest.raises(
        ValueError, match="there are 3 signals, but 3 lines and an empty last line, so the first line could be"
    ):
        read_labels(tmp_path / "y.csv", 3)


@pytest.mark.filterwarnings("ignore:.*are read as column names")
def test_csv_files_written_by_pandas(tmp_path):
    X = np.arange(12.0).reshape(2, 6)
    for settings in ({"index": False}, {"index": False, "header": False}):
        np.testing.assert_array_equal(read_signals(frame(**settings)(tmp_path)).X, X)


TS_FILES = {
    "univariate": ("false", "1,2,3\n4,5,6\n", [[[1, 2, 3]], [[4, 5, 6]]], None),
    "labels": ("true a b", "1,2,3:a\n4,5,6: b\n", [[[1, 2, 3]], [[4, 5, 6]]], ["a", "b"]),
    "channels": ("true 0 1", "1,2:3,4:1\n5,6:7,8:0", [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], ["1", "0"]),
    "missing": ("TRUE 0", "1,?:0\nNaN,4:0\n", [[[1, NAN]], [[NAN, 4]]], ["0", "0"]),
    "unequal": ("false", "1,2,3:4\n5:6,7\n", [[[1, 2, 3], [4, NAN, NAN]], [[5, NAN, NAN], [6, 7, NAN]]], None),
}


@pytest.mark.parametrize(("labels", "data", "X", "y"), TS_FILES.values(), ids=TS_FILES)
def test_ts_files(labels, data, X, y, tmp_path):
    signals = read_signals(text(TS.format(" \u00fc", labels, data), "a.ts")(tmp_path))
    np.testing.assert_array_equal(signals.X, X)
    assert signals.y is None if y is None else signals.y.tolist() == y


def test_split_selects_a_part_of_an_npz_file(tmp_path):
    parts = {"X_train": np.zeros((2, 1, 4)), "y_train": ["a", "b"], "X_test": np.ones((3, 1, 4)), "y_test": [1, 2, 3]}
    path = archive(**parts)(tmp_path)
    for split in ("train", "test"):
        X, y = read_signals(path, split=split)
        np.testing.assert_array_equal(X, parts[f"X_{split}"])
        assert y.tolist() == parts[f"y_{split}"]


@pytest.mark.parametrize("names", [("X",), ("X", "y"), ("anything",)])
def test_npz_files(names, tmp_path):
    arrays = {"X": np.eye(3), "anything": np.eye(3), "y": np.array([True, False, True])}
    X, y = read_signals(archive(**{name: arrays[name] for name in names})(tmp_path))
    np.testing.assert_array_equal(X, np.eye(3))
    assert (y is not None) == ("y" in names)


def test_npy_file_is_memory_mapped(tmp_path):
    X = read_signals(array(np.eye(3, dtype=">i2"))(tmp_path)).X
    assert isinstance(X, np.memmap)
    np.testing.assert_array_equal(X, np.eye(3))


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (array(np.array([3, 1, 2])), [3, 1, 2]),
        (array(np.array(["x", "y", "x"])), ["x", "y", "x"]),
        (text("x\ny\nx\n", "a.csv"), ["x", "y", "x"]),
        (text("what\nx\ny\nx\n", "a.csv"), ["x", "y", "x"]),
    ],
)
def test_labels_in_a_separate_file(write, expected, tmp_path):
    assert read_labels(write(tmp_path), 3).tolist() == expected


def wrong_header(folder):
    """Write an .npz file with a header that gives a larger shape than the data has."""
    np.save(folder / "X.npy", np.zeros((4, 5)))
    with zipfile.ZipFile(folder / "a.npz", "w") as written:
        written.writestr("X.npy", (folder / "X.npy").read_bytes().replace(b"(4, 5)", b"(9, 5)"))
    return folder / "a.npz"


def bomb(folder):
    """Write an .npz file with a compression ratio that Deflate cannot reach."""
    with (
        zipfile.ZipFile(folder / "a.npz", "w", compression=zipfile.ZIP_BZIP2) as written,
        written.open("X.npy", "w") as x,
    ):
        np.lib.format.write_array_header_1_0(x, {"descr": "<f8", "fortran_order": False, "shape": (2**20, 8)})
        for _ in range(64):
            x.write(bytes(2**20))
    return folder / "a.npz"


def mixed_folder(folder):
    np.save(folder / "a.npy", np.zeros((2, 3, 9)))
    np.save(folder / "b.npy", np.zeros((2, 4, 9)))
    return folder


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))
SAVED = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (4, 60), }"
WRONG = {
    "missing file": (lambda folder: folder / "a.csv", None, "a.csv: the file does not exist"),
    "unknown file type": (octets(PNG, "a.png"), None, "the file type is unknown"),
    "label of an array": (array(np.eye(3)), "y", "a.npy: --label y is only for .csv files"),
    # csv
    "csv empty": (text("", "a.csv"), None, "a.csv: the file contains no signals"),
    "csv only header": (text("a,b\n", "a.csv"), None, "a.csv: the file contains no signals"),
    "csv only labels": (text("a\nx\n", "a.csv"), "a", "a.csv: the file contains no signals"),
    "csv truncated": (text("1,2,3\n4,5", "a.csv"), None, "a.csv, line 2: 2 columns, but the first line has 3"),
    "csv text": (text("a,b\n1,2\n3,x\n", "a.csv"), None, "a.csv, line 3, column 'b': 'x' is not a number"),
    "csv text, no names": (text("1,2\n3,x\n", "a.csv"), None, "a.csv, line 2, column '2': 'x' is not a number"),
    "csv second text": (
        text("a,y,b\n1,x,z\n", "a.csv"),
        "y",
        "line 2, column 'b': 'z' is not a number; name the column",
    ),
    "csv no such label": (
        text("a,b\n1,2\n", "a.csv"),
        "c",
        "--label c matches 0 columns, but must match exactly one; the columns are a, b",
    ),
    "csv label twice": (text("a,a\n1,2\n", "a.csv"), "a", "--label a matches 2 columns"),
    "csv index": (frame(), None, "a column has no name"),
    "csv quote": (text('1,2\n3,"4\n5,6\n', "a.csv"), None, "not valid in a .csv file"),
    "csv long label": (text(f"y,a\n{'x' * 2000},1\n", "a.csv"), "y", "has 2000 characters; use at most 1000"),
    "csv png": (octets(PNG, "a.csv"), None, "a.csv: not a text file in UTF-8"),
    "csv binary": (octets(b"1,2\n3,\x00\n", "a.csv"), None, "a.csv, line 2"),
    # ts
    "ts empty": (text("", "a.ts"), None, "a.ts: there is no line @data"),
    "ts without data": (text("@problemName x\n@data\n", "a.ts"), None, "the file contains no signals after @data"),
    "ts without header": (text("1,2,3\n", "a.ts"), None, "a.ts, line 1: '1,2,3' before @data"),
    "ts text": (text(TS.format("", "false", "1,2\n1,x\n"), "a.ts"), None, "a.ts, line 8, value 2: 'x' is not a number"),
    "ts no label": (
        text(TS.format("", "true", "1,2:a\n1,2:\n"), "a.ts"),
        None,
        "line 8: there is no class label at the end",
    ),
    "ts no signal": (text(TS.format("", "true", "a\n"), "a.ts"), None, "line 7: there is no class label at the end"),
    "ts channels": (text(TS.format("", "false", "1:2\n1:2:3\n"), "a.ts"), None, "line 8: 3 channels, but the first"),
    "ts times": (
        text("@timeStamps true\n@data\n(0,1)\n", "a.ts"),
        None,
        "@timestamps is true, but time stamps are not",
    ),
    "ts targets": (text("@targetLabel true\n@data\n1:2\n", "a.ts"), None, "@targetlabel is true"),
    "ts one long": (
        text(TS.format("", "false", "1\n" * 5000 + "1," * 5000 + "1"), "a.ts"),
        None,
        "longest signal has 5001 samples, more than 64 times the mean length",
    ),
    "ts png": (octets(PNG, "a.ts"), None, "a.ts: not a text file in UTF-8"),
    # npy
    "npy empty": (octets(b"", "a.npy"), None, "a.npy: not an array of numbers"),
    "npy truncated": (octets(SAVED.ljust(127) + b"\n" + bytes(50), "a.npy"), None, "a.npy: not an array of numbers"),
    "npy pickle": (octets(pickle.dumps([1, 2]), "a.npy"), None, "a.npy: not an array of numbers"),
    "npy objects": (array(np.array([[None, 1]])), None, "a.npy: not an array of numbers"),
    "npy that is npz": (
        lambda folder: archive(X=np.eye(3))(folder).rename(folder / "a.npy"),
        None,
        "not an array of num",
    ),
    "npy of text": (array(np.array([["a", "b"]])), None, "the array has shape (1, 2) and type <U1; give numbers"),
    "npy of one signal": (array(np.zeros(5)), None, "the array has shape (5,)"),
    "npy of no samples": (array(np.zeros((5, 0, 3))), None, "a.npy:"),
    # npz
    "npz empty": (octets(b"", "a.npz"), None, "a.npz: not an archive of signals"),
    "npz other names": (archive(a=[1], b=[2]), None, "contains a, b; name the signals X"),
    "npz that is npy": (array(np.eye(3), "a.npz"), None, "a.npz: not an archive of signals"),
    "npz objects": (
        archive(X=np.eye(2), y=np.array([None, 1])),
        None,
        "y contains Python objects; save signals as numbers",
    ),
    "npz labels": (archive(X=np.eye(2), y=[1, 2, 3]), None, "a.npz: there are 2 signals but labels of shape (3,)"),
    "npz header": (wrong_header, None, "X does not have the size that is given in its header"),
    "npz bomb": (bomb, None, "X does not have the size that is given in its header"),
    # folder
    "folder empty": (lambda folder: folder, None, "the folder contains no .npy files"),
    "folder of several kinds": (mixed_folder, None, "b.npy: the array has shape (2, 4, 9)"),
    "folder of text": (lambda folder: array(np.array(["a"]))(folder).parent, None, "a.npy: the array has shape (1, 1)"),
}


@pytest.mark.parametrize(("write", "label", "match"), WRONG.values(), ids=WRONG)
def test_invalid_signals_raise_with_a_message_of_one_line(write, label, match, tmp_path):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked below
        read_signals(write(tmp_path), label=label)
    assert match in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)


WRONG_LABELS = {
    "unknown file type": (octets(b"1", "a.txt"), "the file type is unknown; give the labels as a .npy or .csv file"),
    "missing file": (lambda folder: folder / "a.npy", "cannot be read (No such file or directory)"),
    "too few": (text("a\n", "a.csv"), "a.csv: 1 labels for 3 signals"),
    "columns": (text("a\nb,1\nc\n", "a.csv"), "a.csv, line 2: 2 columns"),
    "array too short": (array(np.zeros(2)), "there are 3 signals, but the labels have shape (2,)"),
    "array of dates": (array(np.zeros(3, dtype="M8[s]")), "type datetime64[s]"),
    "objects": (array(np.array([None] * 3)), "not an array of numbers"),
}


@pytest.mark.parametrize(("write", "match"), WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_invalid_labels_raise_with_a_message_of_one_line(write, match, tmp_path):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked below
        read_labels(write(tmp_path), 3)
    assert match in str(raised.value)
    assert "\n" not in str(raised.value)


def test_permission_error_names_the_file(tmp_path, monkeypatch):
    def refuse(*arguments, **settings):
        raise PermissionError(13, "Permission denied")

    path = text("1,2", "a.csv")(tmp_path)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ValueError, match=r"a.csv: the file cannot be read \(Permission denied\)"):
        read_signals(path)
