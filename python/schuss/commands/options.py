"""What the commands share: the types of their options, where results go, the data to train on."""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import schuss
from schuss import _core, config

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STDOUT = Path("-")  # as a name for --json
# What matplotlib saves.
FORMATS = {"eps", "jpeg", "jpg", "pdf", "pgf", "png", "ps", "raw"}
FORMATS |= {"rgba", "svg", "svgz", "tif", "tiff", "webp"}


def _whole(text: str, least: int, more: str = "") -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(
            f"{text!r} is given; a whole number of at least {least}{more} is wanted"
        )
    return int(text)


def count(text: str) -> int:
    """A positive integer."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """An integer of at least 0."""
    return _whole(text, 0)


def batch_size(text: str) -> int | None:
    """A positive integer; None is all rows."""
    return None if text == "all" else _whole(text, 1, ", or all,")


def names(text: str) -> list[str]:
    """Words with commas between."""
    return [name.strip() for name in text.split(",") if name.strip()]


def sizes(text: str) -> tuple[int, ...]:
    """Positive integers with commas between."""
    return tuple(count(size) for size in names(text))


def rate(text: str) -> float:
    """A positive number."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is given; a finite number above 0 is wanted")
    return rate


def point(text: str) -> tuple[float, ...]:
    """Numbers with commas between."""
    try:
        point = tuple(float(number) for number in text.split(","))
    except ValueError:
        point = (math.nan,)
    if not all(map(math.isfinite, point)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is given; numbers with commas between are wanted"
        )
    return point


def batch_sizes(text: str) -> list[int | None]:
    """Positive integers, or all, with commas between."""
    return [batch_size(size) for size in names(text)]


def space(text: str) -> Any:
    """Values with commas between, or LOW..HIGH: a distribution, uniform by the logarithm."""
    low, dots, high = text.partition("..")
    if not dots:
        return [_value(word) for word in names(text)]
    if rate(low) >= rate(high):
        raise argparse.ArgumentTypeError(
            f"{text!r} is given; LOW..HIGH, the lower one first, is wanted"
        )
    from scipy.stats import loguniform

    return loguniform(rate(low), rate(high))


def setting(text: str) -> tuple[str, Any]:
    """NAME=VALUES."""
    name, equals, values = text.partition("=")
    if not name.strip() or not equals or not values.strip():
        raise argparse.ArgumentTypeError(
            f"{text!r} is given; NAME=X,Y,... or NAME=LOW..HIGH is wanted"
        )
    return name.strip(), space(values)


def own_setting(text: str) -> tuple[str, str, Any]:
    """OPTIMIZER.NAME=VALUE."""
    key, _, value = text.partition("=")
    optimizer, _, name = (word.strip() for word in key.rpartition("."))
    if not optimizer or not name or not value.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is given; OPTIMIZER.NAME=VALUE is wanted")
    return optimizer, name, _value(value.strip())


def add_settings(parser: argparse.ArgumentParser) -> None:
    """`--set Adam.beta1=0.5`, as often as one likes."""
    parser.add_argument(
        "--set",
        type=own_setting,
        action="append",
        default=[],
        metavar="OPTIMIZER.NAME=X",
        help="another hyperparameter of one optimizer, as Adam.beta1=0.5; may be given several "
        "times",
    )


def by_optimizer(given: list[tuple[str, str, Any]]) -> dict[str, dict[str, Any]]:
    """What `--set` said, as `compare` and `landscape` take it."""
    settings: dict[str, dict[str, Any]] = {}
    for optimizer, name, value in given:
        settings.setdefault(optimizer, {})[name] = value
    return settings


def _value(word: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if word.lower() in words:
        return words[word.lower()]
    try:
        number = float(word)
    except ValueError:
        return word
    return int(word) if word.lstrip("+-").isdecimal() else number


def look_here() -> None:
    """Let modules of the user's be imported from the current directory."""
    sys.path.insert(0, str(Path.cwd()))


def add_data(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """What all that train a network take; where it is compared, more than one batch size."""
    add = parser.add_argument
    add(
        "--batch-size",
        type=batch_sizes if several else batch_size,
        default=64,
        metavar="N,M,..." if several else "N",
        help="rows per step: 1 is stochastic, all is batch gradient descent (default: %(default)s)",
    )
    add(
        "--hidden",
        type=sizes,
        default=(128, 64),
        metavar="N,M,...",
        help="units of each hidden layer (default: 128,64)",
    )
    add(
        "--seed",
        type=seed,
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


def add_outputs(parser: argparse.ArgumentParser, saved: str, plot_note: str = "") -> None:
    """Where the plot goes, and the results: `--plot` and `--json`."""
    command = parser.prog.rpartition(" ")[2]
    parser.add_argument(
        "--plot",
        type=Path,
        default=Path(f"schuss-{command}.png"),
        metavar="FILE",
        help=f"where the plot goes{plot_note} (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"save {saved}; - is stdout")


def environment() -> dict[str, str]:
    """What may change the results or their times."""
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


def save_json(file: Path | None, results: dict[str, Any]) -> None:
    """Write the results where `--json` says."""
    if file is None:
        return
    text = json.dumps(results, indent=2)
    if file == STDOUT:
        print(text)
    else:
        file.write_text(text + "\n", encoding="utf-8")
        print(f"results: {file}")


def save(arguments: argparse.Namespace, result: Any, draw: Callable[[Any], Figure]) -> None:
    """Save results and plot, and name the files where that does not mix with JSON."""
    from schuss import lab

    save_json(arguments.json, {"environment": environment(), **result.to_dict()})
    if arguments.plot.suffix.lower() == ".gif":
        lab.plots.animation(result, arguments.plot)
    else:
        draw(result).savefig(arguments.plot, dpi=150)
    to = sys.stderr if arguments.json == STDOUT else sys.stdout
    if getattr(arguments, "output", None) is not None:
        print(f"table: {arguments.output}", file=to)
    print(f"plot: {arguments.plot}", file=to)


def check_outputs(arguments: argparse.Namespace) -> None:
    """Everything that could spoil the end of a run, before it begins."""
    for module in (
        "rich",
        "matplotlib",
        *(["sklearn"] if getattr(arguments, "data", "") is None else []),
    ):
        if find_spec(module) is None:  # imported later: names are checked before anything slow
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    for path in (arguments.plot, arguments.json, getattr(arguments, "output", None)):
        if path is not None and path != STDOUT and (path.is_dir() or not path.parent.is_dir()):
            raise ValueError(f"{path}: cannot be written, {path.parent} is no directory")
    moves = {"gif"} if arguments.command == "landscape" else set()
    formats = moves | FORMATS
    if arguments.plot.suffix[1:].lower() not in formats:
        known = ", ".join(f".{suffix}" for suffix in sorted(formats))
        raise ValueError(f"{arguments.plot}: a name that ends in one of {known} is wanted")
