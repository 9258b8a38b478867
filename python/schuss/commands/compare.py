"""`schuss compare`: train a network with each optimizer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from schuss.commands import options

if TYPE_CHECKING:
    from schuss.lab import Comparison


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser's."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="train a network with each optimizer and compare",
        description="Train a multilayer perceptron on handwritten digits with each optimizer, "
        "print a table, save a plot.",
    )
    option = parser.add_argument
    option(
        "--optimizers",
        metavar="A,B,...",
        type=options.names,
        help="names in any case, or all (default: SGD,Momentum,RMSprop,Adam,AdamW,LBFGS)",
    )
    option("--epochs", type=options.count, default=30, metavar="N", help="default: %(default)s")
    option(
        "--learning-rate",
        type=options.rate,
        metavar="X",
        help="for all (default: a good one for each)",
    )
    options.add_settings(parser)
    option(
        "--schedule",
        default="constant",
        metavar="NAME",
        help="of the learning rate, such as cosine or warmup+linear (default: %(default)s)",
    )
    option(
        "--init",
        type=options.names,
        default=["he_normal"],
        metavar="A,B,...",
        help="what the weights are drawn from, such as glorot_uniform,orthogonal,zeros "
        "(default: he_normal)",
    )
    option(
        "--engine",
        default="numpy",
        metavar="NAME",
        help="numpy; or torch: a module of PyTorch, trained with its optimizers and with ours "
        "(default: %(default)s)",
    )
    options.add_data(parser, several=True)
    options.add_outputs(parser, "the results")
    return parser


def run(arguments: argparse.Namespace) -> Comparison:
    """Train with each optimizer."""
    options.check_outputs(arguments)
    from rich.console import Console

    from schuss import lab

    with lab.report.progress_bar(Console(stderr=True)) as progress:
        return lab.compare(
            arguments.optimizers,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            init=arguments.init,
            hidden=arguments.hidden,
            learning_rate=arguments.learning_rate,
            settings=options.by_optimizer(arguments.set),
            schedule=arguments.schedule,
            seed=arguments.seed,
            data=arguments.data,
            engine=arguments.engine,
            progress=progress,
        )


def show(arguments: argparse.Namespace, result: Comparison) -> None:
    """Print the table, save results and plot."""
    from rich.console import Console

    from schuss import lab

    if arguments.json != options.STDOUT:
        Console().print(lab.report.table(result))
    options.save(arguments, result, lab.plots.comparison)
