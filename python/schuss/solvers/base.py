"""What all solvers share: structures, options, the best point, pickles."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import _core
from ..checks import count, flag, fraction, positive, tolerance
from ..kinds import Kinds, as_array
from ..structures import leaves, map_leaves
from ..suggest import Declared
from .bounds import Sides, flat_bounds
from .result import Result

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Solver"]

ROWS = _core.methods()  # by name: aliases, what a method needs, its options
STATE_FORMAT = _core.STATE_FORMAT  # of the bytes in `Solver._state`, which begin with it too


# -- structures ------------------------------------------------------------------------------------


def named_leaves(tree: Any, name: str) -> list[tuple[str, Any]]:
    """Return the arrays of a structure, and where they are; "" where it is one array."""
    return _core.flatten(tree, name)


def real_array(name: str, given: Any) -> Any:
    """Return an array of real numbers, or raise an error that names it."""
    array = as_array(given, name)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}; real numbers are wanted")
    return array


def flat(tree: Any) -> Any:
    """Return all elements after each other, in C order and float64."""
    arrays = (as_array(leaf, "gradient") for leaf in leaves(tree))
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


def like(tree: Any, elements: Any) -> Any:
    """Return the elements in the structure and dtypes of a tree."""
    at = 0

    def take(leaf: Any) -> Any:
        nonlocal at
        piece = elements[at : at + leaf.size].astype(leaf.dtype).reshape(leaf.shape)
        at += leaf.size
        return piece

    return map_leaves(take, tree)


def copied(tree: Any) -> Any:
    """Return copies of all arrays, which are the receiver's to write."""
    if isinstance(tree, np.ndarray):  # the usual case, many times a run
        return tree.copy()
    return map_leaves(lambda leaf: leaf.copy(), tree)


def scalar(f: Any) -> float:
    """Return a function's value as a float: a real number, or an array with one element."""
    return _core.function_value(f)


def _holds_numbers_only(tree: Any) -> bool:
    if isinstance(tree, (list, tuple)):
        return all(_holds_numbers_only(child) for child in tree)
    return isinstance(tree, Real) and not isinstance(tree, bool)


def starting_point(x0: Any) -> Any:
    """Return x0 as the core takes it: one array, or nested containers of arrays."""
    _core.flatten(x0, "x0")  # refuses what is nested without end
    if isinstance(x0, (list, tuple)) and _holds_numbers_only(x0):
        try:
            return np.asarray(x0, np.float64)
        except ValueError as error:
            raise ValueError(
                f"x0 is a {type(x0).__name__} of lists whose lengths differ; numbers in equal "
                "rows, or arrays, are wanted"
            ) from error
    start = map_leaves(partial(as_array, name="x0"), x0)
    if isinstance(start, np.ndarray) and not (isinstance(x0, np.ndarray) or Kinds(x0)):
        return np.atleast_1d(start)
    return start


def dtype_of_iterates(start: Any) -> np.dtype[Any]:
    """Return float32 where every array is float16 or float32, and float64 otherwise."""
    dtypes = {array.dtype for _, array in _core.flatten(start, "x0")}
    return np.dtype(np.float32 if dtypes <= {np.dtype("e"), np.dtype("f")} else np.float64)


# -- options ---------------------------------------------------------------------------------------


def check_wolfe(c1: float, c2: float) -> None:
    """Refuse constants with which no step may meet both conditions."""
    if not c1 < min(c2, 0.5):
        raise ValueError(f"c1 is {c1!r} and c2 is {c2!r}; c1 < c2 and c1 < 0.5 is wanted")


def _inverse_hessian(name: str, value: Any) -> Any:
    """Return a positive definite matrix in float64, or raise an error that names it."""
    matrix = np.asarray(value)
    if matrix.dtype.kind not in "fiu":
        raise TypeError(f"{name} has dtype {matrix.dtype}; real numbers are wanted")
    matrix = np.ascontiguousarray(matrix, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"{name} has shape {matrix.shape}; (n, n) is wanted")
    skew = np.abs(matrix - matrix.T).max()
    if not np.isfinite(matrix).all() or skew > 1e-5 * np.abs(matrix).max():
        raise ValueError(f"{name} is not finite and symmetric; an inverse Hessian is wanted")
    matrix = (matrix + matrix.T) / 2
    try:
        _core.cholesky(matrix, False)
    except np.linalg.LinAlgError:
        # In words that SciPy's callers may look for.
        raise ValueError(f"'{name}' matrix isn't positive definite.") from None
    return matrix


def _choice(name: str, value: Any, option: dict[str, Any]) -> str:
    """Return one of the choices, of which dtypes may come as NumPy's."""
    choices = option["choices"]
    found = value
    if "float64" in choices:
        try:
            found = str(np.dtype(value))
        except TypeError:
            found = None
    if not isinstance(found, str) or found not in choices:
        *most, last = [repr(choice) for choice in choices]
        if option["default"] is None:
            most, last = [*most, last], "None"
        raise ValueError(f"{name} is {value!r}; {', '.join(most)} or {last} is wanted")
    return found


# How an option of a kind is checked; see cpp/solvers/registry.hpp.
CHECKS: dict[str, Callable[[str, Any, dict[str, Any]], Any]] = {
    "tolerance": lambda name, value, _: tolerance(name, value),
    "positive": lambda name, value, _: positive(name, value),
    "fraction": lambda name, value, _: fraction(name, value),
    "count": lambda name, value, row: count(name, value, least=row["least"], most=row["most"]),
    "limit": lambda name, value, row: min(count(name, value, least=row["least"]), row["most"]),
    "flag": lambda name, value, _: flag(name, value),
    "choice": _choice,
    "matrix": lambda name, value, _: _inverse_hessian(name, value),
    "bounds": lambda name, value, _: value,  # `flat_bounds` has looked at them
}


def checked_options(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return all options of a method as the core takes them."""
    rows = ROWS[method]["options"]
    checked = {name: row["default"] for name, row in rows.items()}
    for name, value in given.items():
        row = rows[name]
        may_be_none = row["default"] is None or row["kind"] == "limit"
        checked[name] = (
            None if value is None and may_be_none else CHECKS[row["kind"]](name, value, row)
        )
    if "c1" in checked:
        check_wolfe(checked["c1"], checked["c2"])
    way = checked.get("globalization", "trust_region")
    if checked.get("bounds") is not None and way != "trust_region":
        raise ValueError(f"bounds are given and globalization is {way!r}; 'trust_region' is wanted")
    return checked


# -- solvers ---------------------------------------------------------------------------------------


class Solver(Declared):
    """Base of all solvers, which ask for values and gradients; use one of its subclasses.

    A solver never calls your function. You do, in a loop of your own::

        while not solver.done:
            x = solver.ask()
            solver.tell(f(x), gradient(x))
        result = solver.result()

    so that values may come from anywhere: another process, another machine, an experiment. At any
    point the solver can be pickled or copied with `copy.deepcopy`, and what comes back goes on bit
    for bit as the original would have.

    x0 is one array, or nested lists, tuples and dicts of arrays, of any shapes, layouts and real
    dtypes. A number becomes an array of shape (1,), a list of numbers (or of equal rows of numbers)
    one float64 array. The iterates are float32 where every array of x0 is float32 or float16, and
    float64 otherwise. x0 is copied.

    All tests that end a run are made in C++, on the largest element of the gradient and on values;
    sums are float64 in a fixed order, so that results depend on neither the threads nor the
    instruction set.
    """

    _method: ClassVar[str]
    _read_bounds: ClassVar[Callable[..., Any]] = staticmethod(flat_bounds)

    def __init__(self, x0: Any, **options: Any) -> None:
        if not hasattr(type(self), "_method"):
            raise TypeError("Solver is a base; use one of its subclasses, such as LBFGS")
        start = starting_point(x0)
        if options.get("bounds") is not None:
            options["bounds"] = self._read_bounds(
                options["bounds"], start, _core.flatten(start, "x0"), dtype_of_iterates(start)
            )
        self._solver = _core.Solver(self._method, start, checked_options(self._method, options))

    # -- a run -------------------------------------------------------------------------------------

    def ask(self) -> Any:
        """Return the point to evaluate, in the structure and shapes of x0.

        Its arrays are read-only and C-contiguous. They never change: one that you keep costs the
        solver a new vector, and no more. Asked again before `tell`, it is the same point.

        Raises:
            RuntimeError: when the solver is done.
        """
        return self._solver.ask()

    def tell(self, f: Any, g: Any) -> None:
        """Take the value and the gradient at the point that was asked for.

        Args:
            f: a real number, or an array, list or tensor with one element; NaN or infinite where
                the function is not defined: the solver then goes back towards the last point.
            g: the gradient, in the structure and shapes of x0, of any real dtypes, byte orders and
                layouts. Only read, and free again when `tell` returns. Where f is not finite it is
                not looked at, and may be None.

        Raises:
            TypeError, ValueError: for what does not fit; the solver stays as it was.
            RuntimeError: when the solver is done.
        """
        self._solver.tell(f, g)

    def stop(self, message: str = "stopped by the caller") -> None:
        """End the run with status 99 and this message; nothing happens when it has ended."""
        if not isinstance(message, str):
            raise TypeError(f"message is {message!r}; a string is wanted")
        self._solver.stop(message)

    # -- what it knows -----------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether the run has ended; `result` then says why."""
        return self._solver.done

    @property
    def request(self) -> str | None:
        """What it waits for; None when it is done.

        "value_and_gradient"; of `Newton` also "hessian", of `NewtonCG` "hessian_product"; of
        `LeastSquares` "residuals" and "jacobian".
        """
        return self._solver.request

    @property
    def size(self) -> int:
        """Variables: the elements of all arrays of x0."""
        return self._solver.size

    @property
    def bounds(self) -> Sides | None:
        """Lower and upper bounds, one of each for all variables or n in the order of x0.

        They are as the core has them: float64, rounded inwards where iterates are float32. None
        where nothing is bounded.
        """
        sides: Sides | None = self._solver.bounds
        return sides

    @property
    def nit(self) -> int:
        """Iterations so far, which are steps taken."""
        return self._solver.nit

    @property
    def nfev(self) -> int:
        """Points at which a value and a gradient were told."""
        return self._solver.nfev

    def result(self) -> Result:
        """Return the best point seen and how the run stands; copies, at any time.

        The best point has the lowest value; of values that differ by no more than their rounding
        errors the later one counts. `fun` is always the value that was told for `x`, and NaN before
        the first. While the solver runs, `status` is -1.
        """
        return self._result(copy=True)

    def _result(self, copy: bool) -> Result:
        """Return the result; without copies, of vectors that the solver must not use again."""
        found = self._solver.result(copy)  # one read: the run may go on in another thread
        fun, jac, evaluations = found["fun"], found["jac"], found["nfev"]
        if evaluations == 0:
            fun, jac = math.nan, map_leaves(lambda leaf: np.full_like(leaf, math.nan), jac)
        more = self._more(found)
        return Result(
            x=found["x"],
            fun=fun,
            jac=jac,
            nit=found["nit"],
            nfev=evaluations,
            njev=evaluations,
            nhev=more.pop("nhev", 0),
            status=found["status"],
            success=found["status"] == 0,
            message=found["message"],
            **more,
        )

    def _best(self) -> tuple[Any, Any, float]:
        """Return x, the gradient and the value of the best point, in copies."""
        return self._solver.best()

    def _more(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return what a method adds to its result, of what the core found."""
        return {}

    def _state(self) -> tuple[Any, ...]:
        """What `_from_state` needs: the method, x, the options as the core has them, and bytes."""
        return self._solver.__getstate__()

    @classmethod
    def _from_state(cls, state: tuple[Any, ...]) -> Self:
        method, _, options, _ = state
        if method != cls._method:
            raise ValueError(f"the state is of method {method!r}; {cls._method!r} is wanted")
        checked_options(method, options)
        solver = cls.__new__(cls)
        solver._solver = _core.Solver.__new__(_core.Solver)
        solver._solver.__setstate__(state)
        return solver

    def __copy__(self) -> Self:
        return copy.deepcopy(self)  # one that shared its state would follow the other

    def __repr__(self) -> str:
        solver = self._solver
        state = solver.message if solver.done else "still running"
        return (
            f"<{type(self).__name__}: n={solver.size}, nit={self.nit}, nfev={self.nfev}, {state}>"
        )
