"""Starts for models by name, from the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["guess"]

Rows = Any  # of points (count, m), in which NaN is missing, or numbers (count,)


def guess(name: str, x: NDArray[Any], y: NDArray[Any], missing: NDArray[Any] | None) -> Rows:
    """Return starts (count, n) for a model, "+offset" and "+slope" included.

    x is (count, m), or (2, count, m); all rows are sorted by x first.
    """
    base, *terms = name.split("+")
    if missing is not None:
        y = np.where(missing, np.nan, y)
    with np.errstate(all="ignore"):
        if base == "gaussian_2d":
            return _gaussian_2d(x, y, terms)
        order = np.argsort(x if missing is None else np.where(missing, np.inf, x), axis=1)
        x, y = (np.take_along_axis(rows, order, axis=1) for rows in (x, y))
        x = np.where(np.isnan(y), np.nan, x)
        ends = _ends(x, y)
        line = np.zeros((2, len(y)))  # offset and slope
        if "slope" in terms and base in PEAKS:
            (x0, y0), (x1, y1) = ends
            line[1] = _finite((y1 - y0) / (x1 - x0))
            line[0] = y0 - line[1] * x0 if "offset" in terms else 0.0
        elif "offset" in terms:
            line[0] = OFFSETS[base](ends, y)
        own = OWN[base](x, y - line[0][:, None] - line[1][:, None] * x)
    rows = [
        *own,
        *([line[0]] if "offset" in terms else []),
        *([line[1]] if "slope" in terms else []),
    ]
    return np.ascontiguousarray(np.stack(rows, axis=1))


def _finite(values: Rows, otherwise: float = 0.0) -> Rows:
    return np.where(np.isfinite(values), values, otherwise)


def _ends(x: Rows, y: Rows) -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
    """Return mean x and y of the first and of the last tenth of the points of each row."""
    there = ~np.isnan(y)
    rank = np.cumsum(there, axis=1)
    total = rank[:, -1:]
    few = np.maximum(total // 10, 1)

    def mean(of: Rows, where: Rows) -> Rows:
        return np.where(where, of, 0.0).sum(axis=1) / where.sum(axis=1)

    first, last = there & (rank <= few), there & (rank > total - few)
    return (mean(x, first), mean(y, first)), (mean(x, last), mean(y, last))


def _middle(ends: Any, y: Rows) -> Rows:
    return (ends[0][1] + ends[1][1]) / 2


def _nearer_end(ends: Any, y: Rows) -> Rows:
    """Return the mean at that end to which the median is nearer: where an exponential is flat."""
    median = _median(y)
    first, last = ends[0][1], ends[1][1]
    return np.where(np.abs(first - median) < np.abs(last - median), first, last)


def _median(y: Rows) -> Rows:
    """Return the medians of rows, NaN left out."""
    ordered = np.sort(y, axis=1)  # NaN last
    half = (~np.isnan(y)).sum(axis=1, keepdims=True) // 2
    return np.take_along_axis(ordered, np.minimum(half, y.shape[1] - 1), axis=1)[:, 0]


def _first(ends: Any, y: Rows) -> Rows:
    return ends[0][1]


def _zero(ends: Any, y: Rows) -> Rows:
    return np.zeros(len(y))


def _summit(x: Rows, z: Rows) -> tuple[Rows, Rows, Rows, Rows]:
    """Return the height and the place of what is farthest from 0, the area, and the range of x."""
    size = np.where(np.isnan(z), -1.0, np.abs(z))
    at = size.argmax(axis=1)[:, None]
    steps = np.diff(x, axis=1)
    area = _sum(steps * (z[:, 1:] + z[:, :-1]) / 2)
    height, center = (np.take_along_axis(rows, at, axis=1)[:, 0] for rows in (z, x))
    return height, center, area, _sum(steps)


def _sum(rows: Rows) -> Rows:
    return np.where(np.isnan(rows), 0.0, rows).sum(axis=1)


def _width(area: Rows, height: Rows, per_width: float, reach: Rows, m: int) -> Rows:
    """Return the width that gives a peak its area, between the spacing and the range of x."""
    spacing = reach / max(m - 1, 1)
    width = np.clip(_finite(np.abs(area / (height * per_width)), 0.0), spacing, reach / 2)
    return np.where(width > 0, width, 1.0)


GAUSS_AREA, LORENTZ_AREA = math.sqrt(2 * math.pi), math.pi
VOIGT_AREA = (GAUSS_AREA + LORENTZ_AREA * math.sqrt(2 * math.log(2))) / 2


def _peak(per_width: float, *more: float) -> Callable[[Rows, Rows], list[Rows]]:
    def of(x: Rows, z: Rows) -> list[Rows]:
        height, center, area, reach = _summit(x, z)
        width = _width(area, height, per_width, reach, x.shape[1])
        return [height, center, width, *(np.full(len(x), value) for value in more)]

    return of


def _gaussian_2d(x: NDArray[Any], y: NDArray[Any], terms: list[str]) -> Rows:
    """Return starts from the largest distance from the median, and the points of half of it."""
    offset = _median(y) if "offset" in terms else np.zeros(len(y))
    z = y - offset[:, None]
    at = np.where(np.isnan(z), -1.0, np.abs(z)).argmax(axis=1)[:, None]
    height = np.take_along_axis(z, at, axis=1)
    high = z * np.sign(height) > np.abs(height) / 2
    rows = [height[:, 0], *(np.take_along_axis(along, at, axis=1)[:, 0] for along in x)]
    for along in x:
        reach = np.nanmax(along, axis=1) - np.nanmin(along, axis=1)
        top = np.where(high, along, -np.inf).max(axis=1)
        bottom = np.where(high, along, np.inf).min(axis=1)
        width = (top - bottom) / (2 * math.sqrt(2 * math.log(2)))
        least = reach / (2 * math.sqrt(y.shape[1]))
        rows.append(np.where(reach > 0, np.maximum(_finite(width), least), 1.0))
    if "offset" in terms:
        rows.append(offset)
    if "slope" in terms:
        rows += [np.zeros(len(y))] * 2
    return np.ascontiguousarray(np.stack(rows, axis=1))


def _log_line(x: Rows, z: Rows) -> tuple[Rows, Rows]:
    """Return amplitude and rate of z = amplitude exp(rate x), by the line through log |z|.

    Points count by z², as logarithms have errors like 1/z, and by the sign of the largest alone.
    """
    height = _summit(x, z)[0][:, None]
    part = z / height
    good = (part > 0.02) & np.isfinite(x)
    w = np.where(good, part * part, 0.0)
    at, level = np.where(good, x, 0.0), np.where(good, np.log(np.where(good, part, 1.0)), 0.0)
    total = w.sum(axis=1)
    center, mean = (w * at).sum(axis=1) / total, (w * level).sum(axis=1) / total
    away = at - center[:, None]
    rate = (w * away * (level - mean[:, None])).sum(axis=1) / (w * away * away).sum(axis=1)
    rate = _finite(rate)
    return height[:, 0] * np.exp(mean - rate * center), rate


def _exponential(x: Rows, z: Rows) -> list[Rows]:
    amplitude, rate = _log_line(x, z)
    return [amplitude, -rate]


def _biexponential(x: Rows, z: Rows) -> list[Rows]:
    amplitude, rate = _exponential(x, z)
    return [amplitude / 2, 2 * rate, amplitude / 2, rate / 2]


def _power(x: Rows, z: Rows) -> list[Rows]:
    return list(_log_line(np.log(np.where(x > 0, x, np.nan)), z))


def _sigmoid(x: Rows, z: Rows) -> list[Rows]:
    """Return starts of what goes from 0 at one end to its height at the other."""
    (_, first), (_, last) = _ends(x, z)
    height: Rows = np.where(np.abs(last) >= np.abs(first), last, first)
    rises = np.where(np.abs(last) >= np.abs(first), 1.0, -1.0)
    part = z / height[:, None]

    def place(level: float) -> Rows:
        away = np.where(np.isnan(part), np.inf, np.abs(part - level))
        return np.take_along_axis(x, away.argmin(axis=1)[:, None], axis=1)[:, 0]

    reach = _summit(x, z)[3]
    width = np.abs(place(0.75) - place(0.25)) / (2 * math.log(3))
    width = np.maximum(width, reach / (4 * x.shape[1]))
    return [height, place(0.5), np.where(width > 0, width, 1.0) * rises]


PEAKS = ("gaussian", "lorentzian", "voigt")
OWN: dict[str, Callable[[Rows, Rows], list[Rows]]] = {
    "gaussian": _peak(GAUSS_AREA),
    "lorentzian": _peak(LORENTZ_AREA),
    "voigt": _peak(VOIGT_AREA, 0.5),
    "exponential": _exponential,
    "biexponential": _biexponential,
    "sigmoid": _sigmoid,
    "power": _power,
}
OFFSETS: dict[str, Callable[[Any, Rows], Rows]] = {
    **dict.fromkeys(PEAKS, _middle),
    **dict.fromkeys(("exponential", "biexponential"), _nearer_end),
    "sigmoid": _first,
    "power": _zero,
}
