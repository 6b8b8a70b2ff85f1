"""Fitted classifiers as ONNX files."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..models.checkpoints import atomic_write
from ._networks import mean_probabilities


class SignalsToProbabilities(nn.Module):
    """What a classifier does between an array and its probabilities.

    Parameters
    ----------
    members : nn.ModuleDict
        What decides; each maps signals to logits (B, C).
    offset : ndarray of shape () or (M,), float64
        What is subtracted from each channel.
    """

    offset: Tensor

    def __init__(self, members: nn.ModuleDict, offset: np.ndarray) -> None:
        super().__init__()
        self.members = members
        self.register_buffer("offset", torch.from_numpy(np.asarray(offset)[..., None]))

    @property
    def dtype(self) -> torch.dtype:
        """What it takes: float64 where float32 would lose the signals' digits before the offset is subtracted.

        Returns
        -------
        torch.dtype
            That of a signal.
        """
        return torch.float64 if self.offset.any() else torch.float32

    def forward(self, x: Tensor) -> Tensor:
        """Classify signals.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals or spectrograms.

        Returns
        -------
        Tensor of shape (B, C)
            Probabilities.
        """
        if x.dtype == torch.float64:
            x = (x - self.offset).float()
        return mean_probabilities(self.members, x)


def write_onnx(
    path: str | os.PathLike[str], network: SignalsToProbabilities, shape: tuple[int, ...], metadata: Mapping[str, Any]
) -> None:
    """Write a network to an ONNX file, in one step.

    Parameters
    ----------
    path : str or path-like
        The file, replaced if it is there.
    network : SignalsToProbabilities
        The network, on the CPU.
    shape : tuple of int
        Shape of one sample.
    metadata : mapping
        Anything JSON can hold; a property of the file each.

    Raises
    ------
    ImportError
        If what writes ONNX is not installed.
    FileNotFoundError
        If there is no such folder.
    """
    try:
        import onnxscript  # noqa: F401 - PyTorch's exporter needs it, and it brings onnx
    except ImportError as error:
        raise ImportError("export_onnx needs onnxscript; install it by: pip install 'sktsmae[onnx]'.") from error
    with atomic_write(path) as temporary, torch.no_grad(), _quiet():
        program = torch.onnx.export(
            network.eval(),
            (torch.zeros(2, *shape, dtype=network.dtype),),  # two, for one would be taken for a constant
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("n")},),
            input_names=["X"],
            output_names=["probabilities"],
            verbose=False,
        )
        assert program is not None
        for node in program.model.graph:
            if node.op_type == "Scan":  # the exporter's empty list of outputs has no type, which tools stumble over
                node.attributes.pop("scan_output_directions")
        program.model.metadata_props.update({name: json.dumps(value) for name, value in metadata.items()})
        program.save(temporary, external_data=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what the exporter says of its own inside, and of packages that are not needed."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
