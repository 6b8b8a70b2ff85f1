"""Readers of text files: .csv files with one signal per row, and .ts files."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np

MISSING_VALUES = {"", "?", "-", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None"}
# Largest number of characters in a label. NumPy reserves the space of the longest label for every label.
MAX_LABEL_LENGTH = 1000
# Signals are padded to the length of the longest signal, so one long signal among many short ones could exhaust the
# memory. Therefore, a padded array of more than MAX_UNCHECKED_SIZE values may have at most MAX_PADDING_FACTOR times as
# many values as the file.
MAX_PADDING_FACTOR, MAX_UNCHECKED_SIZE = 64, 2**24


def read_csv(path: Path, label: str | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a .csv file with one signal per row.

    Parameters
    ----------
    path : Path
        A file of numbers that are separated by commas, semicolons or tabs, with or without a header of column names.
        Empty cells become NaN.
    label : str, default=None
        Name of the column with the labels.

    Returns
    -------
    X : ndarray of shape (n, T), float64
        The values of the other columns.
    y : ndarray of shape (n,), str, or None
        The labels, ``""`` for an empty cell. None if `label` is None.

    Raises
    ------
    ValueError
        If the file cannot be used. The message names the line.
    """
    signals, labels = [], []
    with _open_table(path) as all_lines:
        lines = ((number, cells) for number, cells in all_lines if cells)
        number, first = next(lines, (0, []))
        header = first if label is not None or _is_header(first, f"{path}, line {number}") else None
        names = header or [str(number) for number in range(1, len(first) + 1)]
        index = None if label is None else _column_index(path, names, label)
        if index is not None:
            names = names[:index] + names[index + 1 :]
        if header and not all(name.strip() for name in names):
            raise ValueError(
                f"{path}: a column has no name. Remove the column if it contains row numbers; otherwise give it a name."
            )
        signal_lines = lines if header else chain([(number, first)], lines)
        for number, cells in signal_lines:
            location = f"{path}, line {number}"
            if len(cells) != len(first):
                raise ValueError(
                    f"{location}: {len(cells)} columns, but the first line has {len(first)}; give all lines the same "
                    "number of columns, with empty cells for missing values."
                )
            if index is not None:
                labels.append(_parse_label(cells.pop(index), location))
            signals.append(_parse_numbers(cells, names, location))
    if not signals or not signals[0].size:
        raise ValueError(f"{path}: the file contains no signals; give one line of numbers per signal.")
    return np.stack(signals), np.array(labels) if label is not None else None


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
    with _open_table(path) as lines:
        for number, cells in lines:
            if len(cells) > 1:
                raise ValueError(
                    f"{path}, line {number}: {len(cells)} columns; give one label per line and nothing else."
                )
            labels.append(_parse_label("".join(cells), f"{path}, line {number}"))
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


def read_ts(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a .ts file. aeon, sktime and the UCR and UEA time series archives use this format.

    Parameters
    ----------
    path : Path
        A file with a header of lines ``@name value``, the line ``@data``, and one line per signal. Values are separated
        by commas and channels by colons. After ``@classLabel true`` in the header, each line ends with a colon and the
        label. ``?`` and ``NaN`` are missing values.

    Returns
    -------
    X : ndarray of shape (n, M, T), float64
        The signals. Shorter signals are padded with NaN at the end.
    y : ndarray of shape (n,), str, or None
        The labels; None if the file has none.

    Raises
    ------
    ValueError
        If the file cannot be used. The message names the line.
    """
    signals: list[list[np.ndarray]] = []
    labels = []
    with _open_text(path) as file:
        all_lines = ((number, line.strip()) for number, line in enumerate(file, 1))
        lines = ((number, line) for number, line in all_lines if line and not line.startswith("#"))
        has_label = _read_ts_header(path, lines)
        for number, line in lines:
            location = f"{path}, line {number}"
            channels = line.split(":")
            if has_label:
                labels.append(_parse_label(channels.pop(), location))
                if not labels[-1] or not channels:
                    raise ValueError(
                        f"{location}: there is no class label at the end; add it, or write @classLabel false."
                    )
            if signals and len(channels) != len(signals[0]):
                raise ValueError(
                    f"{location}: {len(channels)} channels, but the first signal has {len(signals[0])}; give all "
                    "signals the same number of channels."
                )
            signals.append([_parse_numbers(channel.split(","), [], location) for channel in channels])
    if not signals:
        raise ValueError(f"{path}: the file contains no signals after @data; give one line per signal.")
    return _pad(path, signals), np.array(labels) if has_label else None


def _read_ts_header(path: Path, lines: Iterator[tuple[int, str]]) -> bool:
    """Read all lines up to @data; return whether the signals have class labels."""
    header: dict[str, str] = {}
    for number, line in lines:
        name, *value = line.split(None, 1)
        name = name.lower()
        if not name.startswith("@"):
            raise ValueError(
                f"{path}, line {number}: {line[:30]!r} before @data; start every line of the header with @."
            )
        if name == "@data":
            break
        header[name] = "".join(value).lower()
    else:
        raise ValueError(f"{path}: there is no line @data; give a file in the .ts format.")
    for name, content in {"@timestamps": "time stamps", "@targetlabel": "regression targets"}.items():
        if header.get(name, "").startswith("true"):
            raise ValueError(
                f"{path}: {name} is true, but {content} are not supported; give evenly sampled signals without them."
            )
    return header.get("@classlabel", "").startswith("true")


def _pad(path: Path, signals: list[list[np.ndarray]]) -> np.ndarray:
    """Return signals as one array. Shorter signals are padded with NaN."""
    longest = max(len(channel) for channels in signals for channel in channels)
    shape = (len(signals), len(signals[0]), longest)
    n_values = sum(len(channel) for channels in signals for channel in channels)
    if shape[0] * shape[1] * shape[2] > max(MAX_UNCHECKED_SIZE, MAX_PADDING_FACTOR * n_values):
        raise ValueError(
            f"{path}: the longest signal has {longest} samples, more than {MAX_PADDING_FACTOR} times the mean length; "
            "shorten or remove it."
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
        raise ValueError(f"{path}: not a text file in UTF-8; save it in this encoding.") from error


@contextmanager
def _open_table(path: Path) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Yield an iterator of line numbers and cells. An empty line has no cells."""
    with _open_text(path) as file:
        first = next((line for line in file if line.strip()), "")
        file.seek(0)
        # The comma comes last, because it may be the decimal mark in a file with semicolons.
        delimiter = next((character for character in "\t;" if character in first), ",")
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield ((reader.line_num, cells) for cells in reader)
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not valid in a .csv file ({error}).") from error


def _is_header(cells: list[str], location: str) -> bool:
    """Return whether a first line contains column names: text, or the numbers 0, 1, 2 ... or 1, 2, 3 ..."""
    values = [cell.strip() for cell in cells]
    numbers = [value for value in values if _is_number(value)]
    names = [value for value in values if value not in MISSING_VALUES and not _is_number(value)]
    if any(numbers == [str(number) for number in range(start, start + len(numbers))] for start in (0, 1)):
        if len(numbers) > 2 and not names:
            warnings.warn(
                f"{location}: {values[0]}, {values[1]} ... are read as column names, not as a signal.", stacklevel=2
            )
        return len(numbers) > 2 or bool(names)
    if numbers and names:
        raise ValueError(
            f"{location}: this line contains numbers and text, such as {names[0][:30]!r}. If it is a header, give "
            "every column a name that is not a number. If it is a signal, remove the text, or add a header and name "
            "the column of labels with --label."
        )
    return bool(names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column_index(path: Path, names: list[str], label: str) -> int:
    """Return the index of the only column whose name is `label`."""
    matches = [index for index, name in enumerate(names) if name.strip() == label]
    if len(matches) != 1:
        column_list = ", ".join(names[:5] + ["..."] * (len(names) > 6) + names[5:][-1:])
        raise ValueError(
            f"{path}: --label {label} matches {len(matches)} columns, but must match exactly one; the columns are "
            f"{column_list[:300]}."
        )
    return matches[0]


def _parse_label(text: str, location: str) -> str:
    if len(text) > MAX_LABEL_LENGTH:
        raise ValueError(
            f"{location}: the label {text[:30]!r}... has {len(text)} characters; use at most {MAX_LABEL_LENGTH}."
        )
    return text.strip()


def _parse_numbers(cells: list[str], names: list[str], location: str) -> np.ndarray:
    """Return the numbers in cells, NaN for missing values. The column names are for error messages."""
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        pass
    values = np.full(len(cells), np.nan)
    for index, cell in enumerate(cells):
        if cell.strip() in MISSING_VALUES:
            continue
        if not _is_number(cell):
            column = f"column {names[index][:30]!r}" if names else f"value {index + 1}"
            remedy = "name the column of labels with --label and remove other text" if names else "give numbers"
            raise ValueError(f"{location}, {column}: {cell[:30]!r} is not a number; {remedy}.")
        values[index] = float(cell)
    return values
