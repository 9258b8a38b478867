"""Bounds in the forms of their callers, as the core takes them."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

__all__ = [
    "Sides",
    "batch_bounds",
    "each_side",
    "flat_bounds",
    "nothing",
    "projected",
    "two_sides",
]

Sides = tuple[Any, Any]  # lower and upper bounds, of one number or of all variables


def each_side(bounds: Sides | None, n: int) -> Sides:
    """Return bounds of n variables."""
    lower, upper = (-math.inf, math.inf) if bounds is None else bounds
    return np.broadcast_to(lower, (n,)), np.broadcast_to(upper, (n,))


def projected(gradient: Any, x: Any, bounds: Sides | None) -> Any:
    """Return x - P(x - g) of flat x and g, P the projection into the box, without its rounding."""
    if bounds is None:
        return gradient
    lower, upper = bounds
    return np.where(gradient < 0, np.maximum(x - upper, gradient), np.minimum(x - lower, gradient))


def flat_bounds(
    bounds: Any, start: Any, leaves: list[tuple[str, Any]], dtype: np.dtype[Any]
) -> Sides | None:
    """Return lower and upper bounds of all variables, or one of each for all; None for none.

    bounds: None; a pair for all; an object with lb and ub; for a start that is one array a pair for
        each variable, in C order; for one of containers a structure like it, with None, a pair of
        numbers or arrays, or an object with lb and ub for each array. None in a pair is infinite.
    leaves: the arrays of the start and where they are, in order.
    dtype: of the iterates: bounds are rounded to it inwards.
    """
    names: list[tuple[str, tuple[int, ...]]]
    if nothing(bounds):
        return None
    if _is_pair(bounds):
        sides = _numbers(bounds, "bounds", ())
        names = [("bounds", ())]
    elif isinstance(start, np.ndarray):
        sides = _of_array(bounds, start.shape, "bounds")
        names = [("bounds", start.shape)]
    else:
        parts = _of_tree(bounds, start, "bounds")
        lower, upper = zip(*parts, strict=True)
        sides = np.concatenate(lower), np.concatenate(upper)
        names = [(f"bounds.{path}", leaf.shape) for path, leaf in leaves]
    return _checked(sides, names, dtype)


def two_sides(
    bounds: Any, start: Any, leaves: list[tuple[str, Any]], dtype: np.dtype[Any]
) -> Sides | None:
    """Return bounds as `flat_bounds` does, from all lower ones and all upper ones.

    bounds: None; (lower, upper) or an object with lb and ub, each one number for all, or an array
        or a structure like the start. None is infinite.
    """
    if nothing(bounds):
        return None
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        given = {"bounds.lb": bounds.lb, "bounds.ub": bounds.ub}
    elif isinstance(bounds, (tuple, list, np.ndarray)) and len(bounds) == 2:
        given = {"bounds[0]": bounds[0], "bounds[1]": bounds[1]}
    else:
        _refused("bounds", bounds, "(lower, upper), or an object with lb and ub, is wanted")
    lower, upper = (
        _of_side(name, side, infinite, start)
        for (name, side), infinite in zip(given.items(), (-math.inf, math.inf), strict=True)
    )
    names = [(f"bounds.{path}" if path else "bounds", leaf.shape) for path, leaf in leaves]
    return _checked((lower, upper), names, dtype)


def _of_side(name: str, side: Any, infinite: float, start: Any) -> Any:
    if isinstance(start, np.ndarray):
        return _side(name, side, infinite, start.shape)
    if _is_number(side):
        return np.concatenate([_of_side(name, side, infinite, start[key]) for key in _keys(start)])
    _check_like(name, side, start)
    return np.concatenate(
        [_of_side(f"{name}.{key}", side[key], infinite, start[key]) for key in _keys(start)]
    )


def _keys(start: Any) -> list[Any]:
    return list(start) if isinstance(start, dict) else list(range(len(start)))


def batch_bounds(
    bounds: Any, shape: tuple[int, ...], count: int, dtype: np.dtype[Any]
) -> Sides | None:
    """Return bounds of the variables of `count` points of a shape: for all, or for each.

    bounds: as for one array, or an object with lb and ub of which each is one number, has the shape
        of a point, or a row for each.
    """
    if nothing(bounds):
        return None
    names: list[tuple[str, tuple[int, ...]]] = [("bounds", shape)]
    if _is_pair(bounds):
        sides, names = _numbers(bounds, "bounds", ()), [("bounds", ())]
    elif hasattr(bounds, "lb") and any(
        np.ndim(side) > len(shape) for side in (bounds.lb, bounds.ub)
    ):
        names = [("bounds", (count, *shape))]
        lower, upper = (
            np.broadcast_to(np.asarray(side, np.float64), (count, *shape))
            if np.shape(side) in ((), shape, (count, *shape))
            else _refused(name, side, f"{(count, *shape)}, {shape} or one number is wanted")
            for name, side in (("bounds.lb", bounds.lb), ("bounds.ub", bounds.ub))
        )
        sides = lower.ravel(), upper.ravel()
    else:
        sides = _of_array(bounds, shape, "bounds")
    return _checked(sides, names, dtype)


def nothing(bounds: Any) -> bool:
    """Whether bounds are None or an empty list."""
    return bounds is None or (hasattr(bounds, "__len__") and len(bounds) == 0)


def _is_number(side: Any) -> bool:
    return side is None or isinstance(side, Real) or (hasattr(side, "dtype") and np.ndim(side) == 0)


def _is_pair(bounds: Any) -> bool:
    return (
        isinstance(bounds, (tuple, list, np.ndarray))
        and len(bounds) == 2
        and all(map(_is_number, bounds))
    )


def _refused(name: str, given: Any, wanted: str) -> Any:
    what = f"has shape {given.shape}" if isinstance(given, np.ndarray) else f"is {given!r}"
    raise ValueError(f"{name} {what}; {wanted}")


def _side(name: str, side: Any, infinite: float, shape: tuple[int, ...]) -> Any:
    """Return one side for each element of a shape, or for all where it is one number."""
    array = np.asarray(infinite if side is None else side)
    if array.dtype == object:
        array = np.where(array == None, infinite, array)  # noqa: E711
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {side!r}; real numbers are wanted") from None
    size = math.prod(shape)
    if array.size == 1:
        return np.broadcast_to(array.ravel(), (size,))
    if array.shape == shape or array.shape == (size,):
        return array.ravel()
    raise ValueError(f"{name} has shape {array.shape}; {shape} or one number is wanted")


def _numbers(pair: Any, name: str, shape: tuple[int, ...]) -> Sides:
    low, high = pair
    return (
        _side(f"{name}[0]", low, -math.inf, shape),
        _side(f"{name}[1]", high, math.inf, shape),
    )


def _of_array(bounds: Any, shape: tuple[int, ...], name: str) -> Sides:
    """Return the sides of one array from an object with lb and ub, or from a pair for each."""
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        return (
            _side(f"{name}.lb", bounds.lb, -math.inf, shape),
            _side(f"{name}.ub", bounds.ub, math.inf, shape),
        )
    size = math.prod(shape)
    wanted = f"a pair (low, high) for each of {size} variables, or one for all, is wanted"
    if isinstance(bounds, np.ndarray) and bounds.dtype != object:
        if bounds.shape != (size, 2):
            _refused(name, bounds, wanted)
        return _numbers(bounds.T, name, (size,))
    try:
        pairs = list(bounds)
    except TypeError:
        raise TypeError(f"{name} is {bounds!r}; {wanted}") from None
    if len(pairs) != size:
        raise ValueError(f"{name} has {len(pairs)} pairs; {wanted}")
    for k, pair in enumerate(pairs):
        if not _is_pair(pair):
            _refused(f"{name}[{k}]", pair, "a pair (low, high) is wanted")
    return _numbers(zip(*pairs, strict=True), name, (size,))


def _of_tree(bounds: Any, start: Any, name: str) -> list[Sides]:
    """Return the sides of each array of a structure, from a structure like it."""
    if isinstance(start, np.ndarray):
        if bounds is None:
            bounds = (None, None)
        if hasattr(bounds, "lb"):
            return [_of_array(bounds, start.shape, name)]
        if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
            _refused(name, bounds, "a pair (low, high) of numbers or arrays, or None, is wanted")
        return [_numbers(bounds, name, start.shape)]
    _check_like(name, bounds, start, ", or one pair for all,")
    return [
        side for key in _keys(start) for side in _of_tree(bounds[key], start[key], f"{name}.{key}")
    ]


def _check_like(name: str, given: Any, start: Any, instead: str = "") -> None:
    """Refuse what is not a container with the entries of one of x0's."""
    named = isinstance(start, dict)
    alike = isinstance(given, dict if named else (list, tuple)) and len(given) == len(start)
    if not alike or (named and set(given) != set(start)):
        shown = f"keys {list(start)}" if named else f"{len(start)} entries"
        _refused(name, given, f"a structure like x0, with {shown}{instead} is wanted")


def _checked(
    sides: Sides, names: list[tuple[str, tuple[int, ...]]], dtype: np.dtype[Any]
) -> Sides | None:
    """Return sides that leave room, rounded inwards; None where both are infinite everywhere."""
    lower, upper = (np.require(side, np.float64, ["C", "A"]) for side in sides)
    if dtype == np.float32:
        lower, upper = _inwards(lower, math.inf), _inwards(upper, -math.inf)
    wrong = ~(lower <= upper) | (lower == math.inf) | (upper == -math.inf)
    if wrong.any():
        k = int(np.argmax(wrong))
        low, high = (float(side[k]) for side in (sides[0], sides[1]))
        while k >= math.prod(names[0][1]):
            k -= math.prod(names.pop(0)[1])
        name, shape = names[0]
        at = f"[{', '.join(map(str, np.unravel_index(k, shape)))}]" if shape else ""
        room = "low <= high"
        if low <= high:
            room = f"a number of {dtype} between them"
        raise ValueError(f"{name}{at} is ({low!r}, {high!r}); {room} is wanted")
    if np.isinf(lower).all() and np.isinf(upper).all():
        return None
    return lower, upper


def _inwards(side: Any, towards: float) -> Any:
    with np.errstate(over="ignore"):
        single = side.astype(np.float32)
    past = single < side if towards > 0 else single > side
    return np.where(past, np.nextafter(single, np.float32(towards)), single).astype(np.float64)
