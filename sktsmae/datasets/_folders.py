"""Reader of folders with one file per recording, or of .npy files with several signals each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..functional.resampling import resample
from ._arrays import read_npy, read_wav
from ._options import TableOptions
from ._tables import read_recording
from ._text import pad_signals, table_suffix

TABLES = (".csv", ".tsv", ".txt", ".parquet", ".feather")
RECORDINGS = (".npy", ".wav", *TABLES)


class Folder(NamedTuple):
    """The signals of a folder.

    Attributes
    ----------
    X : ndarray of shape (n, T) or (n, M, T)
        The signals, in the order of the file names.
    y : ndarray of shape (n,), str, or None
        Names of the subfolders with the recordings.
    channels : tuple of str
        Names of the channels, if the files are tables.
    sampling_rate : int or None
        Sampling rate in Hz, if the files are .wav files.
    columns : tuple of str
        Names of the columns of the channels, if the files are tables with column names.
    """

    X: np.ndarray
    y: np.ndarray | None = None
    channels: tuple[str, ...] = ()
    sampling_rate: int | None = None
    columns: tuple[str, ...] = ()


def read_folder(path: Path, options: TableOptions) -> Folder:
    """Read the signals of a folder.

    Parameters
    ----------
    path : Path
        A folder of .npy files with one or more signals each, which are resampled to the length of the first; a folder
        of recordings (.csv, .tsv, .txt, .parquet, .feather, .wav); or a folder of such folders, or of folders of .npy
        files with one recording (T,) or (M, T) each. Their names are the labels. Shorter recordings are padded with
        NaN.
    options : TableOptions
        How to read recordings from tables, with one row per time step. If `label` names a column, its values are the
        labels instead of the names of the folders.

    Returns
    -------
    Folder
        The signals.

    Raises
    ------
    ValueError
        If there are no such files, or if they differ in their types, channels or sampling rates.
    """
    if "id=" in options.given():
        raise ValueError(f"{path}: id={options.id!r} is for a table of several recordings; remove it.")
    options = options._replace(id=None)  # each file is a recording
    files = _recordings(path)
    subfolders = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and _recordings(folder)]
    if files and subfolders:
        raise ValueError(
            f"{path}: there are both files, such as {files[0].name}, and folders of recordings, such as "
            f"{subfolders[0].name}; move one of them to another folder."
        )
    if not files and not subfolders:
        raise ValueError(
            f"{path}: the folder contains no .npy files and no recordings ({', '.join(RECORDINGS[1:])}); give another "
            "folder, a file, or a folder with one subfolder of recordings per class."
        )
    labelled = [(file, "") for file in files]
    labelled += [(file, folder.name) for folder in subfolders for file in _recordings(folder)]
    suffixes = {table_suffix(file) for file, _ in labelled}
    if len(suffixes) > 1:
        raise ValueError(f"{path}: there are {' and '.join(sorted(suffixes))} files; give recordings of one type.")
    if options.given() and not suffixes & set(TABLES):
        raise ValueError(f"{path}: {' '.join(options.given())} is only for tables such as .csv files; remove it.")
    if files and suffixes == {".npy"}:
        return Folder(_read_arrays(files))
    recordings = [_read_recording(file, options) for file, _ in labelled]
    first = recordings[0]
    for (file, _), recording in zip(labelled, recordings, strict=True):
        if recording[0].shape[:1] != first[0].shape[:1] or recording[1:3] != first[1:3]:
            raise ValueError(
                f"{file}: {_describe(*recording[:3])}, but {labelled[0][0].name} has {_describe(*first[:3])}; give "
                "recordings of the same channels and sampling rate."
            )
    X = pad_signals(path, [list(signal) for signal, *_ in recordings])
    labels = [folder for _, folder in labelled] if options.label is None else [label for *_, label, _ in recordings]
    y = np.array(labels) if subfolders or options.label is not None else None
    return Folder(X[:, 0] if X.shape[1] == 1 else X, y, first[1], first[2], first[4])


def _recordings(folder: Path) -> list[Path]:
    """Return the files of a folder whose types can be recordings."""
    return [file for file in sorted(folder.iterdir()) if file.is_file() and table_suffix(file) in RECORDINGS]


def _read_recording(
    path: Path, options: TableOptions
) -> tuple[np.ndarray, tuple[str, ...], int | None, str, tuple[str, ...]]:
    """Return one recording (M, T), the names of its channels, its sampling rate, its label, and its column names."""
    if path.suffix.lower() == ".wav":
        signal, rate = read_wav(path)
        return _require_recording(path, signal), (), rate, "", ()
    if path.suffix.lower() == ".npy":
        return _require_recording(path, np.atleast_2d(read_npy(path))), (), None, "", ()
    table = read_recording(path, options)
    label = "" if table.y is None else str(table.y[0])
    return _require_recording(path, table.X[0]), table.channels, None, label, table.columns


def _require_recording(path: Path, signal: np.ndarray) -> np.ndarray:
    if signal.dtype.kind not in "biuf" or signal.ndim != 2 or 0 in signal.shape:
        raise ValueError(
            f"{path}: the array has shape {signal.shape} and type {signal.dtype}; give the numbers of one recording, "
            "(time,) or (channels, time)."
        )
    return signal


def _describe(signal: np.ndarray, channels: tuple[str, ...], rate: int | None) -> str:
    names = f" ({', '.join(channels)})" if channels else ""
    plural = "s" if len(signal) > 1 else ""
    return f"{len(signal)} channel{plural}{names}" + (f" at {rate} Hz" if rate is not None else "")


def _read_arrays(files: list[Path]) -> np.ndarray:
    """Read .npy files with one or more signals each; resample them to the length of the signals in the first."""
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
