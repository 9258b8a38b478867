"""Sums of squares: fits of all kinds, SciPy's `least_squares`, and the solver under it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..caller import warn
from ..checks import count, flag, positive
from ..kinds import Kinds, as_array
from ..structures import leaves, map_leaves
from ..suggest import did_you_mean, explain
from .base import Solver, copied, flat, like, named_leaves
from .bounds import each_side, projected, two_sides
from .differences import JacobianDifferences, is_central
from .losses import LOSSES
from .minimize import STOPPED, watcher
from .result import LeastSquaresResult
from .trace import Trace, verbosity

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LeastSquares", "least_squares"]

# A relative offset at which a fit that is not exact enough for more, by differences, is done.
NEAR = 1e-4
# A variable that data do not fix is part of a direction along which J is zero.
UNFIXED = 1e-8


class LeastSquares(Solver):
    """Least squares: the x for which ½ |r(x)|² is smallest, from residuals and their Jacobian.

    A trust region over the linear model of the residuals, with J the Jacobian at x::

        p minimizes |r + J p|² over |D p| ≤ Δ,    Dⱼ the largest |Jⱼ| so far, so that units do not
        matter;    Δ is |D x| at first

    x + p is taken where the cost falls by more than 1e-4 of what the model expects. Δ becomes a
    quarter of the step below a quarter of it, and doubles above three quarters where p reached the
    boundary. JᵀJ is formed in C++, in the order of the rows, and factored by Cholesky.

    A run has converged where the relative offset is at most `tol`, which has no units either::

        |P r|² / n  ≤  tol² |r - P r|² / (m - n),    P r the part of r that J p can remove

    That is: the step which is left is tol standard errors. Where m ≤ n, or J has columns that are
    sums of others, the cosines between r and the columns have to be at most tol. A run ends well
    too where r is zero, or the step or the change of the cost that is left nothing, as far as
    rounding can tell.

    The Jacobian is asked for at the first point, and at others where the residuals are good enough
    to go there::

        while not solver.done:
            x = solver.ask()
            if solver.request == "jacobian":
                solver.tell_jacobian(jacobian(x))
            else:
                solver.tell(residuals(x))

    Args:
        x0: where to start; see `Solver`. n variables, all finite.
        bounds: (lower, upper), or an object with `lb` and `ub`: each one number for all, or an
            array or a structure like x0; None: none.
        loss: "linear", plain squares; or one that lets large residuals count for less, of
            z = (r / f_scale)²: "soft_l1", 2 (√(1 + z) - 1); "huber", z up to 1, then 2 √z - 1;
            "cauchy", ln(1 + z); "arctan", arctan z; or a function that takes z (m,) to ρ(z), ρ'(z)
            and ρ''(z), (3, m). The cost is ½ f_scale² Σ ρ(z).
        f_scale: above 0; residuals beyond it count as outliers.
        tol: at least 0.
        maxfun: evaluations of the residuals at most, at least 1; None: no limit.

    The result is a `LeastSquaresResult`.

    Memory: twice the Jacobian, 3 n² and a few vectors.

    Example:
        >>> import numpy as np
        >>> t = np.array([0.0, 1.0, 2.0, 3.0])
        >>> y = np.array([2.0, 1.2, 0.8, 0.4])
        >>> solver = LeastSquares([1.0, 1.0])
        >>> while not solver.done:
        ...     a, k = solver.ask()
        ...     model = a * np.exp(-k * t)
        ...     if solver.request == "jacobian":
        ...         solver.tell_jacobian(np.stack([model / a, -t * model], axis=1))
        ...     else:
        ...         solver.tell(model - y)
        >>> result = solver.result()
        >>> result.success, result.x.round(3), result.stderr.round(3)
        (True, array([2.001, 0.497]), array([0.054, 0.029]))

    Reference: Moré, The Levenberg-Marquardt Algorithm: Implementation and Theory, 1978; Bates and
    Watts, A Relative Offset Orthogonality Convergence Criterion for Nonlinear Least Squares,
    Technometrics 23, 1981; for losses Triggs and others, Bundle Adjustment: A Modern Synthesis,
    2000.

    Where we differ: no test looks at how much the cost fell last, which ends runs early.
    """

    _method = "least_squares"
    _read_bounds = staticmethod(two_sides)

    def __init__(
        self,
        x0: Any,
        *,
        bounds: Any = None,
        loss: Any = "linear",
        f_scale: float = 1.0,
        tol: float = 1e-8,
        maxfun: int | None = 15000,
    ) -> None:
        named = not callable(loss)
        super().__init__(
            x0,
            bounds=bounds,
            loss=loss if named else "linear",
            f_scale=f_scale,
            tol=tol,
            maxfun=maxfun,
        )
        self._function = None if named else loss
        self._names: list[str] | None = None  # other ones for the variables
        self._set_loss()
        for path, leaf in named_leaves(self._solver.ask(), "x0"):
            if not np.isfinite(leaf).all():
                k = tuple(int(i) for i in np.argwhere(~np.isfinite(leaf))[0])
                raise ValueError(f"{_element('x0', path, k)} is {leaf[k]}; finite is wanted")

    def _set_loss(self) -> None:
        options = self._solver.__getstate__()[2]
        self._f_scale = float(options["f_scale"])
        self._rho = self._function or LOSSES[options["loss"]]
        self._bounds = options["bounds"]

    def tell(self, r: Any, observations: int | None = None) -> None:
        """Take the residuals at the point that was asked for.

        Args:
            r: m numbers, an array of any shape; m is as at the first point. Only read. Where one
                is not finite the solver goes back towards the last point.
            observations: how many residuals r stands for, at least m; None: m. It is more where r
                and J have been multiplied from the left by what keeps JᵀJ, Jᵀr and |r|², as by QR
                of [J, r], which leaves n + 1 rows. The loss is "linear" then.

        Raises:
            TypeError, ValueError: for what does not fit; the solver stays as it was.
            RuntimeError: when no residuals are asked for.
        """
        r = as_array(r, "residuals")
        least = max(r.size, 1)
        many = least if observations is None else count("observations", observations, least=least)
        rho = None
        if self._rho is not None:
            if many != least:
                raise ValueError(
                    f"observations is {many}, of {r.size} residuals, and the loss is not linear; "
                    "it needs the residuals themselves"
                )
            with np.errstate(all="ignore"):
                rho = self._rho((r.ravel() / self._f_scale) ** 2)
        self._solver.tell_residuals(r, rho, many)

    def tell_jacobian(self, J: Any) -> None:
        """Take the Jacobian of the residuals at the point that was asked for.

        Args:
            J: m x n; where x0 is an array of another shape, also (m, *shape); where it has
                containers, also a structure like it of such. A sparse matrix is written out.

        Raises:
            TypeError, ValueError: another shape; the solver stays as it was.
            RuntimeError: when no Jacobian is asked for.
        """
        x = self._solver.best(False)[0]
        if isinstance(x, np.ndarray):
            matrix = _matrix(J, x.shape)
        else:
            parts, shapes = leaves(J), [leaf.shape for leaf in leaves(x)]
            alike = len(parts) == len(shapes)
            matrix = (
                np.concatenate([_matrix(*pair) for pair in zip(parts, shapes, strict=True)], axis=1)
                if alike and not hasattr(J, "shape")
                else _matrix(J, (self.size,))
            )
        self._solver.tell_jacobian(matrix)

    def _result(self, copy: bool) -> LeastSquaresResult:
        found, fit = self._solver.result(copy), self._solver.fitted()
        x, cost, J = found["x"], found["fun"], fit["jacobian"]
        r, gradient = fit["residuals"], found["jac"]
        if J is None:
            J = np.full((r.size, self.size), math.nan)
            gradient = map_leaves(lambda leaf: np.full_like(leaf, math.nan), gradient)
            cost = cost if r.size else math.nan
        here, slopes = flat(x), flat(gradient)
        lower, upper = each_side(self._bounds, here.size)
        active = np.where(here == upper, 1, 0) - np.where(here == lower, 1, 0)
        fixed = (here == lower) | (here == upper)
        known = covariance(J, cost, fixed, observations=fit["observations"])
        message = found["message"]
        names = self._names or element_names(x)
        message += known.remark(names)
        evaluations = found["nfev"]
        return LeastSquaresResult(
            x=x,
            cost=cost,
            fun=r,
            jac=J,
            grad=gradient,
            optimality=float(np.abs(projected(slopes, here, self._bounds)).max()),
            active_mask=np.where(lower == upper, -1, active),
            nit=found["nit"],
            nfev=evaluations,
            njev=found["second_order"][0],
            status=found["status"],
            success=found["status"] == 0,
            message=message,
            covariance=known.matrix,
            stderr=like(x, known.deviations),
            dof=known.dof,
            rank=known.rank,
            relative_offset=fit["offset"],
            names=names,
        )

    def _state(self) -> tuple[Any, ...]:
        if self._function is not None:
            raise ValueError(f"loss is {self._function!r}; one by name is wanted, to be saved")
        return super()._state()

    @classmethod
    def _from_state(cls, state: tuple[Any, ...]) -> Self:
        solver = super()._from_state(state)
        solver._function = solver._names = None
        solver._set_loss()
        return solver


def _matrix(J: Any, shape: tuple[int, ...]) -> Any:
    """Return a Jacobian by an array of a shape with a column for each element."""
    if hasattr(J, "toarray"):
        J = J.toarray()
    J, size = as_array(J, "jacobian"), math.prod(shape)
    if size == 1 or (J.ndim > len(shape) and J.shape[J.ndim - len(shape) :] == shape):
        return J.reshape(-1, size)
    return J


def _element(name: str, path: str, index: tuple[int, ...]) -> str:
    at = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{name}.{path}{at}" if path else f"{name}{at}"


def element_names(x: Any) -> list[str]:
    """Return what each variable is called: by its place, and of containers by its key."""
    return [
        _element(path, "", index) if path else _element("x", "", index)
        for path, leaf in named_leaves(x, "x")
        for index in np.ndindex(leaf.shape)
    ]


@dataclass(frozen=True)
class Covariance:
    """How exact a fit is.

    Attributes:
        matrix: the covariance of the variables, n x n.
        deviations: the standard errors.
        rank: of the Jacobian over the variables that are free.
        dof: degrees of freedom, m - rank.
        fixed: which variables are on a bound.
        unfixed: which the data do not determine.
    """

    matrix: Any
    deviations: Any
    rank: int
    dof: int
    fixed: Any
    unfixed: Any

    def remark(self, names: list[str]) -> str:
        """Return what a user must know, to be added to a message."""
        text = ""
        for which, what in (
            (self.fixed, "on a bound, where there is no standard error"),
            (self.unfixed, f"not determined by the data: the Jacobian has rank {self.rank}"),
        ):
            if which.any():
                listed = [name for name, is_so in zip(names, which, strict=True) if is_so]
                text += f"; {_listed(listed)} {'is' if len(listed) == 1 else 'are'} {what}"
        return text


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= 5 else [*names[:4], f"{len(names) - 4} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def covariance(
    J: Any, cost: float, fixed: Any, absolute: bool = False, observations: int | None = None
) -> Covariance:
    """Return how exact a fit is, from the singular values of J, never from JᵀJ.

    J: m x n, whose columns are scaled to length 1 first.
    cost: half the sum of squares, of which s² = 2 cost / (m - rank) is the variance of a residual,
        which is 1 where that is `absolute`.
    fixed: variables on a bound, which have no variance.
    observations: m, where J has been reduced; None: its rows.
    """
    n = J.shape[1]
    m = len(J) if observations is None else observations
    matrix, unfixed = np.full((n, n), math.nan), np.zeros(n, bool)
    free = ~fixed
    if not np.isfinite(J).all():
        return Covariance(matrix, np.full(n, math.nan), 0, m, fixed, unfixed)
    largest = np.abs(J[:, free]).max(axis=0, initial=0.0)
    largest[largest == 0] = 1.0
    columns = J[:, free] / largest
    lengths = np.linalg.norm(columns, axis=0)
    lengths[lengths == 0] = 1.0
    _, values, rows = np.linalg.svd(np.linalg.qr(columns / lengths, mode="r"))
    least = max(J.shape) * np.finfo(float).eps * values.max(initial=0.0)
    rank = int((values > least).sum())
    dof = m - rank
    variance = 1.0 if absolute else (2 * cost / dof if dof > 0 else math.inf)
    inverse = rows[:rank] / values[:rank, None]
    scale = largest * lengths
    with np.errstate(invalid="ignore", over="ignore"):
        found = (inverse.T @ inverse) / scale / scale[:, None] * variance
    loose = (np.abs(rows[rank:]) > UNFIXED).any(axis=0)
    found[loose] = found[:, loose] = math.inf
    if dof == 0 and not absolute:
        found[:] = math.inf
    matrix[np.ix_(free, free)] = found
    unfixed[free] = loose
    return Covariance(matrix, np.sqrt(np.diag(matrix)), rank, dof, fixed, unfixed)


# SciPy's arguments that do nothing here, and what does it instead.
INSTEAD = {
    "method": "there is one method, a trust region with Moré's scaling",
    "ftol": "no test looks at how much the cost fell; a run ends by the relative offset, `tol`",
    "xtol": "a run ends by the relative offset, `tol`",
    "gtol": "a run ends by the relative offset, `tol`",
    "tr_solver": "steps come from JᵀJ by Cholesky",
    "tr_options": "steps come from JᵀJ by Cholesky",
    "jac_sparsity": "the Jacobian is dense",
}


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-math.inf, math.inf),
    *,
    loss: Any = "linear",
    f_scale: float = 1.0,
    x_scale: Any = "jac",
    tol: float = 1e-8,
    maxfun: int | None = None,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    trace: bool = False,
    verbose: int = 0,
    diff_step: float | None = None,
    max_nfev: int | None = None,
    method: Any = None,
    ftol: Any = None,
    xtol: Any = None,
    gtol: Any = None,
    tr_solver: Any = None,
    tr_options: Any = None,
    jac_sparsity: Any = None,
) -> LeastSquaresResult:
    """Find the least sum of squares ½ |r(x)|² near x0, and how exact x is; called as SciPy's.

    The method, its losses and its tests are those of `LeastSquares`.

    Args:
        fun: fun(x, *args, **kwargs) returns the residuals, an array of m; with jac=True a pair of
            them and the Jacobian, or of three, with how many residuals those stand for, see
            `LeastSquares.tell`. x has the shape of x0, in a copy. Where the residuals are not
            defined, return NaN or infinity.
        x0: where to start, as in `minimize`: numbers, an array or a structure of arrays; tensors
            come as tensors.
        jac: True; a function jac(x, *args, **kwargs) that returns the Jacobian, m x n, see
            `LeastSquares.tell_jacobian`; "3-point" or "2-point" for central or forward differences,
            see `JacobianDifferences`; None: "3-point", with a warning that says what that costs.
        bounds: (lower, upper), each one number for all, or an array or a structure like x0; or an
            object with `lb` and `ub` such as SciPy's Bounds. x0 is moved inside, and every point at
            which fun is evaluated is inside, those of differences too. Equal ones fix a variable.
        loss: "linear", "soft_l1", "huber", "cauchy", "arctan" or a function; see `LeastSquares`.
        f_scale: beyond it residuals count as outliers. Above 0.
        x_scale: "jac", which is what the method does by itself; anything else is no use, and warned
            of.
        tol: the relative offset at which a run has converged, at least 0.
        maxfun: points at most, those of differences not counted; None: 15,000.
        args: further arguments of fun and jac: a tuple, or one that is no tuple.
        kwargs: and further keywords, a dict.
        callback: called after each iteration, as callback(intermediate_result=result) where that is
            the name of its only parameter, with x, cost, grad, nit and nfev, and as callback(x)
            otherwise; in copies. Raise StopIteration to end the run.
        trace: keep the iterations as `trace` of the result, see `Result`.
        verbose: 0 prints nothing, 1 a line at the end, 2 a line for each iteration too.
        diff_step: h / |xⱼ| of differences, above 0; None: by the dtype.
        max_nfev: the same as maxfun.
        method: SciPy's, which changes nothing here, as a warning says.
        ftol: likewise.
        xtol: likewise.
        gtol: likewise.
        tr_solver: likewise.
        tr_options: likewise.
        jac_sparsity: likewise.

    Returns:
        A `LeastSquaresResult`. Printed, it is a table of variables and standard errors.

    Raises:
        ValueError: for bounds that are crossed or NaN, an x0 that is not finite, residuals whose
            number changes, and other arguments that make no sense.

    Example:
        >>> import numpy as np
        >>> t, y = np.arange(5.0), np.array([3.1, 2.0, 1.1, 0.9, 0.4])
        >>> def decay(p):
        ...     return p["height"] * np.exp(-p["rate"] * t) - y
        >>> start = {"height": 1.0, "rate": 1.0}
        >>> result = least_squares(decay, start, jac="3-point", bounds=(0, np.inf))
        >>> float(result.x["rate"].round(4)), float(result.stderr["rate"].round(4)), result.dof
        (0.4698, 0.0328, 3)
    """
    if maxfun is not None and max_nfev is not None:
        raise ValueError(f"maxfun is {maxfun!r} and max_nfev {max_nfev!r}; one of them is wanted")
    return fit(
        fun,
        x0,
        jac,
        bounds,
        loss=loss,
        f_scale=f_scale,
        x_scale=x_scale,
        tol=tol,
        maxfun=max_nfev if maxfun is None else maxfun,
        args=args,
        kwargs=kwargs,
        callback=callback,
        trace=trace,
        verbose=verbose,
        diff_step=diff_step,
        method=method,
        ftol=ftol,
        xtol=xtol,
        gtol=gtol,
        tr_solver=tr_solver,
        tr_options=tr_options,
        jac_sparsity=jac_sparsity,
    )


def fit(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any,
    bounds: Any,
    *,
    names: list[str] | None = None,
    loss: Any = "linear",
    f_scale: float = 1.0,
    x_scale: Any = "jac",
    tol: float = 1e-8,
    maxfun: int | None = None,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    trace: bool = False,
    verbose: int = 0,
    diff_step: float | None = None,
    **unused: Any,
) -> LeastSquaresResult:
    """Run `least_squares`, with names for the variables; unused: arguments that SciPy has."""
    if not callable(fun):
        raise TypeError(f"fun is {fun!r}; a function is wanted")
    for name in unused:
        if name not in INSTEAD:
            known = [*inspect.signature(fit).parameters, *INSTEAD]
            raise TypeError(f"there is no argument {name!r}{did_you_mean(name, known)}")
    if not (isinstance(x_scale, str) and x_scale == "jac"):
        warn(f"x_scale is {x_scale!r}, which changes nothing: scales come from J", UserWarning)
    for name, value in unused.items():
        if value is not None:
            warn(f"{name} is {value!r}, which changes nothing: {INSTEAD[name]}", UserWarning)
    solver = LeastSquares(
        x0,
        bounds=bounds,
        loss=loss,
        f_scale=f_scale,
        tol=tol,
        **({} if maxfun is None else {"maxfun": maxfun}),
    )
    solver._names = names
    disp, traced = verbosity(verbose), flag("trace", trace)
    kinds = Kinds(x0)
    further = args if isinstance(args, tuple) else (args,)
    keywords = dict(kwargs or {})

    def called(function: Callable[..., Any]) -> Callable[[Any], Any]:
        def call(x: Any) -> Any:
            return function(x, *further, **keywords)

        return kinds.taken_by(call) if kinds else call

    evaluate = Evaluator(solver, called(fun), called(jac) if callable(jac) else jac, diff_step)

    def state(x: Any, grad: Any, cost: float) -> LeastSquaresResult:
        nfev = evaluate.evaluations
        return LeastSquaresResult(x=x, cost=cost, grad=grad, nit=solver.nit, nfev=nfev)

    watch = None if callback is None else watcher(callback, solver, kinds, state)
    rows = (
        Trace(solver, lambda: evaluate.evaluations, printed=disp == 2)
        if traced or disp == 2
        else None
    )
    nit, stopped = -1, False
    while not (solver.done or stopped):
        evaluate()
        if evaluate.known and solver.nit != nit:
            if rows is not None:
                rows.note()
            stopped = watch is not None and nit >= 0 and watch()
            nit = solver.nit
    result = solver._result(copy=not solver.done)
    result.nfev = evaluate.evaluations
    if evaluate.differences and result.status == 2 and result.relative_offset <= NEAR:
        result.update(
            status=0,
            success=True,
            message=f"the cost decreases no more along a Jacobian by differences; the step that is "
            f"left is {result.relative_offset:.3g} standard errors",
        )
    if stopped:
        result.update(status=99, success=False, message=STOPPED)
    if kinds:
        result.update({name: kinds(result[name]) for name in ("x", "grad", "stderr")})
    if rows is not None and traced:
        result.trace = rows.arrays()
    if disp:
        print(f"{result.message}: cost={result.cost:.10g}, nit={result.nit}, nfev={result.nfev}")
    return result


class Evaluator:
    """Answers what a solver asks for, from functions as `least_squares` takes them.

    Attributes:
        evaluations: of the residuals so far.
        differences: what gives the Jacobian where no function does.
        known: whether the Jacobian at the first point is.
    """

    def __init__(
        self,
        solver: LeastSquares,
        fun: Callable[[Any], Any],
        jac: Any,
        step: float | None,
    ) -> None:
        self._solver = solver
        self._fun = fun
        self._both = isinstance(jac, (bool, np.bool_)) and bool(jac)
        self._r: Any = None
        self._J: Any = None  # of the last point, where both come together
        self.differences: JacobianDifferences | None = None
        self._calls = 0
        self.known = False
        if callable(jac):
            self._jac = jac
        elif not self._both:
            self.differences = self._by_differences(jac, step)

    def _by_differences(self, jac: Any, step: float | None) -> JacobianDifferences:
        cost = (
            f"each Jacobian costs 2 n = {2 * self._solver.size} evaluations of fun; pass a "
            "function for it, jac=True where fun returns (residuals, Jacobian), or, if you mean "
            "it, jac='3-point', or '2-point', which costs n and is less exact"
        )
        return JacobianDifferences(
            lambda x: as_array(self._fun(x), "residuals"),
            central=is_central("jac", jac, cost),
            step=None if step is None else positive("diff_step", step),
            bounds=self._solver._bounds,
        )

    @property
    def evaluations(self) -> int:
        return self._calls + (self.differences.evaluations if self.differences else 0)

    def __call__(self) -> None:
        """Answer one request."""
        solver = self._solver
        x = solver._solver.ask()
        if solver.request == "residuals":
            self._calls += 1
            r, more = self._fun(copied(x)), []
            if self._both:
                r, self._J, *more = _pair(r)
            self._r = as_array(r, "residuals")
            solver.tell(self._r, *more)
            return
        if self._both:
            J = self._J
        elif self.differences is not None:
            J = self.differences(x, self._r)
        else:
            J = self._jac(copied(x))
        solver.tell_jacobian(J)
        self.known = True


def _pair(returned: Any) -> tuple[Any, ...]:
    try:
        found = tuple(returned)
    except TypeError:
        found = ()
    if len(found) != 2 and not (len(found) == 3 and isinstance(returned, tuple)):
        raise TypeError(
            f"fun returned an object of type {type(returned).__name__}; with jac=True a pair "
            "(residuals, Jacobian) is wanted"
        )
    return found


explain(__name__)
