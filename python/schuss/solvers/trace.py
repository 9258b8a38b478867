"""What a run did, iteration by iteration: kept for `trace`, printed for `disp`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import flat
from .bounds import projected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .base import Solver

__all__ = ["Trace", "verbosity"]

COLUMNS = ("nit", "nfev", "fun", "gmax", "step", "seconds")


def verbosity(value: Any) -> int:
    """Return how much is printed: 0 nothing, 1 a line at the end, 2 a line for each iteration.

    A number is rounded towards that; of anything else the truth value counts, as in SciPy.
    """
    try:
        return max(0, min(int(value), 2))
    except (TypeError, ValueError):
        pass
    try:
        return int(bool(value))
    except ValueError:
        raise TypeError(f"disp is {value!r}; 0, 1 or 2 is wanted") from None


class Trace:
    """Watches a solver; `note` is called once it knows its start, and after each iteration.

    Args:
        evaluations: returns how often the function was evaluated so far.
        printed: whether `note` prints a line too.
    """

    def __init__(self, solver: Solver, evaluations: Callable[[], int], *, printed: bool) -> None:
        self._solver = solver
        self._evaluations = evaluations
        self._printed = printed
        self._began = time.perf_counter()
        self._rows: list[tuple[float, ...]] = []
        self._x: NDArray[Any] | None = None

    def note(self) -> None:
        """Add what is known now."""
        x, jac, fun = self._solver._best()
        x, before = flat(x), self._x
        self._x = x
        with np.errstate(all="ignore"):
            slopes = projected(flat(jac), x, self._solver.bounds)
            gmax = float(np.abs(slopes).max(initial=0.0))
            step = 0.0 if before is None else float(np.linalg.norm(x - before))
        seconds = time.perf_counter() - self._began
        row = (self._solver.nit, self._evaluations(), float(fun), gmax, step, seconds)
        if self._printed:
            if not self._rows:
                print(f"{'nit':>6} {'nfev':>7} {'f':>17} {'max |g|':>10} {'|step|':>10}")
            print("{:6d} {:7d} {:17.9e} {:10.3e} {:10.3e}".format(*row[:5]))
        self._rows.append(row)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a column each, as arrays."""
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(COLUMNS)
        kinds = (np.int64, np.int64, *[np.float64] * 4)
        return {
            name: np.array(column, kind)
            for name, column, kind in zip(COLUMNS, columns, kinds, strict=True)
        }
