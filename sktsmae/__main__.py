"""The command line: ``python -m sktsmae COMMAND``."""

from __future__ import annotations

import argparse
import sys

from . import __version__
from .commands import demo, pretrain

COMMANDS = {"demo": demo, "pretrain": pretrain}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        What follows ``python -m sktsmae``; None takes it from the process.

    Returns
    -------
    int
        Exit code: 0, 1 for input that cannot be used, or 2 for wrong arguments.
    """
    parser = argparse.ArgumentParser(prog="python -m sktsmae", description=__doc__)
    parser.add_argument("--version", action="version", version=f"sktsmae {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").split(": ", 1)[1].split("\n")[0]
        command.add_arguments(subparsers.add_parser(name, help=summary, description=summary))
    options = parser.parse_args(arguments)
    try:
        COMMANDS[options.command].run(options)
    except (ValueError, OSError) as error:
        print(f"{parser.prog} {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
