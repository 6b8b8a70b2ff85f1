"""Checkpoint files: reading and writing weights and settings. Reading a file never executes code from it."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .format_1 import rename_tensors, upgrade_format_1

FORMAT = "sktsmae"
FORMAT_VERSION = 2

Model = TypeVar("Model", bound=nn.Module)
Built = TypeVar("Built")

# Settings that are numbers of layers. Each layer has tensors of its own, so these numbers cannot exceed the number of
# tensors in a file.
_LAYER_COUNTS = {"depth", "decoder_depth", "num_res_blocks"}
# Maximum number of scales in the settings of a file: a damaged file must not allocate arbitrary amounts of memory.
_MAX_SCALES = 10**6

# Names of tensors in the reference implementation and in this package. The first pattern that matches is used.
_REFERENCE_NAMES = [
    (r"(cls_token|pos_embed|patch_embed\..+|norm\..+)", r"signal_encoder.encoder.\1"),
    (r"(decoder_embed\..+|mask_token|decoder_pos_embed|time_reducer\..+)", r"decoder.\1"),
    (r"blocks\.(\d+)\.mlp\.0\.(.+)", r"signal_encoder.encoder.blocks.\1.mlp.fc1.\2"),
    (r"blocks\.(\d+)\.mlp\.3\.(.+)", r"signal_encoder.encoder.blocks.\1.mlp.fc2.\2"),
    (r"blocks\.(.+)", r"signal_encoder.encoder.blocks.\1"),
    (r"decoder_blocks\.(\d+)\.mlp\.0\.(.+)", r"decoder.blocks.\1.mlp.fc1.\2"),
    (r"decoder_blocks\.(\d+)\.mlp\.3\.(.+)", r"decoder.blocks.\1.mlp.fc2.\2"),
    (r"decoder_blocks\.(.+)", r"decoder.blocks.\1"),
    (r"decoder_norm\.(.+)", r"decoder.norm.\1"),
    (r"decoder_pred_spec\.(.+)", r"decoder.pred_spec.\1"),
    (r"time_pred\.(.+)", r"decoder.pred_time.\1"),
    (r"(head\..+)", r"\1"),
]
# Rotary tables of the reference implementation, which this package computes.
_ROTARY_TABLES = r"rope_(encoder|decoder)\..+"


def write_safetensors(path: str | os.PathLike[str], state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and metadata to a safetensors file; the write is atomic.

    Parameters
    ----------
    path : str or path-like
        The file. An existing file is replaced. If the write fails or is interrupted, an existing file is unchanged.
    state : mapping of str to Tensor
        The tensors, on any device.
    metadata : mapping
        Values that can be written as JSON.

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


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file atomically: it replaces an existing file only when it is complete.

    Parameters
    ----------
    path : str or path-like
        The file. An existing file is replaced. If the write fails or is interrupted, an existing file is unchanged.

    Yields
    ------
    Path
        Temporary path at which the file is to be written, in the same directory.

    Raises
    ------
    FileNotFoundError
        If the directory does not exist.
    ValueError
        If the path is a directory.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: this is a directory; give the path of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the directory {path.parent} does not exist; create it first.")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as directory:
        temporary = Path(directory) / path.name
        yield temporary
        os.replace(temporary, path)


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
    _require_file(path)
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
        The required ``"kind"`` in the metadata: "mae", "classifier" or "regressor".

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
        If the file is truncated, was not written by sktsmae, or has another kind or a newer format version.
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
            "saves files of the kind 'mae', MAEClassifier 'classifier' and MAERegressor 'regressor'; load a file with "
            "the class that saved it."
        )
    if not isinstance(metadata.get("settings"), dict):
        raise ValueError(f"{path}: the metadata contain no settings; the file is damaged.")
    return upgrade_format_1(state, metadata) if version == 1 else (state, metadata)


def read_reference(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], bool]:
    """Read a ``.pth`` file and rename its tensors to the names in this package.

    Parameters
    ----------
    path : str or path-like
        A file that `torch.save` wrote. It contains a state dict of the reference implementation, of `CWT_MAE_RoPE` or
        of `TF_MAE_Classifier`, either directly or under the key ``"model"``.

    Returns
    -------
    state : dict of str to Tensor
        The tensors, on the CPU.
    from_reference : bool
        Whether the file has the names of the reference implementation.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read without executing code, or contains no such state dict.
    """
    _require_file(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise any exception
        raise ValueError(
            f"{path}: the file cannot be read as a state dict without executing code ({type(error).__name__}); it is "
            "truncated, has another format, or contains code."
        ) from error
    state = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in state.items()):
        raise ValueError(f"{path}: the file must contain a state dict, either directly or under the key 'model'.")
    return convert_reference(state, path)


def convert_reference(state: Mapping[str, Tensor], source: object = "state dict") -> tuple[dict[str, Tensor], bool]:
    """Rename the tensors of the reference implementation; names of this package are unchanged.

    Parameters
    ----------
    state : mapping of str to Tensor
        The state dict. The prefixes of wrappers (``module.``, ``_orig_mod.``) are removed.
    source : object, default="state dict"
        Name of the source in error messages.

    Returns
    -------
    state : dict of str to Tensor
        The tensors with the names in `CWT_MAE_RoPE` or `TF_MAE_Classifier`.
    from_reference : bool
        Whether the names were those of the reference implementation.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    named = {re.sub(r"^((module|_orig_mod)\.)+", "", name): tensor for name, tensor in state.items()}
    if any(name.startswith("signal_encoder.") for name in named):
        return named, False
    if any(name.startswith("encoder.") for name in named):
        return rename_tensors(named), False
    converted = {}
    for name, tensor in named.items():
        bare = name.removeprefix("encoder_model.")
        if re.fullmatch(_ROTARY_TABLES, bare):
            continue
        for pattern, replacement in _REFERENCE_NAMES:
            if re.fullmatch(pattern, bare):
                converted[re.sub(pattern, replacement, bare)] = tensor
                break
        else:
            raise ValueError(f"{source}: the tensor {name!r} is not part of a CWT-MAE model.")
    return _convert_head(converted), True


def load_matching(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    """Load a state dict into a model if all tensors fit.

    Parameters
    ----------
    model : nn.Module
        The model; it is changed in place.
    state : mapping of str to Tensor
        The state dict.
    source : object
        Name of the source in error messages.

    Raises
    ------
    ValueError
        If a tensor is missing or unknown, or has another shape. The message names it.
    """
    _require_matching(model, state, source)
    model.load_state_dict(dict(state))


def plan(build: Callable[[], Built], settings: Mapping[str, Any], state: Mapping[str, Tensor], source: object) -> Built:
    """Build an object from the settings in a file without allocating memory for its weights.

    Parameters
    ----------
    build : callable
        Function that builds the object from the settings.
    settings : mapping
        The settings from the file; they may be invalid.
    state : mapping of str to Tensor
        The tensors in the file.
    source : object
        Name of the file in error messages.

    Returns
    -------
    object
        The result of `build`, with its tensors on the device "meta".

    Raises
    ------
    ValueError
        If the settings are invalid.
    """
    for name, value in settings.items():
        maximum = len(state) if name in _LAYER_COUNTS else _MAX_SCALES if name == "cwt_scales" else None
        if maximum is not None and not isinstance(value, list) and not (isinstance(value, int) and value <= maximum):
            raise ValueError(
                f"{source}: the settings in the file are damaged: {name}={value!r}, but it must be an integer of at "
                f"most {maximum}."
            )
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return build()
    except Exception as error:  # settings of the wrong type can raise any exception
        raise ValueError(f"{source}: the settings in the file are damaged ({error}).") from error


def restore(
    build: Callable[[], Model], settings: Mapping[str, Any], state: Mapping[str, Tensor], source: object
) -> Model:
    """Build a module from the settings in a file and load its weights, after checking that the weights fit.

    Parameters
    ----------
    build : callable
        Function that builds the module from the settings.
    settings : mapping
        The settings from the file; they may be invalid.
    state : mapping of str to Tensor
        The tensors in the file.
    source : object
        Name of the file in error messages.

    Returns
    -------
    nn.Module
        The module, in evaluation mode.

    Raises
    ------
    ValueError
        If the settings are invalid or a tensor does not fit. The message names it.
    """
    _require_matching(plan(build, settings, state, source), state, source)
    with torch.random.fork_rng(devices=[]):  # the random weights are replaced by those of the file
        model = build()
    model.load_state_dict(dict(state))
    return model.eval()


def to_jsonable(value: Any) -> Any:
    """Convert a value to the types that JSON returns when the value is written and read again.

    Parameters
    ----------
    value : object
        For example a tuple, a NumPy array or a NumPy number.

    Returns
    -------
    object
        A list for a sequence or an array, and a Python number for a NumPy number. Other values are unchanged.
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    return [to_jsonable(member) for member in value] if isinstance(value, (tuple, list, range)) else value


def _require_matching(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    own = model.state_dict()
    problems = [f"{name} is missing" for name in own if name not in state]
    problems += [f"{name} is unknown" for name in state if name not in own]
    problems += [
        f"{name} has the shape {tuple(state[name].shape)} in the file and {tuple(own[name].shape)} in the model"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    problems += [
        f"{name} has the dtype {state[name].dtype} in the file and {own[name].dtype} in the model"
        for name in own
        if name in state and state[name].is_floating_point() != own[name].is_floating_point()
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(f"{source}: the weights do not fit the settings: {'; '.join(problems[:5])}{more}.")


def _convert_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the layers of a head. The reference implementation numbers the layers of a residual MLP head."""
    numbers = sorted({int(match[1]) for name in state if (match := re.match(r"head\.(\d+)\.", name))})
    if not numbers:
        return {
            re.sub(r"\.ffn\.(0|3)\.", lambda m: ".mlp" + _fc_name(m), name): tensor for name, tensor in state.items()
        }
    last = numbers[-1]
    names = {0: "norm_in", 1: "proj", last - 1: "norm", last: "classifier"}
    names |= {number: f"blocks.{number - 4}" for number in numbers[2:-2]}
    converted = {}
    for name, tensor in state.items():
        renamed = re.sub(r"^head\.(\d+)\.", lambda match: f"head.{names[int(match[1])]}.", name)
        converted[re.sub(r"\.net\.(0|3)\.", _fc_name, renamed)] = tensor
    return converted


def _fc_name(match: re.Match[str]) -> str:
    """Return the name of a linear layer of an MLP from its number in the reference implementation."""
    return ".fc1." if match[1] == "0" else ".fc2."


def _require_file(path: str | os.PathLike[str]) -> None:
    if os.path.isdir(path):
        raise ValueError(f"{path}: this is a directory; give the path of a file.")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: this file does not exist; give the path of a checkpoint file.")
