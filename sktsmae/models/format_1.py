"""Conversion of files of format version 1 (written before December 2026) to format version 2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

# Patterns of tensor names in format version 1, and the current names. The first pattern that matches is used.
_RENAMED = [
    (r"encoder\.(.+)", r"signal_encoder.encoder.\1"),
    (r"network\.encoder\.(.+)", r"network.signal_encoder.encoder.\1"),
    (r"probe\.features\.embedding\.encoder\.(.+)", r"probe.features.embedding.signal_encoder.encoder.\1"),
    (r"probe\.shares", "probe.mixture_weights"),
    (r"probe\.sharpness", "probe.inverse_temperature"),
]
# Name of the setting and prefix of the tensors of the instance loss (InfoNCE), which was removed from the package.
_REMOVED_SETTING, _REMOVED_PREFIX = "instance_loss_weight", "projector."


def rename_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of format version 1 to their current names, and drop those of the removed instance loss.

    Parameters
    ----------
    state : mapping of str to Tensor
        A state dict with the names of format version 1.

    Returns
    -------
    dict of str to Tensor
        The tensors under their current names.
    """
    renamed = {}
    for name, tensor in state.items():
        if name.startswith(_REMOVED_PREFIX):
            continue
        match = next((pair for pair in _RENAMED if re.fullmatch(pair[0], name)), None)
        renamed[name if match is None else re.sub(*match, name)] = tensor
    return renamed


def upgrade_format_1(state: Mapping[str, Tensor], metadata: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Convert the content of a file of format version 1 to format version 2.

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
        The metadata, with settings and estimator parameters under their current names.
    """
    tensors = rename_tensors(state)
    upgraded = {**metadata, "settings": _rename_settings(metadata["settings"])}
    estimator = metadata.get("estimator")
    if isinstance(estimator, dict) and isinstance(estimator.get("params"), dict):
        upgraded["estimator"] = {**estimator, "params": _rename_settings(estimator["params"])}
    if metadata["kind"] != "mae":
        # Format 1 does not name the kinds of features. A probe with one linear model used only the embedding.
        kinds = ["embedding"] if "probe.linear.1.weight" not in tensors else ["summary", "statistics", "embedding"]
        upgraded["probe"] = None if metadata.get("readout") is None else kinds
        upgraded["readout"] = metadata.get("readout") or {"pooling": "mean", "layers": None}
        thresholds = tensors.get("probe.features.embedding.thresholds")
        if (
            metadata.get("head") is not None
            and thresholds is not None
            and upgraded["readout"].get("pooling") == "bands"
        ):
            # Format 1 has no thresholds for the fine-tuned encoder. Those for the frozen encoder are a substitute.
            tensors["thresholds"] = thresholds.clone()
    return tensors, upgraded


def _rename_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {("boundary" if name == "padding" else name): value for name, value in settings.items()}
    renamed.pop(_REMOVED_SETTING, None)
    if renamed.get("standardize") == "row":
        renamed["standardize"] = "per_scale"
    return renamed
