"""Reader of .ts files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ._text import open_text, pad_signals, parse_label, parse_numbers


def read_ts(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a .ts file. aeon, sktime and the UCR and UEA time series archives use this format.

    Parameters
    ----------
    path : Path
        A file with a header of lines ``@name value``, the line ``@data``, and one line per signal. Values are separated
        by commas and channels by colons. After ``@classLabel true`` in the header, each line ends with a colon and the
        label. ``?`` and ``NaN`` are missing values.

    Returns
    -------
    X : ndarray of shape (n, M, T), float64
        The signals. Shorter signals are padded with NaN at the end.
    y : ndarray of shape (n,), str, or None
        The labels; None if the file has none.

    Raises
    ------
    ValueError
        If the file cannot be used. The message names the line.
    """
    signals: list[list[np.ndarray]] = []
    labels = []
    with open_text(path) as file:
        all_lines = ((number, line.strip()) for number, line in enumerate(file, 1))
        lines = ((number, line) for number, line in all_lines if line and not line.startswith("#"))
        has_label = _read_ts_header(path, lines)
        for number, line in lines:
            location = f"{path}, line {number}"
            channels = line.split(":")
            if has_label:
                labels.append(parse_label(channels.pop(), location))
                if not labels[-1] or not channels:
                    raise ValueError(
                        f"{location}: there is no class label at the end; add it, or write @classLabel false."
                    )
            if signals and len(channels) != len(signals[0]):
                raise ValueError(
                    f"{location}: {len(channels)} channels, but the first signal has {len(signals[0])}; give all "
                    "signals the same number of channels."
                )
            signals.append([parse_numbers(channel.split(","), [], location) for channel in channels])
    if not signals:
        raise ValueError(f"{path}: the file contains no signals after @data; give one line per signal.")
    return pad_signals(path, signals), np.array(labels) if has_label else None


def _read_ts_header(path: Path, lines: Iterator[tuple[int, str]]) -> bool:
    """Read all lines up to @data; return whether the signals have class labels."""
    header: dict[str, str] = {}
    for number, line in lines:
        name, *value = line.split(None, 1)
        name = name.lower()
        if not name.startswith("@"):
            raise ValueError(
                f"{path}, line {number}: {line[:30]!r} before @data; start every line of the header with @."
            )
        if name == "@data":
            break
        header[name] = "".join(value).lower()
    else:
        raise ValueError(f"{path}: there is no line @data; give a file in the .ts format.")
    for name, content in {"@timestamps": "time stamps", "@targetlabel": "regression targets"}.items():
        if header.get(name, "").startswith("true"):
            raise ValueError(
                f"{path}: {name} is true, but {content} are not supported; give evenly sampled signals without them."
            )
    return header.get("@classlabel", "").startswith("true")
