"""Error messages of the command line, which name the input file and the options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

_NAME = "(label|drop|columns|long|id|time|x_key|y_key)="
_TEXT = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
# An argument of `read_signals` in a message, with its value (``label='y'``) or without (``label=``), but not in a path.
_ARGUMENT = re.compile(rf"(?<![\w/\\]){_NAME}(True|{_TEXT}|\[(?:{_TEXT}(?:, )?)*\]|)(?![^\s,.;:])(, (?={_NAME}))?")


@contextmanager
def prefix_errors(source: Path | str) -> Iterator[None]:
    """Prefix the error messages of an estimator with the file name of its input.

    Parameters
    ----------
    source : Path or str
        Prefix of the messages: the file, or an option such as ``--synthetic 100`` in its place.

    Raises
    ------
    ValueError
        If the code in the `with` statement raises a ValueError or a TypeError.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{source}: {error}") from error


def name_options(message: str, long: bool = False) -> str:
    """Replace the arguments of `read_signals` in an error message by the options of the command line.

    Parameters
    ----------
    message : str
        A message such as ``"a.csv: label='y' matches 0 columns"``.
    long : bool, default=False
        Whether the table is read with one row per time step, so that columns are channels.

    Returns
    -------
    str
        The message with ``--label y``.
    """

    is_long = long or "long=True, " in message  # a message with the arguments to read a long table

    def _to_option(match: re.Match[str]) -> str:
        name, text, comma = match.group(1, 2, 3)
        option = "--channels" if name == "columns" and is_long else f"--{name.replace('_', '-')}"
        value = ast.literal_eval(text) if text else True
        names = [value] if isinstance(value, str) else [] if value is True else value
        return option + (f" {quote(','.join(names))}" if names else "") + (" " if comma else "")

    return _ARGUMENT.sub(_to_option, message)
