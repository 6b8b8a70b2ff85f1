"""Files of format version 1 (written before December 2026) under the names of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def upgrade_format_1(state: Mapping[str, Tensor], metadata: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Rename what a file of format version 1 holds.

    Parameters
    ----------
    state : mapping of str to Tensor
        The tensors of the file.
    metadata : dict
        Its metadata.

    Returns
    -------
    state : dict of str to Tensor
        The tensors under the names of today.
    metadata : dict
        The settings and parameters under the names of today.
    """
    upgraded = {**metadata, "settings": _rename_settings(metadata["settings"])}
    estimator = metadata.get("estimator")
    if isinstance(estimator, dict) and isinstance(estimator.get("params"), dict):
        upgraded["estimator"] = {**estimator, "params": _rename_settings(estimator["params"])}
    return dict(state), upgraded


def _rename_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {("boundary" if name == "padding" else name): value for name, value in settings.items()}
    if renamed.get("standardize") == "row":
        renamed["standardize"] = "per_scale"
    return renamed
