"""Conversion of files of format version 2 (written in December 2026) to format version 3."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor


def upgrade_format_2(state: Mapping[str, Tensor], metadata: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Convert the content of a file of format version 2 to format version 3.

    In format version 2, the k-th linear model of a probe uses the first k kinds of features, and the kind "statistics"
    includes the kind "quarters".

    Parameters
    ----------
    state : mapping of str to Tensor
        The tensors of the file.
    metadata : dict
        The metadata of the file.

    Returns
    -------
    state : dict of str to Tensor
        The tensors under their current names.
    metadata : dict
        The metadata, in which "probe" lists the kinds of features of each linear model.
    """
    tensors, names = dict(state), metadata.get("probe")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return tensors, metadata  # there is no probe, or the file is damaged
    own = [["statistics", "quarters"] if name == "statistics" else [name] for name in names]
    inputs = [list(chain.from_iterable(own[: number + 1])) for number in range(len(own))]
    if "statistics" in names:
        _separate_quarters(tensors, names.index("statistics"), len(names))
    return tensors, {**metadata, "probe": inputs}


def _separate_quarters(tensors: dict[str, Tensor], first: int, num_models: int) -> None:
    """Sort the columns of linear models from number `first` on: statistics of the whole signal, then of its quarters.

    In format 2, a kind of features has seven statistics per threshold: three of the whole signal, four of its quarters.
    If a tensor is missing, nothing changes, so that an error message can name it.
    """
    whole, quarters = (f"probe.features.{name}." for name in ("statistics", "quarters"))
    weights = [f"probe.linear.{number}.weight" for number in range(num_models)]
    if not {f"{whole}thresholds", *weights} <= tensors.keys():
        return
    start = tensors[weights[first - 1]].shape[1] if first else 0
    stop = start + 7 * tensors[f"{whole}thresholds"].numel()
    if any(tensors[name].ndim != 2 or tensors[name].shape[1] < stop for name in weights[first:]):
        return
    for name in [name for name in tensors if name.startswith(whole)]:
        tensors[name.replace(whole, quarters)] = tensors[name].clone()  # both kinds need the same buffers
    for name in weights[first:]:
        weight = tensors[name]
        columns = weight[:, start:stop].unflatten(1, (-1, 7))  # (C, thresholds, 7)
        parts = [weight[:, :start], columns[..., :3].flatten(1), columns[..., 3:].flatten(1), weight[:, stop:]]
        tensors[name] = torch.cat(parts, dim=1)
