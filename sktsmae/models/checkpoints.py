"""Reading and writing weights; no file read here can run code."""

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

from .format_1 import upgrade_format_1

FORMAT = "sktsmae"
FORMAT_VERSION = 2

Model = TypeVar("Model", bound=nn.Module)
Built = TypeVar("Built")

# Settings that say how often something is built, each with weights of its own; and how many scales are made at once.
_REPEATED, _MOST_SCALES = {"depth", "decoder_depth", "num_res_blocks"}, 10**6

# Names in the reference implementation's files, and here. The first pattern that matches decides.
_RENAMED = [
    (r"(cls_token|pos_embed|patch_embed\..+|norm\..+)", r"encoder.\1"),
    (r"(decoder_embed\..+|mask_token|decoder_pos_embed|time_reducer\..+)", r"decoder.\1"),
    (r"blocks\.(\d+)\.mlp\.0\.(.+)", r"encoder.blocks.\1.mlp.fc1.\2"),
    (r"blocks\.(\d+)\.mlp\.3\.(.+)", r"encoder.blocks.\1.mlp.fc2.\2"),
    (r"blocks\.(.+)", r"encoder.blocks.\1"),
    (r"decoder_blocks\.(\d+)\.mlp\.0\.(.+)", r"decoder.blocks.\1.mlp.fc1.\2"),
    (r"decoder_blocks\.(\d+)\.mlp\.3\.(.+)", r"decoder.blocks.\1.mlp.fc2.\2"),
    (r"decoder_blocks\.(.+)", r"decoder.blocks.\1"),
    (r"decoder_norm\.(.+)", r"decoder.norm.\1"),
    (r"decoder_pred_spec\.(.+)", r"decoder.pred_spec.\1"),
    (r"time_pred\.(.+)", r"decoder.pred_time.\1"),
    (r"(head\..+)", r"\1"),
]
# Tables that are computed here.
_DROPPED = r"rope_(encoder|decoder)\..+"


def write_safetensors(path: str | os.PathLike[str], state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and what belongs to them to one file, in one step.

    Parameters
    ----------
    path : str or path-like
        The file, replaced if it is there; an interrupted write leaves the old one.
    state : mapping of str to Tensor
        The tensors, on any device.
    metadata : mapping
        Anything JSON can hold.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the path is a folder.
    """
    header = json.dumps({"format_version": FORMAT_VERSION, **metadata})
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata={FORMAT: header})
        # safetensors lets nobody else read it; the permissions are to be those of any new file.
        (any_file := temporary.with_name("any")).touch()
        temporary.chmod(any_file.stat().st_mode)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Put a file in its place once it is whole.

    Parameters
    ----------
    path : str or path-like
        The file, replaced if it is there; an interrupted write leaves the old one.

    Yields
    ------
    Path
        Where to write it, in a temporary folder beside.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the path is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: a folder; give the name of a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}; make it first.")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        yield Path(folder) / path.name
        os.replace(Path(folder) / path.name, path)


def is_safetensors(path: str | os.PathLike[str]) -> bool:
    """Tell by its content whether a file is in the safetensors format, whatever its name.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    bool
        Whether its header is one of JSON, behind eight bytes of length.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    _require_file(path)
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def stored_kind(path: str | os.PathLike[str]) -> str | None:
    """Tell what a file holds, without reading its weights.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    str or None
        The ``"kind"`` that `read_safetensors` asks for; None if it names none, which reading it then explains.
    """
    try:
        with safe_open(path, framework="pt") as file:
            kind = json.loads((file.metadata() or {})[FORMAT])["kind"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
    return kind if isinstance(kind, str) else None


def read_safetensors(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file that `write_safetensors` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str
        The ``"kind"`` that the metadata must name.

    Returns
    -------
    state : dict of str to Tensor
        The tensors, on the CPU.
    metadata : dict
        What was written beside them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated, foreign, of another kind or of a newer version.
    """
    if not is_safetensors(path):
        raise ValueError(
            f"{path}: not a safetensors file. Weights in a .pth file are read by sktsmae.models.load_reference_mae, "
            "with their settings, and written as one by save_mae."
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(FORMAT)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        metadata = None if header is None else json.loads(header)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a readable safetensors file, perhaps truncated ({error}).") from error
    version = metadata.pop("format_version", metadata.get("version")) if isinstance(metadata, dict) else None
    if not isinstance(version, int):
        raise ValueError(f"{path}: a safetensors file, but not one that sktsmae wrote; its settings are missing.")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{path}: format_version {version} is newer than the {FORMAT_VERSION} that this version of sktsmae reads; "
            "upgrade sktsmae."
        )
    if metadata.get("kind") != kind:
        raise ValueError(
            f"{path}: holds a {metadata.get('kind')!r}, and a {kind!r} is needed here. MAEPretrainer writes the kind "
            "'mae', MAEClassifier 'classifier' and MAERegressor 'regressor', and each reads its own."
        )
    if not isinstance(metadata.get("settings"), dict):
        raise ValueError(f"{path}: its settings are missing; the file is damaged.")
    return upgrade_format_1(state, metadata) if version == 1 else (state, metadata)


def read_reference(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], bool]:
    """Read a ``.pth`` file and give its tensors the names that they have here.

    Parameters
    ----------
    path : str or path-like
        A state dict of the reference implementation, bare or under ``"model"``; or one of `CWT_MAE_RoPE` or
        `TF_MAE_Classifier` themselves, saved by `torch.save`.

    Returns
    -------
    state : dict of str to Tensor
        The tensors, on the CPU.
    from_reference : bool
        Whether the names were the reference implementation's.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read without running code, or holds no such weights.
    """
    _require_file(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(
            f"{path}: not readable as weights alone; it is truncated, foreign, or holds code ({type(error).__name__})."
        ) from error
    state = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in state.items()):
        raise ValueError(f"{path}: holds no state dict, bare or under 'model'.")
    return convert_reference(state, path)


def convert_reference(state: Mapping[str, Tensor], source: object = "state dict") -> tuple[dict[str, Tensor], bool]:
    """Rename the tensors of the reference implementation; a state dict with our names passes unchanged.

    Parameters
    ----------
    state : mapping of str to Tensor
        The state dict; prefixes that wrappers add (``module.``, ``_orig_mod.``) are taken off.
    source : object, default="state dict"
        What an error calls it.

    Returns
    -------
    state : dict of str to Tensor
        Tensors under the names of `CWT_MAE_RoPE` or `TF_MAE_Classifier`.
    from_reference : bool
        Whether anything had to be renamed.

    Raises
    ------
    ValueError
        If a name is known on neither side.
    """
    named = {re.sub(r"^((module|_orig_mod)\.)+", "", name): tensor for name, tensor in state.items()}
    if any(name.startswith("encoder.") for name in named):
        return named, False
    converted = {}
    for name, tensor in named.items():
        bare = name.removeprefix("encoder_model.")
        if re.fullmatch(_DROPPED, bare):
            continue
        for pattern, replacement in _RENAMED:
            if re.fullmatch(pattern, bare):
                converted[re.sub(pattern, replacement, bare)] = tensor
                break
        else:
            raise ValueError(f"{source}: the tensor {name!r} belongs to no CWT-MAE model.")
    return _convert_head(converted), True


def load_matching(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    """Load a state dict whose tensors must all fit.

    Parameters
    ----------
    model : nn.Module
        Where to.
    state : mapping of str to Tensor
        What.
    source : object
        What an error calls it.

    Raises
    ------
    ValueError
        If a tensor is missing, left over or of another shape; it is named.
    """
    _require_matching(model, state, source)
    model.load_state_dict(dict(state))


def plan(build: Callable[[], Built], settings: Mapping[str, Any], state: Mapping[str, Tensor], source: object) -> Built:
    """Build what a file describes, without allocating its weights.

    Parameters
    ----------
    build : callable
        Builds it from the settings.
    settings : mapping
        The settings, whatever the file holds under their names.
    state : mapping of str to Tensor
        The file's weights.
    source : object
        What an error calls the file.

    Returns
    -------
    object
        What `build` returns, its tensors on the device "meta".

    Raises
    ------
    ValueError
        If the settings are not ones that can be built.
    """
    for name, value in settings.items():
        most = len(state) if name in _REPEATED else _MOST_SCALES if name == "cwt_scales" else None
        if most is not None and not isinstance(value, list) and not (isinstance(value, int) and value <= most):
            raise ValueError(f"{source}: its settings are damaged ({name}={value!r}, and {len(state)} tensors).")
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return build()
    except Exception as error:  # numbers and texts in the places of others can raise anything
        raise ValueError(f"{source}: its settings are damaged ({error}).") from error


def restore(
    build: Callable[[], Model], settings: Mapping[str, Any], state: Mapping[str, Tensor], source: object
) -> Model:
    """Build what a file describes, and load its weights; nothing is allocated before they are known to fit.

    Parameters
    ----------
    build : callable
        Builds the module from the settings.
    settings : mapping
        The settings, whatever the file holds under their names.
    state : mapping of str to Tensor
        The weights.
    source : object
        What an error calls the file.

    Returns
    -------
    nn.Module
        The module, in evaluation mode.

    Raises
    ------
    ValueError
        If the settings are not ones that can be built, or a tensor does not fit; it is named.
    """
    _require_matching(plan(build, settings, state, source), state, source)
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are about to be replaced
        model = build()
    model.load_state_dict(dict(state))
    return model.eval()


def to_jsonable(value: Any) -> Any:
    """Return a value in the form in which JSON gives it back.

    Parameters
    ----------
    value : object
        Such as a tuple, an array or a number of numpy's.

    Returns
    -------
    object
        A list or a number in its place.
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    return [to_jsonable(member) for member in value] if isinstance(value, (tuple, list, range)) else value


def _require_matching(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    own = model.state_dict()
    problems = [f"{name} is missing" for name in own if name not in state]
    problems += [f"{name} is unknown" for name in state if name not in own]
    problems += [
        f"{name} is {tuple(state[name].shape)} in the file and {tuple(own[name].shape)} by the settings"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    problems += [
        f"{name} is {state[name].dtype} in the file"
        for name in own
        if name in state and state[name].is_floating_point() != own[name].is_floating_point()
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(f"{source}: the weights do not fit the settings: {'; '.join(problems[:5])}{more}.")


def _convert_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the layers of a residual MLP head, which the reference implementation numbers."""
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
    """Name the first and the second linear layer of what was a numbered sequence."""
    return ".fc1." if match[1] == "0" else ".fc2."


def _require_file(path: str | os.PathLike[str]) -> None:
    if os.path.isdir(path):
        raise ValueError(f"{path}: a folder; give a file in it.")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: no such file; give the path of a checkpoint.")
