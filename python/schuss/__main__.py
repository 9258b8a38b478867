"""The command line of `schuss`; also `python -m schuss`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

import schuss
from schuss.commands import compare, info, landscape, lr_find, search

__all__ = ["main"]

BAD_INPUT = 2
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 2 for bad input, 130 after Ctrl-C.

    Args:
        argv: the words after the program's name; None is those of this process.

    Example:
        >>> main(["compare", "--optimizers", "adma"])  # says on stderr what is known
        2
    """
    parser = _build_parser()
    try:
        arguments = parser.parse_args(_joined(sys.argv[1:] if argv is None else argv))
    except SystemExit as finished:
        return int(finished.code or 0)
    try:
        try:
            result = arguments.run(arguments)
        except KeyboardInterrupt as stopped:
            if hasattr(stopped, "result"):  # what was done until then
                arguments.show(arguments, stopped.result)
            raise
        arguments.show(arguments, result)
    except ModuleNotFoundError as error:
        needed = {"sklearn": "scikit-learn"}.get(error.name or "", error.name)
        message = f"needs {needed}; install it with: pip install 'schuss[lab]'"
        return _fail(arguments.command, message, BAD_INPUT)
    except (ValueError, OSError, MemoryError) as error:
        return _fail(arguments.command, " ".join(str(error).split()), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail(arguments.command, "stopped", INTERRUPTED)
    return 0


def _joined(words: Sequence[str]) -> list[str]:
    """Return `--start -1,2` as `--start=-1,2`; argparse takes -1,2 for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in ("--start", "--box"):
            joined[-1] += "=" + word
        else:
            joined.append(word)
    return joined


def _fail(command: str, message: str, status: int) -> int:
    print(f"schuss {command}: {message}", file=sys.stderr)
    return status


def _build_parser() -> _Parser:
    parser = _Parser("schuss", description="Fast optimizers for training on a CPU.")
    parser.add_argument("--version", action="version", version=f"schuss {schuss.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (info, compare, landscape, lr_find, search):
        command.add(commands).set_defaults(run=command.run, show=command.show)
    return parser


if __name__ == "__main__":
    sys.exit(main())
