"""`python -m bench`: measure the acceptance rows 5 to 10 and print required, measured, verdict."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bench import bench_isa, bench_memory, bench_rules, bench_threads, bench_update, report
from bench.acceptance import GROUPS, ROWS
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
    if not rows or not rows <= set(ROWS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a choice of 5 to 10, such as 5,6 or 5-8")
    return sorted(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="rows",
        choices=("rows", "isa", "threads"),
        help="the acceptance rows (default), instruction sets by size, thread counts by size",
    )
    parser.add_argument("--rows", type=_rows, default=list(ROWS), help="such as 5,6 or 5-8")
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds; noisier")
    parser.add_argument("--threads", type=int, default=2, help="threads for rows 5 to 8 and 10")
    for option, text in (("--json", "keep the figures"), ("--plot", "more sizes, and a PNG")):
        text += " (default: bench/results/DATE)"
        parser.add_argument(option, nargs="?", type=Path, const=AUTO, metavar="FILE", help=text)
    return parser


def _comparisons(options: argparse.Namespace, settings: Settings) -> Iterator[Comparison]:
    """Everything that was asked for, one comparison at a time."""
    if options.what == "rows":
        for row in options.rows:
            if row == 8:
                yield from bench_rules.measure(options.threads, settings)
            elif row in GROUPS:
                yield from bench_update.measure(GROUPS[row], options.threads, settings)
        if options.plot:
            yield from bench_update.measure("sweep", options.threads, settings)
    elif options.what == "isa":
        yield from bench_isa.measure(settings)
    else:
        yield from bench_threads.measure(settings)


def _announced(comparisons: Iterable[Comparison]) -> Iterator[Comparison]:
    """Say on stderr what has been measured and how long it took."""
    start = time.monotonic()
    for c in comparisons:
        print(f"[{time.monotonic() - start:5.1f} s] {c.label}", file=sys.stderr, flush=True)
        yield c


def _path(given: Path, date: str, suffix: str) -> Path:
    name = date.replace(":", "").replace("T", "-")
    return RESULTS / f"{name}{suffix}" if given == AUTO else given


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    options = _parser().parse_args(arguments)
    date = datetime.now().isoformat(timespec="minutes")
    try:
        optional("schuss")
        results = Results(date, facts(), QUICK if options.quick else Settings())
        results.comparisons += _announced(_comparisons(options, results.settings))
        if options.what == "rows" and 10 in options.rows:
            results.memories += bench_memory.measure(options.threads)
        print(*(f"{key}: {value}" for key, value in results.machine.items()), sep="\n")
        print("", report.tables(results), sep="\n")
        if options.what == "rows":
            print("", report.acceptance_table(results), sep="\n")
        if options.what == "threads":
            found = bench_threads.threshold(results.of("threads"))
            print("", f"Threads pay from: {found if found else 'no size'}", sep="\n")
        if options.json:
            report.save(results, _path(options.json, date, ".json"))
        if options.plot:
            report.plot(results, _path(options.plot, date, ".png"))
    except AbsentError as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
