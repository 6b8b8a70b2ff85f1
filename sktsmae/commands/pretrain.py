"""``python -m sktsmae pretrain``: train an encoder on unlabelled or synthetic signals, into one file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import make_signals
from ..estimators import MAEPretrainer
from ..estimators._processes import launched_processes
from ..estimators._validation import resolve_device
from ..models.checkpoints import atomic_write
from ._arguments import FORMATS, add_column_arguments, add_device_argument, positive_int
from ._estimating import naming
from ._output import check_output
from ._signals import read_signals

EXAMPLE = "pretrain signals.npy --output encoder.safetensors"
SIGNAL_LEN = 512
# The shipped encoder's; `tests/benchmarks/ablation.py` compares them with others.
RECIPE: dict[str, Any] = {
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
    "readout_layers": (2, 4),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    """
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("signals", nargs="?", type=Path, help=FORMATS)
    source.add_argument("--synthetic", type=positive_int, metavar="N", help="N synthetic signals")
    add_column_arguments(parser, split="train")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("encoder.safetensors"),
        help="the file to write (default: encoder.safetensors); what was done is described beside it, in OUTPUT.md",
    )
    parser.add_argument("--checkpoints", type=Path, metavar="FOLDER", help="for checkpoints (default: beside OUTPUT)")
    parser.add_argument("--epochs", type=positive_int, default=10, help="passes over the signals (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, masks, order, synthetic signals (default: 0)")
    add_device_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command: the same command again goes on where it was interrupted.

    Parameters
    ----------
    options : Namespace
        The arguments.

    Raises
    ------
    ValueError, OSError
        If the signals or the checkpoints cannot be used.
    ArgumentTypeError
        If arguments do not go together.
    """
    # The description's name is this one's with .md behind it.
    check_output(options.output, (".safetensors",), inputs=(options.signals,))
    description = options.output.with_name(options.output.name + ".md")
    check_output(description, inputs=(options.signals,))
    if options.synthetic is not None and options.label is not None:
        raise argparse.ArgumentTypeError("--label names a column of a file; --synthetic reads none")
    resolve_device(options.device)
    if options.synthetic is not None:
        X = make_signals(options.synthetic, SIGNAL_LEN, random_state=options.seed)
    else:
        X = read_signals(options.signals, label=options.label, split=options.split).X
    checkpoints = options.checkpoints or options.output.with_suffix(".checkpoints")
    start = time.perf_counter()
    pretrainer = MAEPretrainer(
        **RECIPE,
        max_epochs=options.epochs,
        device=options.device,
        random_state=options.seed,
        verbose=1,
        checkpoint_dir=checkpoints,
    )
    with naming(options.signals or f"--synthetic {options.synthetic}"):
        pretrainer.fit(X)
    if launched_processes().rank:
        return  # of several processes the first one writes
    pretrainer.set_params(checkpoint_dir=None, verbose=0, device="auto").save(options.output)
    with atomic_write(description) as path:
        path.write_text(report(options, pretrainer, X, time.perf_counter() - start))


def report(options: argparse.Namespace, pretrainer: MAEPretrainer, X: np.ndarray, seconds: float) -> str:
    """Describe a training in Markdown.

    Parameters
    ----------
    options : Namespace
        The command's arguments.
    pretrainer : MAEPretrainer
        What came of it.
    X : ndarray of shape (n, ...)
        The signals.
    seconds : float
        How long the fit took.

    Returns
    -------
    str
        The command, its duration and the loss of each epoch.
    """
    source = f"--synthetic {options.synthetic}" if options.signals is None else str(options.signals)
    source += "" if options.label is None else f" --label {options.label}"
    source += "" if options.split == "train" else f" --split {options.split}"
    losses = [f"|{row['epoch']}|{row['train_loss']:.4f}|{row['dur']:.0f}|" for row in pretrainer.history_]
    return "\n".join(
        [
            f"# {options.output.name}",
            "",
            "Made by",
            "",
            f"    python -m sktsmae pretrain {source} --epochs {options.epochs} --seed {options.seed}",
            "",
            f"{len(X)} signals of shape {X.shape[1:]}, {sum(row['dur'] for row in pretrainer.history_):.0f} seconds of "
            f"training ({seconds:.0f} since it was last interrupted).",
            "",
            "|epoch|loss|s|",
            "|---:|---:|---:|",
            *losses,
            "",
        ]
    )
