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
# Largest number of characters in a label: NumPy allocates the space of the longest label for every label.
MAX_LABEL_LENGTH = 1000
# Signals are padded to the length of the longest. If the padded array has more than MAX_UNCHECKED_SIZE values, it may
# have at most MAX_PADDING_FACTOR times as many values as the file; otherwise, one long signal among many short ones
# could exhaust the memory.
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
        The labels; ``""`` if the cell is empty. None if `label` is None.

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
            where = f"{path}, line {number}"
            if len(cells) != len(first):
                raise ValueError(
                    f"{where}: {len(cells)} columns, but the first line has {len(first)}; give all lines the same "
                    "number of columns, with empty cells for missing values."
                )
            if index is not None:
                labels.append(_checked_label(cells.pop(index), where))
            signals.append(_numbers(cells, names, where))
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
        The labels; ``""`` for an empty line.

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
            labels.append(_checked_label("".join(cells), f"{path}, line {number}"))
    while len(labels) > count + 1 and not labels[-1]:
        labels.pop()
    if len(labels) not in (count, count + 1):
        raise ValueError(f"{path}: {len(labels)} labels for {count} signals; give one label per signal.")
    if len(labels) > count and not labels[-1]:
        raise ValueError(
            f"{path}: there are {count} signals, but {count} lines and an empty last line, so the first line could be "
            "a header or a label; remove the header or the empty line."
        )
    return np.array(labels[-count:])


def read_ts(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a .ts file, the format of aeon, sktime and the UCR and UEA time series archives.

    Parameters
    ----------
    path : Path
        A file with a header of lines ``@name value``, the line ``@data``, and one line per signal. Values are separated
        by commas and channels by colons. After ``@classLabel true`` in the header, each line ends with a colon and the
        label. ``?`` and ``NaN`` are missing values.

    Returns
    -------
    X : ndarray of shape (n, M, T), float64
        The signals; shorter ones are padded with NaN at the end.
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
        stripped = ((number, line.strip()) for number, line in enumerate(file, 1))
        lines = ((number, line) for number, line in stripped if line and not line.startswith("#"))
        has_label = _read_ts_header(path, lines)
        for number, line in lines:
            where = f"{path}, line {number}"
            channels = line.split(":")
            if has_label:
                labels.append(_checked_label(channels.pop(), where))
                if not labels[-1] or not channels:
                    raise ValueError(
                        f"{where}: there is no class label at the end; add it, or write @classLabel false."
                    )
            if signals and len(channels) != len(signals[0]):
                raise ValueError(
                    f"{where}: {len(channels)} channels, but the first signal has {len(signals[0])}; give all signals "
                    "the same number of channels."
                )
            signals.append([_numbers(channel.split(","), [], where) for channel in channels])
    if not signals:
        raise ValueError(f"{path}: the file contains no signals after @data; give one line per signal.")
    return _padded(path, signals), np.array(labels) if has_label else None


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


def _padded(path: Path, signals: list[list[np.ndarray]]) -> np.ndarray:
    """Return signals as one array, in which shorter signals are padded with NaN."""
    longest = max(len(channel) for channels in signals for channel in channels)
    shape = (len(signals), len(signals[0]), longest)
    known = sum(len(channel) for channels in signals for channel in channels)
    if shape[0] * shape[1] * shape[2] > max(MAX_UNCHECKED_SIZE, MAX_PADDING_FACTOR * known):
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
    """Yield the line number and the cells of each line; an empty line has no cells."""
    with _open_text(path) as file:
        first = next((line for line in file if line.strip()), "")
        file.seek(0)
        # The comma is tried last, since it may be the decimal mark in a file with semicolons.
        delimiter = next((character for character in "\t;" if character in first), ",")
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield ((reader.line_num, cells) for cells in reader)
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not valid in a .csv file ({error}).") from error


def _is_header(cells: list[str], where: str) -> bool:
    """Return whether the first line contains column names; 0, 1, 2 ... and 1, 2, 3 ... are default names of pandas."""
    values = [cell.strip() for cell in cells]
    numbers = [value for value in values if _is_number(value)]
    names = [value for value in values if value not in MISSING_VALUES and not _is_number(value)]
    if any(numbers == [str(number) for number in range(start, start + len(numbers))] for start in (0, 1)):
        if len(numbers) > 2 and not names:
            warnings.warn(
                f"{where}: {values[0]}, {values[1]} ... are read as column names, not as a signal.", stacklevel=2
            )
        return len(numbers) > 2 or bool(names)
    if numbers and names:
        raise ValueError(
            f"{where}: this line contains numbers and text, such as {names[0][:30]!r}. If it is a header, give every "
            "column a name that is not a number. If it is a signal, remove the text, or add a header and name the "
            "column of labels with --label."
        )
    return bool(names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column_index(path: Path, names: list[str], label: str) -> int:
    """Return the index of the column with a name."""
    matches = [index for index, name in enumerate(names) if name.strip() == label]
    if len(matches) != 1:
        some = ", ".join(names[:5] + ["..."] * (len(names) > 6) + names[5:][-1:])
        raise ValueError(
            f"{path}: --label {label} matches {len(matches)} columns, but must match exactly one; the columns are "
            f"{some[:300]}."
        )
    return matches[0]


def _checked_label(text: str, where: str) -> str:
    if len(text) > MAX_LABEL_LENGTH:
        raise ValueError(
            f"{where}: the label {text[:30]!r}... has {len(text)} characters; use at most {MAX_LABEL_LENGTH}."
        )
    return text.strip()


def _numbers(cells: list[str], names: list[str], where: str) -> np.ndarray:
    """Return the numbers in cells, NaN for missing values; `names` are the column names for error messages."""
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
            raise ValueError(f"{where}, {column}: {cell[:30]!r} is not a number; {remedy}.")
        values[index] = float(cell)
    return values
