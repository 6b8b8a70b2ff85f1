"""Text files: opening, also compressed ones, and conversion of cells to numbers and labels."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

MISSING_VALUES = {"", "?", "-", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None"}
# Largest number of characters in a label. NumPy reserves the space of the longest label for every label.
MAX_LABEL_LENGTH = 1000
# Signals are padded to the length of the longest signal, so one long signal among many short ones could exhaust the
# memory. Therefore, a padded array of more than MAX_UNCHECKED_SIZE values may have at most MAX_PADDING_FACTOR times as
# many values as the file.
MAX_PADDING_FACTOR, MAX_UNCHECKED_SIZE = 64, 2**24
COMPRESSED = (".gz", ".xz", ".zip")


def table_suffix(path: Path) -> str:
    """Return the suffix of a file in lower case, without that of a compression.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        For example ".csv" for ``a.CSV.gz``.
    """
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() or suffix if suffix in COMPRESSED else suffix


def one_line(error: Exception) -> str:
    """Return the message of an error in one line.

    Parameters
    ----------
    error : Exception
        The error of a library.

    Returns
    -------
    str
        At most 300 characters; the name of the class if there is no message.
    """
    return " ".join((str(error) or type(error).__name__).split())[:300]


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file in UTF-8, which may be compressed.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    file object
        The text.

    Raises
    ------
    ValueError
        If the file is damaged or not in UTF-8.
    """
    try:
        with _open_bytes(path) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8; save it in this encoding.") from error
    except (EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: the compressed file is damaged ({error}); compress it again.") from error


@contextmanager
def _open_bytes(path: Path) -> Iterator[Any]:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise ValueError(f"{path}: the archive contains {len(names)} files; give an archive of one file.")
            with archive.open(names[0]) as member:
                yield member
        return
    openers: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
    with openers.get(suffix, open)(path, "rb") as file:
        yield file


@contextmanager
def open_table(path: Path) -> Iterator[tuple[Iterator[tuple[int, list[str]]], str]]:
    """Open a text file with cells that are separated by commas, semicolons or tabs.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    rows : iterator of (int, list of str)
        Line numbers and cells of each line. An empty line has no cells.
    decimal : str
        The decimal mark: "," if cells are not separated by commas, because it then may be the comma, and "." otherwise.

    Raises
    ------
    ValueError
        If the file is not a table in UTF-8.
    """
    with open_text(path) as file:
        first = next((line for line in file if line.strip()), "")
        file.seek(0)
        # The comma comes last, because it may be the decimal mark in a file with semicolons.
        delimiter = next((character for character in "\t;" if character in first), ",")
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield ((reader.line_num, cells) for cells in reader), "." if delimiter == "," else ","
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not valid in a .csv file ({error}).") from error


def with_point(cell: Any, decimal: str) -> Any:
    """Replace a decimal comma by a point, if the cell then is a number.

    Parameters
    ----------
    cell : object
        The cell.
    decimal : str
        The decimal mark of the table.

    Returns
    -------
    object
        The cell with a point, or the unchanged cell.
    """
    if decimal == "," and isinstance(cell, str) and "," in cell and is_number(cell.replace(",", ".", 1)):
        return cell.replace(",", ".", 1)
    return cell


def is_number(text: Any) -> bool:
    """Return whether a text is a number.

    Parameters
    ----------
    text : object
        The text, or a number.

    Returns
    -------
    bool
        True for a number, also "nan" and "inf".
    """
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def parse_label(text: str, location: str) -> str:
    """Return the text of a label.

    Parameters
    ----------
    text : str
        Text of the cell.
    location : str
        File and line, for error messages.

    Returns
    -------
    str
        The text without surrounding spaces.

    Raises
    ------
    ValueError
        If it is too long.
    """
    if len(text) > MAX_LABEL_LENGTH:
        raise ValueError(
            f"{location}: the label {text[:30]!r}... has {len(text)} characters; use at most {MAX_LABEL_LENGTH}."
        )
    return text.strip()


def parse_numbers(cells: Sequence[Any], names: Sequence[str], location: str, decimal: str = ".") -> np.ndarray:
    """Convert cells to numbers.

    Parameters
    ----------
    cells : sequence of (str or float)
        The cells.
    names : sequence of str
        Names of the columns, for error messages; empty if there are none.
    location : str
        File and line, for error messages.
    decimal : {".", ","}, default="."
        The decimal mark; with "," a point is accepted, too.

    Returns
    -------
    ndarray of shape (len(cells),), float64
        The numbers; NaN for missing values.

    Raises
    ------
    ValueError
        If a cell contains text.
    """
    try:
        return np.array([float(cell) for cell in cells])
    except (TypeError, ValueError):
        pass
    values = np.full(len(cells), np.nan)
    for index, cell in enumerate(cells):
        if str(cell).strip() in MISSING_VALUES:
            continue
        number = with_point(cell, decimal)
        if not is_number(number):
            column = f"column {names[index][:30]!r}" if names else f"value {index + 1}"
            remedy = (
                "name the column of labels with label=, and leave out other columns of text with drop="
                if names
                else "give numbers"
            )
            raise ValueError(f"{location}, {column}: {str(cell)[:30]!r} is not a number; {remedy}.")
        values[index] = float(number)
    return values


def pad_signals(path: Path, signals: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Make one array of signals; shorter signals are padded with NaN.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    signals : sequence of sequence of ndarray of shape (T,)
        The channels of each signal. All signals have equally many.

    Returns
    -------
    ndarray of shape (n, M, longest T), float64
        The signals.

    Raises
    ------
    ValueError
        If one signal is so much longer than the others that the array would be too large.
    """
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
