"""`schuss search`: a grid or random search over optimizers and their hyperparameters."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schuss import config
from schuss.commands import cluster, options

if TYPE_CHECKING:
    from schuss.lab import Search


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser's."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "search",
        help="search for good hyperparameters",
        description="Train the network of `schuss compare`, or a function of yours, with every "
        "combination of hyperparameters, or with some drawn at random. A search that was stopped "
        "goes on when the command is given again.",
    )
    option = parser.add_argument
    option(
        "--optimizers",
        metavar="A,B,...",
        type=options.names,
        default=["SGD", "Momentum", "Adam"],
        help="names in any case (default: SGD,Momentum,Adam)",
    )
    option(
        "--learning-rate",
        type=options.space,
        metavar="X,Y,...",
        help="rates to try, or LOW..HIGH to draw from (default: 0.001,0.01,0.1)",
    )
    option(
        "--set",
        type=options.setting,
        action="append",
        default=[],
        metavar="NAME=X,Y,...",
        help="values of another hyperparameter, or NAME=LOW..HIGH; as Adam.beta1=0.8,0.9 it is for "
        "one optimizer; may be given several times",
    )
    option(
        "--samples",
        type=options.count,
        metavar="N",
        help="combinations drawn at random (default: the whole grid)",
    )
    option(
        "--train",
        metavar="MODULE:FUNCTION",
        help="a function train(optimizer) -> score of yours, in place of the network",
    )
    option("--minimize", action="store_true", help="a lower score is better")
    option("--epochs", type=options.count, default=5, metavar="N", help="default: %(default)s")
    option(
        "--processes",
        type=options.count,
        metavar="N",
        help="trials at once (default: as many as there are cores, "
        f"{config.get_num_threads()}, or all that a cluster has)",
    )
    cluster.add(parser)
    options.add_data(parser)
    option(
        "--results",
        type=Path,
        default=Path("schuss-search.jsonl"),
        metavar="FILE",
        help="a line for each trial; those that are there do not run again (default: %(default)s)",
    )
    option(
        "--top",
        type=options.count,
        default=10,
        metavar="N",
        help="rows of the table (default: %(default)s)",
    )
    options.add_outputs(parser, "the scores")
    return parser


def run(arguments: argparse.Namespace) -> Search:
    """Search, and save each trial as soon as it ends."""
    options.check_outputs(arguments)
    cluster.check(arguments)
    from rich.console import Console

    from schuss import lab
    from schuss.lab import functions

    train = None
    if arguments.train is not None:
        options.look_here()
        train = functions.load(arguments.train)
    processes = arguments.processes
    if processes is None and arguments.backend is None:
        processes = config.get_num_threads()
    rates = arguments.learning_rate or [0.001, 0.01, 0.1]
    with (
        cluster.connected(arguments),
        lab.report.progress_bar(Console(stderr=True), "trials") as progress,
        _traceback_of_train(),
    ):
        return lab.search(
            arguments.optimizers,
            {"learning_rate": rates, **dict(arguments.set)},
            samples=arguments.samples,
            train=train,
            direction="minimize" if arguments.minimize else "maximize",
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            hidden=arguments.hidden,
            seed=arguments.seed,
            data=arguments.data,
            processes=processes,
            backend=arguments.backend,
            results_file=arguments.results,
            progress=progress,
        )


@contextmanager
def _traceback_of_train() -> Iterator[None]:
    """Show where a user's function failed, before the line that says so."""
    from schuss.lab.search import TrainError

    try:
        yield
    except TrainError as error:
        traceback.print_exception(error.__cause__)
        raise


def show(arguments: argparse.Namespace, result: Search) -> None:
    """Print the best, save results and plot."""
    from rich.console import Console

    from schuss import lab

    to_stdout = arguments.json != options.STDOUT
    if to_stdout:
        Console().print(lab.report.best(result, arguments.top))
    print(
        f"trials: {arguments.results}, {result.resumed} of {len(result.trials)} from there",
        file=sys.stdout if to_stdout else sys.stderr,
    )
    options.save(arguments, result, lab.plots.search)
