"""`schuss fit`: fit a model by name to columns of a table."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schuss.commands import options

if TYPE_CHECKING:
    from schuss.lab import Fits


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser's."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "fit",
        help="fit a model to a table of data, or to each group of its rows",
        description="Fit a model to columns of a table by least squares, print its parameters "
        "with standard errors, and draw data, curve and what is left. With --by, fit each group of "
        "rows.",
    )
    option = parser.add_argument
    option("table", type=Path, metavar="FILE", help="a .csv whose first row has the names")
    option(
        "--model",
        required=True,
        metavar="NAME",
        help="gaussian, gaussian_2d, lorentzian, voigt, exponential, biexponential, sigmoid or "
        "power; with +offset, +slope or both after it",
    )
    option(
        "--x",
        required=True,
        action="append",
        metavar="COLUMN",
        help="the name of the column of x; for gaussian_2d given twice, once for each variable",
    )
    option("--y", required=True, metavar="COLUMN", help="the name of the column of y")
    option("--sigma", metavar="COLUMN", help="that of the standard errors of y")
    option(
        "--absolute-sigma",
        action="store_true",
        help="they have the units of y (default: only their ratios count)",
    )
    option("--by", metavar="COLUMN", help="that of the groups, each of which has a fit of its own")
    option(
        "--p0",
        type=options.point,
        metavar="X,Y,...",
        help="where to start (default: a guess from the points of each group)",
    )
    option(
        "--bounds",
        type=bound,
        action="append",
        default=[],
        metavar="NAME=LOW..HIGH",
        help="of a parameter, as sigma=0..2; a side that is left out has none; may be given "
        "several times",
    )
    option("--output", type=Path, metavar="FILE", help="save a row for each fit as .csv")
    options.add_outputs(parser, "the fits")
    return parser


def bound(text: str) -> tuple[str, tuple[float, float]]:
    """NAME=LOW..HIGH, without a side that has no bound."""
    name, equals, limits = text.partition("=")
    low, dots, high = limits.partition("..")
    try:
        sides = float(low or -math.inf), float(high or math.inf)
    except ValueError:
        sides = (math.inf, -math.inf)
    if not name.strip() or not equals or not dots or not sides[0] <= sides[1]:
        raise argparse.ArgumentTypeError(
            f"{text!r} is given; NAME=LOW..HIGH, the lower one first, is wanted"
        )
    return name.strip(), sides


def run(arguments: argparse.Namespace) -> Fits:
    """Read and fit."""
    options.check_outputs(arguments)
    from rich.console import Console

    from schuss import lab

    with lab.report.progress_bar(Console(stderr=True), "groups") as progress:
        return lab.fit(
            arguments.table,
            arguments.model,
            arguments.x,
            arguments.y,
            sigma=arguments.sigma,
            by=arguments.by,
            p0=arguments.p0,
            bounds=dict(arguments.bounds),
            absolute_sigma=arguments.absolute_sigma,
            progress=progress,
        )


def show(arguments: argparse.Namespace, result: Fits) -> None:
    """Print the table, save results and plot."""
    from rich.console import Console

    from schuss import lab

    if arguments.json != options.STDOUT:
        Console().print(lab.report.fits(result))
    if arguments.output is not None:
        result.save(arguments.output)
    options.save(arguments, result, lab.plots.fits)
