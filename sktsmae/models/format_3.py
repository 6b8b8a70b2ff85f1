"""Conversion of files of format version 3 (written in December 2026) to the current format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def upgrade_format_3(state: Mapping[str, Tensor], metadata: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Convert the content of a file of format version 3 to the current format.

    In format version 3, the models of a probe are linear in the features before standardisation, and use all channels.

    Parameters
    ----------
    state : mapping of str to Tensor
        The tensors of the file.
    metadata : dict
        The metadata of the file.

    Returns
    -------
    state : dict of str to Tensor
        The tensors, with a mean of 0, a scale of 1, no limit and coefficients of 0 for the absolute values.
    metadata : dict
        The metadata, in which "probe" lists the kinds of features and the channel of each linear model.
    """
    inputs = metadata.get("probe")
    if not isinstance(inputs, list):
        return dict(state), metadata  # there is no probe, or the file is damaged
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        match = re.fullmatch(r"(probe\.linear\.\d+\.)(weight|bias)", name)
        # A weight without values is damaged; its shape could name any amount of memory.
        if match is None or tensor.numel() == 0 or (match[2] == "weight" and tensor.ndim != 2):
            tensors[name] = tensor
            continue
        model, kind = match.groups()
        if kind == "weight":
            tensors[f"{model}basis.mean"] = torch.zeros(tensor.shape[1:])
            tensors[f"{model}basis.scale"] = torch.ones(tensor.shape[1:])
            tensors[f"{model}basis.limit"] = torch.tensor(float("inf"))
            tensor = torch.cat((tensor, torch.zeros_like(tensor)), dim=-1)
        tensors[f"{model}linear.{kind}"] = tensor
    return tensors, {**metadata, "probe": [[names, None] for names in inputs]}
