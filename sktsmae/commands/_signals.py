"""Readers of signals and labels from files and folders.

They refuse pickled objects, because unpickling can execute code.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..functional.resampling import resample
from ._text import read_csv, read_label_column, read_ts

# The largest compression ratio of Deflate, the method of NumPy. A higher ratio means a damaged or malicious archive.
MAX_COMPRESSION_RATIO = 1032


class Signals(NamedTuple):
    """Signals and their labels.

    Attributes
    ----------
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Signals, or spectrograms.
    y : ndarray of shape (n,) or None
        Labels; None if the file has none.
    """

    X: np.ndarray
    y: np.ndarray | None


def read_signals(path: Path, *, label: str | None = None, split: str = "train") -> Signals:
    """Read signals, and labels if there are any, from a file or a folder.

    Parameters
    ----------
    path : Path
        A .npy file, which is memory-mapped; an .npz, .csv or .ts file; or a folder of .npy files. Each file of a
        folder contains one signal or several. All signals are resampled to the length of the signals in the first file.
    label : str, default=None
        Name of the column with the labels in a .csv file.
    split : {"train", "test"}, default="train"
        Part to read from an .npz file that contains training and test signals.

    Returns
    -------
    Signals
        The signals and the labels.

    Raises
    ------
    ValueError
        If the file cannot be used. The message has one line and names the file.
    """
    suffix = path.suffix.lower()
    if label is not None and suffix != ".csv":
        raise ValueError(f"{path}: --label {label} is only for .csv files; remove it.")
    if not path.exists():
        raise ValueError(f"{path}: the file does not exist.")
    y = None
    try:
        if path.is_dir():
            X = _read_folder(path)
        elif suffix == ".npy":
            X = read_npy(path)
        elif suffix == ".npz":
            X, y = _read_npz(path, split)
        elif suffix == ".csv":
            X, y = read_csv(path, label)
        elif suffix == ".ts":
            X, y = read_ts(path)
        else:
            raise ValueError(f"{path}: the file type is unknown; give a .npy, .npz, .csv or .ts file, or a folder.")
    except OSError as error:
        raise ValueError(f"{path}: the file cannot be read ({error.strerror or error}).") from error
    if X.dtype.kind not in "biuf" or not 2 <= X.ndim <= 4 or 0 in X.shape:
        raise ValueError(
            f"{path}: the array has shape {X.shape} and type {X.dtype}; give numbers of shape (n, time) or "
            "(n, channels, time)."
        )
    if y is not None and y.shape != X.shape[:1]:
        raise ValueError(
            f"{path}: there are {len(X)} signals but labels of shape {y.shape}; give one label per signal."
        )
    return Signals(X, y)


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


def read_npy(path: Path) -> np.ndarray:
    """Memory-map the array in a .npy file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ndarray
        The array. It can have any shape and any type but object.

    Raises
    ------
    ValueError
        If the file is damaged, or is not in the .npy format.
    """
    try:
        with open(path, "rb") as file:  # numpy.load would accept an .npz archive named .npy
            np.lib.format.read_magic(file)
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise any type of error
        raise ValueError(f"{path}: not an array of numbers written by numpy.save ({_one_line(error)}).") from error


def _read_npz(path: Path, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            suffix = "" if "X" in names else f"_{split}"
            signals_name, labels_name = f"X{suffix}", f"y{suffix}"
            if len(names) == 1:
                signals_name = names[0]
            if signals_name not in names:
                found = ", ".join(names[:8] + ["..."] * (len(names) > 8)) or "no arrays"
                raise ValueError(
                    f"contains {found}; name the signals X or {signals_name}, and the labels y or {labels_name}"
                )
            y = _read_member(archive, labels_name) if labels_name in names else None
            return _read_member(archive, signals_name), y
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise any type of error
        raise ValueError(f"{path}: not an archive of signals written by numpy.savez ({_one_line(error)}).") from error


def _read_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read an array from an archive. Raise if the size in its .npy header is not its size in the archive."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(
                f"{name} has version {version} of the .npy format, which is not supported; save it again with numpy"
            )
        shape, _, dtype = readers[version](file)
        if dtype.hasobject:
            raise ValueError(
                f"{name} contains Python objects; save signals as numbers, and labels as numbers or .astype(str)"
            )
        size = math.prod(shape) * dtype.itemsize
        if file.tell() + size != info.file_size or info.file_size > MAX_COMPRESSION_RATIO * info.compress_size:
            raise ValueError(f"{name} does not have the size that is given in its header")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_folder(path: Path) -> np.ndarray:
    files = sorted(path.glob("*.npy"))
    if not files:
        raise ValueError(f"{path}: the folder contains no .npy files; give another folder, or a file.")
    parts: list[np.ndarray] = []
    for file in files:
        part = np.atleast_2d(read_npy(file))  # one signal (T,) becomes (1, T)
        channels = parts[0].shape[1:-1] if parts else part.shape[1:-1]
        if part.dtype.kind not in "biuf" or 0 in part.shape or part.shape[1:-1] != channels:
            raise ValueError(
                f"{file}: the array has shape {part.shape} and type {part.dtype}; give numbers, with the same number "
                f"of channels as in {files[0].name}."
            )
        tensor = torch.from_numpy(np.array(part, dtype=np.float64))
        parts.append(resample(tensor, parts[0].shape[-1] if parts else part.shape[-1]).numpy())
    return np.concatenate(parts)


def _one_line(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:300]
