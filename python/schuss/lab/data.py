"""Labelled data for the comparison: scikit-learn's digits, or a file of the user's."""

from __future__ import annotations

import csv
import itertools
import textwrap
import zipfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schuss.lab import separated
from schuss.suggest import explain

__all__ = ["Dataset", "digits", "get", "load", "split"]

Array = npt.NDArray[Any]

TEST_EVERY = 5
BLOCK = 512  # rows that are worked on at once, so that a file needs little memory
MISSING = ("", "nan", "na", "n/a", "#n/a", "<na>", "null")  # as labels, in any case


@dataclass(frozen=True)
class Dataset:
    """Rows of float32 inputs and labels 0, 1, ..., in a part to train on and a part to test on."""

    name: str
    classes: tuple[str, ...]
    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def get(source: Dataset | str | Path | None) -> Dataset:
    """Return a data set as it is, the digits for None, and for a path what is in the file.

    Raises:
        ValueError: a file that cannot be used.
        ModuleNotFoundError: the digits without scikit-learn.

    Example:
        >>> get(None).name
        'digits'
    """
    if source is None:
        return digits()
    return source if isinstance(source, Dataset) else load(source)


def digits() -> Dataset:
    """1,797 handwritten digits of 8 x 8 pixels, scaled to [0, 1]; needs scikit-learn.

    Reference: Alpaydin and Kaynak 1998, Optical recognition of handwritten digits, UCI.
    """
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return split("digits", x / 16, y)


def load(path: str | Path) -> Dataset:
    """Rows and labels from an .npz (arrays X and y) or a .csv (label in the last column).

    Inputs are standardized with the mean and the standard deviation of the training part, in
    float64, and are float32 afterwards.

    Args:
        path: the file. In a .npz, y is (rows,) and X is (rows, columns), or images such as
            (rows, height, width), which are flattened. In a .csv, cells are separated by commas,
            semicolons, tabs, bars or spaces; where it is not commas, decimal commas are taken too.
            Lines that begin with # above the rows are skipped, as are those that begin with # and a
            space among them, and a first row with a cell that is no number is a header. UTF-8,
            UTF-16 with its mark, else Windows-1252 or Latin-1. A label that is empty, NA, N/A, NaN
            or null is missing, and refused. Labels are whole
            numbers or words; those of a .csv are classes as they are spelt, and equal as numbers
            only where the spelling is that of the number.

    Raises:
        ValueError: whatever is wrong with the file, in one line that begins with its name.
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: a .npz or a .csv file is wanted")
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        x, classes, labels = _checked(*reader(path))
        is_test = _held_out(classes, labels)
        x_train, x_test = _standardized(x, is_test)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Dataset(path.name, classes, x_train, labels[~is_test], x_test, labels[is_test])


def split(name: str, x: Array, y: Array) -> Dataset:
    """Set apart every fifth row of each class for testing; no chance is involved.

    Example:
        >>> import numpy as np
        >>> data = split("toy", np.arange(20.0).reshape(10, 2), np.array(list("aaaaabbbbb")))
        >>> data.classes, data.y_train.tolist(), data.y_test.tolist()
        (('a', 'b'), [0, 0, 0, 0, 1, 1, 1, 1], [0, 1])
    """
    x, classes, labels = _checked(x, y)
    is_test = _held_out(classes, labels)
    x = x.astype(np.float32)
    return Dataset(name, classes, x[~is_test], labels[~is_test], x[is_test], labels[is_test])


def _checked(x: Array, y: Array) -> tuple[Array, tuple[str, ...], Array]:
    """Rows of finite numbers, the names of the classes, and each row's class by number."""
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y) or x[:1].size == 0:
        raise ValueError(
            f"X has shape {x.shape} and y {y.shape}; rows (n, columns) and labels (n,) are wanted"
        )
    if x.dtype.kind not in "buif":
        raise ValueError(f"X has dtype {x.dtype}; real numbers are wanted")
    x = x.reshape(len(x), -1)
    good = np.isfinite(x)
    if x.dtype.itemsize > 4:  # it may hold what float32 cannot
        largest = float(np.finfo(np.float32).max)
        good &= (x <= largest) & (x >= -largest)
    bad = np.flatnonzero(~good.all(axis=1))
    if bad.size:
        raise ValueError(
            f"X holds NaN or infinity (in float32) in {bad.size} rows, first at index {bad[0]}"
        )
    return x, *_classes(y)


def _classes(y: Array) -> tuple[tuple[str, ...], Array]:
    """The names of the classes, numbers in their order and words in theirs, and each row's."""
    if y.dtype.kind == "S":
        try:
            y = np.char.decode(y, "utf-8")
        except UnicodeDecodeError:
            y = np.char.decode(y, "latin-1")
    if y.dtype.kind == "O":
        y = np.array([str(label) for label in y])
    if y.dtype.kind not in "buifU":
        raise ValueError(f"y has dtype {y.dtype}; whole numbers or words are wanted")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("y holds NaN or infinity")
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        raise ValueError("y holds fractions: labels are whole numbers or words, not quantities")
    if y.dtype.kind == "U":
        y = np.char.strip(y)
    values, labels = np.unique(y, return_inverse=True)
    names = values.tolist()
    missing = [code for code, name in enumerate(names) if _is_missing(str(name))]
    if missing:
        first = int(np.flatnonzero(np.isin(labels, missing))[0])
        raise ValueError(f"y is {str(y[first])!r} at index {first}: the label is missing")
    if y.dtype.kind == "U":
        order = sorted(range(len(names)), key=_place(names))
        names = [names[index] for index in order]
        labels = np.argsort(order)[labels]
    elif y.dtype.kind == "f":
        names = [int(value) for value in names]
    return tuple(map(str, names)), labels


def _is_missing(label: str) -> bool:
    return label.lower() in MISSING or label == "None"  # Python's own, of an array made text


def _place(words: list[str]) -> Any:
    """What to sort words by: their numbers, where all are spelt as numbers are, else themselves."""
    numbers = [number for number in map(_exact, words) if number is not None]
    if len(numbers) < len(words):
        return words.__getitem__
    if any(number != number // 1 for number in numbers):
        raise ValueError("y holds fractions: labels are whole numbers or words, not quantities")
    return numbers.__getitem__


def _exact(word: str) -> int | float | None:
    """The number that is spelt like this, if any."""
    for kind in (int, float):
        try:
            number = kind(word)
        except ValueError:
            continue
        if str(number) == word and abs(number) < float("inf"):
            return number
    return None


def _held_out(classes: tuple[str, ...], labels: Array) -> Array:
    """Which rows are for testing: every fifth of each class."""
    counts = np.bincount(labels, minlength=len(classes))
    if len(classes) < 2:
        raise ValueError(f"y has labels of {len(classes)} class; at least two are wanted")
    if counts.min() < TEST_EVERY and len(classes) * TEST_EVERY > len(labels):
        raise ValueError(
            f"{len(classes)} distinct labels in {len(labels)} rows look like a quantity; classes "
            f"of at least {TEST_EVERY} rows each are wanted"
        )
    if counts.min() < TEST_EVERY:
        rarest = textwrap.shorten(classes[counts.argmin()], 60)  # a quote may have no end
        raise ValueError(
            f"class {rarest} has {counts.min()} rows; at least {TEST_EVERY} are wanted"
        )
    order = np.argsort(labels, kind="stable")
    first = np.repeat(np.cumsum(counts) - counts, counts)
    is_test = np.empty(len(labels), bool)
    is_test[order] = (np.arange(len(labels)) - first) % TEST_EVERY == TEST_EVERY - 1
    return is_test


def _standardized(x: Array, is_test: Array) -> tuple[Array, Array]:
    """The part to train on and the part to test on, in float32 once mean and scale are gone."""
    parts = np.flatnonzero(~is_test), np.flatnonzero(is_test)

    def blocks(rows: Array) -> Iterator[tuple[slice, Array]]:
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            yield part, x[rows[part]].astype(np.float64)

    train = parts[0]
    # From the first row on, so that a constant column has its mean and no deviation, exactly.
    first = x[train[0]].astype(np.float64)
    mean = first + sum((b - first).sum(axis=0) for _, b in blocks(train)) / len(train)
    deviation = np.sqrt(sum(((b - mean) ** 2).sum(axis=0) for _, b in blocks(train)) / len(train))
    deviation[deviation == 0] = 1
    done = tuple(np.empty((len(rows), x.shape[1]), np.float32) for rows in parts)
    for rows, result in zip(parts, done, strict=True):
        for part, block in blocks(rows):
            result[part] = (block - mean) / deviation
    return done[0], done[1]


def _read_npz(path: Path) -> tuple[Array, Array]:
    # np.load takes any file that is not a zip for a pickle, and says so at length.
    if not zipfile.is_zipfile(path):
        raise ValueError("not a .npz file")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _array(arrays, "X"), _array(arrays, "y")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"damaged: {error}") from error


def _array(arrays: Any, name: str) -> Array:
    found = [each for each in arrays.files if each.lower() == name.lower()]
    if not found:
        there = ", ".join(arrays.files) or "none"
        raise ValueError(f"the arrays are {there}; X and y are wanted")
    if len(found) > 1:
        raise ValueError(f"holds both {' and '.join(found)}; one of them is wanted")
    try:
        return np.asarray(arrays[found[0]])
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        kind = "str" if name == "y" else "float"
        raise ValueError(
            f"{found[0]} holds Python objects; save {found[0]}.astype({kind})"
        ) from error


# -- text ------------------------------------------------------------------------------------------


def _read_csv(path: Path) -> tuple[Array, Array]:
    try:
        with path.open(newline="", encoding=separated.encoding(path)) as file:
            return _parse(file)
    except (UnicodeError, csv.Error) as error:
        raise ValueError("not a text file of separated values") from error


def _parse(file: Iterable[str]) -> tuple[Array, Array]:
    lines, skipped = separated.begin(file)
    sample = list(itertools.islice(lines, 50))
    if not sample:
        raise ValueError("no rows of numbers")
    separator = max(separated.SEPARATORS, key=lambda each: _fit(sample, each))
    decimal = "," if separator != "," else "."
    _check_ends([row for _, row in separated.rows(sample, separator)])
    rows = separated.rows(itertools.chain(sample, lines), separator)
    columns = 0
    blocks: list[Array] = []
    block, numbers = array("d"), array("q")  # of cells, and of the line of each row
    words: dict[str, int] = {}
    labels = array("q")
    marks: dict[str, int] = {}  # of decimals, and the first line with one
    for number, row in rows:
        line_number = number + skipped
        if not columns:
            columns = len(row)
            if columns < 2 and len(sample) == 1:
                raise ValueError("not a text file of separated values")
            if columns < 2:
                raise ValueError(
                    "there is one column; at least two are wanted, the last one the label"
                )
            if any(cell.strip() and not separated.is_number(cell, decimal) for cell in row[:-1]):
                continue  # a header
        if len(row) != columns:
            raise ValueError(f"line {line_number} has {len(row)} columns; {columns} are wanted")
        try:
            block.extend([separated.number(cell, decimal) for cell in row[:-1]])
        except ValueError:
            at = next(k for k, cell in enumerate(row) if not separated.is_number(cell, decimal))
            raise ValueError(
                f"line {line_number}: {row[at].strip()!r} is not a number (column {at + 1})"
            ) from None
        if decimal == "," and len(marks) < 2:
            marks |= {m: line_number for m in ",." if m not in marks and m in "".join(row[:-1])}
        labels.append(words.setdefault(row[-1].strip(), len(words)))
        numbers.append(line_number)
        if len(labels) % BLOCK == 0:
            blocks.append(_narrow(block, columns - 1))
            block = array("d")
    if block:
        blocks.append(_narrow(block, columns - 1))
    if not blocks:
        raise ValueError("no rows of numbers")
    if len(marks) > 1:
        raise ValueError(
            f"line {marks[',']} has a decimal comma and line {marks['.']} a point; one of the two "
            f"is wanted, and no mark between thousands"
        )
    spelt = list(words)
    for code, word in enumerate(spelt):
        if _is_missing(word):
            raise ValueError(
                f"line {numbers[labels.index(code)]}: the label is missing (column {columns})"
            )
    numeric = all(separated.is_number(word, decimal) for word in spelt)
    if numeric and any(separated.number(word, decimal) % 1 for word in spelt):
        raise ValueError("y holds fractions: labels are whole numbers or words, not quantities")
    x = np.concatenate(blocks)
    bad = np.argwhere(~np.isfinite(x))
    if bad.size:
        raise ValueError(
            f"line {numbers[bad[0, 0]]}: NaN or infinity is not a number (column {bad[0, 1] + 1})"
        )
    # Spellings of one number are one label.
    one = {_exact(word): word for word in reversed(spelt)}
    merged = [word if _exact(word) is None else one[_exact(word)] for word in spelt]
    return x, np.array(merged)[np.frombuffer(labels, np.int64)]


def _check_ends(rows: list[list[str]]) -> None:
    """Refuse rows whose last cells are empty, whatever a header above them has there."""
    if rows and all(not row[-1].strip() for row in rows[1:] or rows):
        raise ValueError("the label column is empty (a separator at the end of each line?)")


def _fit(sample: list[str], separator: str) -> tuple[float, int]:
    """How well a separator makes rows of numbers with a label: in how many, and of what length."""
    decimal = "," if separator != "," else "."
    try:
        rows = [row for _, row in separated.rows(sample, separator)]
    except csv.Error:
        return 0.0, 0
    if not rows or len(rows[0]) < 2:
        return 0.0, 0
    good = sum(
        len(row) == len(rows[0])
        and all(not cell.strip() or separated.is_number(cell, decimal) for cell in row[:-1])
        for row in rows
    )
    return good / len(rows), len(rows[0])


def _narrow(cells: array[float], columns: int) -> Array:
    """The cells in the smallest type that holds each of them exactly."""
    wide = np.frombuffer(cells, np.float64).reshape(-1, columns)
    with np.errstate(invalid="ignore", over="ignore"):
        for dtype in (np.uint8, np.int16, np.float32):
            small = wide.astype(dtype)
            if np.array_equal(small, wide):
                return small
    return wide


explain(__name__)
