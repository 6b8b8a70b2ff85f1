"""The ``pretrain`` command: train an encoder on given signals or on synthetic signals, and save it to one file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from ..datasets import make_signals
from ..estimators import MAEPretrainer
from ..models.atomic import atomic_write
from ..signals.device import resolve_device
from ..signals.launch import launched_world
from ._arguments import READING_OPTIONS, SIGNALS_HELP, add_device_argument, add_reading_arguments, positive_int
from ._errors import prefix_errors
from ._output import check_output
from ._signals import read_and_describe

EXAMPLE = "pretrain signals.npy --output encoder.safetensors"
SIGNAL_LEN = 512  # number of samples to which the encoder resamples signals
# Parameters of `MAEPretrainer` with which the encoder in the package was trained. `tests/benchmarks/ablation.py`
# compares them with other values. The training on other signals continues from that encoder.
RECIPE: dict[str, Any] = {
    "init": "random",
    "signal_len": SIGNAL_LEN,
    "standardize": "per_scale",
    "patch_size": (8, 8),
    "embed_dim": 128,
    "depth": 4,
    "num_heads": 4,
    "decoder_embed_dim": 64,
    "mask_ratio": 0.85,
    "decode_ratio": 0.25,
    "batch_size": 128,
    "readout_layers": (2,),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command.
    """
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("signals", nargs="?", type=Path, help=SIGNALS_HELP)
    source.add_argument(
        "--synthetic", type=positive_int, metavar="N", help="train on N synthetic signals instead of a file"
    )
    add_reading_arguments(parser, split="train")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("encoder.safetensors"),
        help=".safetensors file to write; a description of the training is written to OUTPUT.md "
        "(default: encoder.safetensors)",
    )
    parser.add_argument(
        "--checkpoints",
        type=Path,
        metavar="FOLDER",
        help="folder for checkpoints; after an interruption, the same command resumes from the last checkpoint "
        "(default: OUTPUT with .checkpoints in place of .safetensors)",
    )
    parser.add_argument("--epochs", type=positive_int, default=10, help="number of epochs (default: 10)")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the weights, masks, order of the signals, and synthetic signals (default: 0)",
    )
    add_device_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command; after an interruption, the same command resumes from the last checkpoint.

    Parameters
    ----------
    options : Namespace
        The parsed arguments.

    Raises
    ------
    ValueError, OSError
        If a file cannot be read or written, or a file, a checkpoint or an argument is invalid.
    ArgumentTypeError
        If arguments contradict each other.
    """
    check_output(options.output, (".safetensors",), inputs=(options.signals,))
    description = options.output.with_name(options.output.name + ".md")
    check_output(description, inputs=(options.signals,))
    given = [f"--{name.replace('_', '-')}" for name in READING_OPTIONS if getattr(options, name)]
    if options.synthetic is not None and given:
        raise argparse.ArgumentTypeError(f"{' '.join(given)} cannot be used with --synthetic; remove one of them")
    resolve_device(options.device)
    parameters = RECIPE
    if options.synthetic is not None:
        X = make_signals(options.synthetic, SIGNAL_LEN, random_state=options.seed)
    else:
        parameters = {**RECIPE, "init": "auto", "decode_ratio": 1.0}
        X = read_and_describe(options.signals, options, options.split).X
    checkpoints = options.checkpoints or options.output.with_suffix(".checkpoints")
    start = time.perf_counter()
    pretrainer = MAEPretrainer(
        **parameters,
        max_epochs=options.epochs,
        device=options.device,
        random_state=options.seed,
        verbose=1,
        checkpoint_dir=checkpoints,
    )
    with prefix_errors(options.signals or f"--synthetic {options.synthetic}"):
        pretrainer.fit(X)
    if launched_world().rank:
        return  # in distributed training, only rank 0 writes files
    pretrainer.set_params(checkpoint_dir=None, verbose=0, device="auto").save(options.output)
    with atomic_write(description) as path:
        path.write_text(report(options, pretrainer, X, time.perf_counter() - start))


def report(options: argparse.Namespace, pretrainer: MAEPretrainer, X: np.ndarray, seconds: float) -> str:
    """Return a description of the training in Markdown.

    Parameters
    ----------
    options : Namespace
        The parsed arguments.
    pretrainer : MAEPretrainer
        The fitted pretrainer.
    X : ndarray of shape (n, ...)
        The signals.
    seconds : float
        Duration in seconds of this run of the command.

    Returns
    -------
    str
        The command, the duration, and the loss of each epoch.
    """
    source = f"--synthetic {options.synthetic}" if options.signals is None else str(options.signals)
    for name in READING_OPTIONS:
        value = getattr(options, name)
        if value:
            argument = "" if value is True else " " + quote(",".join(value) if isinstance(value, list) else value)
            source += f" --{name.replace('_', '-')}{argument}"
    source += "" if options.split == "train" else f" --split {options.split}"
    total = sum(row["dur"] for row in pretrainer.history_)
    losses = [f"|{row['epoch']}|{row['train_loss']:.4f}|{row['dur']:.0f}|" for row in pretrainer.history_]
    return "\n".join(
        [
            f"# {options.output.name}",
            "",
            "Created with",
            "",
            f"    python -m sktsmae pretrain {source} --epochs {options.epochs} --seed {options.seed}",
            "",
            f"Training data: {len(X)} signals of shape {X.shape[1:]}. Training time: {total:.0f} seconds for all "
            f"epochs. The last run of the command took {seconds:.0f} seconds (an interrupted training needs several).",
            "",
            "|epoch|training loss|seconds|",
            "|---:|---:|---:|",
            *losses,
            "",
        ]
    )
