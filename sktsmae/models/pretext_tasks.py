"""The pretext tasks that exist, by the name that the parameter `pretext_task` of `MAEPretrainer` takes."""

from __future__ import annotations

from .mae import CWT_MAE_RoPE
from .pretext import PretextTask

PRETEXT_TASKS: dict[str, type[PretextTask]] = {"reconstruction": CWT_MAE_RoPE}
