"""`schuss landscape`: draw the paths of optimizers and solvers on a surface."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from schuss.commands import options

if TYPE_CHECKING:
    from schuss.lab import Landscape


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser's."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "landscape",
        help="draw the paths of optimizers on a surface",
        description="Draw the paths of optimizers on a function of one or two variables, and the "
        "value at each step.",
    )
    option = parser.add_argument
    option(
        "surface",
        nargs="?",
        default="beale",
        metavar="SURFACE",
        help="wave, tanh, cosh, saddle, valley, cliff, rosenbrock, beale, himmelblau, rastrigin, "
        "or module:function of yours (default: %(default)s)",
    )
    option("--optimizers", type=options.names, metavar="A,B,...", help="names in any case")
    option(
        "--steps",
        type=options.count,
        default=100,
        metavar="N",
        help="at most (default: %(default)s)",
    )
    option(
        "--learning-rate", type=options.rate, metavar="X", help="for all (default: one for each)"
    )
    options.add_settings(parser)
    option("--start", type=options.point, metavar="X[,Y]", help="where the paths begin")
    option(
        "--box",
        type=options.point,
        metavar="X0,X1[,Y0,Y1]",
        help="what is drawn (default: that of the surface, for a function of yours 5 to each side "
        "of the start; with --start it follows the paths)",
    )
    options.add_outputs(parser, "the paths", "; a .gif moves")
    return parser


def run(arguments: argparse.Namespace) -> Landscape:
    """Let each optimizer walk."""
    options.check_outputs(arguments)
    from rich.console import Console

    from schuss import lab

    surface = _surface(arguments)
    with lab.report.progress_bar(Console(stderr=True), "optimizers") as progress:
        return lab.landscape(
            surface,
            arguments.optimizers,
            steps=arguments.steps,
            learning_rate=arguments.learning_rate,
            settings=options.by_optimizer(arguments.set),
            start=arguments.start,
            box=_sides(arguments.box),
            progress=progress,
        )


def show(arguments: argparse.Namespace, result: Landscape) -> None:
    """Print where the paths end, save results and plot."""
    from rich.console import Console

    from schuss import lab

    if arguments.json != options.STDOUT:
        Console().print(lab.report.ends(result))
    options.save(arguments, result, lab.plots.landscape)


def _sides(box: Sequence[float] | None) -> list[tuple[float, float]] | None:
    if box is None:
        return None
    if len(box) % 2:
        raise ValueError(f"--box has {len(box)} numbers; two for each variable are wanted")
    return list(zip(box[::2], box[1::2], strict=True))


def _surface(arguments: argparse.Namespace) -> Any:
    """A name, or a function of the user's with what it needs."""
    from schuss.lab import surfaces

    if ":" not in arguments.surface:
        return arguments.surface
    if arguments.start is None:
        raise ValueError(f"{arguments.surface} needs --start")
    sides = _sides(arguments.box) or [(x - 5, x + 5) for x in arguments.start]
    options.look_here()
    return surfaces.load(arguments.surface, arguments.start, sides)
