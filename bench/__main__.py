"""`python -m bench [QUESTION ...]`: measure, and print required, measured, verdict."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from bench import bench_threads, plots, report
from bench.harness import QUICK, Plan
from bench.machine import facts
from bench.peers import AbsentError, optional
from bench.questions import GROUPS, QUESTIONS, Measured, chosen, text
from bench.results import Results, Settings, save

FOLDER = Path(__file__).parent / "results"
AUTO = Path("auto")


def _parser() -> argparse.ArgumentParser:
    lines = []
    for group, questions in GROUPS.items():
        lines += [f"{group}:", *(f"  {name:18}{text(name)}" for name in questions)]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "questions",
        nargs="*",
        default=["optimizers"],
        metavar="question",
        help="a question or a group of them, listed below (default: optimizers)",
    )
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds; noisier")
    parser.add_argument("--threads", type=int, default=2, help="threads for everyone (default: 2)")
    for option, what in (("--json", "keep the figures"), ("--plot", "more sizes, and a PNG")):
        what += " (default: bench/results/DATE)"
        parser.add_argument(option, nargs="?", type=Path, const=AUTO, metavar="FILE", help=what)
    return parser


def _announced(measured: Iterable[Measured]) -> Iterator[Measured]:
    """Say on stderr what has been measured and how long it took."""
    start = time.monotonic()
    for each in measured:
        print(f"[{time.monotonic() - start:5.1f} s] {each.label}", file=sys.stderr, flush=True)
        yield each


def _path(given: Path, date: str, suffix: str) -> Path:
    name = date.replace(":", "").replace("T", "-")
    return FOLDER / f"{name}{suffix}" if given == AUTO else given


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := set(options.questions) - {*QUESTIONS, *GROUPS}:
        parser.error(f"no question or group: {', '.join(sorted(unknown))}")
    date = datetime.now().isoformat(timespec="minutes")
    plan = Plan(options.threads, QUICK if options.quick else Settings(), bool(options.plot))
    names = chosen(options.questions)
    try:
        optional("schuss")
        results = Results(date, facts(), plan.settings)
        for each in _announced(each for name in names for each in QUESTIONS[name](plan)):
            results.add(each)
        print(*(f"{key}: {value}" for key, value in results.machine.items()), sep="\n")
        print("", report.tables(results), "", report.acceptance_table(results), sep="\n")
        if "threads" in names:
            found = bench_threads.threshold(results.of("threads"))
            print(f"Threads pay from: {found if found else 'no size'}")
        if options.json:
            save(results, _path(options.json, date, ".json"))
        if options.plot:
            plots.plot(results, _path(options.plot, date, ".png"))
    except AbsentError as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
