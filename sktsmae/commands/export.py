"""The ``export`` command: convert a fitted classifier to an ONNX file, which runs without PyTorch."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..estimators import MAEClassifier
from ._output import check_output

EXAMPLE = "export classifier.safetensors --output classifier.onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    """
    parser.add_argument(
        "model", type=Path, help="file with a classifier, written by the command fit or by MAEClassifier.save"
    )
    parser.add_argument(
        "--output", type=Path, help=".onnx file to write (default: the path of the model file with the extension .onnx)"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command.

    Parameters
    ----------
    options : Namespace
        The parsed arguments.

    Raises
    ------
    ValueError, OSError
        If a file cannot be read or written, or a file or an argument is invalid.
    ImportError
        If the optional dependencies ``sktsmae[onnx]`` are not installed.
    """
    output = options.output or options.model.with_suffix(".onnx")
    check_output(output, (".onnx",), inputs=(options.model,))
    classifier = MAEClassifier.load(options.model)
    classifier.export_onnx(output)
    shape = ", ".join(["n", *map(str, classifier.input_shape_)])
    size = output.stat().st_size / 2**20
    print(
        f"{output}: {size:.1f} MiB; input: signals of shape ({shape}); output: probabilities of "
        f"{len(classifier.classes_)} classes"
    )
