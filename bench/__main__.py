"""`python -m bench`: measure the acceptance rows and print required, measured, verdict."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bench import (
    bench_import,
    bench_isa,
    bench_linalg,
    bench_logistic,
    bench_memory,
    bench_newton,
    bench_profile,
    bench_rules,
    bench_solvers,
    bench_threads,
    bench_update,
    plots,
    report,
)
from bench.acceptance import GROUPS, ROWS
from bench.bench_memory import Memory
from bench.bench_profile import Trial
from bench.harness import QUICK, Comparison, Settings
from bench.machine import facts
from bench.peers import AbsentError, optional
from bench.report import Results

RESULTS = Path(__file__).parent / "results"
AUTO = Path("auto")


def _rows(text: str) -> list[int]:
    """Row numbers from `5,6-8`."""
    rows: set[int] = set()
    with suppress(ValueError):
        for part in text.split(","):
            first, _, last = part.partition("-")
            rows.update(range(int(first), int(last or first) + 1))
    if not rows:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of rows, such as 5,6 or 5-8")
    return sorted(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="rows",
        choices=("rows", "solvers", "linalg", "newton", "isa", "threads", "import"),
        help="the acceptance rows of optimizers (default), solvers, factorizations or Newton, "
        "instruction sets by size, thread counts by size, the time that an import takes",
    )
    parser.add_argument("--rows", type=_rows, help="such as 5,6 or 5-8")
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds; noisier")
    parser.add_argument("--threads", type=int, default=2, help="threads for the rows")
    for option, text in (("--json", "keep the figures"), ("--plot", "more sizes, and a PNG")):
        text += " (default: bench/results/DATE)"
        parser.add_argument(option, nargs="?", type=Path, const=AUTO, metavar="FILE", help=text)
    return parser


def _comparisons(
    options: argparse.Namespace, rows: Sequence[int], settings: Settings
) -> Iterator[Comparison]:
    """Everything that was asked for, one comparison at a time."""
    threads = options.threads
    if options.what == "rows":
        for row in rows:
            if row == 8:
                yield from bench_rules.measure(threads, settings)
            elif row in GROUPS:
                yield from bench_update.measure(GROUPS[row], threads, settings)
        if options.plot:
            yield from bench_update.measure("sweep", threads, settings)
    elif options.what == "solvers":
        yield from bench_solvers.measure(rows, threads, settings, sweep=bool(options.plot))
        if options.rows is None:
            yield from bench_logistic.measure(threads, settings)
    elif options.what == "linalg":
        yield from bench_linalg.measure(rows, settings)
    elif options.what == "newton":
        yield from bench_newton.measure(rows, threads, settings)
        if options.rows is None:
            yield from bench_logistic.measure_newton(threads, settings)
    elif options.what == "isa":
        yield from bench_isa.measure(settings)
    elif options.what == "import":
        yield from bench_import.measure(settings)
    else:
        yield from bench_threads.measure(settings)


def _memories(what: str, rows: Sequence[int], threads: int) -> Iterator[Memory]:
    if what == "rows" and 10 in rows:
        yield from bench_memory.measure(threads)
    elif what == "solvers" and 9 in rows:
        yield from bench_memory.measure(threads, bench_memory.SOLVER_CASES)


T = TypeVar("T", Comparison, Trial)


def _announced(measured: Iterable[T]) -> Iterator[T]:
    """Say on stderr what has been measured and how long it took."""
    start = time.monotonic()
    for each in measured:
        print(f"[{time.monotonic() - start:5.1f} s] {each.label}", file=sys.stderr, flush=True)
        yield each


def _path(given: Path, date: str, suffix: str) -> Path:
    name = date.replace(":", "").replace("T", "-")
    return RESULTS / f"{name}{suffix}" if given == AUTO else given


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    parser = _parser()
    options = parser.parse_args(arguments)
    known = ROWS.get(options.what, ())
    rows = known if options.rows is None else options.rows
    if not set(rows) <= set(known):
        parser.error(f"the rows of {options.what!r} are {', '.join(map(str, known)) or 'none'}")
    date = datetime.now().isoformat(timespec="minutes")
    try:
        optional("schuss")
        results = Results(date, facts(), QUICK if options.quick else Settings())
        if options.what == "solvers":
            results.trials += _announced(bench_profile.measure(rows, options.threads))
        elif options.what == "newton" and 6 in rows:
            results.trials += _announced(bench_profile.measure_second_order(options.threads))
        results.comparisons += _announced(_comparisons(options, rows, results.settings))
        results.memories += _memories(options.what, rows, options.threads)
        print(*(f"{key}: {value}" for key, value in results.machine.items()), sep="\n")
        print("", report.tables(results), sep="\n")
        if known:
            print("", report.acceptance_table(results), sep="\n")
        if options.what == "threads":
            found = bench_threads.threshold(results.of("threads"))
            print("", f"Threads pay from: {found if found else 'no size'}", sep="\n")
        if options.json:
            report.save(results, _path(options.json, date, ".json"))
        if options.plot:
            plots.plot(results, _path(options.plot, date, ".png"))
    except AbsentError as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
