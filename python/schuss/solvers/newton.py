"""Newton's method with a dense Hessian."""

from __future__ import annotations

from typing import Any

from .base import Solver

__all__ = ["Newton"]


class Newton(Solver):
    """Newton's method in a trust region, with a dense Hessian of any curvature.

    With the gradient g and the Hessian H at x::

        p minimizes gᵀp + pᵀH p / 2 over |p| ≤ Δ:   (H + λ I) p = -g,   λ ≥ 0,   λ (Δ - |p|) = 0

    x + p is taken where f falls by more than 1e-4 of what the model expects. The radius Δ becomes a
    quarter of the step below a quarter of it, and doubles above three quarters where p reached the
    boundary. Where H is positive definite and the Newton step is short enough, one Cholesky
    factorization is all that an iteration takes; otherwise a few more find λ, the hard case
    included, in which p leaves along the most negative curvature.

    The Hessian is asked for at the first point and at each point that was taken, and nowhere else.
    A small gradient ends a run only where H has no negative curvature beyond rounding; from a
    saddle the run goes on downhill::

        while not solver.done:
            x = solver.ask()
            if solver.request == "hessian":
                solver.tell_hessian(hessian(x))
            else:
                solver.tell(f(x), gradient(x))

    Args:
        x0: where to start; see `Solver`.
        gtol: converged where no element of the gradient is larger and no curvature negative, at
            least 0; None: 1e-5 for float64 iterates and 1e-3 for float32.
        maxiter: steps at most, at least 1; None: no limit.
        maxfun: evaluations at most, at least 1; None: no limit.

    The result adds `hess`, the Hessian at the last point taken; `nhev`; `min_curvature`, the
    smallest zᵀH z / zᵀz of the directions z looked at there, infinite where none was; and
    `is_minimum`, whether x is a minimum to second order, within rounding.

    Memory: 12 n² bytes, H and the triangle of its factor in float64, and about 12 vectors.

    Example:
        >>> import numpy as np
        >>> solver = Newton([0.0, 0.0])  # a saddle of x² - y² + y⁴/4
        >>> while not solver.done:
        ...     x, y = solver.ask()
        ...     if solver.request == "hessian":
        ...         solver.tell_hessian([[2.0, 0.0], [0.0, 3 * y * y - 2]])
        ...     else:
        ...         solver.tell(x * x - y * y + y**4 / 4, [2 * x, y**3 - 2 * y])
        >>> result = solver.result()
        >>> abs(result.x).round(4), result.is_minimum
        (array([0.    , 1.4142]), True)

    Reference: Moré and Sorensen, Computing a Trust Region Step, SIAM J. Sci. Stat. Comput. 4, 1983;
    Conn, Gould and Toint, Trust-Region Methods, SIAM, 2000, sections 7.3 and 17.1.

    Where we differ: where the decrease of f is within its rounding error, the slopes at both ends
    stand for it.
    """

    _method = "newton"

    def __init__(
        self,
        x0: Any,
        *,
        gtol: float | None = None,
        maxiter: int | None = 15000,
        maxfun: int | None = 15000,
    ) -> None:
        super().__init__(x0, gtol=gtol, maxiter=maxiter, maxfun=maxfun)

    def tell_hessian(self, H: Any) -> None:
        """Take the Hessian at the point that was asked for, where `request` is "hessian".

        Args:
            H: n x n, of any real dtype and layout; rows and columns are the elements of all arrays
                of x0 after each other, in C order. Only read, and free again afterwards.

        Raises:
            ValueError: another shape, elements that are not finite, or H is not symmetric within
                the square root of the rounding error; the solver stays as it was.
            RuntimeError: when no Hessian is asked for.
        """
        self._solver.tell_hessian(H)

    def _matrix(self) -> dict[str, Any]:
        nhev, curvature, minimum = self._solver.curvature()
        return {
            "hess": self._solver.matrix(),
            "nhev": nhev,
            "min_curvature": curvature,
            "is_minimum": minimum,
        }
