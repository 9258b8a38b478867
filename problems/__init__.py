"""Test problems, on which solvers are compared and tested.

The first 35 are those of Moré, Garbow and Hillstrom, in their order (`mgh.py`). Those after them
(`two_variables.py`, `any_size.py`) were collected by many, among them

- A. R. Conn, N. I. M. Gould, M. Lescrenier, Ph. L. Toint, "Performance of a multifrontal scheme
  for partially separable optimization" (1992), and the collection CUTE that grew out of it;
- N. Andrei, "An unconstrained optimization test functions collection", Advanced Modeling and
  Optimization 10 (2008), 147-161;
- M. Jamil, X.-S. Yang, "A literature survey of benchmark functions for global optimization
  problems", International Journal of Mathematical Modelling and Numerical Optimisation 4 (2013).

Values of minima that have no closed form were computed here, by Newton's method in extended
precision, and agree with the digits that were published.

Problems with bounds (`bounded.py`) and NIST's nonlinear fits (`nist.py`) stand apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from problems.any_size import ANY_SIZE
from problems.mgh import more_garbow_hillstrom
from problems.problem import Problem
from problems.two_variables import TWO_VARIABLES

__all__ = ["Problem", "collected", "more_garbow_hillstrom", "standard_problems"]


def collected() -> Iterator[Problem]:
    """Those from elsewhere."""
    yield from (make() for make in TWO_VARIABLES)
    yield from (make(n) for make, sizes in ANY_SIZE.items() for n in sizes)


def standard_problems(max_n: int = 50) -> list[Problem]:
    """The list on which solvers are compared: all with at most `max_n` variables."""
    return [p for p in (*more_garbow_hillstrom(), *collected()) if p.n <= max_n]
