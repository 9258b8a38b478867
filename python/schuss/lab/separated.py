"""Text files of separated values: their encoding, rows, and columns by name."""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from schuss.suggest import did_you_mean

__all__ = ["SEPARATORS", "begin", "columns", "encoding", "is_number", "number", "rows"]

SEPARATORS = "\t;|, "


def begin(file: Iterable[str]) -> tuple[Iterator[str], int]:
    """The lines from the first that is neither empty nor a comment, and how many are before it."""
    lines = iter(file)
    skipped = 0
    for line in lines:
        if line.strip() and not line.lstrip().startswith(("#", "sep=")):  # Excel's own first line
            return itertools.chain([line], lines), skipped
        skipped += 1
    return lines, skipped


def encoding(path: Path) -> str:
    """UTF-16 with its mark, UTF-8, or what Windows writes; of the latter Latin-1 is a part."""
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        for name in ("utf-8-sig", "cp1252", "latin-1"):
            decoder = codecs.getincrementaldecoder(name)()
            file.seek(0)
            try:
                for chunk in iter(lambda: file.read(1 << 16), b""):
                    if b"\0" in chunk:
                        raise ValueError("not a text file of separated values")
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                continue
            break
    return name


def _is_comment(row: list[str]) -> bool:
    """Not #N/A and its like, which stand for a number that is missing."""
    first = row[0].strip()
    return first == "#" or first.startswith(("# ", "##", "#!"))


def rows(lines: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is neither empty nor a comment, and the number of its last line."""
    if separator == " ":
        lines = (line.strip() for line in lines)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t")
    for row in reader:
        if (len(row) > 1 or (row and row[0].strip())) and not _is_comment(row):
            yield reader.line_num, row


def number(text: str, decimal: str) -> float:
    """The number that a cell holds, with this mark or a point before its fraction."""
    return float(text.replace(",", ".", 1) if decimal == "," else text)


def is_number(text: str, decimal: str) -> bool:
    """Whether a cell holds one."""
    try:
        number(text, decimal)
    except ValueError:
        return False
    return True


def columns(
    path: str | Path, numbers: Sequence[str], words: Sequence[str] = ()
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, list[str]]]:
    r"""Columns of a file whose first row has their names.

    Cells are separated as `schuss.lab.data.load` has it.

    Args:
        path: the file.
        numbers: the names of columns of numbers.
        words: the names of columns that are taken as they are spelt.

    Raises:
        ValueError: whatever is wrong with the file, in one line that begins with its name; of a
            cell with its line and column.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "decay.csv"
        ...     _ = file.write_text("t,site,signal\n0,a,2.0\n1,b,0.7\n")
        ...     columns(file, ["t", "signal"], ["site"])
        ({'t': array([0., 1.]), 'signal': array([2. , 0.7])}, {'site': ['a', 'b']})
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        with path.open(newline="", encoding=encoding(path)) as file:
            return _columns(file, numbers, words)
    except (UnicodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a text file of separated values") from error
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _columns(
    file: Iterable[str], numbers: Sequence[str], words: Sequence[str]
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, list[str]]]:
    lines, skipped = begin(file)
    first = next(lines, "")
    wanted = [*numbers, *words]

    def header(separator: str) -> list[str]:
        found = next(rows([first], separator), (0, list[str]()))[1]
        return [name.strip() for name in found]

    def worth(separator: str) -> tuple[int, int]:
        names = header(separator)
        return len(set(wanted) & set(names)), len(names)

    separator = max(SEPARATORS, key=worth)
    names = header(separator)
    for name in wanted:
        if names.count(name) != 1:
            times = "more than one column" if name in names else "no column"
            there = ", ".join(names) or "none"
            raise ValueError(
                f"there is {times} {name!r}; it has {there}{did_you_mean(name, names)}"
            )
    at = [names.index(name) for name in wanted]
    cells: list[list[str]] = [[] for _ in wanted]
    where: list[int] = []
    for line, row in rows(lines, separator):
        if len(row) != len(names):
            raise ValueError(
                f"line {line + skipped + 1} has {len(row)} columns; {len(names)} are wanted"
            )
        where.append(line + skipped + 1)
        for column, k in zip(cells, at, strict=True):
            column.append(row[k])
    if not where:
        raise ValueError("no rows below the names of the columns")
    decimal = "," if separator != "," else "."
    found = {
        name: _numbers(name, column, where, decimal)
        for name, column in zip(numbers, cells, strict=False)
    }
    spelt = {
        name: [cell.strip() for cell in column]
        for name, column in zip(words, cells[len(numbers) :], strict=True)
    }
    return found, spelt


def _numbers(
    name: str, cells: list[str], where: list[int], decimal: str
) -> npt.NDArray[np.float64]:
    """The cells of a column as numbers, all of them finite."""
    try:
        values = np.array([number(cell, decimal) for cell in cells])
        bad = np.flatnonzero(~np.isfinite(values))
        at = int(bad[0]) if bad.size else None
    except ValueError:
        at = next(k for k, cell in enumerate(cells) if not is_number(cell, decimal))
    if at is None:
        return values
    cell = cells[at].strip()
    what = f"{cell!r} is no finite number" if cell else "the number is missing"
    raise ValueError(f"line {where[at]}, column {name!r}: {what}")
