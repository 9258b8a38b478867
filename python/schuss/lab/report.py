"""The lab on a terminal: a progress bar while it works, and the results as a table; needs rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from schuss.lab.comparison import Comparison
    from schuss.lab.surfaces import Landscape

__all__ = ["ends", "progress_bar", "table"]


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


def table(result: Comparison) -> Table:
    """One row per optimizer, for `rich.print`; a dash is what is not there.

    Example:
        >>> from schuss import lab
        >>> table(lab.compare(["adam", "lion"], epochs=2)).row_count
        2
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rows = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        title=result.summary(),
        caption="us: median microseconds per optimizer step\n"
        "ratio: NumPy textbook code over schuss" + _solvers_note(result),
    )
    rows.add_column("optimizer", no_wrap=True)
    for heading in (
        "learning\nrate",
        "train\nloss",
        "test\naccuracy",
        "epochs\nto 95 %",
        "schuss\nus",
        "NumPy\nus",
        "ratio",
    ):
        rows.add_column(heading, justify="right", no_wrap=True)
    for entry in result.results:
        epochs = entry.epochs_to(0.95)
        rows.add_row(
            entry.name,
            f"{entry.settings['learning_rate']:g}" if "learning_rate" in entry.settings else "-",
            f"{entry.train_loss[-1]:.2g}",
            f"{entry.test_accuracy[-1]:.1%}",
            "-" if epochs is None else str(epochs),
            f"{entry.step_us:.1f}",
            "-" if entry.numpy_us is None else f"{entry.numpy_us:.1f}",
            "-" if entry.ratio is None else f"{entry.ratio:.1f}",
        )
    return rows


def ends(result: Landscape) -> Table:
    """Where each path ended, one row per optimizer, for `rich.print`.

    Example:
        >>> from schuss import lab
        >>> ends(lab.landscape("valley", ["adam", "newton"])).row_count
        2
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rows = Table(box=SIMPLE_HEAD, pad_edge=False, title=result.surface.formula)
    rows.add_column("optimizer", no_wrap=True)
    for heading in ("learning\nrate", "steps", "value", "at"):
        rows.add_column(heading, justify="right", no_wrap=True)
    rows.add_column("end")
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


def _solvers_note(result: Comparison) -> str:
    names = [entry.name for entry in result.results if "learning_rate" not in entry.settings]
    if not names:
        return ""
    return f"\n{', '.join(names)}: all rows at once, each evaluation counts as an epoch"
