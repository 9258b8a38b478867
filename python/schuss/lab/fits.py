"""Fits of a model by name to the columns of a table, alone or one for each group of rows."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from schuss.lab import separated
from schuss.lab.catalog import Progress
from schuss.lab.interrupt import Interrupted
from schuss.solvers import BatchResult, curve_fit_batch
from schuss.solvers.fit_batch import named_model
from schuss.suggest import did_you_mean, explain

__all__ = ["Fits", "curve", "fit", "student", "with_error"]

Array = npt.NDArray[Any]

RELATIVE_STEP = np.finfo(float).eps ** (1 / 3)
NEWTON = 12  # iterations
TOGETHER = 1 << 16  # points, with those that are missing, of groups that are fitted together


@dataclass(frozen=True)
class Fits:
    """A model that was fitted to groups of points.

    Attributes:
        model: its name.
        source: of the data.
        x_name: of the column of x; of two, with a comma between them.
        y_name: of the column of y.
        by: of the column that made the groups; "" where all rows are one.
        groups: what that column has for each group; [""] where all rows are one.
        x: of the points of each group, (m,), or (2, m) of a model of two variables.
        y: likewise, (m,).
        sigma: likewise; None where none was given.
        absolute_sigma: whether it has the units of y.
        result: what `schuss.curve_fit_batch` returned, a row for each group.
    """

    model: str
    source: str
    x_name: str
    y_name: str
    by: str
    groups: list[str]
    x: list[Array]
    y: list[Array]
    sigma: list[Array] | None
    absolute_sigma: bool
    result: BatchResult

    @property
    def chi2(self) -> Array:
        """The sum of the squares of the residuals, over sigma, of each group."""
        return 2 * self.result.cost

    @property
    def spread(self) -> Array:
        """The root of chi2 over the degrees of freedom: about 1 where sigma and model are right.

        Without sigma it is the standard deviation of the points from the curve, in the units of y.
        NaN where no degree of freedom is left.
        """
        dof = np.asarray(self.result.dof, float)
        return np.sqrt(self.chi2 / np.where(dof > 0, dof, math.nan))

    def curve(self, group: int, x: Any) -> tuple[Array, Array]:
        """Return the curve of a group at points x, and its standard errors there.

        See `curve`.
        """
        return curve(self.model, x, self.result.x[group], self.result.covariance[group])

    def summary(self) -> str:
        """Return one line: what was fitted to what, and how it ended."""
        what = f"{self.model} of {self.y_name} over {self.x_name}"
        if not self.by:
            return f"{self.source}: {what}, {len(self.y[0])} points"
        points = sum(map(len, self.y))
        return f"{self.source}: {what}, {len(self.groups):,} groups by {self.by}, {points:,} points"

    def trouble(self, group: int) -> str:
        """Return "failed", or "not fixed" where its points do not determine it, or ""."""
        if not self.result.success[group]:
            return "failed"
        return "not fixed" if np.isinf(self.result.stderr[group]).any() else ""

    def endings(self) -> list[tuple[str, int]]:
        """Return how fits ended, in words, and how many did so, the most frequent first.

        Last, how many have parameters that the points do not determine, where there are any.
        """
        loose = int(np.isinf(self.result.stderr).any(axis=1).sum())
        note = [("with parameters that the points do not determine", loose)] if loose else []
        return [*Counter(self.result.message).most_common(), *note]

    def header(self) -> list[str]:
        """Return the names of what `rows` has."""
        names = self.result.names
        errors = [f"{name}_stderr" for name in names]
        end = ["chi2", "dof", "success", "message"]
        return [*([self.by] if self.by else []), "points", *names, *errors, *end]

    def rows(self) -> list[list[Any]]:
        """Return for each group its points, parameters, standard errors, chi2, dof and end."""
        result = self.result
        return [
            [
                *([self.groups[k]] if self.by else []),
                len(self.y[k]),
                *result.x[k].tolist(),
                *result.stderr[k].tolist(),
                float(self.chi2[k]),
                int(result.dof[k]),
                bool(result.success[k]),
                result.message[k],
            ]
            for k in range(len(self.groups))
        ]

    def save(self, file: str | Path) -> None:
        """Write the rows as a CSV, numbers with all their digits."""
        with Path(file).open("w", newline="", encoding="utf-8") as to:
            table = csv.writer(to)
            table.writerow(self.header())
            table.writerows(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; None is what is not finite."""

        def plain(value: Any) -> Any:
            return None if isinstance(value, float) and not math.isfinite(value) else value

        header = self.header()
        return {
            "model": self.model,
            "source": self.source,
            "fits": [dict(zip(header, map(plain, row), strict=True)) for row in self.rows()],
        }


def fit(
    data: str | Path | Mapping[str, Any],
    model: str,
    x: str | Sequence[str],
    y: str,
    *,
    sigma: str | None = None,
    by: str | None = None,
    p0: Sequence[float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    absolute_sigma: bool = False,
    progress: Progress | None = None,
) -> Fits:
    """Fit a model by name to columns of a table, or to those of each group of its rows.

    Args:
        data: the path of a CSV whose first row has the names of its columns; or columns by name: a
            dict of arrays, a data frame.
        model: as `schuss.curve_fit_batch` knows it: "gaussian+offset".
        x: the name of its column; of a model of two variables those of both.
        y: the name of its column.
        sigma: the name of the column of the standard errors of y, above 0; None: none are known.
        by: the name of the column that says to which group a row belongs; groups need not stand
            together, nor have equally many rows.
        p0: where to start, a number for each parameter; None: a guess from the points of each.
        bounds: of parameters by name: (lowest, highest).
        absolute_sigma: whether sigma has the units of y; else only its ratios count.
        progress: called as `progress(model, groups_done, groups_in_all)`.

    Raises:
        TypeError, ValueError: an argument that makes no sense, or a table that cannot be used.
        Interrupted: after Ctrl-C, with the groups that were done.

    Example:
        >>> import numpy as np
        >>> from schuss import lab
        >>> t = np.tile(np.linspace(0, 3, 20), 2)
        >>> site = np.repeat(["north", "south"], 20)
        >>> signal = np.exp(-np.where(site == "north", 1.0, 2.0) * t)
        >>> found = lab.fit(dict(t=t, site=site, signal=signal), "exponential", "t", "signal",
        ...                 by="site")
        >>> found.groups, found.result.x.round(6).tolist()
        (['north', 'south'], [[1.0, 1.0], [1.0, 2.0]])
    """
    _, names, variables = named_model(model)
    of_x = [x] if isinstance(x, str) else list(x)
    if len(of_x) != variables:
        wanted = f"{variables} column{' is' if variables == 1 else 's are'} wanted"
        raise ValueError(f"x is {', '.join(of_x)}; {wanted}, as many as {model!r} has variables")
    limits = _limits(names, bounds)
    if p0 is not None and len(p0) != len(names):
        wanted = f"{len(names)}: {', '.join(names)}"
        raise ValueError(f"p0 has {len(p0)} numbers; {wanted} are wanted")
    numbers = [*of_x, y, *([sigma] if sigma else [])]
    columns, words = _columns(data, numbers, [by] if by else [])
    if sigma and not (right := columns[sigma] > 0).all():
        at = int(np.flatnonzero(~right)[0])
        raise ValueError(f"{sigma} is {columns[sigma][at]} in row {at + 1}; above 0 is wanted")
    groups, rows = _groups(words[by]) if by else ([""], [np.arange(len(columns[y]))])
    parts = [[columns[name][k] for k in rows] for name in numbers]
    source = Path(data).name if isinstance(data, (str, Path)) else "data"

    def found(kept: Sequence[int], result: BatchResult) -> Fits:
        mine = [[part[k] for k in kept] for part in parts]
        pairs = zip(*mine[:variables], strict=True)
        own_x = mine[0] if variables == 1 else [np.stack(pair) for pair in pairs]
        return Fits(
            model=model,
            source=source,
            x_name=", ".join(of_x),
            y_name=y,
            by=by or "",
            groups=[groups[k] for k in kept],
            x=own_x,
            y=mine[variables],
            sigma=mine[-1] if sigma else None,
            absolute_sigma=absolute_sigma,
            result=result,
        )

    sizes = np.array([len(k) for k in rows])
    done: list[BatchResult] = []
    order: list[int] = []
    try:
        for together in _batches(sizes):
            padded, missing = _padded(parts, together)
            result = curve_fit_batch(
                model,
                padded[0] if variables == 1 else np.array(padded[:variables]),
                padded[variables],
                p0,
                sigma=padded[-1] if sigma else None,
                mask=missing,
                bounds=limits,
                absolute_sigma=absolute_sigma,
            )
            done.append(result)
            order += together
            if progress is not None:
                progress(model, len(order), len(rows))
    except KeyboardInterrupt:
        if not done:
            raise
        raise Interrupted(found(sorted(order), _joined(done, order))) from None
    return found(range(len(rows)), _joined(done, order))


def curve(f: str | Callable[..., Any], x: Any, popt: Any, pcov: Any) -> tuple[Array, Array]:
    """Return f(x, *popt) and its standard errors, by the delta method.

    They are the roots of the diagonal of J C Jᵀ, with the covariance C of the parameters and the
    Jacobian J of the values by them, for a function by central differences. NaN where C is not
    finite.

    Args:
        f: a function, or a model by name.
        x: where, (m,).
        popt: the parameters, (n,).
        pcov: their covariance, (n, n).

    Example:
        >>> curve(lambda x, a, b: a + b * x, [0.0, 2.0], [1.0, 0.5], [[0.01, 0.0], [0.0, 0.04]])
        (array([1., 2.]), array([0.1       , 0.41231056]))
    """
    at, p = np.ascontiguousarray(x, float), np.ascontiguousarray(popt, float)
    if isinstance(f, str):
        values, jacobian = (rows[0] for rows in named_model(f)[0].evaluate(at, p[None]))
    else:
        values = np.asarray(f(at, *p), float)
        steps = RELATIVE_STEP * np.where(p == 0, 1.0, np.abs(p))
        around = [(p + step, p - step) for step in np.diag(steps)]
        changes = [np.asarray(f(at, *up), float) - f(at, *down) for up, down in around]
        jacobian = np.stack(changes, axis=1) / (2 * steps)
    with np.errstate(invalid="ignore"):
        squares = np.einsum("mi,ij,mj->m", jacobian, np.asarray(pcov, float), jacobian)
        return values, np.sqrt(squares)


def student(inside: float, dof: float) -> float:
    """How many standard errors to both sides hold a part of Student's t distribution.

    With t = √dof tan(φ) the density of φ is that power of the cosine, dof - 1; it is integrated by
    Gauss and Legendre's rule, and its integral solved for φ by Newton's iteration.

    Args:
        inside: the part, above 0 and below 1.
        dof: its degrees of freedom, at least 1; infinite: the normal distribution.

    Example:
        >>> round(student(0.95, 4), 4), round(student(0.95, float("inf")), 4)
        (2.7764, 1.96)
    """
    normal = NormalDist().inv_cdf((1 + inside) / 2)
    if math.isinf(dof):
        return normal
    nodes, weights = np.polynomial.legendre.leggauss(40)
    factor = 2 / math.sqrt(math.pi) * math.exp(math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2))
    angle = math.atan(normal / math.sqrt(dof))  # below the root, from where the way is monotone
    for _ in range(NEWTON):
        density = np.cos(angle / 2 * (1 + nodes)) ** (dof - 1)
        part = factor * angle / 2 * float(weights @ density)
        angle += (inside - part) / (factor * math.cos(angle) ** (dof - 1))
    return math.sqrt(dof) * math.tan(angle)


def with_error(value: float, error: float, *, short: bool = False) -> str:
    """A number and its standard error, with two figures of the error.

    Args:
        value: of a parameter.
        error: its standard error.
        short: write those two figures in brackets, in units of the last one of the number.

    Example:
        >>> with_error(3.14159, 0.0123), with_error(1234.5, 67.8), with_error(2.5, float("inf"))
        ('3.142 ± 0.012', '1234 ± 68', '2.5 ± inf')
        >>> with_error(3.14159, 0.0123, short=True), with_error(1e-9, 2e-11, short=True)
        ('3.142(12)', '1.000(20)e-09')
    """
    power = ""
    if math.isfinite(value) and 0 < error < math.inf:
        largest = max(abs(value), error)
        exponent = math.floor(math.log10(largest))
        if not -4 <= exponent < 6 or error >= 99.5:
            power, value, error = f"e{exponent:+03}", value / 10.0**exponent, error / 10.0**exponent
        digits = max(1 - math.floor(math.log10(float(f"{error:.1e}"))), 0)
        number, spread = f"{value:.{digits}f}", f"{error:.{digits}f}"
    else:
        number, spread = f"{value:.4g}", f"{error:.2g}"
    if short:
        return f"{number}({spread.replace('.', '').lstrip('0') or '0'}){power}"
    return f"({number} ± {spread}){power}" if power else f"{number} ± {spread}"


def _limits(
    names: list[str], bounds: Mapping[str, tuple[float, float]] | None
) -> tuple[Array, Array]:
    lower, upper = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    for name, (low, high) in (bounds or {}).items():
        if name not in names:
            near = did_you_mean(name, names)
            raise ValueError(f"there is no parameter {name!r}; there are {', '.join(names)}{near}")
        lower[names.index(name)], upper[names.index(name)] = low, high
    return lower, upper


def _columns(
    data: Any, numbers: Sequence[str], words: Sequence[str]
) -> tuple[dict[str, Array], dict[str, list[str]]]:
    if isinstance(data, (str, Path)):
        return separated.columns(data, numbers, words)
    there = [str(name) for name in data]
    for name in (*numbers, *words):
        if name not in there:
            near = did_you_mean(name, there)
            raise ValueError(f"data has no column {name!r}; it has {', '.join(there)}{near}")
    found = {name: np.asarray(data[name], float) for name in numbers}
    spelt = {name: [str(cell) for cell in data[name]] for name in words}
    shapes = {name: np.asarray(data[name]).shape for name in (*numbers, *words)}
    if len(set(shapes.values())) > 1 or len(shapes[numbers[0]]) != 1 or not len(found[numbers[0]]):
        raise ValueError(f"the columns of data have shapes {shapes}; (rows,) for all is wanted")
    for name, column in found.items():
        if (bad := np.flatnonzero(~np.isfinite(column))).size:
            at = int(bad[0])
            raise ValueError(f"{name} is {column[at]} in row {at + 1}; finite numbers are wanted")
    return found, spelt


def _groups(words: list[str]) -> tuple[list[str], list[Array]]:
    """The words in the order of their first rows, and the rows of each."""
    codes: dict[str, int] = {}
    each = np.array([codes.setdefault(word, len(codes)) for word in words])
    ends = np.cumsum(np.bincount(each, minlength=len(codes)))
    return list(codes), np.split(np.argsort(each, kind="stable"), ends[:-1])


def _batches(sizes: Array) -> list[list[int]]:
    """Numbers of groups to fit together, those of similar size, so that little is padded."""
    batches: list[list[int]] = [[]]
    for k in np.argsort(-sizes, kind="stable").tolist():
        longest = sizes[batches[-1][0]] if batches[-1] else sizes[k]
        if longest * (len(batches[-1]) + 1) > TOGETHER and batches[-1]:
            batches.append([])
        batches[-1].append(k)
    return batches


def _padded(parts: list[list[Array]], together: list[int]) -> tuple[list[Array], Array | None]:
    """Columns of some groups as rows of one length, and where points are missing."""
    sizes = np.array([len(parts[0][k]) for k in together])
    there = np.arange(sizes.max()) < sizes[:, None]
    padded = []
    for part in parts:
        rows = np.ones(there.shape)
        rows[there] = np.concatenate([part[k] for k in together])
        padded.append(rows)
    return padded, None if there.all() else ~there


def _joined(done: list[BatchResult], order: list[int]) -> BatchResult:
    """The rows of all, in the order of their groups."""
    back = np.argsort(order)
    joined = BatchResult()
    for key, value in done[0].items():
        if key == "names":
            joined[key] = value
        elif key == "message":
            messages = [message for result in done for message in result.message]
            joined[key] = [messages[k] for k in back]
        else:
            joined[key] = np.concatenate([result[key] for result in done])[back]
    return joined


explain(__name__)
