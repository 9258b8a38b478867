"""Results as tables and a plot.

`python -m bench.report A.json` shows a run, `python -m bench.report A.json B.json` compares two.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path

from bench import acceptance, bench_rules, plots
from bench.bench_profile import BASE, mean_ratio
from bench.ceiling import NAME as CEILING
from bench.peers import AbsentError
from bench.results import Comparison, Results, Trial, load


def seconds(value: float) -> str:
    """Three digits and a unit."""
    units = ((1e6, "us"), (1e3, "ms"), (1, "s"))
    scale, unit = next((u for u in units if value * u[0] < 999.5), units[-1])
    return f"{value * scale:#.3g}".rstrip(".") + f" {unit}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose columns line up as plain text too."""
    body = [list(header), *map(list, rows)]
    widths = [max(len(row[k]) for row in body) for k in range(len(header))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in body]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def acceptance_table(results: Results) -> str:
    """Required, measured, verdict; empty where nothing that was measured has a requirement."""
    lines = acceptance.table(results)
    header = ("question", "what", "required", "measured", "verdict")
    return markdown(header, map(astuple, lines)) if lines else ""


def _wide(comparisons: Sequence[Comparison], base: str) -> str:
    """A line per comparison, a column per candidate; in brackets the time over that of `base`."""
    names = list(dict.fromkeys(n for c in comparisons for n in (*c.timings, *c.skipped)))

    def cell(c: Comparison, name: str) -> str:
        if name not in c.timings:
            return "-"
        text = seconds(c.timings[name].median)
        if base in c.timings and name != base:
            text += f" ({c.ratio(name, base):.2f})"
        note = c.timings[name].note
        return f"{text}, {note}" if note and name != CEILING else text

    rows = [[c.label, *(cell(c, name) for name in names)] for c in comparisons]
    return markdown(["median (over " + base + ")", *names], rows)


def _long(comparisons: Sequence[Comparison], base: str) -> str:
    """A line per candidate."""
    header = ("work", "candidate", "median", "minimum", "GB/s", f"speed of {base}")
    rows = []
    for c in comparisons:
        for name, t in c.timings.items():
            share = f"{c.ratio(base, name):.1%}" if base in c.timings else "-"
            figures = (seconds(t.median), seconds(t.minimum), f"{t.rate / 1e9:.1f}", share)
            rows.append((c.label, name, *figures))
    return markdown(header, rows)


def _solved(trials: Sequence[Trial]) -> str:
    """A line per solver: what it solved, and its evaluations over those of one of them."""
    base = next((t for t in trials if t.solver == BASE), trials[0])
    header = ("solver", "solved", "of", f"evaluations over {base.solver}", "not solved")
    rows = []
    for t in trials:
        failed = [run.problem for run in t.runs if not run.solved]
        names = ", ".join(failed) if len(failed) < 10 else f"{len(failed)} problems"
        ratio = f"{mean_ratio(t.costs, base.costs):.3f}"
        rows.append((t.solver, str(len(t.solved)), str(len(t.runs)), ratio, names))
    return markdown(header, rows)


def tables(results: Results) -> str:
    """All comparisons, a table per group, with the reasons for what is missing."""
    parts = []
    for group in dict.fromkeys(c.group for c in results.comparisons):
        comparisons = results.of(group)
        if group.startswith(bench_rules.GROUP):
            body = _long(comparisons, CEILING)
        else:
            first = next(iter(comparisons[0].timings), "")
            body = _wide(comparisons, "schuss" if "schuss" in comparisons[0].timings else first)
        parts.append(f"### {group}\n\n{body}")
    parts += [
        f"### {group}\n\n{_solved([t for t in results.trials if t.group == group])}"
        for group in dict.fromkeys(t.group for t in results.trials)
    ]
    taken = Counter(c.timings[CEILING].note for c in results.comparisons if CEILING in c.timings)
    if taken:
        parts.append("Copy ceilings: " + "; ".join(f"{n} ({k})" for n, k in taken.items()) + ".")
    reasons = dict.fromkeys(
        f"{name}: {why}" for c in results.comparisons for name, why in c.skipped.items()
    )
    reasons |= dict.fromkeys(f"{t.solver}: {t.skipped}" for t in results.trials if t.skipped)
    if reasons:
        parts.append("Skipped: " + "; ".join(reasons) + ".")
    return "\n\n".join(parts)


def difference(before: Results, after: Results) -> str:
    """What changed between two runs; below 1 is faster.

    The last column divides by the change of the copy ceiling of the same work, so that a machine
    that was slower on one of the days does not look like a change of the code.
    """
    old = {(c.group, c.label): c for c in before.comparisons}
    header = ("group", "work", "candidate", "before", "after", "median", "minimum", "by ceiling")
    rows = []
    for c in after.comparisons:
        b = old.get((c.group, c.label))
        for name in c.timings if b else ():
            if b is None or name not in b.timings:
                continue
            was, now = b.timings[name], c.timings[name]
            change = now.median / was.median
            by_ceiling = "-"
            if CEILING in b.timings and CEILING in c.timings:
                drift = c.timings[CEILING].median / b.timings[CEILING].median
                by_ceiling = f"{change / drift:.3f}"
            least = f"{now.minimum / was.minimum:.3f}"
            row = (c.group, c.label, name, seconds(was.median), seconds(now.median))
            rows.append((*row, f"{change:.3f}", least, by_ceiling))
    return markdown(header, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Show one file or compare two."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="one JSON file, or two to compare")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the (last) file")
    options = parser.parse_args(arguments)
    if len(options.files) > 2:
        parser.error("one or two files")
    try:
        runs = [load(path) for path in options.files]
        if len(runs) == 2:
            print(difference(*runs))
        else:
            print(acceptance_table(runs[0]), tables(runs[0]), sep="\n\n")
        if options.plot:
            plots.plot(runs[-1], options.plot)
    except (OSError, ValueError, KeyError, AbsentError) as error:
        print(f"bench.report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
