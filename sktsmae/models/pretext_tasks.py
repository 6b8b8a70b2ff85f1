"""The available pretext tasks. The keys are the allowed values of the parameter `pretext_task` of `MAEPretrainer`."""

from __future__ import annotations

from .latent_mae import LatentMAE
from .mae import CWT_MAE_RoPE
from .pretext import PretextTask

PRETEXT_TASKS: dict[str, type[PretextTask]] = {"reconstruction": CWT_MAE_RoPE, "latent": LatentMAE}
