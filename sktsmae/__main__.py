"""Classify one-dimensional signals or compute features of them, with a pre-trained encoder of wavelet images."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import Any

from . import __version__
from .commands import demo, detect, embed, export, fit, predict, pretrain

COMMANDS = {
    "demo": demo,
    "pretrain": pretrain,
    "fit": fit,
    "predict": predict,
    "detect": detect,
    "embed": embed,
    "export": export,
}
# Exit code after Ctrl-C. By the convention of shells, it is 128 plus 2, the number of the signal SIGINT.
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        Arguments after ``python -m sktsmae``; None uses ``sys.argv``.

    Returns
    -------
    int
        Exit code: 0 for success, 1 for an error, or 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        With code 2 if the arguments are invalid, and with code 0 after ``--help`` or ``--version``.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)

    def print_line(message: object) -> None:
        print(f"sktsmae {options.command}: {' '.join(str(message).split())}", file=sys.stderr)

    def print_warning(message: Warning | str, *args: Any, **kwargs: Any) -> None:
        print_line(f"warning: {message}")

    try:
        with warnings.catch_warnings():
            warnings.showwarning = print_warning
            COMMANDS[options.command].run(options)
    except KeyboardInterrupt:
        print_line("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output, for example `head`, has closed the pipe. Python would raise again when it flushes
        # the buffer at exit, so redirect standard output to the null device.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except argparse.ArgumentTypeError as error:  # arguments that contradict each other
        parser.error(f"{options.command}: {error}")
    except (ValueError, OSError, FloatingPointError, MemoryError, ImportError) as error:
        print_line(error)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands.

    Returns
    -------
    ArgumentParser
        The parser.
    """
    program = "python -m sktsmae"
    parser = argparse.ArgumentParser(
        prog=program,
        description=__doc__,
        epilog=f"'{program} COMMAND --help' explains the arguments of a command. Exit codes: 0 success, 1 error, "
        f"2 invalid arguments, {INTERRUPTED} interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"sktsmae {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").split(": ", 1)[1].split("\n")[0]
        command.add_arguments(
            subparsers.add_parser(
                name,
                help=summary.removesuffix("."),
                description=summary[0].upper() + summary[1:],
                epilog=f"example:\n  {program} {command.EXAMPLE}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
