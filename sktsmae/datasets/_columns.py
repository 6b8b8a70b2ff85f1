"""The columns of tables: their names, and which of them contain samples, labels, recordings or times."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ._options import TableOptions
from ._text import MISSING_VALUES, is_number, table_suffix

# Names of columns by which a table with one row per time step is recognised.
_TIME_NAMES = {"time", "t", "timestamp", "datetime", "date", "sample", "step", "frame", "ms", "seconds", "sec"}
_ID_NAMES = {"id", "recording", "record", "signal", "series", "session", "trial", "segment", "window", "subject"}
_ID_NAMES |= {"case", "file", "filename"} | {f"{name}_id" for name in _ID_NAMES}
_MAX_LONG_COLUMNS = 16


def select(path: Path, names: list[str], options: TableOptions, taken: Sequence[int | None]) -> list[int]:
    """Choose the columns of samples or channels.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    names : list of str
        Names of all columns.
    options : TableOptions
        Which columns to use or to leave out.
    taken : sequence of (int or None)
        Columns of labels, recordings and times.

    Returns
    -------
    list of int
        Indices of the columns.

    Raises
    ------
    ValueError
        If a given name or pattern matches no column.
    """
    left_out = {column for pattern in options.drop for column in _matches(path, names, pattern, "drop")}
    if not options.columns:
        return [column for column in range(len(names)) if column not in left_out and column not in taken]
    if "columns" in options.inherited:
        chosen = _indices(path, names, options.columns)
    else:
        chosen = [column for pattern in options.columns for column in _matches(path, names, pattern, "columns")]
    return [column for column in dict.fromkeys(chosen) if column not in left_out and column not in taken]


def _matches(path: Path, names: list[str], pattern: str, option: str) -> list[int]:
    matches = [column for column, name in enumerate(names) if name == pattern]
    matches = matches or [column for column, name in enumerate(names) if fnmatchcase(name, pattern)]
    if not matches:
        raise ValueError(f"{path}: {option}={pattern!r} matches no column; the columns are {_listed(names)}.")
    return matches


def _indices(path: Path, names: list[str], known: Sequence[str]) -> list[int]:
    """Return the columns of earlier signals, which may be thousands, in their order."""
    columns: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        columns.setdefault(name, []).append(column)
    for name, count in Counter(known).items():
        if len(columns.get(name, ())) not in (count, 0):
            raise ValueError(
                f"{path}: {len(columns[name])} columns have the name {name!r}, but {count} of the training signals had "
                "it; rename them."
            )
        if name not in columns:
            raise ValueError(
                f"{path}: the column {name!r} of the training signals is missing; the columns are {_listed(names)}; "
                "add it, or name other columns with columns=."
            )
    return [columns[name].pop(0) for name in known]  # columns of the same name keep their order


def column_index(path: Path, names: list[str], name: str | None, option: str) -> int | None:
    """Return the index of the only column of a name.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    names : list of str
        Names of all columns.
    name : str or None
        The name.
    option : str
        The argument with which it was given, for error messages.

    Returns
    -------
    int or None
        The index; None if no name is given.

    Raises
    ------
    ValueError
        If no column or several columns have this name.
    """
    if name is None:
        return None
    matches = [column for column, other in enumerate(names) if other == name]
    if len(matches) != 1:
        raise ValueError(
            f"{path}: {option}={name!r} matches {len(matches)} columns, but must match exactly one; the columns are "
            f"{_listed(names)}."
        )
    return matches[0]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5] + ["..."] * (len(names) > 6) + names[5:][-1:])[:300]


def require_width(cells: list[Any], first: list[Any], location: str) -> None:
    """Refuse a row that has not as many cells as the first.

    Parameters
    ----------
    cells, first : list
        The row, and the first row.
    location : str
        File and line, for error messages.

    Raises
    ------
    ValueError
        If their lengths differ.
    """
    if len(cells) != len(first):
        raise ValueError(
            f"{location}: {len(cells)} columns, but the first line has {len(first)}; give all lines the same "
            "number of columns, with empty cells for missing values."
        )


def index_column(path: Path, names: list[str], used: list[int], examined: list[list[Any]]) -> int | None:
    """Return the only column without a name if it contains row numbers.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    names : list of str
        Names of all columns.
    used : list of int
        Columns that may be columns of samples.
    examined : list of list
        Cells of the first rows.

    Returns
    -------
    int or None
        The column; None if all columns have names.

    Raises
    ------
    ValueError
        If there are other columns without a name.
    """
    unnamed = [column for column in used if not names[column]]
    if not unnamed:
        return None
    column = unnamed[0]
    numbers = [str(cells[column]).strip() for cells in examined if len(cells) == len(names)]
    if len(unnamed) == 1 and any(numbers == [str(n) for n in range(s, s + len(numbers))] for s in (0, 1)):
        return column
    raise ValueError(
        f"{path}: a column has no name and does not contain row numbers; give it a name, and leave it out with drop= "
        "if it contains no samples."
    )


def is_ucr(path: Path, examined: list[list[Any]]) -> bool:
    """Return whether the first column of a table without column names contains labels, as in the UCR archive.

    Parameters
    ----------
    path : Path
        The file.
    examined : list of list
        Cells of the first rows.

    Returns
    -------
    bool
        True for a .tsv file whose first cells, but not all others, are integers.
    """
    if table_suffix(path) != ".tsv":
        return False
    others = [cell for cells in examined for cell in cells[1:]]
    return all(_is_integer(cells[0]) for cells in examined) and not all(_is_integer(cell) for cell in others)


def _is_integer(cell: Any) -> bool:
    return str(cell).strip().lstrip("+-").isdigit()


def refuse_long(path: Path, names: list[str], examined: list[list[Any]], options: TableOptions) -> None:
    """Refuse a table that seems to have one row per time step.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    names : list of str
        Names of all columns.
    examined : list of list
        Cells of the first rows.
    options : TableOptions
        How the user wants to read it.

    Raises
    ------
    ValueError
        If there are few columns, one of which has the name of a time or of an identifier that repeats. The message
        contains the options to read the table.
    """
    examined = [cells for cells in examined if len(cells) == len(names)]
    if len(names) > _MAX_LONG_COLUMNS or len(examined) < 4:
        return
    lower = [name.lower() for name in names]
    by_time = next((column for column, name in enumerate(lower) if name in _TIME_NAMES), None)
    by_id = next((column for column, name in enumerate(lower) if name in _ID_NAMES), None)
    if by_id is not None and len({str(cells[by_id]) for cells in examined}) > len(examined) / 2:
        by_id = None  # each row has another value
    if by_time is None and by_id is None:
        return
    cells = [str(cell) for cell in examined[0]]
    text = [column for column, cell in enumerate(cells) if not is_number(cell) and cell not in MISSING_VALUES]
    label = (
        names.index(options.label)
        if options.label in names
        else next((column for column in text if column not in (by_id, by_time)), None)
    )
    channels = [name for column, name in enumerate(names) if name and column not in (by_id, by_time, label, *text)]
    arguments: dict[str, Any] = {"long": True}
    arguments |= {"id": names[by_id]} if by_id is not None else {}
    arguments |= {"time": names[by_time]} if by_time is not None else {}
    arguments |= {"columns": channels}
    arguments |= {"label": names[label]} if label is not None else {}
    raise ValueError(
        f"{path}: this seems to be a table with one row per time step; read it with "
        f"{', '.join(f'{name}={value!r}' for name, value in arguments.items())}. If each row is a signal, leave out "
        "other columns with drop=."
    )


def parse_time(cell: Any, location: str) -> Any:
    """Convert a cell with a time.

    Parameters
    ----------
    cell : object
        The cell.
    location : str
        File and line, for error messages.

    Returns
    -------
    float or datetime64
        The time.

    Raises
    ------
    ValueError
        If it is neither a number nor a date.
    """
    text = str(cell).strip()
    if text in MISSING_VALUES or text == "NaT":
        raise ValueError(f"{location}: the time is missing; fill it, or remove the row.")
    if is_number(cell):
        return float(cell)
    try:
        return np.datetime64(text.removesuffix("Z"))
    except ValueError as error:
        raise ValueError(
            f"{location}: {str(cell)[:30]!r} is not a number or a date; name another column with time=."
        ) from error


def is_header(cells: list[Any], options: TableOptions, location: str) -> bool:
    """Return whether a first line contains column names.

    Parameters
    ----------
    cells : list
        Cells of the first line.
    options : TableOptions
        How the user wants to read the table; if a column is named, there must be column names. A line with names of
        columns of earlier signals contains column names.
    location : str
        File and line, for messages.

    Returns
    -------
    bool
        True for text, and for the numbers 0, 1, 2 ... or 1, 2, 3 ...

    Raises
    ------
    ValueError
        If the line contains both numbers and text, or only numbers although a column is named.

    Warns
    -----
    UserWarning
        If the names are numbers.
    """
    values = [str(cell).strip() for cell in cells]
    numbers = [value for value in values if is_number(value)]
    names = [value for value in values if value not in MISSING_VALUES and not is_number(value)]
    known = options.known_names()
    if known.intersection(names) or (known and known.issubset(values)):
        return True
    if any(numbers == [str(number) for number in range(start, start + len(numbers))] for start in (0, 1)):
        if len(numbers) > 2 and not names and not options.names_columns:
            warnings.warn(
                f"{location}: {values[0]}, {values[1]} ... are read as column names, not as a signal.", stacklevel=2
            )
        return len(numbers) > 2 or bool(names) or options.names_columns
    if options.names_columns:
        if numbers and not names:
            raise ValueError(
                f"{location}: this line has only numbers, but columns are named; add a line with their names."
            )
        return True
    if numbers and names:
        raise ValueError(
            f"{location}: this line contains numbers and text, such as {names[0][:30]!r}. If it is a header, give "
            "every column a name that is not a number. If it is a signal, remove the text, or add a header and name "
            "the column of labels with label=."
        )
    return bool(names)
