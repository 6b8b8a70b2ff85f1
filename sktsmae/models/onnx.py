"""Export of fitted classifiers to ONNX files."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .atomic import atomic_write


class CentredInput(nn.Module):
    """Wrapper of a network that first subtracts an offset from the signals.

    Parameters
    ----------
    network : nn.Module
        Maps signals to probabilities of shape (B, C).
    offset : Tensor of shape () or (M,), float64
        Offset that is subtracted from each channel.
    """

    offset: Tensor

    def __init__(self, network: nn.Module, offset: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("offset", offset[..., None])

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the signals: float64 if the offset is not zero, because float32 signals would lose digits.

        Returns
        -------
        torch.dtype
            The dtype.
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
        probabilities: Tensor = self.network(x)
        return probabilities


def write_onnx(
    path: str | os.PathLike[str], network: CentredInput, shape: tuple[int, ...], metadata: Mapping[str, Any]
) -> None:
    """Write a network to an ONNX file atomically.

    Parameters
    ----------
    path : str or path-like
        The file. An existing file is replaced.
    network : CentredInput
        The network, on the CPU.
    shape : tuple of int
        Shape of one sample.
    metadata : mapping
        JSON-serialisable values, which become metadata properties of the file.

    Raises
    ------
    ImportError
        If onnxscript is not installed.
    FileNotFoundError
        If the directory does not exist.
    """
    try:
        import onnxscript  # noqa: F401 - PyTorch's exporter needs onnxscript, which installs onnx
    except ImportError as error:
        raise ImportError("export_onnx needs onnxscript; install it with: pip install 'sktsmae[onnx]'.") from error
    with atomic_write(path) as temporary, torch.no_grad(), _suppress_exporter_messages():
        program = torch.onnx.export(
            network.eval(),
            (torch.zeros(2, *shape, dtype=network.dtype),),  # a batch size of 1 would become a constant
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("n")},),
            input_names=["X"],
            output_names=["probabilities"],
            verbose=False,
        )
        assert program is not None
        for node in program.model.graph:
            if node.op_type == "Scan":  # its empty list without a type is an error in some tools
                node.attributes.pop("scan_output_directions")
        program.model.metadata_props.update({name: json.dumps(value) for name, value in metadata.items()})
        program.save(temporary, external_data=False)


@contextmanager
def _suppress_exporter_messages() -> Iterator[None]:
    """Suppress warnings and log messages of the exporter about its internals and about optional packages."""
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
