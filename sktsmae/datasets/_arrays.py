"""Readers of arrays: .npy, .npz, .mat and .wav files.

They refuse pickled objects, because unpickling can execute code.
"""

from __future__ import annotations

import math
import wave
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ._text import one_line

# The largest compression ratio of Deflate, the method of NumPy. A higher ratio means a damaged or malicious archive.
MAX_COMPRESSION_RATIO = 1032
# Keys of signals and labels in .npz and .mat files, in the order in which they are looked for.
SIGNAL_KEYS = ("X", "x", "signals", "signal", "data")
LABEL_KEYS = ("y", "labels", "label", "target", "targets", "Y")


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
        raise ValueError(f"{path}: not an array of numbers written by numpy.save ({one_line(error)}).") from error


def read_npz(
    path: Path, split: str, x_key: str | None = None, y_key: str | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read signals, and labels if there are any, from an .npz file.

    Parameters
    ----------
    path : Path
        The file.
    split : {"train", "test"}
        Part to read if there are arrays such as X_train and X_test.
    x_key, y_key : str, default=None
        Names of the arrays of signals and of labels. None looks for the usual names.

    Returns
    -------
    X : ndarray of shape (n, ...)
        The signals.
    y : ndarray of shape (n,) or None
        The labels.

    Raises
    ------
    ValueError
        If the file is damaged, or has no arrays of these names.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            signals_name, labels_name = choose_keys(names, split, x_key, y_key)
            y = None if labels_name is None else _read_member(archive, labels_name)
            return _read_member(archive, signals_name), y
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise any type of error
        raise ValueError(f"{path}: not an archive of signals written by numpy.savez ({one_line(error)}).") from error


def read_mat(
    path: Path, split: str, x_key: str | None = None, y_key: str | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read signals, and labels if there are any, from a .mat file of MATLAB.

    Parameters
    ----------
    path : Path
        The file, of a version before 7.3.
    split : {"train", "test"}
        Part to read if there are arrays such as X_train and X_test.
    x_key, y_key : str, default=None
        Names of the arrays of signals and of labels. None looks for the usual names.

    Returns
    -------
    X : ndarray of shape (n, ...)
        The signals.
    y : ndarray of shape (n,) or None
        The labels.

    Raises
    ------
    ValueError
        If the file is damaged, has version 7.3, or has no arrays of these names.
    """
    from scipy.io import loadmat, whosmat

    try:
        names = [name for name, _, _ in whosmat(path)]
        signals_name, labels_name = choose_keys(names, split, x_key, y_key)
        arrays = loadmat(path, variable_names=[signals_name, labels_name or signals_name])
    except OSError:
        raise
    except NotImplementedError as error:
        raise ValueError(f"{path}: a .mat file of version 7.3; save it in MATLAB with save(..., '-v7').") from error
    except Exception as error:  # a damaged file can raise any type of error
        raise ValueError(f"{path}: not a .mat file with signals ({one_line(error)}).") from error
    if labels_name is None:
        return arrays[signals_name], None
    labels = arrays[labels_name].ravel()
    if labels.dtype == object:  # a cell array of text
        labels = np.array([str(np.squeeze(label)) for label in labels])
    elif labels.dtype.kind == "U":
        labels = np.char.strip(labels)
    return arrays[signals_name], labels


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """Read a .wav file of uncompressed samples.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    signal : ndarray of shape (M, T), float32
        The channels, between -1 and 1.
    sampling_rate : int
        Sampling rate in Hz.

    Raises
    ------
    ValueError
        If the file is damaged or compressed.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            content = file.readframes(file.getnframes())
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise any type of error
        raise ValueError(f"{path}: not a .wav file of uncompressed samples ({one_line(error)}).") from error
    values = np.frombuffer(content[: len(content) // (channels * width) * channels * width], np.uint8)
    values = values.reshape(-1, channels, width)
    if width == 1:  # samples of one byte have no sign
        samples = values[..., 0].astype(np.float32) / 128 - 1
    else:
        padded = np.zeros((*values.shape[:2], 4), np.uint8)
        padded[..., 4 - width :] = values
        samples = padded.view("<i4")[..., 0].astype(np.float32) / 2**31
    return samples.T, rate


def choose_keys(
    names: Iterable[str], split: str, x_key: str | None = None, y_key: str | None = None
) -> tuple[str, str | None]:
    """Choose the arrays of signals and of labels by their names.

    Parameters
    ----------
    names : iterable of str
        Names of all arrays.
    split : {"train", "test"}
        Part to choose if there are arrays such as X_train and X_test.
    x_key, y_key : str, default=None
        Names that were given by the user.

    Returns
    -------
    x_key : str
        Name of the signals: the given name, a usual one, or that of the only array.
    y_key : str or None
        Name of the labels; None if there are none.

    Raises
    ------
    ValueError
        If there are no such arrays. The message lists the names.
    """
    names = list(names)
    found = ", ".join(names[:8] + ["..."] * (len(names) > 8)) or "no arrays"
    for option, key in (("x_key", x_key), ("y_key", y_key)):
        if key is not None and key not in names:
            raise ValueError(f"{option}={key!r} is not an array of the file, which contains {found}")
    signals = [key for usual in SIGNAL_KEYS for key in (usual, f"{usual}_{split}") if key in names]
    if x_key is None and not signals and len(names) != 1:
        raise ValueError(f"contains {found}; name the array of signals with x_key= and that of labels with y_key=")
    x_key = x_key or (signals[0] if signals else names[0])
    part = f"_{split}" if x_key.endswith(f"_{split}") else ""
    labels = [f"{usual}{part}" for usual in LABEL_KEYS if f"{usual}{part}" in names and f"{usual}{part}" != x_key]
    return x_key, y_key or (labels[0] if labels else None)


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
