"""``python -m sktsmae export``: write a fitted classifier as an ONNX file, for machines without PyTorch."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..estimators import MAEClassifier
from ._output import check_output

EXAMPLE = "export classifier.safetensors --output classifier.onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    """
    parser.add_argument("model", type=Path, help="a classifier by `fit`, or by MAEClassifier.save")
    parser.add_argument("--output", type=Path, help="the .onnx file to write (default: the model's name with .onnx)")


def run(options: argparse.Namespace) -> None:
    """Run the command.

    Parameters
    ----------
    options : Namespace
        The arguments.

    Raises
    ------
    ValueError, OSError
        If a file cannot be used.
    ImportError
        If the extra ``onnx`` is not installed.
    """
    output = options.output or options.model.with_suffix(".onnx")
    check_output(output, (".onnx",), inputs=(options.model,))
    classifier = MAEClassifier.load(options.model)
    classifier.export_onnx(output)
    shape = ", ".join(["n", *map(str, classifier.input_shape_)])
    size = output.stat().st_size / 2**20
    print(f"{output}: {size:.1f} MB, signals ({shape}) in, probabilities of {len(classifier.classes_)} classes out")
