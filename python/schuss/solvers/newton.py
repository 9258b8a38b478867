"""Newton's method, with a dense Hessian or with products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kinds import as_array
from ..suggest import explain
from .base import Solver

__all__ = ["Newton", "NewtonCG"]


# What writes out a matrix that is not an array, by libraries: SciPy and CuPy, torch, jax.
WRITTEN_OUT = ("toarray", "to_dense", "todense")


def dense(H: Any, n: int) -> Any:
    """Return a Hessian as an array: sparse matrices and linear operators are written out.

    One of x's shape twice, as libraries for derivatives give it where x is no vector, becomes n by
    n, and so does a number where n is 1.
    """
    for name in WRITTEN_OUT:
        if hasattr(H, name):
            H = getattr(H, name)()
            break
    else:
        if hasattr(H, "matvec"):
            return multipliable(H, n) @ np.eye(n)
    array = as_array(H, "hessian")
    half = array.shape[: array.ndim // 2]
    if array.size == 1 == n or (array.ndim > 2 and half * 2 == array.shape and np.prod(half) == n):
        return array.reshape(n, n)
    return array


def multipliable(H: Any, n: int) -> Any:
    """Return a Hessian as what takes `@ v`: sparse matrices and linear operators as they are."""
    if not (hasattr(H, "matvec") or (hasattr(H, "toarray") and hasattr(H, "shape"))):
        H = dense(H, n)
        if isinstance(H, np.ma.MaskedArray):
            raise TypeError("hessian is a masked array; a plain one is wanted")
        if H.dtype.kind not in "fiu":
            raise TypeError(f"hessian has dtype {H.dtype}; a real dtype is wanted")
    if tuple(H.shape) != (n, n):
        raise ValueError(f"hessian has shape {tuple(H.shape)}; {(n, n)} is wanted")
    return H


class Newton(Solver):
    """Newton's method with a dense Hessian of any curvature.

    With the gradient g and the Hessian H at x, and a `globalization` of "trust_region"::

        p minimizes gᵀp + pᵀH p / 2 over |p| ≤ Δ:   (H + λ I) p = -g,   λ ≥ 0,   λ (Δ - |p|) = 0

    x + p is taken where f falls by more than 1e-4 of what the model expects. The radius Δ becomes a
    quarter of the step below a quarter of it, and doubles above three quarters where p came near
    the boundary, or grows more where the model was exact to a tenth more than three times in a row.
    Where H is positive definite and the Newton step is short enough, one Cholesky
    factorization is all that an iteration takes; otherwise a few more find λ, the hard case
    included, in which p leaves along the most negative curvature. With "line_search"::

        d = -(H + τ I)⁻¹ g,   x += a d,   a by the strong Wolfe conditions (Moré and Thuente)

    τ is 0 where H is positive definite, else twice what the diagonal lacked where the factorization
    failed, doubled until it does not. "none" is the step of the textbooks, x -= η H⁻¹ g with η the
    `learning_rate`. It goes wherever the gradient is zero: to a saddle or a maximum (status 6), or
    ever farther away.

    The Hessian is asked for at the first point and at each point that was taken, and nowhere else.
    A small gradient ends a run well only where H has no negative curvature beyond rounding; from a
    saddle the run goes on downhill, unless `globalization` is "none"::

        while not solver.done:
            x = solver.ask()
            if solver.request == "hessian":
                solver.tell_hessian(hessian(x))
            else:
                solver.tell(f(x), gradient(x))

    With bounds the variables stay that are at the bound beyond which -g leads, and p is the step of
    the others. Where it meets a bound, the better of its projection and of a projected step along
    -g is bettered in up to 10 rounds: the variables that have come to a bound are held, and the
    others take the step of their block of H, projected and shortened until the model falls. What is
    said here of the gradient and of curvature is then said of the free variables and of the
    projected gradient. A variable at a bound whose gradient is at most gtol may leave it, if f
    curves down there; `is_minimum` asks that H be positive definite over such variables and the
    free ones.

    Args:
        x0: where to start; see `Solver`.
        gtol: converged where no element of the gradient is larger and no curvature negative, at
            least 0; None: 1e-5 for float64 iterates and 1e-3 for float32.
        maxiter: steps at most, at least 0, which evaluates x0 alone; None: no limit.
        maxfun: evaluations at most, at least 1; None: no limit.
        globalization: "trust_region", "line_search" or "none".
        learning_rate: η of "none", above 0; the others have no use for it.
        bounds: as `minimize` takes them, with "trust_region"; None: none.

    The result adds `hess`, the Hessian at the last point taken; `nhev`; `min_curvature`, the
    smallest zᵀH z / zᵀz of the directions z looked at there, infinite where none was;
    `is_minimum`, whether x is a minimum to second order, within rounding; and `shift`, λ or τ of
    the last step. With "none" `x` is where the run converged, or else the best point seen.

    Memory: 4 n² bytes for H, of which the lower triangle is kept, and about 8 vectors; 4 n² more
    for its factor during a step, and 8 n² for `hess` when it is asked for.

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
    Conn, Gould and Toint, Trust-Region Methods, SIAM, 2000, sections 7.3 and 17.1; Nocedal and
    Wright, Numerical Optimization, 2006, algorithm 3.3, for τ; Lin and Moré, Newton's Method for
    Large Bound-Constrained Optimization Problems, SIAM J. Optim. 9, 1999.

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
        globalization: str = "trust_region",
        learning_rate: float = 1.0,
        bounds: Any = None,
    ) -> None:
        super().__init__(
            x0,
            gtol=gtol,
            maxiter=maxiter,
            maxfun=maxfun,
            globalization=globalization,
            learning_rate=learning_rate,
            bounds=bounds,
        )

    def tell_hessian(self, H: Any) -> None:
        """Take the Hessian at the point that was asked for, where `request` is "hessian".

        Args:
            H: n x n, of any real dtype and layout; rows and columns are the elements of all arrays
                of x0 after each other, in C order. Only read, and free again afterwards. Where n is
                1, any one number; where x0 is an array of a shape, also one of that shape twice. A
                sparse matrix (`toarray`, `to_dense` or `todense`) or a linear operator (`matvec`)
                is written out. Of H and its transpose the mean is taken.

        Raises:
            ValueError: another shape, elements that are not finite, or H differs from its transpose
                by more than 1e-5 of the largest element (3e-4 for float32 iterates), which is what
                float32 explains; the solver stays as it was.
            RuntimeError: when no Hessian is asked for.
        """
        self._solver.tell_hessian(dense(H, self.size))

    def _more(self, found: dict[str, Any]) -> dict[str, Any]:
        nhev, curvature, minimum, shift = found["second_order"]
        return {
            "hess": found["matrix"],
            "nhev": nhev,
            "min_curvature": curvature,
            "is_minimum": minimum,
            "shift": shift,
        }


class NewtonCG(Solver):
    """Newton's method from products with the Hessian, in a trust region: for many variables.

    Conjugate gradients go for H p = -g until |H p + g| ≤ |g| min(1/10, √|g|). They end early at the
    boundary |p| = Δ, to which they also follow the first direction of negative curvature they meet.
    x + p is taken, and Δ changes, as in `Newton`.

    A step takes a few products H v, and no matrix. They are asked for one by one, at points that
    were taken::

        while not solver.done:
            x = solver.ask()
            if solver.request == "hessian_product":
                solver.tell_product(hessian_times(x, solver.direction))
            else:
                solver.tell(f(x), gradient(x))

    Where the gradient is small, up to 30 products look for negative curvature from a direction that
    no symmetry of the problem is likely to share. Where they meet some, the run goes on downhill.

    With bounds the step is projected as that of `Newton`, in some more products, and curvature is
    looked for among the free variables, then also among those at a bound whose gradient is at most
    gtol.

    Args:
        x0: where to start; see `Solver`.
        gtol: converged where no element of the gradient is larger and no negative curvature is met,
            at least 0; None: 1e-5 for float64 iterates and 1e-3 for float32.
        maxiter: steps at most, at least 0, which evaluates x0 alone; None: no limit.
        maxfun: evaluations at most, at least 1; None: no limit.
        bounds: as `minimize` takes them; None: none.

    The result adds `nhev`, the products so far; `min_curvature`, the smallest vᵀH v / vᵀv at the
    last point taken, infinite before the first; and `is_minimum`, whether those products met no
    negative curvature at x: more than 30 variables may hide some.

    Memory: about 14 vectors.

    Example:
        >>> import numpy as np
        >>> scale = np.geomspace(1, 100, 1000)
        >>> solver = NewtonCG(np.ones(1000))
        >>> while not solver.done:
        ...     x = solver.ask()
        ...     if solver.request == "hessian_product":
        ...         solver.tell_product(scale * np.cosh(x) * solver.direction)
        ...     else:
        ...         solver.tell(scale @ np.cosh(x), scale * np.sinh(x))
        >>> result = solver.result()
        >>> result.success, bool(abs(result.x).max() < 1e-5), result.nit < 10
        (True, True, True)

    Reference: Steihaug, The Conjugate Gradient Method and Trust Regions in Large Scale
    Optimization, SIAM J. Numer. Anal. 20, 1983; Toint, Towards an Efficient Sparsity Exploiting
    Newton Method for Minimization, 1981; Nocedal and Wright, Numerical Optimization, 2006,
    algorithm 7.2.

    Where we differ: a small gradient has its curvature looked at; where the decrease of f is within
    its rounding error, the slopes at both ends stand for it.
    """

    _method = "newton_cg"

    def __init__(
        self,
        x0: Any,
        *,
        gtol: float | None = None,
        maxiter: int | None = 15000,
        maxfun: int | None = 15000,
        bounds: Any = None,
    ) -> None:
        super().__init__(x0, gtol=gtol, maxiter=maxiter, maxfun=maxfun, bounds=bounds)

    @property
    def direction(self) -> Any:
        """v, where `request` is "hessian_product": the Hessian times it is wanted, read-only.

        In the structure, shapes and dtype of the iterates.

        Raises:
            RuntimeError: when no product is asked for.
        """
        return self._solver.direction()

    def tell_product(self, Hv: Any) -> None:
        """Take the Hessian at the point that was asked for, times `direction`.

        Args:
            Hv: in the structure and shapes of x0, of any real dtypes and layouts. Only read, and
                free again afterwards.

        Raises:
            ValueError: another shape, or elements that are not finite; the solver stays as it was.
            RuntimeError: when no product is asked for.
        """
        self._solver.tell_product(Hv)

    def _more(self, found: dict[str, Any]) -> dict[str, Any]:
        nhev, curvature, minimum, _ = found["second_order"]
        return {"nhev": nhev, "min_curvature": curvature, "is_minimum": minimum}


explain(__name__)
