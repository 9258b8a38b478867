"""The command line: `schuss info`, `compare`, `landscape`, `lr-find`; also `python -m schuss`."""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

import schuss
from schuss import _core, config

__all__ = ["main"]

BAD_INPUT = 2
INTERRUPTED = 130
STDOUT = Path("-")  # as a name for --json


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
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{info,compare,landscape,lr-find}"
    )

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
    add("--learning-rate", type=_rate, metavar="X", help="for all (default: a good one for each)")
    add(
        "--schedule",
        default="constant",
        metavar="NAME",
        help="of the learning rate, such as cosine or warmup+linear (default: %(default)s)",
    )
    _add_data(compare)
    add(
        "--plot",
        type=Path,
        default=Path("schuss-compare.png"),
        metavar="FILE",
        help="where the plot goes (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="save the results; - is stdout, with no table")
    compare.set_defaults(run=_compare)
    _add_landscape(commands)
    _add_lr_find(commands)
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    """What all that train a network take."""
    add = parser.add_argument
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


def _add_lr_find(commands: Any) -> None:
    parser = commands.add_parser(
        "lr-find",
        help="find a learning rate by a range test",
        description="Train the network of `schuss compare` with a learning rate that grows at each "
        "step, and find where the loss falls fastest.",
    )
    add = parser.add_argument
    add("optimizer", nargs="?", default="SGD", metavar="OPTIMIZER", help="default: %(default)s")
    add("--low", type=_rate, default=1e-6, metavar="X", help="first rate (default: %(default)s)")
    add("--high", type=_rate, default=10.0, metavar="X", help="last rate (default: %(default)s)")
    add("--steps", type=_count, default=200, metavar="N", help="at most (default: %(default)s)")
    _add_data(parser)
    add(
        "--plot",
        type=Path,
        default=Path("schuss-lr-find.png"),
        metavar="FILE",
        help="where the plot goes (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="save the losses; - is stdout")
    parser.set_defaults(run=_lr_find)


def _add_landscape(commands: Any) -> None:
    parser = commands.add_parser(
        "landscape",
        help="draw the paths of optimizers on a surface",
        description="Draw the paths of optimizers on a function of one or two variables, and the "
        "value at each step.",
    )
    add = parser.add_argument
    add(
        "surface",
        nargs="?",
        default="rosenbrock",
        metavar="SURFACE",
        help="wave, tanh, cosh, saddle, valley, cliff, rosenbrock, beale, himmelblau, rastrigin, "
        "or module:function of yours (default: %(default)s)",
    )
    add("--optimizers", type=_names, metavar="A,B,...", help="names in any case")
    add("--steps", type=_count, default=100, metavar="N", help="at most (default: %(default)s)")
    add("--learning-rate", type=_rate, metavar="X", help="for all (default: one for each)")
    add("--start", type=_point, metavar="X[,Y]", help="where the paths begin")
    add(
        "--box",
        type=_point,
        metavar="X0,X1[,Y0,Y1]",
        help="what is drawn of a function of yours (default: 5 to each side of the start)",
    )
    add(
        "--plot",
        type=Path,
        default=Path("schuss-landscape.png"),
        metavar="FILE",
        help="where the plot goes; a .gif moves (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="save the paths; - is stdout")
    parser.set_defaults(run=_landscape)


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


def _point(text: str) -> tuple[float, ...]:
    try:
        point = tuple(float(number) for number in text.split(","))
    except ValueError:
        point = (math.nan,)
    if not all(map(math.isfinite, point)):
        raise argparse.ArgumentTypeError(f"expected numbers with commas between, got {text!r}")
    return point


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
    if arguments.json != STDOUT:
        Console().print(lab.report.table(result))
    _save_json(arguments.json, {"environment": _environment(), **result.to_dict()})
    lab.plots.comparison(result).savefig(arguments.plot, dpi=150)
    _say_where(arguments)


def _landscape(arguments: argparse.Namespace) -> None:
    _check_outputs(arguments)
    from rich.console import Console

    from schuss import lab

    surface = _surface(arguments)
    with lab.report.progress_bar(Console(stderr=True), "optimizers") as progress:
        result = lab.landscape(
            surface,
            arguments.optimizers,
            steps=arguments.steps,
            learning_rate=arguments.learning_rate,
            start=arguments.start,
            progress=progress,
        )
    if arguments.json != STDOUT:
        Console().print(lab.report.ends(result))
    _save_json(arguments.json, {"environment": _environment(), **result.to_dict()})
    if arguments.plot.suffix.lower() == ".gif":
        lab.plots.animation(result, arguments.plot)
    else:
        lab.plots.landscape(result).savefig(arguments.plot, dpi=150)
    _say_where(arguments)


def _lr_find(arguments: argparse.Namespace) -> None:
    _check_outputs(arguments)
    from rich.console import Console

    from schuss import lab

    with lab.report.progress_bar(Console(stderr=True), "steps") as progress:
        result = lab.find_learning_rate(
            arguments.optimizer,
            low=arguments.low,
            high=arguments.high,
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            hidden=arguments.hidden,
            seed=arguments.seed,
            data=arguments.data,
            progress=progress,
        )
    if arguments.json != STDOUT:
        falls = math.isfinite(result.suggestion)
        where = f"falls fastest at {result.suggestion:.3g}" if falls else "never falls"
        end = "diverged" if result.diverged else "did not diverge"
        print(f"{result.name}: the loss {where}, and {end} up to {result.rates[-1]:.3g}")
    _save_json(arguments.json, {"environment": _environment(), **result.to_dict()})
    lab.plots.range_test(result).savefig(arguments.plot, dpi=150)
    _say_where(arguments)


def _surface(arguments: argparse.Namespace) -> Any:
    """A name, or a function of the user's with what it needs."""
    from schuss.lab import surfaces

    if ":" not in arguments.surface:
        if arguments.box is not None:
            raise ValueError("--box is for module:function; the surfaces here have their own")
        return arguments.surface
    if arguments.start is None:
        raise ValueError(f"{arguments.surface} needs --start")
    box = arguments.box or [side for x in arguments.start for side in (x - 5, x + 5)]
    if len(box) % 2:
        raise ValueError(f"--box has {len(box)} numbers; two for each variable are wanted")
    sides = list(zip(box[::2], box[1::2], strict=True))
    return surfaces.load(arguments.surface, arguments.start, sides)


def _save_json(file: Path | None, results: dict[str, Any]) -> None:
    if file is None:
        return
    text = json.dumps(results, indent=2)
    if file == STDOUT:
        print(text)
    else:
        file.write_text(text + "\n", encoding="utf-8")
        print(f"results: {file}")


def _say_where(arguments: argparse.Namespace) -> None:
    to = sys.stderr if arguments.json == STDOUT else sys.stdout
    print(f"plot: {arguments.plot}", file=to)


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Everything that could spoil the end of a run, before it begins."""
    for module in (
        "rich",
        "matplotlib",
        *(["sklearn"] if getattr(arguments, "data", "") is None else []),
    ):
        import_module(module)
    from matplotlib.backend_bases import FigureCanvasBase

    for path in (arguments.plot, arguments.json):
        if path is not None and path != STDOUT and (path.is_dir() or not path.parent.is_dir()):
            raise ValueError(f"{path}: cannot be written, {path.parent} is no directory")
    moves = {"gif"} if arguments.command == "landscape" else set()
    formats = moves | set(FigureCanvasBase.get_supported_filetypes())
    if arguments.plot.suffix[1:].lower() not in formats:
        known = ", ".join(f".{suffix}" for suffix in sorted(formats))
        raise ValueError(f"{arguments.plot}: expected a name that ends in one of {known}")


if __name__ == "__main__":
    sys.exit(main())
