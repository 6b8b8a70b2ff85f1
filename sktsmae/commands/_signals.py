"""The signals that commands are given: files and folders, which are data and cannot run code."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..functional.resampling import resample
from ._text import read_csv, read_label_column, read_ts

# Deflate makes no data larger than this when it is unpacked.
MOST_UNPACKED = 1032


class Signals(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Signals, or spectrograms.
    y : ndarray of shape (n,) or None
        Labels.
    """

    X: np.ndarray
    y: np.ndarray | None


def read_signals(path: Path, *, label: str | None = None, split: str = "train") -> Signals:
    """Read signals, and labels where they are there, from a file or from all files of a folder.

    Parameters
    ----------
    path : Path
        A .npy file, mapped rather than read; an .npz, .csv or .ts file; or a folder of .npy files, of signals or of
        one signal each, of which those of other lengths are resampled to the first one's.
    label : str, default=None
        The column of the labels in a .csv file.
    split : {"train", "test"}, default="train"
        What is read of an .npz file that holds both.

    Returns
    -------
    Signals
        What was read.

    Raises
    ------
    ValueError
        If it cannot be used; the message is of one line, and names the file.
    """
    suffix = path.suffix.lower()
    if label is not None and suffix != ".csv":
        raise ValueError(f"{path}: --label {label} names a column of a .csv file, and this is none; leave it out.")
    if not path.exists():
        raise ValueError(f"{path}: there is no such file.")
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
            raise ValueError(f"{path}: neither a folder nor a .npy, .npz, .csv or .ts file; give one of these.")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if X.dtype.kind not in "biuf" or not 2 <= X.ndim <= 4 or 0 in X.shape:
        raise ValueError(
            f"{path}: an array of shape {X.shape} and type {X.dtype}; give numbers, (n, time) or (n, channels, time)."
        )
    if y is not None and y.shape != X.shape[:1]:
        raise ValueError(f"{path}: labels of shape {y.shape} for {len(X)} signals; give one for each.")
    return Signals(X, y)


def read_labels(path: Path, count: int) -> np.ndarray:
    """Read labels from a file of their own.

    Parameters
    ----------
    path : Path
        A .npy file, or a .csv file of one column.
    count : int
        How many signals there are.

    Returns
    -------
    ndarray of shape (count,)
        The labels, of the file's type; of a .csv file, str.

    Raises
    ------
    ValueError
        If it cannot be used; the message is of one line, and names the file.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".csv"):
        raise ValueError(f"{path}: neither a .npy nor a .csv file; give the labels as one of these.")
    try:
        y = read_npy(path) if suffix == ".npy" else read_label_column(path, count)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if y.shape != (count,) or y.dtype.kind not in "biufU":
        raise ValueError(
            f"{path}: labels of shape {y.shape} and type {y.dtype} for {count} signals; give a number or a text for "
            "each."
        )
    return np.array(y)


def read_npy(path: Path) -> np.ndarray:
    """Map an array from a file.

    Parameters
    ----------
    path : Path
        A .npy file.

    Returns
    -------
    ndarray
        The array, of any shape and type but objects.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    try:
        with open(path, "rb") as file:  # numpy.load would read archives too, whatever their name
            np.lib.format.read_magic(file)
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{path}: not an array of numbers by numpy.save ({_one_line(error)}).") from error


def _read_npz(path: Path, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            ending = "" if "X" in names else f"_{split}"
            signals, labels = f"X{ending}", f"y{ending}"
            if len(names) == 1:
                signals = names[0]
            if signals not in names:
                held = ", ".join(names[:8] + ["..."] * (len(names) > 8)) or "nothing"
                raise ValueError(f"holds {held}; name the signals X, or {signals}, and the labels {labels}")
            y = _read_member(archive, labels) if labels in names else None
            return _read_member(archive, signals), y
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{path}: not an archive of signals by numpy.savez ({_one_line(error)}).") from error


def _read_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read an array of an archive once its size is known to be that of its file."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"{name} is of version {version} of the format; save it anew")
        shape, _, dtype = readers[version](file)
        if dtype.hasobject:
            raise ValueError(f"{name} holds Python objects; save it as numbers, and labels as text by astype(str)")
        size = math.prod(shape) * dtype.itemsize
        if file.tell() + size != info.file_size or info.file_size > MOST_UNPACKED * info.compress_size:
            raise ValueError(f"{name} is not as long as its header says")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_folder(path: Path) -> np.ndarray:
    files = sorted(path.glob("*.npy"))
    if not files:
        raise ValueError(f"{path}: a folder without .npy files; give one with some, or a file.")
    parts: list[np.ndarray] = []
    for file in files:
        part = np.atleast_2d(read_npy(file))
        channels = parts[0].shape[1:-1] if parts else part.shape[1:-1]
        if part.dtype.kind not in "biuf" or 0 in part.shape or part.shape[1:-1] != channels:
            raise ValueError(
                f"{file}: an array of shape {part.shape} and type {part.dtype}; give numbers, with the channels of "
                f"{files[0].name}."
            )
        copy = torch.from_numpy(np.array(part, dtype=np.float64))
        parts.append(resample(copy, parts[0].shape[-1] if parts else part.shape[-1]).numpy())
    return np.concatenate(parts)


def _one_line(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:300]
