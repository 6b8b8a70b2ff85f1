"""Reader of signals and labels from files and folders of any supported type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._arrays import read_mat, read_npy, read_npz
from ._folders import TABLES, read_folder
from ._options import ReadingRules, TableOptions
from ._tables import read_label_column, read_table
from ._text import table_suffix
from ._ts import read_ts


class Signals(NamedTuple):
    """Signals and their labels.

    Attributes
    ----------
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Signals, or spectrograms.
    y : ndarray of shape (n,) or None
        Labels; None if there are none.
    channels : tuple of str
        Names of the channels, if they are known.
    sampling_rate : float or None
        Sampling rate in Hz, if it is known.
    rules : ReadingRules
        How they were read, so that `read_signals` can read other files in the same way.
    """

    X: np.ndarray
    y: np.ndarray | None = None
    channels: tuple[str, ...] = ()
    sampling_rate: float | None = None
    rules: ReadingRules = ReadingRules()

    def __str__(self) -> str:
        """Describe the signals in one line."""
        count, *channels, length = self.X.shape
        if len(channels) == 2:
            return f"{count} spectrograms of {channels[0]} views, {channels[1]} scales and {length} samples"
        parts = [f"{count} signal{'s' * (count > 1)}"]
        if channels:
            names = f" ({', '.join(self.channels)})" if 0 < len(self.channels) <= 12 else ""
            parts.append(f"{channels[0]} channel{'s' * (channels[0] > 1)}{names}")
        parts.append(f"{length} samples")
        if self.y is not None:
            classes, counts = np.unique(self.y.astype(str), return_counts=True)
            known, missing = counts[classes != ""], counts[classes == ""].sum()
            if known.size:
                per_class = f"{known.min()}" if known.min() == known.max() else f"{known.min()} to {known.max()}"
                parts.append(f"{len(known)} classes ({per_class} each)")
            parts += [f"{missing} without a label"] if missing else []
        if self.sampling_rate is not None:
            parts.append(f"sampling rate {self.sampling_rate:g} Hz")
        return ", ".join(parts)


def read_signals(
    path: str | Path,
    *,
    label: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] = (),
    long: bool = False,
    id: str | None = None,
    time: str | None = None,
    x_key: str | None = None,
    y_key: str | None = None,
    split: str = "train",
    rules: ReadingRules | None = None,
) -> Signals:
    """Read signals, and labels if there are any, from a file or a folder.

    Parameters
    ----------
    path : str or Path
        A table (.csv, .tsv or .txt, also compressed with .gz, .xz or .zip; .parquet or .feather); arrays (.npy, which
        is memory-mapped, .npz or .mat); a .ts file; a folder of .npy files with signals, which are resampled to one
        length; a folder with one recording per file (tables with one row per time step, or .wav files); or a folder
        with one subfolder of recordings (also .npy) per class, whose name is the label.
    label : str, default=None
        Name of the column with the labels of a table.
    drop : sequence of str, default=()
        Names or patterns (``"x_*"``) of columns to leave out.
    columns : sequence of str, default=()
        Names or patterns of the columns of samples, or of channels if `long` is True. By default all other columns.
    long : bool, default=False
        Whether each row of the table is a time step, instead of a signal.
    id, time : str, default=None
        If `long` is True: names of the column that tells the recordings apart, and of the column by which the rows of
        a recording are sorted.
    x_key, y_key : str, default=None
        Names of the arrays of signals and labels in an .npz or .mat file. By default X and y, or other usual names.
    split : {"train", "test"}, default="train"
        Part to read from a file with arrays such as X_train and X_test.
    rules : ReadingRules, default=None
        Attribute `rules` of earlier signals, in place of `columns`, `long`, `id`, `time` and `x_key` where these are
        not given. Columns are then found by their names: they may be in another order, and others are ignored. Rules
        have no effect on a file of another type, and names have none on a table without column names.

    Returns
    -------
    Signals
        The signals and the labels; `str` describes them in one line.

    Raises
    ------
    ValueError
        If the file cannot be used. The message has one line, names the file, and says what to do.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sktsmae.datasets import read_signals
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "walks.csv"
    >>> _ = path.write_text("walk,t,x,y,who\\n1,0,.1,.2,Ann\\n1,1,.3,.4,Ann\\n2,0,.5,.6,Bob\\n2,1,.7,.8,Bob\\n")
    >>> signals = read_signals(path, long=True, id="walk", time="t", label="who")
    >>> str(signals)
    '2 signals, 2 channels (x, y), 2 samples, 2 classes (1 each)'
    >>> _ = path.write_text("t,y,x,walk\\n0,.2,.1,3\\n1,.4,.3,3\\n")  # another order, and no labels
    >>> read_signals(path, rules=signals.rules).X.tolist()
    [[[0.1, 0.3], [0.2, 0.4]]]
    """
    path = Path(path)
    drop, columns = ([names] if isinstance(names, str) else list(names) for names in (drop, columns))
    options = TableOptions(label, tuple(drop), tuple(columns), long, id, time)
    if split not in ("train", "test"):
        raise ValueError(f"split={split!r}: choose 'train' or 'test'.")
    suffix = table_suffix(path)
    if not path.exists():
        raise ValueError(f"{path}: the file does not exist.")
    is_table = _is_table(path, suffix)
    if options.given() and not (is_table or path.is_dir()):
        raise ValueError(f"{path}: {' '.join(options.given())} is only for tables such as .csv files; remove it.")
    if (x_key or y_key) and suffix not in (".npz", ".mat"):
        raise ValueError(f"{path}: x_key= and y_key= are only for .npz and .mat files; remove them.")
    x_keys = [x_key]
    if rules is not None:
        options = options.inherit(rules)
        x_keys = [x_key] if x_key else _inherited_keys(rules.x_key, split)
    try:
        if path.is_dir():
            signals = _from_folder(path, options)
        elif is_table:
            signals = _from_table(path, options)
        else:
            signals = _from_arrays(path, suffix, split, x_keys, y_key)
    except OSError as error:
        raise ValueError(f"{path}: the file cannot be read ({error.strerror or error}).") from error
    X, y = signals.X, signals.y
    if X.dtype.kind not in "biuf" or not 2 <= X.ndim <= 4 or 0 in X.shape:
        raise ValueError(
            f"{path}: the array has shape {X.shape} and type {X.dtype}; give numbers of shape (n, time) or "
            "(n, channels, time)."
        )
    if y is not None and y.shape != X.shape[:1]:
        raise ValueError(
            f"{path}: there are {len(X)} signals but labels of shape {y.shape}; give one label per signal."
        )
    return signals


def _is_table(path: Path, suffix: str) -> bool:
    """Return whether a path has the suffix of a table; .parquet and .feather files may not be compressed."""
    is_binary = suffix in (".parquet", ".feather")
    return suffix in TABLES and not (is_binary and path.suffix.lower() != suffix)


def _from_folder(path: Path, options: TableOptions) -> Signals:
    folder = read_folder(path, options)
    is_long = bool(folder.columns)  # each file is a long table of one recording
    rules = ReadingRules(folder.columns, is_long, time=options.time if is_long else None)
    return Signals(folder.X, folder.y, folder.channels, folder.sampling_rate, rules)


def _from_table(path: Path, options: TableOptions) -> Signals:
    table = read_table(path, options)
    rules = ReadingRules(table.columns, options.long, options.id, options.time)
    return Signals(table.X, table.y, table.channels, rules=rules)


def _inherited_keys(key: str | None, split: str) -> list[str | None]:
    """Return the names under which signals may be stored that were formerly stored as `key`, the best first."""
    if key is None:
        return [None]
    of_split = [key.removesuffix("_train") + f"_{split}"] if key.endswith("_train") else []
    return [*of_split, key, None]


def _from_arrays(path: Path, suffix: str, split: str, x_keys: Sequence[str | None], y_key: str | None) -> Signals:
    if suffix == ".npy":
        return Signals(read_npy(path))
    if suffix == ".ts":
        return Signals(*read_ts(path))
    if suffix in (".npz", ".mat"):
        read_arrays = read_npz if suffix == ".npz" else read_mat
        for x_key in x_keys:
            try:
                return Signals(*read_arrays(path, split, x_key, y_key), rules=ReadingRules(x_key=x_key))
            except ValueError:
                if x_key == x_keys[-1]:
                    raise
    raise ValueError(
        f"{path}: the file type is unknown; give a table ({', '.join(TABLES)}), a .npy, .npz, .mat or .ts file, or a "
        "folder of recordings."
    )


def read_labels(path: Path, count: int) -> np.ndarray:
    """Read labels from a separate file.

    Parameters
    ----------
    path : Path
        A .npy file, or a .csv file with one column.
    count : int
        Number of signals.

    Returns
    -------
    ndarray of shape (count,)
        The labels; str if they come from a .csv file.

    Raises
    ------
    ValueError
        If the file cannot be used. The message has one line and names the file.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".csv"):
        raise ValueError(f"{path}: the file type is unknown; give the labels as a .npy or .csv file.")
    try:
        y = read_npy(path) if suffix == ".npy" else read_label_column(path, count)
    except OSError as error:
        raise ValueError(f"{path}: the file cannot be read ({error.strerror or error}).") from error
    if y.shape != (count,) or y.dtype.kind not in "biufU":
        raise ValueError(
            f"{path}: there are {count} signals, but the labels have shape {y.shape} and type {y.dtype}; give one "
            "number or text per signal."
        )
    return np.array(y)
