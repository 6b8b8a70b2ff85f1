"""Checkpoint files: reading and writing weights and settings. Reading a file never executes code from it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .atomic import atomic_write
from .format_1 import upgrade_format_1
from .format_2 import upgrade_format_2
from .format_3 import upgrade_format_3

FORMAT = "sktsmae"
FORMAT_VERSION = 4


def write_safetensors(path: str | os.PathLike[str], state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and metadata to a safetensors file atomically.

    Parameters
    ----------
    path : str or path-like
        The file. An existing file is replaced. If the write fails or is interrupted, an existing file is unchanged.
    state : mapping of str to Tensor
        The tensors, on any device.
    metadata : mapping
        JSON-serialisable values.

    Raises
    ------
    FileNotFoundError
        If the directory does not exist.
    ValueError
        If the path is a directory.
    """
    header = json.dumps({"format_version": FORMAT_VERSION, **metadata})
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata={FORMAT: header})
        # safetensors makes files readable only by their owner. Set the default permissions of a new file instead.
        (new_file := temporary.with_name("new")).touch()
        temporary.chmod(new_file.stat().st_mode)


def is_safetensors(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is in the safetensors format, based on its content and not on its name.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    bool
        Whether a JSON header follows the first eight bytes, which contain the length of the header.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    """
    require_file(path)
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def stored_kind(path: str | os.PathLike[str]) -> str | None:
    """Return the kind of model in a file without reading its weights.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    str or None
        The ``"kind"`` in the metadata, as in `read_safetensors`. None if the file cannot be read or has no kind;
        `read_safetensors` then raises an error with the reason.
    """
    try:
        with safe_open(path, framework="pt") as file:
            kind = json.loads((file.metadata() or {})[FORMAT])["kind"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
    return kind if isinstance(kind, str) else None


def read_safetensors(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the metadata of a file that `write_safetensors` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str
        The required ``"kind"`` in the metadata: "mae", "classifier", "regressor" or "anomaly_detector".

    Returns
    -------
    state : dict of str to Tensor
        The tensors, on the CPU.
    metadata : dict
        The metadata.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is truncated or damaged, was not written by sktsmae, or has another kind or a newer format version.
    """
    if not is_safetensors(path):
        raise ValueError(
            f"{path}: not a safetensors file. To convert a .pth file, load it with sktsmae.models.load_reference_mae, "
            "which needs its settings, and save the model with sktsmae.models.save_mae."
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(FORMAT)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - `file` is not iterable
        metadata: Any = None if header is None else json.loads(header)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a readable safetensors file; it may be truncated ({error}).") from error
    # Files of format version 1 store their format version under the key "version".
    version = metadata.pop("format_version", metadata.get("version")) if isinstance(metadata, dict) else None
    if not isinstance(version, int):
        raise ValueError(f"{path}: this safetensors file was not written by sktsmae; give a file that sktsmae wrote.")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{path}: the file has format_version {version}, but this version of sktsmae reads only format_version "
            f"{FORMAT_VERSION} and older; upgrade sktsmae."
        )
    if metadata.get("kind") != kind:
        raise ValueError(
            f"{path}: the file has the kind {metadata.get('kind')!r}, but the kind {kind!r} is required. MAEPretrainer "
            "saves files of the kind 'mae', MAEClassifier 'classifier', MAERegressor 'regressor' and "
            "MAEAnomalyDetector 'anomaly_detector'; load a file with the class that saved it."
        )
    if not isinstance(metadata.get("settings"), dict):
        raise ValueError(f"{path}: the metadata contain no settings; the file is damaged.")
    if version == 1:
        state, metadata = upgrade_format_1(state, metadata)
    if version <= 2:
        state, metadata = upgrade_format_2(state, metadata)
    return upgrade_format_3(state, metadata) if version <= 3 else (state, metadata)


def require_file(path: str | os.PathLike[str]) -> None:
    """Check that a path names an existing file.

    Parameters
    ----------
    path : str or path-like
        The path.

    Raises
    ------
    FileNotFoundError
        If the path does not exist.
    ValueError
        If the path is a directory.
    """
    if os.path.isdir(path):
        raise ValueError(f"{path}: this is a directory; give the path of a file.")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: this file does not exist; give the path of a checkpoint file.")
