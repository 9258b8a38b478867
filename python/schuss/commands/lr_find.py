"""`schuss lr-find`: the learning-rate range test."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from schuss.commands import options

if TYPE_CHECKING:
    from schuss.lab import RangeTest


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser's."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "lr-find",
        help="find a learning rate by a range test",
        description="Train the network of `schuss compare` with a learning rate that grows at each "
        "step, and find where the loss falls fastest.",
    )
    option = parser.add_argument
    option("optimizer", nargs="?", default="SGD", metavar="OPTIMIZER", help="default: %(default)s")
    option(
        "--low",
        type=options.rate,
        default=1e-6,
        metavar="X",
        help="first rate (default: %(default)s)",
    )
    option(
        "--high",
        type=options.rate,
        default=10.0,
        metavar="X",
        help="last rate (default: %(default)s)",
    )
    option(
        "--steps",
        type=options.count,
        default=200,
        metavar="N",
        help="at most (default: %(default)s)",
    )
    options.add_data(parser)
    options.add_outputs(parser, "the losses")
    return parser


def run(arguments: argparse.Namespace) -> RangeTest:
    """Take the steps."""
    options.check_outputs(arguments)
    from rich.console import Console

    from schuss import lab

    with lab.report.progress_bar(Console(stderr=True), "steps") as progress:
        return lab.find_learning_rate(
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


def show(arguments: argparse.Namespace, result: RangeTest) -> None:
    """Say what was found, save results and plot."""
    from schuss import lab

    if arguments.json != options.STDOUT:
        falls = math.isfinite(result.suggestion)
        where = f"falls fastest at {result.suggestion:.3g}" if falls else "never falls"
        end = "diverged" if result.diverged else "did not diverge"
        print(f"{result.name}: the loss {where}, and {end} up to {result.rates[-1]:.3g}")
    options.save(arguments, result, lab.plots.range_test)
