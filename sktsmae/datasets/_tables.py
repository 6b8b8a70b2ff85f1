"""Readers of tables: one row per signal (wide), or one row per time step (long)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ._columns import (
    column_index,
    index_column,
    is_header,
    is_ucr,
    parse_time,
    refuse_long,
    require_width,
    select,
)
from ._options import TableOptions
from ._text import (
    MISSING_VALUES,
    one_line,
    open_table,
    pad_signals,
    parse_label,
    parse_numbers,
    table_suffix,
    with_point,
)

Row = tuple[int, list[Any]]  # the line number, and the cells: text, or numbers of a .parquet or .feather file
# Number of rows by which the form of a table is recognised.
_EXAMINED_ROWS = 200


class Table(NamedTuple):
    """The signals of a table.

    Attributes
    ----------
    X : ndarray of shape (n, T) or (n, M, T), float64
        Signals; NaN for missing values and after the end of shorter signals.
    y : ndarray of shape (n,), str, or None
        Labels, ``""`` for a missing one.
    channels : tuple of str
        Names of the channels of a long table.
    columns : tuple of str
        Names of the columns of samples or channels; empty if the table has no column names.
    """

    X: np.ndarray
    y: np.ndarray | None
    channels: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def read_table(path: Path, options: TableOptions) -> Table:
    """Read signals from a table.

    Parameters
    ----------
    path : Path
        A text file with cells that are separated by commas, semicolons or tabs, also compressed (.gz, .xz, .zip), or a
        .parquet or .feather file. A first line of column names is recognised. Empty cells become NaN.
    options : TableOptions
        How to read it.

    Returns
    -------
    Table
        The signals, and the labels if there are any.

    Raises
    ------
    ValueError
        If the file cannot be used. The message names the line or the column.
    """
    with _open_rows(path) as (rows, decimal):
        return (_read_long if options.long else _read_wide)(path, rows, decimal, options)


def read_recording(path: Path, options: TableOptions) -> Table:
    """Read one recording from a table with one row per time step.

    Parameters
    ----------
    path : Path
        The table, as in `read_table`.
    options : TableOptions
        How to read it.

    Returns
    -------
    Table
        One signal (1, M, T), and its label if `label` names a column.

    Raises
    ------
    ValueError
        If the file cannot be used. The message names the line or the column.
    """
    with _open_rows(path) as (rows, decimal):
        return _read_long(path, rows, decimal, options)


def read_label_column(path: Path, count: int) -> np.ndarray:
    """Read labels from a .csv file with one label per line.

    Parameters
    ----------
    path : Path
        A file with one column, with or without a header.
    count : int
        Number of labels. If the file has one more line, the first line is the header.

    Returns
    -------
    ndarray of shape (count,), str
        The labels, ``""`` for an empty line.

    Raises
    ------
    ValueError
        If the number of columns or of lines is wrong.
    """
    labels = []
    with open_table(path) as (lines, _):
        for number, cells in lines:
            if len(cells) > 1:
                raise ValueError(
                    f"{path}, line {number}: {len(cells)} columns; give one label per line and nothing else."
                )
            labels.append(parse_label("".join(cells), f"{path}, line {number}"))
    num_lines = len(labels)
    while len(labels) > count + 1 and not labels[-1]:
        labels.pop()
    if len(labels) not in (count, count + 1):
        raise ValueError(f"{path}: {len(labels)} labels for {count} signals; give one label per signal.")
    if len(labels) > count and not labels[-1]:
        raise ValueError(
            f"{path}: {count} signals, but {num_lines} lines, the last of which is empty. Either the first line is a "
            "header and the last signal has no label, or empty lines are superfluous; remove the header or empty lines."
        )
    return np.array(labels[-count:])


@contextmanager
def _open_rows(path: Path) -> Iterator[tuple[Iterator[Row], str]]:
    """Yield the rows that are not empty, the first of which may contain column names, and the decimal mark."""
    if table_suffix(path) in (".parquet", ".feather"):
        yield _frame_rows(path), "."
        return
    with open_table(path) as (lines, decimal):
        yield ((number, cells) for number, cells in lines if cells), decimal


def _frame_rows(path: Path) -> Iterator[Row]:
    try:
        import pandas as pd

        frame = (pd.read_parquet if path.suffix.lower() == ".parquet" else pd.read_feather)(path)
    except ImportError as error:
        raise ValueError(f"{path}: this file type needs pandas and pyarrow; install sktsmae[files].") from error
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise any type of error
        raise ValueError(f"{path}: not a readable {path.suffix[1:]} file ({one_line(error)}).") from error
    yield 1, [str(name) for name in frame.columns]
    objects = frame.astype(object).where(frame.notna(), "")
    for number, row in enumerate(objects.itertuples(index=False), 2):
        yield number, list(row)


def _read_start(
    path: Path, rows: Iterator[Row], decimal: str, options: TableOptions
) -> tuple[list[str], bool, list[Any], list[list[Any]], Iterator[Row], TableOptions]:
    """Examine the start of a table.

    Return the names of the columns, whether they are in the first row, the first row, the cells of the rows after it,
    an iterator of all rows except that of the names, and the options, in which only a table with names inherits names
    of columns.
    """
    number, first = next(rows, (0, []))
    has_header = is_header([with_point(cell, decimal) for cell in first], options, f"{path}, line {number}")
    names = [str(name).strip() for name in first] if has_header else [str(n) for n in range(1, len(first) + 1)]
    examined = list(islice(rows, _EXAMINED_ROWS))
    others = chain([] if has_header else [(number, first)], examined, rows)
    options = options if has_header else options._replace(columns=())
    return names, has_header, first, [cells for _, cells in examined], others, options


def _read_wide(path: Path, rows: Iterator[Row], decimal: str, options: TableOptions) -> Table:
    for option, value in (("id", options.id), ("time", options.time)):
        if value is not None:
            raise ValueError(f"{path}: {option}={value!r} is for tables with one row per time step; add long=True.")
    names, has_header, first, examined, signal_rows, options = _read_start(path, rows, decimal, options)
    label = column_index(path, names, options.label, "label")
    if label is None and not has_header and is_ucr(path, [first, *examined]):
        label = 0
    used = select(path, names, options, taken=[label])
    if has_header and not (options.drop or options.columns):
        refuse_long(path, names, examined, options)
    index = index_column(path, names, used, examined) if has_header else None
    used = [column for column in used if column != index]
    used_names = [names[column] for column in used]
    signals, labels = [], []
    for number, cells in signal_rows:
        location = f"{path}, line {number}"
        require_width(cells, first, location)
        if label is not None:
            labels.append(parse_label(str(cells[label]), location))
        signals.append(parse_numbers([cells[column] for column in used], used_names, location, decimal))
    if not signals or not signals[0].size:
        raise ValueError(f"{path}: the file contains no signals; give one line of numbers per signal.")
    y = np.array(labels) if label is not None else None
    return Table(np.stack(signals), y, columns=tuple(used_names) if has_header else ())


def _read_long(path: Path, rows: Iterator[Row], decimal: str, options: TableOptions) -> Table:
    names, has_header, first, examined, time_steps, options = _read_start(path, rows, decimal, options)
    by_id = column_index(path, names, options.id, "id")
    by_time = column_index(path, names, options.time, "time")
    label = column_index(path, names, options.label, "label")
    channels = select(path, names, options, taken=[by_id, by_time, label])
    index = index_column(path, names, channels, examined) if has_header else None
    channels = [column for column in channels if column != index]
    channel_names = [names[column] for column in channels]
    values: dict[str, list[np.ndarray]] = {}
    times: dict[str, list[Any]] = {}
    labels: dict[str, str] = {}
    for number, cells in time_steps:
        location = f"{path}, line {number}"
        require_width(cells, first, location)
        key = "" if by_id is None else str(cells[by_id]).strip()
        if by_id is not None and key in MISSING_VALUES:
            raise ValueError(f"{location}: the cell of id={options.id!r} is empty; fill it, or remove the row.")
        values.setdefault(key, []).append(
            parse_numbers([cells[column] for column in channels], channel_names, location, decimal)
        )
        if by_time is not None:
            times.setdefault(key, []).append(parse_time(cells[by_time], location))
        if label is not None:
            text = parse_label(str(cells[label]), location)
            if labels.setdefault(key, text) != text:
                raise ValueError(
                    f"{location}: the label {text[:30]!r} differs from {labels[key][:30]!r}, the label of the earlier "
                    f"rows of recording {key!r}; name the column that tells recordings apart with id=."
                )
    if not values or not channels:
        raise ValueError(f"{path}: the file contains no signals; give one line of numbers per time step.")
    signals = []
    for key, parts in values.items():
        signal = np.stack(parts)
        if by_time is not None:
            try:
                signal = signal[np.argsort(np.array(times[key]), kind="stable")]
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}: time={options.time!r} has numbers and dates in recording {key!r}."
                ) from error
        signals.append(list(signal.T))
    y = np.array(list(labels.values())) if labels else None
    return Table(pad_signals(path, signals), y, tuple(channel_names), tuple(channel_names) if has_header else ())
