"""`schuss info`: version, instruction set, threads, compiler."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from schuss.commands import options


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser's."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "info", help="print version, instruction set, threads, compiler"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the facts; - is stdout")
    return parser


def run(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the facts by their names."""
    return options.environment()


def show(arguments: argparse.Namespace, result: dict[str, str]) -> None:
    """Print a line for each fact."""
    if arguments.json != options.STDOUT:
        for key, value in result.items():
            print(f"{key + ':':<16}{value}")
    options.save_json(arguments.json, result)
