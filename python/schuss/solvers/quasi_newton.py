"""Solvers that learn curvature from gradients, and steepest descent, which does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..suggest import explain
from .base import Solver

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BFGS", "LBFGS", "SR1", "GradientDescent"]


class LBFGS(Solver):
    """Limited-memory BFGS: the inverse Hessian from the last m steps. The default for large n.

    With pairs s = x_new - x and y = g_new - g of the last m iterations, γ = sᵀy / yᵀy of the newest
    and H0 = γ I::

        V = I - ρ y sᵀ,    ρ = 1 / sᵀy
        H ← Vᵀ H V + ρ s sᵀ      for each pair, the oldest first, beginning with H0
        d = -H g;    x ← x + a d

    The step a meets the strong Wolfe conditions, with φ(a) = f(x + a d)::

        φ(a) ≤ φ(0) + c1 a φ'(0)    and    |φ'(a)| ≤ c2 |φ'(0)|

    Pairs with too little curvature (sᵀy ≤ 1e-14 |s| |y|, 1e-7 for float32, or within what rounding
    leaves of equal gradients) are left out. The first step is along -g, as long as 0.3 |x| or
    |f| / |g|, whichever is less, so that no units of x or f change what comes of it.

    With bounds a bound is active where -γ g would lead to it. H acts on the gradient of the other
    variables, which go no farther than to their bounds; active ones go to theirs, and y is 0 where
    s is. The gradient that decides is the projected one, of which element i is max(xᵢ - uᵢ, gᵢ)
    where gᵢ < 0 and min(xᵢ - lᵢ, gᵢ) elsewhere.

    Args:
        x0: where to start; see `Solver`.
        history_size: m, pairs kept, 1 to 1000.
        gtol: converged where no element of the gradient is larger, at least 0; None: 1e-5 for
            float64 iterates and 1e-3 for float32.
        ftol: converged where a step decreases f by no more than ftol max(|f|, |f_new|, 1), and no
            more was to be expected; at least 0, which is off. SciPy's L-BFGS-B has 2.2e-9 here,
            with which it ends before the gradient is small.
        maxiter: steps at most, at least 0, which evaluates x0 alone; None: no limit.
        maxfun: evaluations at most, at least 1; None: no limit.
        maxls: evaluations in one line search at most, at least 1; those that are not finite do not
            count.
        c1: of sufficient decrease, in (0, 0.5).
        c2: of the curvature condition, in (c1, 1).
        bounds: as `minimize` takes them; None: none.
        damping: change y so that sᵀy is at least 0.2 times the curvature that H expected, instead
            of leaving pairs out.
        history_dtype: "float32" or "float64", of the pairs; None: that of the iterates. "float32"
            under float64 iterates halves the memory and most of the traffic; products are summed
            from the rounded pairs in float64, and counts of iterations hardly change.

    Memory: 2 m + 6 vectors as large as x0, 2 m of them of `history_dtype`.

    Example:
        >>> import numpy as np
        >>> solver = LBFGS(np.array([4.0, -2.0]))
        >>> while not solver.done:
        ...     x = solver.ask()
        ...     solver.tell((x @ x - 1) ** 2, 4 * (x @ x - 1) * x)
        >>> x = solver.result().x
        >>> round(float(x @ x), 6)
        1.0

    Reference: Nocedal, Updating Quasi-Newton Matrices with Limited Storage, Math. Comp. 35, 1980;
    Liu and Nocedal, On the Limited Memory BFGS Method, Math. Programming 45, 1989, whose scaling M3
    is γ; Byrd, Nocedal and Schnabel, Representations of Quasi-Newton Matrices, Math. Programming
    63, 1994, equation 3.1, the form in which H g is computed; Moré and Thuente, Line Search
    Algorithms with Guaranteed Sufficient Decrease, ACM TOMS 20, 1994; Bertsekas, Projected Newton
    Methods for Optimization Problems with Simple Constraints, SIAM J. Control Optim. 20, 1982;
    Hager and Zhang, A New
    Conjugate Gradient Method, SIAM J. Optim. 16, 2005, section 4; Powell, Algorithms for Nonlinear
    Constraints, Math. Programming 14, 1978 (damping).

    Where we differ: H g takes two passes over the pairs, not the four of the two loops of 1980. All
    sums are float64. Where values of f no longer tell points apart, slopes take their place, which
    makes sufficient decrease the approximate Wolfe condition of Hager and Zhang, so that a run ends
    at gtol and not in a failed line search. No threshold is absolute: f and x may have any scale.
    """

    _method = "lbfgs"

    def __init__(
        self,
        x0: Any,
        *,
        history_size: int = 10,
        gtol: float | None = None,
        ftol: float = 0.0,
        maxiter: int | None = 15000,
        maxfun: int | None = 15000,
        maxls: int = 20,
        c1: float = 1e-4,
        c2: float = 0.9,
        damping: bool = False,
        history_dtype: Any = None,
        bounds: Any = None,
    ) -> None:
        super().__init__(
            x0,
            history_size=history_size,
            gtol=gtol,
            ftol=ftol,
            maxiter=maxiter,
            maxfun=maxfun,
            maxls=maxls,
            c1=c1,
            c2=c2,
            bounds=bounds,
            damping=damping,
            history_dtype=history_dtype,
        )

    def history(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return copies of the pairs (S, Y), one a row, the oldest first.

        The elements of a row are those of all arrays of x0 after each other, in C order. Of a full
        history the oldest pair is gone during a step: the direction is written in its place.
        """
        s, y = self._solver.history()
        return s, y


class BFGS(Solver):
    """The method of Broyden, Fletcher, Goldfarb and Shanno: a dense inverse Hessian.

    With s = x_new - x, y = g_new - g and ρ = 1 / sᵀy::

        H ← (I - ρ s yᵀ) H (I - ρ y sᵀ) + ρ s sᵀ
        d = -H g;    x ← x + a d

    The step a is that of `LBFGS`, and so is the choice of pairs. The first pair sets H to
    (sᵀy / yᵀy) I before it is used, where that makes H larger. Before each of the first 2 n updates
    H grows by sᵀB s / sᵀy where that is more than 1: an H that is too large is mended faster than
    one that is too small, and over 150 test problems that saves 15 % of all evaluations.

    H keeps the secant equation of the pair before, p and q, as well as Hy = s, where H was not too
    large along the last step and pᵀy and qᵀs agree, as they do for a quadratic: the pair is made
    conjugate to the last one and updates H first::

        p ← p - (pᵀy ρ) s;    q ← q - (qᵀs ρ) y

    Over 150 test problems that saves 8 % of all evaluations, and more on data in raw units.

    Args:
        x0: where to start; see `Solver`.
        gtol: converged where no element of the gradient is larger, at least 0; None: 1e-5 for
            float64 iterates and 1e-3 for float32.
        ftol: converged where a step decreases f by no more than ftol max(|f|, |f_new|, 1), and no
            more was to be expected; at least 0, which is off.
        maxiter: steps at most, at least 0, which evaluates x0 alone; None: no limit.
        maxfun: evaluations at most, at least 1; None: no limit.
        maxls: evaluations in one line search at most, at least 1; those that are not finite do not
            count.
        c1: of sufficient decrease, in (0, 0.5).
        c2: of the curvature condition, in (c1, 1).
        bounds: as `minimize` takes them; None: none.
        damping: change y so that sᵀy is at least 0.2 times the curvature that H expected, instead
            of leaving pairs out.
        hess_inv0: H at the start, n x n, symmetric and positive definite, which then does not grow
            before its first update; None: a multiple of I.

    Memory: 4 n² bytes, the lower triangle of H in float64, and about 20 vectors. `result()` makes
    the whole matrix for `hess_inv`, 8 n² bytes more.

    Example:
        >>> import numpy as np
        >>> solver = BFGS([3.0, 1.0])
        >>> while not solver.done:
        ...     x = solver.ask()
        ...     solver.tell(x[0] ** 2 + 5 * x[1] ** 2, x * [2, 10])
        >>> result = solver.result()
        >>> result.x.round(6) + 0.0
        array([0., 0.])
        >>> result.hess_inv.round(1) + 0.0
        array([[0.5, 0. ],
               [0. , 0.1]])

    Reference: Nocedal and Wright, Numerical Optimization, 2006, equations 6.17 and 6.20;
    Al-Baali, Numerical Experience with a Class of Self-Scaling Quasi-Newton Algorithms, J. Optim.
    Theory Appl. 96, 1998; Schnabel, Quasi-Newton Methods Using Multiple Secant Equations,
    University of Colorado, CU-CS-247-83, 1983; the line search and the damping are those of
    `LBFGS`.

    Where we differ: the update is applied as a symmetric one of rank two or four while H is read
    for the next product, one pass over half a matrix an iteration. Growth ends, so that H
    converges. Slopes near the minimum, float64 sums and thresholds as in `LBFGS`.
    """

    _method = "bfgs"

    def __init__(
        self,
        x0: Any,
        *,
        gtol: float | None = None,
        ftol: float = 0.0,
        maxiter: int | None = 15000,
        maxfun: int | None = 15000,
        maxls: int = 20,
        c1: float = 1e-4,
        c2: float = 0.9,
        damping: bool = False,
        hess_inv0: Any = None,
        bounds: Any = None,
    ) -> None:
        super().__init__(
            x0,
            gtol=gtol,
            ftol=ftol,
            maxiter=maxiter,
            maxfun=maxfun,
            maxls=maxls,
            c1=c1,
            c2=c2,
            bounds=bounds,
            damping=damping,
            hess_inv0=hess_inv0,
        )

    def _more(self, found: dict[str, Any]) -> dict[str, Any]:
        return {"hess_inv": found["matrix"]}


class SR1(Solver):
    """Symmetric rank one in a trust region: a dense Hessian that may be indefinite.

    With s = x_new - x, y = g_new - g and r = y - B s::

        B ← B + r rᵀ / rᵀs,    unless |rᵀs| < 1e-8 |r| |s|
        p minimizes gᵀp + pᵀB p / 2 over |p| ≤ Δ, by conjugate gradients that end at the boundary

    x + p is taken where f falls by more than 1e-4 of what the model expects. The radius Δ is halved
    below a tenth of it, and doubled above three quarters where p reached the boundary, or more
    where the model was exact to a tenth more than three times in a row. It begins as 0.3 |x| or
    |f| / |g|, whichever is less, and B as |g| / Δ I. B also
    learns from steps that are not taken. It follows curvature of both signs, which BFGS cannot.
    With bounds the step is projected as that of `Newton`.

    Args:
        x0: where to start; see `Solver`.
        gtol: converged where no element of the gradient is larger, at least 0; None: 1e-5 for
            float64 iterates and 1e-3 for float32.
        ftol: converged where a step decreases f by no more than ftol max(|f|, |f_new|, 1), and no
            more was to be expected; at least 0, which is off.
        maxiter: steps at most, at least 0, which evaluates x0 alone; None: no limit.
        maxfun: evaluations at most, at least 1; None: no limit.
        bounds: as `minimize` takes them; None: none.

    Memory: 4 n² bytes, the lower triangle of B in float64, and about 16 vectors. `result()` makes
    the whole matrix for `hess`, 8 n² bytes more.

    Example:
        >>> import numpy as np
        >>> solver = SR1([3.0, 1.0])
        >>> while not solver.done:
        ...     x = solver.ask()
        ...     solver.tell(x[0] ** 2 + 5 * x[1] ** 2, x * [2, 10])
        >>> result = solver.result()
        >>> result.x.round(5) + 0.0
        array([0., 0.])
        >>> result.hess.round(3) + 0.0
        array([[ 2.,  0.],
               [ 0., 10.]])

    Reference: Conn, Gould and Toint, Convergence of Quasi-Newton Matrices Generated by the
    Symmetric Rank One Update, Math. Programming 50, 1991; Nocedal and Wright, Numerical
    Optimization, 2006, algorithm 6.2 and equation 6.26; Steihaug, The Conjugate Gradient Method and
    Trust Regions, SIAM J. Numer. Anal. 20, 1983.

    Where we differ: the first pair with sᵀy > 0 sets B to (sᵀy / sᵀs) I before it is used. Where
    the decrease of f is within its rounding error, the slopes at both ends stand for it. Pairs that
    rounding alone could have made are left out. Where no step helps any more, B is forgotten once.
    """

    _method = "sr1"

    def __init__(
        self,
        x0: Any,
        *,
        gtol: float | None = None,
        ftol: float = 0.0,
        maxiter: int | None = 15000,
        maxfun: int | None = 15000,
        bounds: Any = None,
    ) -> None:
        super().__init__(x0, gtol=gtol, ftol=ftol, maxiter=maxiter, maxfun=maxfun, bounds=bounds)

    def _more(self, found: dict[str, Any]) -> dict[str, Any]:
        return {"hess": found["matrix"]}


class GradientDescent(Solver):
    """Steepest descent with a line search: the baseline that the other methods are held against.

    With s the last step and g_old the gradient before it::

        d = -τ g,    τ = -sᵀg_old / gᵀg
        x ← x + a d

    so that a = 1 expects, to first order, the decrease of the last step again; at first τ is
    min(1, 1 / |g|). The step a is that of `LBFGS`. Slow wherever the Hessian is ill conditioned.

    Args:
        x0: where to start; see `Solver`.
        gtol: converged where no element of the gradient is larger, at least 0; None: 1e-5 for
            float64 iterates and 1e-3 for float32.
        ftol: converged where a step decreases f by no more than ftol max(|f|, |f_new|, 1), and no
            more was to be expected; at least 0, which is off.
        maxiter: steps at most, at least 0, which evaluates x0 alone; None: no limit.
        maxfun: evaluations at most, at least 1; None: no limit.
        maxls: evaluations in one line search at most, at least 1; those that are not finite do not
            count.
        c1: of sufficient decrease, in (0, 0.5).
        c2: of the curvature condition, in (c1, 1).
        bounds: as `minimize` takes them; None: none.

    Memory: 9 vectors as large as x0.

    Example:
        >>> import numpy as np
        >>> solver = GradientDescent([3.0, 1.0])
        >>> while not solver.done:
        ...     x = solver.ask()
        ...     solver.tell(x[0] ** 2 + 5 * x[1] ** 2, x * [2, 10])
        >>> solver.result().x.round(4) + 0.0
        array([0., 0.])

    Reference: Cauchy, Méthode générale pour la résolution des systèmes d'équations simultanées,
    1847; Nocedal and Wright, Numerical Optimization, 2006, section 3.5, the formula before equation
    3.60, for τ.
    """

    _method = "gradient_descent"

    def __init__(
        self,
        x0: Any,
        *,
        gtol: float | None = None,
        ftol: float = 0.0,
        maxiter: int | None = 15000,
        maxfun: int | None = 15000,
        maxls: int = 20,
        c1: float = 1e-4,
        c2: float = 0.9,
        bounds: Any = None,
    ) -> None:
        super().__init__(
            x0,
            gtol=gtol,
            ftol=ftol,
            maxiter=maxiter,
            maxfun=maxfun,
            maxls=maxls,
            c1=c1,
            c2=c2,
            bounds=bounds,
        )


explain(__name__)
