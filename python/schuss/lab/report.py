"""The lab on a terminal: a progress bar while it works, and the results as a table; needs rich."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from schuss.lab.comparison import ENGINES
from schuss.lab.fits import with_error
from schuss.suggest import explain

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table

    from schuss.lab.comparison import Comparison
    from schuss.lab.fits import Fits
    from schuss.lab.search import Search
    from schuss.lab.surfaces import Landscape

__all__ = ["best", "ends", "fits", "progress_bar", "table"]


@contextmanager
def progress_bar(
    console: Console, unit: str = "epochs"
) -> Iterator[Callable[[str, int, int], None]]:
    """A bar that goes when the work is done, as the `progress` of what the lab offers.

    Args:
        console: where to draw; nothing appears where it is no terminal.
        unit: of what is done.

    Example:
        >>> from rich.console import Console
        >>> from schuss import lab
        >>> with progress_bar(Console(stderr=True)) as progress:
        ...     result = lab.compare(["adam"], epochs=2, progress=progress)
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(None),
        TextColumn("{task.completed} of {task.total} " + unit),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("data", total=None)

        def update(name: str, done: int, total: int) -> None:
            bar.update(task, description=name, completed=done, total=total)

        yield update


def _empty(first: str, numbers: Iterable[str], *, wrap: bool = False, **settings: Any) -> Table:
    """A table without rows: words in the first column, numbers in the others."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, **settings)
    made.add_column(first, no_wrap=True)
    for heading in numbers:
        made.add_column(heading, justify="right", no_wrap=not wrap)
    return made


def table(result: Comparison) -> Table:
    """One row per optimizer, for `rich.print`; a dash is what is not there.

    Example:
        >>> from schuss import lab
        >>> table(lab.compare(["adam", "lion"], epochs=2)).row_count
        2
    """
    beside = result.engine == "torch"  # where the peer trains too, in rows of its own
    times = ("step\nus", "step\n%") if beside else ("schuss\nus", "NumPy\nus")
    reached = ("train\nloss", "test\naccuracy", "epochs\nto 95 %", "seconds\nto 95 %")
    rows = _empty(
        "optimizer",
        ("rate", *reached, *times, "ratio"),
        padding=(0, 1, 0, 0),
        pad_edge=False,
        title=result.summary(),
        caption="us: median microseconds per optimizer step\n"
        + ("%: of the time of a gradient and a step\n" if beside else "")
        + f"ratio: {ENGINES[result.engine].code} over schuss"
        + _solvers_note(result),
    )
    for entry in result.results:
        epochs, seconds = entry.epochs_to(0.95), entry.seconds_to(0.95)
        accuracy = entry.test_accuracy[-1]
        rows.add_row(
            "  torch" if entry.by == "torch" else entry.label,
            f"{entry.settings['learning_rate']:.4g}" if "learning_rate" in entry.settings else "-",
            f"{entry.train_loss[-1]:.2g}",
            "diverged" if math.isnan(accuracy) else f"{accuracy:.1%}",
            "-" if epochs is None else str(epochs),
            "-" if seconds is None else f"{seconds:.2g}",
            f"{entry.step_us:.1f}",
            f"{entry.share:.0%}" if beside else _or_dash(entry.peer_us),
            _or_dash(entry.ratio),
        )
    return rows


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def ends(result: Landscape) -> Table:
    """Where each path ended, one row per optimizer, for `rich.print`.

    Example:
        >>> from schuss import lab
        >>> ends(lab.landscape("valley", ["adam", "newton"])).row_count
        2
    """
    numbers = ("learning\nrate", "steps", "value", "at")
    rows = _empty("optimizer", numbers, padding=(0, 1, 0, 0), title=result.surface.formula)
    rows.add_column("end", no_wrap=True)
    for path in result.paths:
        rows.add_row(
            path.name,
            "-" if path.learning_rate is None else f"{path.learning_rate:.3g}",
            str(len(path.values) - 1),
            f"{path.values[-1]:.4g}",
            ", ".join(f"{element:.4g}" for element in path.points[-1]),
            path.end,
        )
    return rows


def best(result: Search, rows: int = 10) -> Table:
    """The best trials of a search, one row each, for `rich.print`.

    Args:
        result: what `schuss.lab.search` returned.
        rows: at most.

    Example:
        >>> from schuss import lab
        >>> best(lab.search(["sgd"], {"learning_rate": [0.1, 0.5]}, epochs=1)).row_count
        2
    """
    ranked = result.ranked()
    shown = min(rows, len(ranked))
    names = list(dict.fromkeys(name for trial in ranked for name in trial.settings))
    headings = (*names, result.score, "seconds")
    table = _empty(
        "optimizer",
        (heading.replace(" ", "\n").replace("_", "\n") for heading in headings),
        wrap=True,
        pad_edge=False,
        title=result.summary(),
        caption=f"the best {shown} of {len(ranked)}" if shown < len(ranked) else None,
    )
    for trial in ranked[:shown]:
        settings = (trial.settings.get(name, "-") for name in names)
        table.add_row(
            trial.optimizer,
            *(f"{value:.4g}" if isinstance(value, float) else str(value) for value in settings),
            result.as_text(trial.score),
            f"{trial.seconds:.2f}",
        )
    return table


def fits(result: Fits, rows: int = 12) -> Group:
    """The parameters of a fit, one row each; of groups a row each, for `rich.print`.

    Args:
        result: what `schuss.lab.fit` returned.
        rows: groups at most; of more, the first and the last, and the medians of those that
            converged.

    Example:
        >>> import numpy as np
        >>> from schuss import lab
        >>> t = np.linspace(0, 3, 20)
        >>> found = lab.fit({"t": t, "signal": 2 * np.exp(-t)}, "exponential", "t", "signal")
        >>> title, table, *ends = fits(found).renderables
        >>> table.row_count
        2
    """
    return _groups(result, rows) if result.by else _parameters(result)


def _parameters(result: Fits) -> Group:
    from rich.console import Group

    found = result.result
    table = _empty("parameter", ("value", "standard error"), pad_edge=False)
    for name, value, error in zip(found.names, found.x[0], found.stderr[0], strict=True):
        table.add_row(name, f"{value:.8g}", f"{error:.3g}")
    spread = f", root of chi2/dof {result.spread[0]:.3g}" if found.dof[0] > 0 else ""
    numbers = f"chi2 {result.chi2[0]:.6g}, {found.dof[0]} degrees of freedom{spread}"
    return Group(result.summary(), table, numbers, found.message[0])


def _groups(result: Fits, most: int) -> Group:
    from rich.console import Group

    found, count = result.result, len(result.groups)
    half = most // 2
    shown = range(count) if count <= most else [*range(half), *range(count - half, count)]
    widest = max(len(word) for word in ("median", *(result.groups[k] for k in shown)))
    numbers = (*found.names, "root of\nchi2/dof")
    table = _empty(result.by, numbers, padding=(0, 1, 0, 0), pad_edge=False)
    table.columns[0].min_width = min(widest, 16)
    table.add_column()

    def row(label: str, values: Any, errors: Any, spread: float, end: str) -> None:
        pairs = zip(values.tolist(), errors.tolist(), strict=True)
        cells = (with_error(value, error, short=True) for value, error in pairs)
        table.add_row(label, *cells, f"{spread:.3g}", end)

    for k in shown:
        if count > most and k == count - half:
            table.add_row("...")
        own = found.x[k], found.stderr[k], result.spread[k]
        row(result.groups[k], *own, result.trouble(k))
    if count > most and found.success.any():
        good = found.success
        values, errors = (np.median(each[good], axis=0) for each in (found.x, found.stderr))
        row("median", values, errors, float(np.median(result.spread[good])), "")
    note = "In brackets the standard error, in units of the last figure"
    ends = (f"{number:,} {end}" for end, number in result.endings())
    return Group(result.summary(), table, note, *ends)


def _solvers_note(result: Comparison) -> str:
    names = {entry.name: None for entry in result.results if not entry.has_epochs}
    return f"\n{', '.join(names)}: all rows at once, which makes no epochs" if names else ""


explain(__name__)
