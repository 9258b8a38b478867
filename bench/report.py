"""Results as JSON, tables and a plot.

`python -m bench.report A.json` shows a run, `python -m bench.report A.json B.json` compares two.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import acceptance, bench_rules
from bench.bench_memory import Memory
from bench.ceiling import NAME as CEILING
from bench.harness import Comparison, Settings, Timing
from bench.peers import AbsentError, optional

FORMAT = 1


@dataclass
class Results:
    """One run."""

    date: str
    machine: Mapping[str, Any]
    settings: Settings
    comparisons: list[Comparison] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)

    def of(self, *groups: str) -> list[Comparison]:
        """The comparisons of some groups."""
        return [c for c in self.comparisons if c.group in groups]


def save(results: Results, path: Path) -> None:
    """Write a run as JSON, medians and minima beside the raw figures."""
    data = {"format": FORMAT, **asdict(results)}
    for plain, c in zip(data["comparisons"], results.comparisons, strict=True):
        for name, timing in c.timings.items():
            summary = {"median": timing.median, "minimum": timing.minimum, "rate": timing.rate}
            plain["timings"][name] = summary | plain["timings"][name]
    data["acceptance"] = [
        asdict(line) for line in acceptance.table(results.comparisons, results.memories)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")


def load(path: Path) -> Results:
    """Read a run."""
    data = json.loads(path.read_text())
    if data.get("format") != FORMAT:
        raise ValueError(f"{path.name} is not a benchmark file of format {FORMAT}")
    comparisons = []
    for c in data["comparisons"]:
        timings = {
            name: Timing(tuple(t["seconds"]), t["calls"], t["bytes"], t["note"])
            for name, t in c.pop("timings").items()
        }
        comparisons.append(Comparison(timings=timings, **c))
    memories = [Memory(**m) for m in data["memories"]]
    settings = Settings(**data["settings"])
    return Results(data["date"], data["machine"], settings, comparisons, memories)


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
    """Required, measured, verdict."""
    lines = acceptance.table(results.comparisons, results.memories)
    header = ("row", "what", "required", "measured", "verdict")
    return markdown(
        header, ((str(x.row), x.what, x.required, x.measured, x.verdict) for x in lines)
    )


def _wide(comparisons: Sequence[Comparison], base: str) -> str:
    """A line per comparison, a column per candidate; in brackets the time over that of `base`."""
    names = list(dict.fromkeys(n for c in comparisons for n in (*c.timings, *c.skipped)))

    def cell(c: Comparison, name: str) -> str:
        if name not in c.timings:
            return "-"
        median = seconds(c.timings[name].median)
        known = base in c.timings and name != base
        return f"{median} ({c.ratio(name, base):.2f})" if known else median

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
    taken = Counter(c.timings[CEILING].note for c in results.comparisons if CEILING in c.timings)
    if taken:
        parts.append("Copy ceilings: " + "; ".join(f"{n} ({k})" for n, k in taken.items()) + ".")
    reasons = dict.fromkeys(
        f"{name}: {why}" for c in results.comparisons for name, why in c.skipped.items()
    )
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


# Fixed colours, so that a peer looks the same in every plot; ours alone is strong and thick.
_STYLE: dict[str, dict[str, Any]] = {
    "schuss": {"color": "#c1121f", "linewidth": 2.6, "marker": "o", "zorder": 5},
    CEILING: {"color": "#333333", "linewidth": 1.4, "linestyle": (0, (4, 2)), "marker": ""},
    "torch fused": {"color": "#1d6fb8", "marker": "s"},
    "torch foreach": {"color": "#7fb2dd", "marker": "s"},
    "optax jit": {"color": "#2a9d5c", "marker": "^"},
    "NumPy textbook": {"color": "#b08900", "marker": "D"},
}


def plot(results: Results, path: Path) -> None:
    """Speed against size, and every peer's time over ours."""
    matplotlib = optional("matplotlib")
    matplotlib.use("Agg")
    pyplot = optional("matplotlib.pyplot")
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(14, 6), width_ratios=(1.15, 1), layout="constrained"
    )
    _plot_sizes(left, [c for c in results.of("update", "sweep") if c.count == 1])
    _plot_ratios(right, results.of("update", "clip", "unfused", "numpy"))
    machine = results.machine
    subtitle = f"{machine['cpu']}, {machine['cores available']} cores, {results.date[:10]}"
    figure.suptitle(f"One optimizer step on a CPU: {subtitle}", fontsize=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _plot_sizes(axes: Any, comparisons: Sequence[Comparison]) -> None:
    """Bytes of the model per second for one tensor."""
    comparisons = sorted(comparisons, key=lambda c: c.length)
    names = [n for n in _STYLE if any(n in c.timings for c in comparisons)]
    for name in names:
        points = [(c.length, c.timings[name].rate / 1e9) for c in comparisons if name in c.timings]
        style = {"linewidth": 1.5, "markersize": 5, **_STYLE[name]}
        axes.plot(*zip(*points, strict=True), label=name, **style)
    axes.set(xscale="log", yscale="log", xlabel="parameters in one tensor")
    axes.set_ylabel("GB/s (28 bytes a parameter over the median time)")
    axes.set_title("AdamW, float32: speed against size (higher is better)", fontsize=11)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(which="major", color="#dddddd")
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9)


def _plot_ratios(axes: Any, comparisons: Sequence[Comparison]) -> None:
    """Dots: how many times our time the others take."""
    comparisons = [c for c in comparisons if "schuss" in c.timings]
    seen: set[str] = set()
    for y, c in enumerate(comparisons):
        for name in c.timings:
            if name in ("schuss", CEILING):
                continue
            label = None if name in seen else name
            seen.add(name)
            style = {key: _STYLE[name][key] for key in ("color", "marker")}
            axes.scatter(c.ratio(name, "schuss"), y, s=48, label=label, zorder=3, **style)
    axes.axvline(1, color=_STYLE["schuss"]["color"], linewidth=2.6)
    labels = [c.label.replace(", float32", "").replace(" threads", "T") for c in comparisons]
    axes.set_yticks(range(len(comparisons)), labels, fontsize=9)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="time over that of schuss (right of the red line: slower)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.set_title("Time of the others over ours", fontsize=11)
    axes.grid(color="#dddddd")
    axes.set_axisbelow(True)


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
            plot(runs[-1], options.plot)
    except (OSError, ValueError, KeyError, AbsentError) as error:
        print(f"bench.report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
