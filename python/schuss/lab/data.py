"""Labelled data for the comparison: scikit-learn's digits, or a file of the user's."""

from __future__ import annotations

import csv
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schuss.suggest import explain

__all__ = ["Dataset", "digits", "get", "load", "split"]

Array = npt.NDArray[Any]

TEST_EVERY = 5


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

    Inputs are standardized with the mean and the standard deviation of the training part.

    Args:
        path: the file. In a .npz, y is (rows,) and X is (rows, columns), or images such as
            (rows, height, width), which are flattened. In a .csv the first line may be a header.
            Labels are whole numbers or words.

    Raises:
        ValueError: whatever is wrong with the file, in one line that begins with its name.
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: expected a .npz or a .csv file")
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        x, y = reader(path)
        return _standardize(split(path.name, x, y))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def split(name: str, x: Array, y: Array) -> Dataset:
    """Set apart every fifth row of each class for testing; no chance is involved.

    Example:
        >>> import numpy as np
        >>> data = split("toy", np.arange(20.0).reshape(10, 2), np.array(list("aaaaabbbbb")))
        >>> data.classes, data.y_train.tolist(), data.y_test.tolist()
        (('a', 'b'), [0, 0, 0, 0, 1, 1, 1, 1], [0, 1])
    """
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y) or x[:1].size == 0:
        raise ValueError(
            f"expected rows X (n, columns) and labels y (n,), got shapes {x.shape} and {y.shape}"
        )
    if x.dtype.kind not in "buif":
        raise ValueError(f"X must hold real numbers, got dtype {x.dtype}")
    with np.errstate(over="ignore"):
        x = x.reshape(len(x), -1).astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if bad.size:
        raise ValueError(f"X holds NaN or infinity in {bad.size} rows, first at index {bad[0]}")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("y holds NaN or infinity")
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        raise ValueError("y holds fractions: labels are whole numbers or words")
    if y.dtype.kind == "f":
        y = y.astype(np.int64)
    names, labels, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"need at least two classes, got {len(names)}")
    if counts.min() < TEST_EVERY:
        rarest = names[counts.argmin()]
        raise ValueError(
            f"class {rarest} has {counts.min()} rows; at least {TEST_EVERY} are wanted"
        )
    order = np.argsort(labels, kind="stable")
    first = np.repeat(np.cumsum(counts) - counts, counts)
    is_test = np.empty(len(y), bool)
    is_test[order] = (np.arange(len(y)) - first) % TEST_EVERY == TEST_EVERY - 1
    return Dataset(
        name,
        tuple(str(value) for value in names),
        x[~is_test],
        labels[~is_test],
        x[is_test],
        labels[is_test],
    )


def _standardize(data: Dataset) -> Dataset:
    mean = data.x_train.mean(axis=0, dtype=np.float64)
    deviation = data.x_train.std(axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1
    return replace(
        data,
        x_train=((data.x_train - mean) / deviation).astype(np.float32),
        x_test=((data.x_test - mean) / deviation).astype(np.float32),
    )


def _read_npz(path: Path) -> tuple[Array, Array]:
    # np.load takes any file that is not a zip for a pickle, and says so at length.
    if not zipfile.is_zipfile(path):
        raise ValueError("not a .npz file")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = {name.lower(): name for name in arrays.files}
            if "x" not in names or "y" not in names:
                found = ", ".join(arrays.files) or "none"
                raise ValueError(f"expected arrays X and y, found {found}")
            return np.asarray(arrays[names["x"]]), np.asarray(arrays[names["y"]])
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"damaged: {error}") from error


def _read_csv(path: Path) -> tuple[Array, Array]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, row) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError("not a text file of comma-separated values") from error
    if lines and not any(map(_is_number, lines[0][1][:-1])):
        del lines[0]
    if not lines:
        raise ValueError("no rows of numbers")
    columns = len(lines[0][1])
    if columns < 2:
        raise ValueError("need at least two columns, the last one being the label")
    for line, row in lines:
        if len(row) != columns:
            raise ValueError(f"line {line} has {len(row)} columns where {columns} are expected")
        for cell in row[:-1]:
            if not _is_number(cell):
                raise ValueError(f"line {line}: {cell!r} is not a number")
    x = np.array([[float(cell) for cell in row[:-1]] for _, row in lines])
    labels = [row[-1].strip() for _, row in lines]
    y = np.array([float(label) for label in labels] if all(map(_is_number, labels)) else labels)
    return x, y


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


explain(__name__)
