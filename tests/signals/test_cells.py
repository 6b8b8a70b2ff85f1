"""Tests of signals in the cells of data frames, series and arrays of objects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_array_equal

from sktsmae import CWTTransformer
from sktsmae.signals.cells import signals_of_cells
from sktsmae.signals.containers import as_array


def through_parquet(signals, path, **options):
    """Write signals to a Parquet file, in which the channels of a cell are a list, and read them."""
    pd.DataFrame({"signal": [signal.tolist() for signal in signals]}).to_parquet(path / "signals.parquet")
    return pd.read_parquet(path / "signals.parquet", **options)


def object_column(signals):
    """Return an array of objects of shape (n, 1), as `ColumnTransformer` returns a column that it passes through."""
    cells = np.empty((len(signals), 1), dtype=object)
    cells[:, 0] = list(signals)
    return cells


# Each function makes a table from signals (n, T) or (n, M, T) and a folder for files.
TABLES = {
    "series": lambda X, _: pd.Series(list(X)),
    "series with another index": lambda X, _: pd.Series(list(X), index=np.arange(len(X))[::-1] + 100),
    "frame": lambda X, _: pd.DataFrame({"signal": list(X)}),
    "frame with two levels of rows": lambda X, _: pd.DataFrame(
        {"signal": list(X)}, index=pd.MultiIndex.from_arrays([np.arange(len(X)) % 2, np.arange(len(X))])
    ),
    "lists": lambda X, _: pd.DataFrame({"signal": X.tolist()}),
    "tensors": lambda X, _: pd.Series(list(torch.from_numpy(X.copy()))),
    "array of objects": lambda X, _: object_column(X),
    "parquet": through_parquet,
    "parquet, types of pyarrow": lambda X, path: through_parquet(X, path, dtype_backend="pyarrow"),
    "polars series of lists": lambda X, _: polars.Series("signal", X.tolist()),
    "polars series of arrays": lambda X, _: polars.Series("signal", X),
    "polars frame of lists": lambda X, _: polars.DataFrame({"signal": X.tolist()}),
    "polars frame of arrays": lambda X, _: polars.DataFrame({"signal": polars.Series(X)}),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_column_of_signals_equals_an_array(X, X_channels, table, tmp_path):
    assert_array_equal(as_array(table(X, tmp_path)), X)
    assert_array_equal(as_array(table(X_channels, tmp_path)), X_channels)


def test_the_channels_of_several_columns_are_joined(X_channels):
    frame = pd.DataFrame({"left": list(X_channels), "right": list(X_channels[:, 0])})
    assert_array_equal(as_array(frame), X_channels[:, [0, 1, 0]])


@pytest.mark.parametrize("container", [pd.Series, polars.Series], ids=["pandas", "polars"])
def test_signals_in_a_column_may_differ_in_length(X, container):
    signals = [signal[: 100 + index] for index, signal in enumerate(X)]
    assert_array_equal(as_array(container(signals)), as_array(signals))


def test_missing_values_in_a_list_are_gaps():
    cells = pd.Series([[1, None, 3], [4, 5, 6]], dtype=pd.ArrowDtype(pa.list_(pa.float64())))
    assert_array_equal(as_array(cells), [[1, np.nan, 3], [4, 5, 6]])


def test_shorter_signals_than_in_fit_are_padded(X):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(pd.Series(list(X)))
    shorter = X[:5, :150]
    assert_array_equal(transformer.transform(pd.Series(shorter.tolist())), transformer.transform(list(shorter)))


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, polars.DataFrame], ids=["numpy", "pandas", "polars"])
def test_tables_of_numbers_are_returned_unchanged(container):
    for numbers in (np.eye(3), np.eye(3).astype(object), np.empty((3, 0), dtype=object)):
        table = container(numbers)
        assert signals_of_cells(table) is table


# A wrong cell, and what the error says about it.
WRONG = {
    "missing": (None, "X has None in row 105 of column 'signal'"),
    "nan": (float("nan"), "X has nan in row 105 of column 'signal'"),
    "text": ("walk.csv", "X has 'walk.csv' in row 105 of column 'signal'"),
    "list of text": (["a", "b"], r"X has an array of shape \(2,\) and dtype <U1 in row 105 of column 'signal'"),
    "channels of unequal lengths": ([[1.0, 2.0], [1.0]], "channels of unequal lengths in row 105 of column 'signal'"),
    "time first": (
        np.ones((200, 2)),
        r"signal of shape \(200, 2\) in row 105 of column 'signal', but one of shape \(2, 200\) in row 100",
    ),
    "one channel": (np.ones(200), r"signal of shape \(200,\) in row 105 of column 'signal'"),
    "three axes": (
        np.ones((2, 2, 200)),
        r"an array of shape \(2, 2, 200\) and dtype float64 in row 105 of column 'signal'",
    ),
}


@pytest.mark.parametrize(("cell", "message"), WRONG.values(), ids=WRONG)
def test_an_error_names_the_row_and_the_column_of_a_wrong_cell(X_channels, refused, cell, message):
    cells = list(X_channels)
    cells[5] = cell
    frame = pd.DataFrame({"signal": pd.Series(cells, dtype=object)})
    frame.index += 100
    transformer = CWTTransformer(device="cpu")
    with refused(transformer, rf"{message}.*give signals of shape \(time,\) or"):
        transformer.fit(frame)


def test_a_missing_signal_in_the_first_row_is_named(X, refused):
    transformer = CWTTransformer(device="cpu")
    with refused(transformer, "X has None in row 0 of column 'signal'"):
        transformer.fit(pd.Series([None, *X], name="signal"))


def test_columns_without_signals_are_refused_with_the_names_of_the_others(X, refused):
    transformer = CWTTransformer(device="cpu")
    frame = pd.DataFrame({"age": range(41), "ecg": list(X), "pulse": list(X)})
    for table in (frame, polars.DataFrame({name: list(frame[name]) for name in frame})):
        with refused(transformer, r"only in some of its columns, \['ecg', 'pulse'\]; select these columns"):
            transformer.fit(table)
