"""Classify and embed one-dimensional signals: a pre-trained wavelet encoder and linear classifiers on it."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import Any

from . import __version__
from .commands import demo, embed, export, fit, predict, pretrain

COMMANDS = {"demo": demo, "pretrain": pretrain, "fit": fit, "predict": predict, "embed": embed, "export": export}
# 128 and the number of the signal that Ctrl-C sends, as shells have it.
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        What follows ``python -m sktsmae``; None takes it from the process.

    Returns
    -------
    int
        Exit code: 0, 1 for input that cannot be used, 2 for wrong arguments, or 130 after Ctrl-C.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)

    def say(message: object) -> None:
        print(f"sktsmae {options.command}: {' '.join(str(message).split())}", file=sys.stderr)

    def warn(message: Warning | str, *place: Any, **more: Any) -> None:
        say(f"warning: {message}")

    try:
        with warnings.catch_warnings():
            warnings.showwarning = warn
            COMMANDS[options.command].run(options)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Who read the output, as `head` does, has enough. What is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except argparse.ArgumentTypeError as error:  # arguments that do not go together
        parser.error(f"{options.command}: {error}")
    except (ValueError, OSError, FloatingPointError, MemoryError, ImportError) as error:
        say(error)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Declare the commands and their arguments.

    Returns
    -------
    ArgumentParser
        Reads them.
    """
    program = "python -m sktsmae"
    parser = argparse.ArgumentParser(
        prog=program,
        description=__doc__,
        epilog=f"{program} COMMAND --help says more. Exit codes: 0 done, 1 a file cannot be used, 2 wrong arguments, "
        f"{INTERRUPTED} interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"sktsmae {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").split(": ", 1)[1].split("\n")[0]
        command.add_arguments(
            subparsers.add_parser(
                name,
                help=summary,
                description=summary,
                epilog=f"example:\n  {program} {command.EXAMPLE}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
