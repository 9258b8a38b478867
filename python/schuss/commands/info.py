"""`schuss info`: version, instruction set, threads, compiler."""

from __future__ import annotations

import argparse
from typing import Any

from schuss.commands import options


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("info", help="print version, instruction set, threads, compiler")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each fact."""
    for key, value in options.environment().items():
        print(f"{key + ':':<16}{value}")
