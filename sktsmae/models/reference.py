"""Reading of checkpoint files of the reference implementation of CWT-MAE-RoPE, with renaming of their tensors.

The reference implementation is github.com/Dryilv/Wearable-Foundation-Model.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .checkpoints import require_file
from .format_1 import rename_tensors

# Patterns of tensor names in the reference implementation, and the names in this package. The first pattern that
# matches is used.
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
# Rotary tables in files of the reference implementation. They are skipped, because this package computes the angles.
_ROTARY_TABLES = r"rope_(encoder|decoder)\..+"
# The rotary embedding of the reference implementation has one position index for the flattened grid of patches.
REFERENCE_SETTINGS = {"rope": "raster"}


def read_reference(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a ``.pth`` file and give its tensors the names of this package.

    Parameters
    ----------
    path : str or path-like
        A file that `torch.save` wrote. It contains a state dict, either directly or under the key ``"model"``. The
        state dict is from the reference implementation, from `CWT_MAE_RoPE` or from `TF_MAE_Classifier`.

    Returns
    -------
    state : dict of str to Tensor
        The tensors, on the CPU.
    implied_settings : dict
        `REFERENCE_SETTINGS` if the names in the file are those of the reference implementation, otherwise none.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read without executing code, contains no state dict, or contains an unknown tensor name.
    """
    require_file(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise any exception
        raise ValueError(
            f"{path}: the file cannot be read as a state dict without executing code ({type(error).__name__}); it is "
            "truncated, has another format, or contains code."
        ) from error
    state = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise ValueError(f"{path}: the file must contain a state dict, either directly or under the key 'model'.")
    return convert_reference(state, path)


def convert_reference(
    state: Mapping[str, Tensor], source: object = "state dict"
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Rename tensors from the names in the reference implementation to the names in this package.

    Parameters
    ----------
    state : mapping of str to Tensor
        The state dict, with the names of the reference implementation or of this package. The prefixes that wrappers of
        torch add (``module.``, ``_orig_mod.``) are removed.
    source : object, default="state dict"
        Name of the source in error messages.

    Returns
    -------
    state : dict of str to Tensor
        The tensors with the names in `CWT_MAE_RoPE` or `TF_MAE_Classifier`.
    implied_settings : dict
        `REFERENCE_SETTINGS` if the names were those of the reference implementation, otherwise none.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    named = {re.sub(r"^((module|_orig_mod)\.)+", "", name): tensor for name, tensor in state.items()}
    if any(name.startswith("signal_encoder.") for name in named):
        return named, {}
    if any(name.startswith("encoder.") for name in named):  # names in format version 1 of this package
        return rename_tensors(named), {}
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
    return _convert_head(converted), dict(REFERENCE_SETTINGS)


def _convert_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a head. In the reference implementation, the layers of a residual MLP head have numbers."""
    numbers = sorted({int(match[1]) for name in state if (match := re.match(r"head\.(\d+)\.", name))})
    if not numbers:  # a reasoning head
        return {
            re.sub(r"\.ffn\.(0|3)\.", lambda match: ".mlp" + _fc_name(match), name): tensor
            for name, tensor in state.items()
        }
    last = numbers[-1]
    names = {0: "norm_in", 1: "proj", last - 1: "norm", last: "classifier"}
    # The layers 2 and 3 (GELU and dropout) have no tensors, and the residual blocks follow them.
    names |= {number: f"blocks.{number - 4}" for number in numbers[2:-2]}
    converted = {}
    for name, tensor in state.items():
        renamed = re.sub(r"^head\.(\d+)\.", lambda match: f"head.{names[int(match[1])]}.", name)
        converted[re.sub(r"\.net\.(0|3)\.", _fc_name, renamed)] = tensor
    return converted


def _fc_name(match: re.Match[str]) -> str:
    """Return the name of a linear layer of an MLP from its number in the reference implementation."""
    return ".fc1." if match[1] == "0" else ".fc2."
