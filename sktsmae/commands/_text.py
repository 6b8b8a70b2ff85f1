"""Signals in text: .csv files, a row a signal, and the .ts files of the time series archive."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np

MISSING = {"", "?", "-", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None"}
LONGEST_LABEL = 1000  # an array of text gives every label the room of the longest
# Values that padding may make of those in the file: without a limit, one long signal among many short ones is enough
# to ask for the square of the file's size.
MOST_PADDING, ALWAYS_PADDED = 64, 2**24


def read_csv(path: Path, label: str | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a table, a row a signal.

    Parameters
    ----------
    path : Path
        A file of numbers between commas, semicolons or tabs, with or without a line of names. Empty cells are NaN.
    label : str, default=None
        The column of the labels.

    Returns
    -------
    X : ndarray of shape (n, T), float64
        The other columns.
    y : ndarray of shape (n,), str, or None
        The labels, ``""`` where a cell is empty.

    Raises
    ------
    ValueError
        If it is no such file; the message names the line.
    """
    signals, labels = [], []
    with _open_table(path) as all_lines:
        lines = ((number, cells) for number, cells in all_lines if cells)
        number, first = next(lines, (0, []))
        header = first if label is not None or _is_header(first, f"{path}, line {number}") else None
        names = header or [str(place) for place in range(1, len(first) + 1)]
        place = None if label is None else _label_place(path, names, label)
        if place is not None:
            names = names[:place] + names[place + 1 :]
        if header and not all(name.strip() for name in names):
            raise ValueError(
                f"{path}: a column has no name. If it numbers the rows, write the file without it; name it otherwise."
            )
        signal_lines = lines if header else chain([(number, first)], lines)
        for number, cells in signal_lines:
            where = f"{path}, line {number}"
            if len(cells) != len(first):
                raise ValueError(
                    f"{where}: {len(cells)} columns, where the first line has {len(first)}; give all the same, with "
                    "empty cells where values are missing."
                )
            if place is not None:
                labels.append(_checked_label(cells.pop(place), where))
            signals.append(_numbers(cells, names, where))
    if not signals or not signals[0].size:
        raise ValueError(f"{path}: holds no signals; give a line of numbers for each.")
    return np.stack(signals), np.array(labels) if label is not None else None


def read_label_column(path: Path, count: int) -> np.ndarray:
    """Read labels, one a line.

    Parameters
    ----------
    path : Path
        A .csv file of one column, with or without a name.
    count : int
        How many there must be; one line more has the name.

    Returns
    -------
    ndarray of shape (count,), str
        The labels, ``""`` for an empty line.

    Raises
    ------
    ValueError
        If there are more columns, or more or fewer lines.
    """
    labels = []
    with _open_table(path) as lines:
        for number, cells in lines:
            if len(cells) > 1:
                raise ValueError(f"{path}, line {number}: {len(cells)} columns; give the labels alone, one a line.")
            labels.append(_checked_label("".join(cells), f"{path}, line {number}"))
    while len(labels) > count + 1 and not labels[-1]:
        labels.pop()
    if len(labels) not in (count, count + 1):
        raise ValueError(f"{path}: {len(labels)} labels for {count} signals; give one for each.")
    if len(labels) > count and not labels[-1]:
        raise ValueError(
            f"{path}: {count} lines and an empty one for {count} signals: is the first a name, or the last too much? "
            "Leave out one of the two."
        )
    return np.array(labels[-count:])


def read_ts(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a file of the time series archive, as aeon and sktime do.

    Parameters
    ----------
    path : Path
        Lines of ``@name value`` and ``@data``, then a line a signal: values between commas, channels between colons,
        the label last where the header says ``@classLabel true``. ``?`` and ``NaN`` are missing values.

    Returns
    -------
    X : ndarray of shape (n, M, T), float64
        The signals; those that are shorter than the longest end in NaN.
    y : ndarray of shape (n,), str, or None
        The labels.

    Raises
    ------
    ValueError
        If it is no such file; the message names the line.
    """
    signals: list[list[np.ndarray]] = []
    labels = []
    with _open_text(path) as file:
        stripped = ((number, line.strip()) for number, line in enumerate(file, 1))
        lines = ((number, line) for number, line in stripped if line and not line.startswith("#"))
        has_label = _read_ts_header(path, lines)
        for number, line in lines:
            where = f"{path}, line {number}"
            channels = line.split(":")
            if has_label:
                labels.append(_checked_label(channels.pop(), where))
                if not labels[-1] or not channels:
                    raise ValueError(f"{where}: ends without a class label, which @classLabel true promises.")
            if signals and len(channels) != len(signals[0]):
                raise ValueError(
                    f"{where}: {len(channels)} channels, where the first signal has {len(signals[0])}; give all the "
                    "same."
                )
            signals.append([_numbers(channel.split(","), [], where) for channel in channels])
    if not signals:
        raise ValueError(f"{path}: holds no signals after @data; give a line for each.")
    return _padded(path, signals), np.array(labels) if has_label else None


def _read_ts_header(path: Path, lines: Iterator[tuple[int, str]]) -> bool:
    """Read all up to @data, and tell whether there are class labels."""
    header: dict[str, str] = {}
    for number, line in lines:
        name, *value = line.split(None, 1)
        name = name.lower()
        if not name.startswith("@"):
            raise ValueError(f"{path}, line {number}: {line[:30]!r} before @data; a .ts file begins with lines of @.")
        if name == "@data":
            break
        header[name] = "".join(value).lower()
    else:
        raise ValueError(f"{path}: has no line @data; give a .ts file of the time series archive.")
    for name, what in {"@timestamps": "time stamps", "@targetlabel": "numbers to predict"}.items():
        if header.get(name, "").startswith("true"):
            raise ValueError(f"{path}: {name} true, and {what} are not read here; give evenly sampled signals without.")
    return header.get("@classlabel", "").startswith("true")


def _padded(path: Path, signals: list[list[np.ndarray]]) -> np.ndarray:
    """Return signals as one array, NaN behind the shorter ones."""
    longest = max(len(channel) for channels in signals for channel in channels)
    shape = (len(signals), len(signals[0]), longest)
    known = sum(len(channel) for channels in signals for channel in channels)
    if shape[0] * shape[1] * shape[2] > max(ALWAYS_PADDED, MOST_PADDING * known):
        raise ValueError(
            f"{path}: its longest signal has {longest} samples, over {MOST_PADDING} times the mean; cut it, or leave "
            "it out."
        )
    X = np.full(shape, np.nan)
    for row, channels in zip(X, signals, strict=True):
        for values, channel in zip(row, channels, strict=True):
            values[: len(channel)] = channel
    return X


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not text in UTF-8; save it as that.") from error


@contextmanager
def _open_table(path: Path) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Yield the number and the cells of each line; an empty one has none."""
    with _open_text(path) as file:
        first = next((line for line in file if line.strip()), "")
        file.seek(0)
        # In this order, since in files with semicolons a comma may be that of a decimal number.
        delimiter = next((mark for mark in "\t;" if mark in first), ",")
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield ((reader.line_num, cells) for cells in reader)
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not a line of a .csv file ({error}).") from error


def _is_header(cells: list[str], where: str) -> bool:
    """Tell names from numbers; consecutive ones from 0 or 1 are the names that pandas gives."""
    values = [cell.strip() for cell in cells]
    numbers = [value for value in values if _is_number(value)]
    names = [value for value in values if value not in MISSING and not _is_number(value)]
    if any(numbers == [str(number) for number in range(start, start + len(numbers))] for start in (0, 1)):
        if len(numbers) > 2 and not names:
            warnings.warn(f"{where}: {values[0]}, {values[1]} ... are taken for the names of columns.", stacklevel=2)
        return len(numbers) > 2 or bool(names)
    if numbers and names:
        raise ValueError(
            f"{where}: is {names[0][:30]!r} the name of a column or a value? Give names to all columns, to that of "
            "labels by --label; or leave other text out."
        )
    return bool(names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _label_place(path: Path, names: list[str], label: str) -> int:
    """Return the place of the column of that name."""
    places = [place for place, name in enumerate(names) if name.strip() == label]
    if len(places) != 1:
        some = ", ".join(names[:5] + ["..."] * (len(names) > 6) + names[5:][-1:])
        raise ValueError(
            f"{path}: the first line names {len(places) or 'no'} column{'s' * (len(places) > 1)} {label!r} (--label); "
            f"its columns are {some[:300]}."
        )
    return places[0]


def _checked_label(text: str, where: str) -> str:
    if len(text) > LONGEST_LABEL:
        raise ValueError(f"{where}: a label of {len(text)} characters, {text[:30]!r}...; give a short one.")
    return text.strip()


def _numbers(cells: list[str], names: list[str], where: str) -> np.ndarray:
    """Return text as numbers, NaN where there is none; names of the columns are for the message."""
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        pass
    values = np.full(len(cells), np.nan)
    for place, cell in enumerate(cells):
        if cell.strip() in MISSING:
            continue
        if not _is_number(cell):
            column = f"column {names[place][:30]!r}" if names else f"value {place + 1}"
            remedy = "name the column of labels by --label, leave other text out" if names else "give numbers"
            raise ValueError(f"{where}, {column}: {cell[:30]!r} is no number; {remedy}.")
        values[place] = float(cell)
    return values
