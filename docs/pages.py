"""Writes the pages and tables that are made from the package: optimizers, reference, benchmarks.

Needs no Sphinx, so that the tests can look at what it writes.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import schuss
from schuss import lab

from docs import scale, table

HERE = Path(__file__).parent
GENERATED = HERE / "generated"

# Values that are neither classes nor functions have no docstring.
VALUES = {
    "schuss.schedules.Schedule": "The type of a schedule: a callable of the steps already taken "
    "that returns a number.",
    "schuss.lab.network.INITS": "What the weights of a network may be drawn from: "
    + ", ".join(lab.network.INITS)
    + ".",
    "schuss.lab.SURFACES": "The surfaces that `landscape` knows, by name: "
    + ", ".join(lab.SURFACES)
    + ".",
}

# The benchmarks shown: the end of the file's name, a heading, and the groups of comparisons.
BENCHMARKS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("", "A step", ("update", "clip", "unfused")),
    ("", "Every rule beside its copy ceiling, float32", ("rules, float32",)),
    ("solvers", "An iteration of L-BFGS and BFGS", ("iterations of L-BFGS", "iterations of BFGS")),
    ("newton", "An iteration of Newton's method", ("iterations of Newton",)),
    ("newton", "A problem's iteration in a batch", ("iterations of a batch",)),
    ("linalg", "Positive definite systems", ("positive definite systems", "batches of systems")),
)


def write(folder: Path = GENERATED) -> None:
    """Write all of it."""
    table.check()
    for name, text in {**optimizer_pages(), **reference_pages(), **tables()}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


# -- public names ----------------------------------------------------------------------------------


def modules() -> list[str]:
    """Every public module: schuss, the modules in the `__all__` of one, and one for PyTorch.

    `schuss.torch` is there only where PyTorch is.
    """
    found: list[str] = []
    waiting = ["schuss", "schuss.torch"] if find_spec("torch") else ["schuss"]
    while waiting:
        name = waiting.pop(0)
        module = importlib.import_module(name)
        found.append(name)
        waiting += [
            f"{name}.{child}"
            for child in module.__all__
            if isinstance(getattr(module, child), ModuleType)
        ]
    return found


def places() -> dict[str, dict[str, str]]:
    """For each public module, its names and the full name under which each is described.

    A thing with several names is described once, under the shortest: `schuss.Adam`.
    """
    first: dict[int, str] = {}
    found: dict[str, dict[str, str]] = {}
    for name in modules():
        module = importlib.import_module(name)
        found[name] = {}
        for child in module.__all__:
            value = getattr(module, child)
            full = value.__name__ if isinstance(value, ModuleType) else f"{name}.{child}"
            found[name][child] = first.setdefault(id(value), full)
    return found


@cache
def described() -> list[str]:
    """Every full name that has a description, those of the lab last; no modules."""
    names = {full for module in places().values() for full in module.values()}
    names -= set(modules())
    return sorted(names, key=lambda full: (full.startswith("schuss.lab"), full.count("."), full))


# -- reStructuredText ------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Keep what is no markup in a line of plain text from being read as such, names aside."""
    parts = re.split(r"(``.*?``|`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _escape(part) for part in parts)


def _escape(text: str) -> str:
    return re.sub(r"(\||\*|(?<=\w)_(?!\w))", r"\\\1", text)


def escape_docstring(lines: Sequence[str]) -> list[str]:
    """Do so in a docstring, but not in its literal blocks and examples."""
    result: list[str] = []
    literal: int | None = None  # the indentation of the paragraph that announced a block
    example = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip():
            if literal is not None and indent <= literal:
                literal = None
            example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        else:
            example = False
        plain = literal is None and not example
        result.append(escape(line) if plain and not _is_field(line) else line)
        if plain and line.rstrip().endswith("::"):
            literal = indent
    return result


def _is_field(line: str) -> bool:
    """Whether it is the first line of an argument such as `*arrays: ...`, which is escaped."""
    return re.match(r"\s*\*+\w+:", line) is not None


def heading(text: str, line: str = "=") -> str:
    """Return a heading."""
    return f"{text}\n{line * len(text)}\n"


def grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (header, *rows):
        for k, cell in enumerate(row):
            bullet = "* -" if k == 0 else "  -"
            lines.append(f"   {bullet} {cell}".rstrip())
    return "\n".join(lines) + "\n"


def pipes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def first_line(value: Any) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(value) or "").partition("\n")[0]


# -- optimizers ------------------------------------------------------------------------------------


def optimizer_pages() -> dict[str, str]:
    """Return a page for each optimizer, and one that lists them."""
    names = schuss.optimizers.__all__
    pages = {f"optimizers/{name.lower()}.rst": _optimizer(name) for name in names}
    rows = [(f":py:obj:`schuss.{n}`", escape(first_line(getattr(schuss, n)))) for n in names]
    pages["optimizers/index.rst"] = "\n".join(
        (
            heading("Optimizers"),
            "What they share, from clipping to checkpoints, is said at "
            ":py:class:`schuss.Optimizer`.\n",
            grid(("class", "what it is"), rows),
            ".. toctree::\n   :hidden:\n",
            *(f"   {name.lower()}" for name in names),
            "",
        )
    )
    return pages


def common() -> dict[str, str]:
    """Return what the docstring of `Optimizer` says of the keywords that all optimizers take."""
    doc = inspect.getdoc(schuss.Optimizer) or ""
    _, _, args = doc.partition("\nArgs:\n")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", args, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def _optimizer(name: str) -> str:
    row = table.row(name)
    memory = []
    for settings in table.variants(name):
        slots = table.slots(name, settings)
        memory.append(
            (
                f"``{name}({_settings(settings)})``",
                ", ".join(f"``{slot}``" for slot in slots) or "none",
                *(f"{len(slots) * size}" for size in (4, 8)),
                *(f"{table.moved(name, settings, size)}" for size in (4, 8)),
            )
        )
    header = ("call", "slots", "float32", "float64", "moved, float32", "moved, float64")
    names = " and ".join(table.paths(name))
    torch = (
        f".. code-block:: python\n\n   {row.ours}\n   {row.torch}\n"
        if row.torch
        else f"``torch.optim`` has no {name}.\n"
    )
    return "\n".join(
        (
            heading(name),
            f".. autoclass:: schuss.{name}\n   :members:\n   :inherited-members:\n",
            heading("Keywords of every optimizer", "-"),
            "They may be assigned to as attributes too, `ema` and `overrides` aside.\n".replace(
                "`", "``"
            ),
            *(f"- ``{key}``: {escape(text)}\n" for key, text in common().items()),
            heading("Memory for each parameter", "-"),
            "Bytes that the slots take, and bytes that a step reads and writes.\n",
            grid(header, memory),
            heading("The same in PyTorch", "-"),
            torch,
            f"{row.note.replace('`', '``')}\n" if row.note else "",
            heading("On a surface", "-"),
            f"{names} in a valley that is twenty times as steep across as along. In brackets the "
            "learning rate.\n",
            f".. image:: ../pictures/optimizer-{name.lower()}.png\n"
            f"   :alt: Paths of {names} on x² / 10 + 2 y²\n",
        )
    )


def _choices() -> str:
    """The decision table, in Markdown."""
    rows = []
    for name in table.names():
        variants = table.variants(name)
        counts = list(dict.fromkeys(len(table.slots(name, v)) for v in variants))
        state = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {max(counts)}"
        bytes_of = [table.moved(name, v, 4) for v in variants]
        low, high = bytes_of[0], max(bytes_of)
        cost = f"{low}" if low == high else f"{low} to {high}"
        link = f"[{name}](generated/optimizers/{name.lower()}.rst)"
        rows.append((link, state, cost, table.said(name, "Use it"), table.said(name, "Trouble")))
    return pipes(("optimizer", "slots", "bytes a step", "use it", "trouble"), rows)


# -- reference -------------------------------------------------------------------------------------


def reference_pages() -> dict[str, str]:
    """Return a page for each public module, which names all that is public in it."""
    where = places()
    done: set[str] = {f"schuss.{name}" for name in schuss.optimizers.__all__}
    pages = {f"reference/{name}.rst": _module(name, where[name], done) for name in where}
    pages["reference/index.rst"] = "\n".join(
        (
            heading("Reference"),
            "Every public name, by module.\n",
            ".. toctree::\n   :maxdepth: 1\n",
            *(f"   {name}" for name in where),
            "",
        )
    )
    return pages


def _module(name: str, names: dict[str, str], done: set[str]) -> str:
    module = importlib.import_module(name)
    rows, parts = [], []
    for child, full in names.items():
        value = getattr(module, child)
        text = VALUES.get(full) or first_line(value)
        role = "mod" if isinstance(value, ModuleType) else "obj"
        rows.append((f":py:{role}:`{child} <{full}>`", escape(text)))
        if full not in done and not isinstance(value, ModuleType):
            done.add(full)
            parts.append(_entry(full, value))
    return "\n".join(
        (
            heading(name),
            f".. automodule:: {name}\n",
            grid(("name", "what it is"), rows),
            *([heading("Descriptions", "-"), *parts] if parts else []),
        )
    )


def _entry(full: str, value: Any) -> str:
    if full in VALUES:
        module, _, name = full.rpartition(".")
        return f".. py:data:: {name}\n   :module: {module}\n\n   {escape(VALUES[full])}\n"
    if not getattr(value, "__doc__", None) or not (inspect.isclass(value) or callable(value)):
        raise ValueError(f"{full} has no docstring; VALUES in docs/pages.py describes values")
    if inspect.isclass(value):
        inherited = "   :inherited-members: Optimizer\n" if full.startswith("schuss.torch.") else ""
        return f".. autoclass:: {full}\n   :members:\n{inherited}"
    return f".. autofunction:: {full}\n"


# -- tables for pages written by hand --------------------------------------------------------------


def tables() -> dict[str, str]:
    """Return what the pages include."""
    found: dict[str, Callable[[], str]] = {
        "choices": _choices,
        "benchmarks": benchmarks,
        "scale": scale.tables,
    }
    return {f"tables/{name}.txt": make() for name, make in found.items()}


def benchmarks() -> str:
    """Return the newest results in `bench/results`, in Markdown."""
    return "\n".join(_benchmarks())


def _benchmarks() -> Iterator[str]:
    from bench import report
    from bench.ceiling import NAME as CEILING
    from bench.results import load

    for suffix, title, groups in BENCHMARKS:
        results = load(newest(suffix))
        comparisons = results.of(*groups)
        names = list(dict.fromkeys(name for c in comparisons for name in c.timings))
        machine = results.machine
        build = machine["schuss"]
        yield f"### {title}\n"
        yield (
            f"{results.date[:10]}, {machine['cpu']}, {build['isa']}, {machine['cores']} cores, "
            f"{int(machine['caches']['L3'][:-1]) // 1024} MiB of L3; "
            f"Python {machine['python']}, NumPy {machine['numpy']}"
            + "".join(f", {peer} {v}" for peer, v in machine["peers"].items())
            + "; medians.\n"
        )
        if len(comparisons) > 10:  # a rule and its ceiling in each
            rows = []
            for c in comparisons:
                (ceiling,) = (t for name, t in c.timings.items() if name == CEILING)
                ((rule, own),) = ((n, t) for n, t in c.timings.items() if n != CEILING)
                share = f"{c.ratio(CEILING, rule):.0%}"
                times = (report.seconds(own.median), report.seconds(ceiling.median))
                rows.append((rule, *times, f"{own.rate / 1e9:.0f}", share))
            header = ("rule", "schuss", "copy ceiling", "GB/s", "speed of the ceiling reached")
            yield pipes(header, rows)
            continue
        lines: list[tuple[str, ...]] = []
        for c in comparisons:
            timings = (c.timings.get(name) for name in names)
            lines.append((c.label, *(report.seconds(t.median) if t else "" for t in timings)))
        yield pipes(("work", *names), lines)


def newest(suffix: str) -> Path:
    """Return the newest results of a kind: "", "solvers", "newton", "linalg"."""
    ending = f"-{suffix}" if suffix else ""
    pattern = re.compile(rf"\d{{4}}-\d\d-\d\d{ending}\.json")
    files = (HERE.parent / "bench" / "results").glob("*.json")
    found = sorted(file for file in files if pattern.fullmatch(file.name))
    if not found:
        raise ValueError(f"bench/results has no results of the kind {suffix or 'optimizers'}")
    return found[-1]
