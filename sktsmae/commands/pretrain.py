"""``python -m sktsmae pretrain``: train an encoder on unlabelled or synthetic signals, into one file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..datasets import make_signals
from ..estimators import MAEPretrainer
from ..estimators._processes import launched_processes
from ..functional.resampling import resample

SIGNAL_LEN = 512
# The shipped encoder's; `tests/benchmarks/ablation.py` compares them with others.
RECIPE: dict[str, Any] = {
    "signal_len": SIGNAL_LEN,
    "standardize": "row",
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
    source.add_argument(
        "signals",
        nargs="?",
        type=Path,
        help="a .npy file of signals (n, time) or (n, channels, time), an .npz file of one such array or of one named "
        "X, or a folder of .npy files",
    )
    source.add_argument("--synthetic", type=int, metavar="N", help="N synthetic signals")
    parser.add_argument("--output", type=Path, default=Path("encoder.safetensors"), help="the file to write")
    parser.add_argument("--checkpoints", type=Path, help="folder of checkpoints (default: beside OUTPUT)")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the signals")
    parser.add_argument("--seed", type=int, default=0, help="of weights, masks, order and synthetic signals")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")


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
    """
    if not options.output.parent.is_dir():
        raise ValueError(f"--output {options.output}: there is no folder {options.output.parent}; make it first.")
    if options.synthetic is not None:
        X = make_signals(options.synthetic, SIGNAL_LEN, random_state=options.seed)
    else:
        X = read_signals(options.signals)
    checkpoints = options.checkpoints or options.output.with_suffix(".checkpoints")
    start = time.perf_counter()
    pretrainer = MAEPretrainer(
        **RECIPE,
        max_epochs=options.epochs,
        device=options.device,
        random_state=options.seed,
        verbose=1,
        checkpoint_dir=checkpoints,
    ).fit(X)
    if launched_processes().rank:
        return  # of several processes the first one writes
    pretrainer.set_params(checkpoint_dir=None, verbose=0, device="auto").save(options.output)
    options.output.with_name(options.output.name + ".md").write_text(
        report(options, pretrainer, X, time.perf_counter() - start)
    )


def read_signals(path: Path) -> np.ndarray:
    """Read signals from a file or from all files of a folder.

    Parameters
    ----------
    path : Path
        A .npy file, mapped rather than read; an .npz file; or a folder of .npy files, of signals or of one signal each,
        of which those of other lengths are resampled to the first one's.

    Returns
    -------
    ndarray of shape (n, T) or (n, M, T)
        The signals.

    Raises
    ------
    ValueError
        If there are none, or the file is none of these.
    """
    if path.is_dir():
        files = sorted(path.glob("*.npy"))
        if not files:
            raise ValueError(f"{path}: a folder without .npy files; give one with some, or a file.")
        parts = [np.atleast_2d(_read_npy(file)) for file in files]
        length = parts[0].shape[-1]
        copies = [torch.from_numpy(np.array(part, dtype=np.float64)) for part in parts]
        return np.concatenate([resample(part, length).numpy() for part in copies])
    if path.suffix == ".npy":
        return _read_npy(path)
    if path.suffix == ".npz":
        return _read_npz(path)
    raise ValueError(f"{path}: neither a folder nor a .npy or .npz file; save the signals with numpy.save.")


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


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{path}: not an array of numbers by numpy.save ({error}).") from error


def _read_npz(path: Path) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as archive:
            name = archive.files[0] if len(archive.files) == 1 else "X"
            if name not in archive.files:
                raise ValueError(f"holds {', '.join(archive.files)}; name the signals X")
            return archive[name]
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{path}: not an archive of signals by numpy.savez ({error}).") from error
