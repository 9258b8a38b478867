"""SciPy's `minimize`, over the solvers of this package."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ..caller import warn
from ..checks import flag, positive, tolerance
from ..kinds import Kinds
from ..suggest import did_you_mean
from . import newton, quasi_newton
from .base import ROWS, Solver, copied, flat, like
from .bounds import Sides, nothing, projected
from .differences import Differences, GradientDifferences, is_central, value_and_gradient
from .newton import dense, multipliable
from .result import Result
from .trace import Trace, verbosity

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["minimize"]

_CLASSES: list[type[Solver]] = [
    getattr(module, name) for module in (newton, quasi_newton) for name in module.__all__
]
METHODS = {name: cls for name in ROWS for cls in _CLASSES if cls._method == name}
ALIASES = {alias: name for name, row in ROWS.items() for alias in row["aliases"]}
OPTIONS = {
    name: [
        *(option for option in row["options"] if option != "bounds"),
        *("disp", "finite_diff_rel_step", "trace"),
    ]
    for name, row in ROWS.items()
    if name in METHODS
}
# By what a method needs: the argument that gives it, and what that returns.
SECOND = {"hessian": ("hess", "Hessian"), "hessian_product": ("hessp", "product")}


class Options(TypedDict, total=False):
    """Options of all methods as keywords, for type checkers; the classes explain them."""

    c1: float
    c2: float
    damping: bool
    disp: int
    finite_diff_rel_step: float | None
    ftol: float
    globalization: str
    gtol: float | None
    hess_inv0: Any
    history_dtype: Any
    history_size: int
    learning_rate: float
    maxcor: int
    maxfun: int | None
    maxiter: int | None
    maxls: int
    trace: bool


# Variables up to which user's functions get copies of x, which are theirs to write.
LENT = 1000
# A gradient by differences whose error is so many times gtol says nothing about gtol.
FAR = 10.0

STOPPED = "`callback` raised `StopIteration`."


def method_name(method: Any) -> str:
    """Return the name of a method as we spell it, or raise an error that lists them."""
    if method is None:
        return "lbfgs"
    name = method.lower() if isinstance(method, str) else ""
    name = ALIASES.get(name, name)
    if name not in METHODS:
        near = did_you_mean(name, [*METHODS, *ALIASES])
        raise ValueError(f"method is {method!r}; one of {list(METHODS)} is wanted{near}")
    return name


def settings_of(method: str, options: Any, more: dict[str, Any], tol: Any) -> dict[str, Any]:
    """Return the options of a method, `disp` among them, under our names."""
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(f"options is {options!r}; a dict is wanted")
    settings: dict[str, Any] = {}
    for given, value in [*(options or {}).items(), *more.items()]:
        name = "history_size" if given == "maxcor" else given
        if name not in OPTIONS[method]:
            known = [*OPTIONS[method], *inspect.signature(minimize).parameters]
            raise ValueError(
                f"{given!r} is no option of {method}, which takes {OPTIONS[method]}"
                + did_you_mean(str(given), known)
            )
        if name in settings:
            raise ValueError(f"the option {name!r} is given twice")
        settings[name] = value
    if tol is not None:
        for name in ("gtol", "ftol") if method == "lbfgs" else ("gtol",):
            settings.setdefault(name, tolerance("tol", tol))
    return settings


def wants_result(callback: Callable[..., Any]) -> bool:
    """Whether `intermediate_result` is the only parameter of a callback."""
    try:
        return set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except ValueError:  # a function in C that does not say what it takes
        return False


def watcher(
    callback: Callable[..., Any],
    solver: Solver,
    kinds: Kinds,
    state: Callable[[Any, Any, float], Result],
) -> Callable[[], bool]:
    """Return what calls back after an iteration, and is True when that asks for the end.

    state: makes what is shown of x, the gradient there and the value.
    """
    if not callable(callback):
        raise TypeError(f"callback is {callback!r}; a function or None is wanted")
    takes_result = wants_result(callback)

    def watch() -> bool:
        x, jac, fun = solver._best()
        if kinds:
            x, jac = kinds(x), kinds(jac)
        try:
            if takes_result:
                callback(intermediate_result=state(x, jac, fun))
            else:
                callback(x)
        except StopIteration:
            return True
        return False

    return watch


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = "lbfgs",
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **more: Unpack[Options],
) -> Result:
    """Find a local minimum of a function of many variables; called as SciPy's `minimize`.

    Args:
        fun: fun(x, *args) returns a real number, or with jac=True a pair of it and the gradient.
            x has the shape of x0 and never changes, so that it may be kept. Up to 1,000 variables
            it is a copy, and writing into it changes nothing of the run; beyond, it is read-only.
            Where the function is not defined, return NaN or infinity: the gradient there is not
            looked at, and may be None.
        x0: where to start: a number, a list of numbers, an array of any shape and layout, or nested
            lists, tuples and dicts of arrays. x in the result has its structure. Iterates are
            float32 where all arrays are, else float64; see `Solver`. Where it is a tensor of
            PyTorch or an array of another library with DLPack and the array API, as jax, fun and
            the other functions get x as one too, in a copy that no graph leads to, and x and jac
            of the result are such; matrices remain NumPy's.
        args: further arguments of fun and jac: a tuple, or one that is no tuple.
        method: "lbfgs" (also "L-BFGS-B"; None is the same), "bfgs", "sr1", "newton" (also
            "trust-exact", "dogleg"), "newton_cg" (also "Newton-CG", "trust-ncg", "trust-krylov") or
            "gradient_descent", in any case; see `LBFGS`, `BFGS`, `SR1`, `Newton`, `NewtonCG` and
            `GradientDescent`.
        jac: True; a function jac(x, *args) that returns the gradient; "3-point" or "2-point" for
            central or forward differences, see `Differences`; None: "3-point", with a warning that
            says what that costs.
        hess: of "newton": hess(x, *args) returns the n x n Hessian, an array, sparse or a linear
            operator, see `Newton.tell_hessian`; "3-point" or "2-point" for central or forward
            differences of the gradient, see `GradientDifferences`; None: "3-point", with a warning
            that says what that costs. For "newton_cg" without `hessp` it is multiplied by v. The
            others do not use it.
        hessp: of "newton_cg", and of "newton" without `hess`, which then is "newton_cg":
            hessp(x, v, *args) returns the Hessian times v, in the structure of x; for "newton_cg"
            also "3-point", "2-point" or None, as for `hess`.
        bounds: lower and upper bounds of the variables: a pair (low, high) for each, in C order;
            one for all; an object with `lb` and `ub` such as SciPy's Bounds; or for containers of
            arrays a structure like x0 with a pair, of numbers or of arrays, for each array. None
            stands for an infinite one. x0 is moved inside, and every point at which fun is
            evaluated is inside, those of differences too. Equal bounds fix a variable.
        constraints: none; there are bounds, and no others.
        tol: stands for `gtol`, with "lbfgs" for `ftol` too, where they are not given. At least 0.
        callback: called after each iteration, as callback(intermediate_result=result) where that is
            the name of its only parameter, with x, fun, jac, nit and nfev, and as callback(x)
            otherwise; of the best point so far, in copies. Raise StopIteration to end the run.
        options: of the method: the keywords of its class; `maxcor` for `history_size`; `disp`: 0
            prints nothing, 1 a line at the end, 2 a line for each iteration too; `trace`: True
            keeps them as `trace` of the result, see `Result`; `finite_diff_rel_step`, of
            differences: h as a part of |xᵢ|.
        more: the same as keywords of their own: minimize(f, x0, gtol=1e-8).

    Returns:
        A `Result`. `x` is the best point seen and `fun` its value. `nfev` and `njev` count all
        evaluations, those for differences too, which `maxfun` does not count. A gradient by
        differences which rounding may have changed by more than 10 `gtol` is no success: the status
        is 2, and the message says how exact it was.

    Raises:
        ValueError: for an unknown method or option, bounds, constraints; for a Hessian that is not
            finite and symmetric, or a product that is not finite.

    What fun, jac and the callback raise is not touched, StopIteration in the callback aside.

    Example:
        >>> import numpy as np
        >>> def rosenbrock(x):
        ...     a, b = 1 - x[0], x[1] - x[0] ** 2
        ...     return a * a + 100 * b * b, np.array([-2 * a - 400 * x[0] * b, 200 * b])
        >>> result = minimize(rosenbrock, [-1.2, 1.0], jac=True)
        >>> result.success, result.x.round(5)
        (True, array([1., 1.]))

        >>> start = {"w": np.ones((2, 2), np.float32), "b": np.ones(2, np.float32)}
        >>> def fit(p):
        ...     r = p["w"].sum(0) + p["b"] - 6
        ...     return r @ r, {"w": np.stack([2 * r, 2 * r]), "b": 2 * r}
        >>> minimize(fit, start, jac=True, method="bfgs").x["b"]
        array([2., 2.], dtype=float32)
    """
    name = method_name(method)
    _refuse_constraints(constraints)
    if name == "newton" and hess is None and hessp is not None:
        name = "newton_cg"
    needs = ROWS[name]["needs"]
    by_products = needs == "hessian_product" and hessp is None
    for argument, value, used in (
        ("hess", hess, needs == "hessian" or by_products),
        ("hessp", hessp, needs == "hessian_product"),
    ):
        if value is not None and not used:
            warn(f"method {name} does not use {argument}", RuntimeWarning)
    settings = settings_of(name, options, dict(more), tol)
    disp = verbosity(settings.pop("disp", 0))
    traced = flag("trace", settings.pop("trace", False))
    step = settings.pop("finite_diff_rel_step", None)
    step = None if step is None else positive("finite_diff_rel_step", step)
    if not nothing(bounds):
        settings["bounds"] = bounds
    solver = METHODS[name](x0, **settings)
    core = solver._solver  # which lends x
    args = args if isinstance(args, tuple) else (args,)
    kinds = Kinds(x0)
    lent = bool(kinds) or solver.size <= LENT
    if kinds:
        fun, jac, hess = (kinds.taken_by(given) for given in (fun, jac, hess))
        hessp = kinds.taken_by(hessp, 2)
    evaluate = value_and_gradient(
        fun,
        jac,
        args,
        size=solver.size,
        step=step,
        gtol=core.gtol,
        bounds=solver.bounds,
        lend=copied if lent else lambda x: x,
    )

    second: GradientDifferences | None = None
    of_second: Callable[..., Any] | None = None
    if needs in SECOND:
        given = hess if needs == "hessian" or by_products else hessp
        if by_products and callable(hess):
            given = _products(hess, solver.size)
        of_second, second = _second_order(needs, given, jac, evaluate, args, solver, step)

    def evaluations() -> int:
        if isinstance(evaluate, Differences):
            return evaluate.evaluations
        return solver.nfev + (second.evaluations if second and not callable(jac) else 0)

    # No variable holds what was asked for while `tell` runs, nor the gradient while `fun` does: the
    # solver and NumPy can then use their memory again.
    ask, tell, stopped = core.ask, core.tell, False

    def values() -> None:
        tell(*evaluate(ask(lent)))

    def values_or_second_order() -> None:
        assert of_second is not None
        request = core.request
        if request == "hessian":
            core.tell_hessian(of_second(ask(lent)))
        elif request == "hessian_product":
            core.tell_product(of_second(ask(lent), core.direction(lent)))
        else:
            values()

    answer = values if of_second is None else values_or_second_order

    def state(x: Any, jac: Any, fun: float) -> Result:
        return Result(x=x, fun=fun, jac=jac, nit=solver.nit, nfev=evaluations())

    watch = None if callback is None else watcher(callback, solver, kinds, state)
    trace = Trace(solver, evaluations, printed=disp == 2) if traced or disp == 2 else None
    if watch is None and trace is None:
        while not core.done:
            answer()
    else:
        nit, known = 0, 0
        while not (core.done or stopped):
            answer()
            if trace is not None and (core.nit != nit or known == 0 < core.nfev):
                trace.note()
            known = core.nfev
            if core.nit != nit:
                nit = core.nit
                stopped = watch is not None and watch()
    result = solver._result(copy=not core.done)
    if isinstance(evaluate, Differences):
        ftol = float(settings.get("ftol") or 0.0)
        _judge(result, evaluate, core.gtol, ftol, solver.bounds)
    result.nfev = evaluations()
    result.njev += second.evaluations if second else 0
    if stopped:
        result.update(status=99, success=False, message=STOPPED)
    if kinds:
        result.update(x=kinds(result.x), jac=kinds(result.jac))
    if trace is not None and traced:
        result.trace = trace.arrays()
    if disp:
        print(f"{result.message}: fun={result.fun:.10g}, nit={result.nit}, nfev={result.nfev}")
    return result


def _judge(
    result: Result,
    differences: Differences,
    gtol: float,
    ftol: float,
    bounds: Sides | None = None,
) -> None:
    """Change the end of a run that differences made uncertain, and say so."""
    largest = float(np.abs(projected(flat(result.jac), flat(result.x), bounds)).max())
    if result.status in (0, 2, 5) and not (ftol > 0.0 and largest > gtol):
        differences.check(result.x, result.fun, result.jac)
    error = differences.error
    exact = f"the gradient is by differences, exact to about {error:.3g}"
    if result.status == 0 and error > FAR * gtol and not (ftol > 0.0 and largest > gtol):
        message = f"{exact} only, which is too coarse for gtol = {gtol:.3g}"
        result.update(status=2, success=False, message=f"{message}; pass jac or scale f")
    elif result.status == 5:
        message = f"f and its gradient disagree: {exact}, or f is not smooth"
        result.update(status=2, message=message)
    elif result.status == 3 and math.isfinite(result.fun) and math.isnan(largest):
        result.message += ": it is by differences, and f is not finite beside x"
    elif result.status in (2, 3) and error > 0.0:
        result.message += f"; {exact}"


def _products(hess: Callable[..., Any], n: int) -> Callable[..., Any]:
    """Return hessp made of hess, which is called once at each point."""
    at: Any = None
    matrix: Any = None

    def hessp(x: Any, v: Any, *args: Any) -> Any:
        nonlocal at, matrix
        if at is None or not np.array_equal(at, flat(x)):
            at, matrix = flat(x), multipliable(hess(x, *args), n)
        return like(v, matrix @ flat(v))

    return hessp


def _second_order(
    needs: str,
    given: Any,
    jac: Any,
    evaluate: Callable[[Any], tuple[Any, Any]],
    args: tuple[Any, ...],
    solver: Solver,
    step: float | None,
) -> tuple[Callable[..., Any], GradientDifferences | None]:
    """Return what gives Hessians or products, and the differences behind it, if any."""
    n = solver.size
    if callable(given) and needs == "hessian":
        return (lambda x: dense(given(x, *args), n)), None
    if callable(given):
        return (lambda x, v: given(x, v, *args)), None
    argument, what = SECOND[needs]
    count = f"2 n = {2 * n}" if needs == "hessian" else "2"
    cost = (
        f"each {what} costs {count} gradients; pass a function, or, if you mean it, "
        f"{argument}='3-point'"
    )

    def gradient(x: Any) -> Any:
        return jac(x, *args) if callable(jac) else evaluate(x)[1]

    differences = GradientDifferences(
        gradient,
        central=is_central(argument, given, cost, "a function"),
        power=evaluate.power if isinstance(evaluate, Differences) else 1.0,
        step=step,
        bounds=solver.bounds,
    )
    return (differences.hessian if needs == "hessian" else differences.product), differences


def _refuse_constraints(constraints: Any) -> None:
    if not nothing(constraints):
        raise ValueError(
            "constraints are given; schuss takes bounds, and no others. An equation may be solved "
            "for a variable"
        )
