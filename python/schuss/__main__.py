"""The command line of `schuss`; also `python -m schuss`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from typing import NoReturn

import schuss
from schuss.commands import compare, fit, info, landscape, lr_find, search
from schuss.suggest import did_you_mean

__all__ = ["main"]

COMMANDS = {
    "info": info,
    "compare": compare,
    "fit": fit,
    "landscape": landscape,
    "lr-find": lr_find,
    "search": search,
}
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
    words = _joined(sys.argv[1:] if argv is None else argv)
    if not words:
        parser.print_help()
        return 0
    try:
        if not words[0].startswith("-") and words[0] not in COMMANDS:
            known = f"known: {', '.join(COMMANDS)}{did_you_mean(words[0], COMMANDS)}"
            parser.error(f"there is no command {words[0]!r}; {known}")
        arguments, unknown = parser.parse_known_args(words)
        if unknown:
            options = {f"--{name.replace('_', '-')}" for name in vars(arguments)}
            near = did_you_mean(unknown[0], options - {"--command", "--run", "--show"})
            parser.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
    except SystemExit as finished:
        return int(finished.code or 0)
    try:
        try:
            result = arguments.run(arguments)
        except (KeyboardInterrupt, ChildProcessError) as stopped:
            if hasattr(stopped, "result"):  # what is done all the same
                arguments.show(arguments, stopped.result)
            raise
        arguments.show(arguments, result)
    except ModuleNotFoundError as error:
        needed = {"sklearn": "scikit-learn"}.get(error.name or "", error.name)
        extra = {"distributed": "dask", "ray": "ray"}.get(error.name or "", "lab")
        how = "pip install torch" if needed == "torch" else _how_to_install(extra)
        message = f"needs {needed}; install it with: {how}"
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
        if joined and joined[-1] in ("--start", "--box", "--p0"):
            joined[-1] += "=" + word
        else:
            joined.append(word)
    return joined


def _how_to_install(extra: str = "lab") -> str:
    """An extra comes from where schuss came from: an index, or a clone (PEP 610)."""
    try:
        origin = distribution("schuss").read_text("direct_url.json")
    except PackageNotFoundError:  # run from a source tree
        origin = ""
    if origin is None:
        return f"pip install 'schuss[{extra}]'"
    return f'pip install ".[{extra}]" in a clone of it'


def _fail(command: str, message: str, status: int) -> int:
    print(f"schuss {command}: {message}", file=sys.stderr)
    return status


def _build_parser() -> _Parser:
    parser = _Parser("schuss", description="Fast optimizers for training on a CPU.")
    parser.add_argument("--version", action="version", version=f"schuss {schuss.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS.values():
        command.add(commands).set_defaults(run=command.run, show=command.show)
    return parser


if __name__ == "__main__":
    sys.exit(main())
