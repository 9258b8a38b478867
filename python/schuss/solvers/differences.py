"""A function and its gradient as solvers want them, by differences where there is no gradient."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..structures import map_leaves

__all__ = ["Differences", "GradientDifferences", "value_and_gradient"]

Evaluate = Callable[[Any], tuple[Any, Any]]


def scalar(f: Any) -> float:
    """Return a function's value as a float: a real number, or an array with one element."""
    if isinstance(f, np.ndarray):
        if f.size != 1:
            raise ValueError(f"f has shape {f.shape}; one number is wanted")
        f = f.item()
    if not hasattr(f, "__float__"):
        raise TypeError(f"f is of type {type(f).__name__}; a real number is wanted")
    return float(f)


def _leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def _frozen(array: Any) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _flat(tree: Any) -> Any:
    """Return all elements after each other, in C order and float64."""
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in _leaves(tree)])


def _like(tree: Any, flat: Any) -> Any:
    """Return the elements in the structure and dtypes of a tree, read-only."""
    at = 0

    def take(leaf: Any) -> Any:
        nonlocal at
        piece = flat[at : at + leaf.size].astype(leaf.dtype).reshape(leaf.shape)
        piece.flags.writeable = False
        at += leaf.size
        return piece

    return map_leaves(take, tree)


class Differences:
    """The value of a function and its gradient by differences: instead of `jac`.

    With ε the rounding error of the dtype of x, and each step h as the dtype can represent it::

        central:  (f(x + h eᵢ) - f(x - h eᵢ)) / 2h,    h = ε^(1/3) max(1, |xᵢ|);    error of h²
        forward:  (f(x + h eᵢ) - f(x)) / h,            h = ε^(1/2) max(1, |xᵢ|);    error of h

    Args:
        fun: fun(x, *args); x is an array, or a structure of arrays, that is read-only and never
            changes.
        args: further arguments of fun.
        central: which of the two.

    Attributes:
        evaluations: of fun so far.
        error: of a gradient, relative, as a power of ε.

    Example:
        >>> evaluate = Differences(lambda x: x @ x)
        >>> f, g = evaluate(np.array([1.0, 2.0]))
        >>> f, g.round(8), evaluate.evaluations
        (5.0, array([2., 4.]), 5)

    Reference: Nocedal and Wright, Numerical Optimization, 2006, section 8.1.
    """

    def __init__(
        self, fun: Callable[..., Any], args: tuple[Any, ...] = (), *, central: bool = True
    ) -> None:
        self._fun = fun
        self._args = args
        self._central = central
        self.error = 2 / 3 if central else 1 / 2
        self.evaluations = 0

    def _value(self, x: Any) -> float:
        self.evaluations += 1
        return scalar(self._fun(x, *self._args))

    def __call__(self, x: Any) -> tuple[float, Any]:
        """Return the value and the gradient at x."""
        value = self._value(x)
        point = map_leaves(lambda leaf: leaf.copy(), x)
        gradient = map_leaves(lambda leaf: np.empty(leaf.shape, leaf.dtype), x)
        for array, slopes in zip(_leaves(point), _leaves(gradient), strict=True):
            epsilon = float(np.finfo(array.dtype).eps)
            for index in np.ndindex(array.shape):
                here = array[index].copy()
                step = epsilon ** (1 / 3 if self._central else 1 / 2) * max(1.0, abs(float(here)))
                array[index] = here + step
                high, above = float(array[index]), self._value(map_leaves(_frozen, point))
                low, below = float(here), value
                if self._central:
                    array[index] = here - step
                    low, below = float(array[index]), self._value(map_leaves(_frozen, point))
                array[index] = here
                with np.errstate(over="ignore"):
                    slopes[index] = (above - below) / (high - low)
        return value, gradient


class GradientDifferences:
    """Hessians, and products with them, by differences of gradients: instead of `hess` or `hessp`.

    With ε the rounding error of the dtype of x, and ε^e that of the gradient::

        central:  H v = (g(x + h v) - g(x - h v)) / 2h,    h = ε^(e/3) max(1, |x|) / |v|
        forward:  H v = (g(x + h v) - g(x)) / h,           h = ε^(e/2) max(1, |x|) / |v|

    For a Hessian v is one unit vector after the other, with |xᵢ| for |x|, and the mean of H and its
    transpose is taken.

    Args:
        gradient: gradient(x), in the structure of x.
        central: which of the two.
        error: e.

    Attributes:
        evaluations: of the gradient so far.

    Example:
        >>> second = GradientDifferences(lambda x: x**3 / 3)
        >>> second.hessian(np.array([1.0, 2.0])).round(6), second.evaluations
        (array([[1., 0.],
               [0., 4.]]), 4)

    Reference: Nocedal and Wright, Numerical Optimization, 2006, section 8.1.
    """

    def __init__(
        self, gradient: Callable[[Any], Any], *, central: bool = True, error: float = 1.0
    ) -> None:
        self._gradient = gradient
        self._central = central
        self._error = error / (3 if central else 2)
        self.evaluations = 0

    def _slopes(self, x: Any) -> Any:
        self.evaluations += 1
        return _flat(self._gradient(x))

    def _along(self, x: Any, direction: Any, length: float, slopes: Any) -> Any:
        """Return the change of the gradient for each length of the flat direction.

        slopes: the gradient at x, for forward differences.
        """
        here = _flat(x)
        epsilon = max(float(np.finfo(leaf.dtype).eps) for leaf in _leaves(x))
        step = epsilon**self._error * max(1.0, length)
        high = _like(x, here + step * direction)
        low = _like(x, here - step * direction) if self._central else x
        made = (_flat(high) - _flat(low)) @ direction / (direction @ direction)
        return (self._slopes(high) - (self._slopes(low) if self._central else slopes)) / made

    def product(self, x: Any, v: Any) -> Any:
        """Return the Hessian at x times v, in the structure of x."""
        direction = _flat(v)
        size = float(np.linalg.norm(direction))
        slopes = None if self._central else self._slopes(x)
        length = float(np.linalg.norm(_flat(x)))
        return _like(x, size * self._along(x, direction / size, length, slopes))

    def hessian(self, x: Any) -> Any:
        """Return the Hessian at x, n by n."""
        here = _flat(x)
        slopes = None if self._central else self._slopes(x)
        columns = np.array(
            [
                self._along(x, unit, abs(float(element)), slopes)
                for unit, element in zip(np.eye(here.size), here, strict=True)
            ]
        )
        return (columns + columns.T) / 2


def value_and_gradient(
    fun: Callable[..., Any],
    jac: Any,
    args: Any,
    *,
    size: int,
    stacklevel: int,
) -> Evaluate:
    """Return what takes x to (f, g), from `fun` and `jac` as `minimize` takes them."""
    if not callable(fun):
        raise TypeError(f"fun is {fun!r}; a function is wanted")
    args = args if isinstance(args, tuple) else (args,)
    if isinstance(jac, (bool, np.bool_)) and jac:

        def both(x: Any) -> tuple[Any, Any]:
            returned = fun(x, *args)
            try:
                f, g = returned
            except (TypeError, ValueError):
                raise TypeError(
                    f"fun returned an object of type {type(returned).__name__}; with jac=True a "
                    "pair (f, gradient) is wanted"
                ) from None
            return f, g

        return both
    if callable(jac):
        return lambda x: (fun(x, *args), jac(x, *args))
    if jac is None or isinstance(jac, (bool, np.bool_)):
        warnings.warn(
            f"jac is {jac}: each gradient costs 2 n = {2 * size} evaluations of fun; pass jac=True "
            "where fun returns (f, gradient), a function for the gradient, or, if you mean it, "
            "jac='3-point', or '2-point', which costs n + 1 and is less exact",
            UserWarning,
            stacklevel=stacklevel + 1,
        )
        return Differences(fun, args)
    if isinstance(jac, str) and jac in ("2-point", "3-point"):
        return Differences(fun, args, central=jac == "3-point")
    raise ValueError(f"jac is {jac!r}; True, a function, '2-point', '3-point' or None is wanted")
