"""Checkpoints of the reference implementation, read under the names of this package."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from .checkpoints import require_file
from .format_1 import rename_tensors

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


# Rotary tables in files of the reference implementation. They are skipped, because this package computes the angles.
_ROTARY_TABLES = r"rope_(encoder|decoder)\..+"


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
    require_file(path)
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
