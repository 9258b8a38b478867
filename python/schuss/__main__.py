"""The command line: `schuss info` and `schuss compare`, also as `python -m schuss`."""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import numpy as np

import schuss
from schuss import _core, config

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
        arguments = parser.parse_args(argv)
    except SystemExit as finished:
        return int(finished.code or 0)
    run: Callable[[argparse.Namespace], None] = arguments.run
    try:
        run(arguments)
    except ModuleNotFoundError as error:
        needed = {"sklearn": "scikit-learn"}.get(error.name or "", error.name)
        message = f"needs {needed}; install it with: pip install 'schuss[lab]'"
        return _fail(arguments.command, message, BAD_INPUT)
    except (ValueError, OSError, MemoryError) as error:
        return _fail(arguments.command, " ".join(str(error).split()), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail(arguments.command, "stopped", INTERRUPTED)
    return 0


def _fail(command: str, message: str, status: int) -> int:
    print(f"schuss {command}: {message}", file=sys.stderr)
    return status


def _build_parser() -> _Parser:
    parser = _Parser("schuss", description="Fast optimizers for training on a CPU.")
    parser.add_argument("--version", action="version", version=f"schuss {schuss.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{info,compare}")

    info = commands.add_parser("info", help="print version, instruction set, threads, compiler")
    info.set_defaults(run=_info)

    compare = commands.add_parser(
        "compare",
        help="train a network with each optimizer and compare",
        description="Train a multilayer perceptron on handwritten digits with each optimizer, "
        "print a table, save a plot.",
    )
    add = compare.add_argument
    add("--optimizers", metavar="A,B,...", type=_names, help="names in any case (default: all)")
    add("--epochs", type=_count, default=30, metavar="N", help="default: %(default)s")
    add(
        "--batch-size",
        type=_batch_size,
        default=64,
        metavar="N",
        help="rows per step: 1 is stochastic, all is batch gradient descent (default: %(default)s)",
    )
    add(
        "--hidden",
        type=_sizes,
        default=(128, 64),
        metavar="N,M,...",
        help="units of each hidden layer (default: 128,64)",
    )
    add("--learning-rate", type=_rate, metavar="X", help="for all (default: a good one for each)")
    add(
        "--schedule",
        default="constant",
        metavar="NAME",
        help="of the learning rate, such as cosine or warmup+linear (default: %(default)s)",
    )
    add(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="of the first parameters and the order of the batches (default: %(default)s)",
    )
    add(
        "--data",
        type=Path,
        metavar="FILE",
        help=".npz with X and y, or .csv with the label last (default: scikit-learn's digits)",
    )
    add(
        "--plot",
        type=Path,
        default=Path("schuss-compare.png"),
        metavar="FILE",
        help="where the plot goes (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="save the results; - is stdout, with no table")
    compare.set_defaults(run=_compare)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected an integer of at least 0, got {text!r}")
    return int(text)


def _batch_size(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer or all, got {text!r}")
    return int(text)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(_count(size) for size in _names(text))


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return rate


def _environment() -> dict[str, str]:
    build = _core.build_info()
    return {
        "schuss": schuss.__version__,
        "ISA": config.isa(),
        "ISAs available": ", ".join(config.available_isas()),
        "threads": str(config.get_num_threads()),
        "compiler": build["compiler"],
        "OpenMP": build["openmp"],
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
    }


def _info(arguments: argparse.Namespace) -> None:
    for key, value in _environment().items():
        print(f"{key + ':':<16}{value}")


def _compare(arguments: argparse.Namespace) -> None:
    _check_outputs(arguments)
    from rich.console import Console

    from schuss import lab

    with lab.report.progress_bar(Console(stderr=True)) as progress:
        result = lab.compare(
            arguments.optimizers,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            hidden=arguments.hidden,
            learning_rate=arguments.learning_rate,
            schedule=arguments.schedule,
            seed=arguments.seed,
            data=arguments.data,
            progress=progress,
        )
    to_stdout = arguments.json == Path("-")
    if not to_stdout:
        Console().print(lab.report.table(result))
    if arguments.json is not None:
        text = json.dumps({"environment": _environment(), **result.to_dict()}, indent=2)
        if to_stdout:
            print(text)
        else:
            arguments.json.write_text(text + "\n", encoding="utf-8")
            print(f"results: {arguments.json}")
    lab.plots.comparison(result).savefig(arguments.plot, dpi=150)
    print(f"plot: {arguments.plot}", file=sys.stderr if to_stdout else sys.stdout)


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Everything that could spoil the end of a run, before it begins."""
    for module in ("rich", "matplotlib", *(["sklearn"] if arguments.data is None else [])):
        import_module(module)
    from matplotlib.backend_bases import FigureCanvasBase

    for path in (arguments.plot, arguments.json):
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise ValueError(f"{path}: cannot be written, {path.parent} is no directory")
    formats = FigureCanvasBase.get_supported_filetypes()
    if arguments.plot.suffix[1:].lower() not in formats:
        known = ", ".join(f".{suffix}" for suffix in sorted(formats))
        raise ValueError(f"{arguments.plot}: expected a name that ends in one of {known}")


if __name__ == "__main__":
    sys.exit(main())
