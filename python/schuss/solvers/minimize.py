"""SciPy's `minimize`, over the solvers of this package."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from ..optimizers.base import flag
from ..suggest import did_you_mean
from .base import Solver, tolerance
from .differences import Differences, GradientDifferences, value_and_gradient
from .newton import Newton, NewtonCG
from .quasi_newton import BFGS, LBFGS, SR1, GradientDescent
from .result import Result
from .trace import Trace, verbosity

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["minimize"]

METHODS: dict[str, type[Solver]] = {
    "lbfgs": LBFGS,
    "bfgs": BFGS,
    "sr1": SR1,
    "newton": Newton,
    "newton_cg": NewtonCG,
    "gradient_descent": GradientDescent,
}
OPTIONS = {
    name: [*list(inspect.signature(solver).parameters)[1:], "disp", "trace"]
    for name, solver in METHODS.items()
}


class Options(TypedDict, total=False):
    """Options of all methods as keywords, for type checkers; the classes explain them."""

    c1: float
    c2: float
    damping: bool
    disp: int
    ftol: float
    globalization: str
    gtol: float | None
    history_dtype: Any
    history_size: int
    learning_rate: float
    maxcor: int
    maxfun: int | None
    maxiter: int | None
    maxls: int
    trace: bool


ALIASES = {"l-bfgs": "lbfgs", "l-bfgs-b": "lbfgs", "newton-cg": "newton_cg"}

# The argument that gives second derivatives, and what it returns.
SECOND = {"newton": ("hess", "Hessian"), "newton_cg": ("hessp", "product")}

STOPPED = "`callback` raised `StopIteration`."


def method_name(method: Any) -> str:
    """Return the name of a method as we spell it, or raise an error that lists them."""
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


def defaults(solver: type[Solver]) -> dict[str, Any]:
    """Return the options of a method as they are when none is given."""
    parameters = list(inspect.signature(solver).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}


def _watcher(
    callback: Callable[..., Any], solver: Solver, evaluations: Callable[[], int]
) -> Callable[[], bool]:
    """Return what calls back after an iteration, and is True when that asks for the end."""
    if not callable(callback):
        raise TypeError(f"callback is {callback!r}; a function or None is wanted")
    try:
        takes_result = set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except ValueError:  # a function in C that does not say what it takes
        takes_result = False

    def watch() -> bool:
        x, jac, fun = solver._solver.best()
        try:
            if takes_result:
                state = Result(x=x, fun=fun, jac=jac, nit=solver.nit, nfev=evaluations())
                callback(intermediate_result=state)
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
    *,
    method: str = "lbfgs",
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
            x is read-only and has the shape of x0; it never changes, so that it may be kept. Where
            the function is not defined, return NaN or infinity.
        x0: where to start: a number, a list of numbers, an array of any shape and layout, or nested
            lists, tuples and dicts of arrays. x in the result has its structure. Iterates are
            float32 where all arrays are, else float64; see `Solver`.
        args: further arguments of fun and jac: a tuple, or one that is no tuple.
        method: "lbfgs" (also "L-BFGS-B"), "bfgs", "sr1", "newton", "newton_cg" (also "Newton-CG")
            or "gradient_descent", in any case; see `LBFGS`, `BFGS`, `SR1`, `Newton`, `NewtonCG` and
            `GradientDescent`.
        jac: True; a function jac(x, *args) that returns the gradient; "3-point" or "2-point" for
            central or forward differences, see `Differences`; None: "3-point", with a warning that
            says what that costs.
        hess: of "newton", and not used by the others: hess(x, *args) returns the n x n Hessian, see
            `Newton.tell_hessian`; "3-point" or "2-point" for central or forward differences of the
            gradient, see `GradientDifferences`; None: "3-point", with a warning that says what that
            costs.
        hessp: of "newton_cg", and of "newton" without `hess`, which then is "newton_cg":
            hessp(x, v, *args) returns the Hessian times v, in the structure of x; for "newton_cg"
            also "3-point", "2-point" or None, as for `hess`.
        bounds: None; these problems are unconstrained.
        constraints: none; these problems are unconstrained.
        tol: stands for `gtol`, with "lbfgs" for `ftol` too, where they are not given. At least 0.
        callback: called after each iteration, as callback(intermediate_result=result) where that is
            the name of its only parameter, with x, fun, jac, nit and nfev, and as callback(x)
            otherwise; of the best point so far, in copies. Raise StopIteration to end the run.
        options: of the method: the keywords of its class; `maxcor` for `history_size`; `disp`: 0
            prints nothing, 1 a line at the end, 2 a line for each iteration too; `trace`: True
            keeps them as `trace` of the result, see `Result`.
        more: the same as keywords of their own: minimize(f, x0, gtol=1e-8).

    Returns:
        A `Result`. `x` is the best point seen and `fun` its value. `nfev` and `njev` count all
        evaluations, those for differences too, which `maxfun` does not count.

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
    given_constraints = constraints is not None and not _empty(constraints)
    if given_constraints or (bounds is not None and not _empty(bounds)):
        which = "constraints are" if given_constraints else "bounds are"
        raise ValueError(
            f"{which} given; schuss solves unconstrained problems. For x > 0 minimize over u = "
            "log(x), for x > low over u with x = low + log(1 + exp(u)), the softplus"
        )
    if name == "newton" and hess is None and hessp is not None:
        name = "newton_cg"
    for argument, value, user in (("hess", hess, "newton"), ("hessp", hessp, "newton_cg")):
        if value is not None and name != user:
            warnings.warn(f"method {name} does not use {argument}", RuntimeWarning, stacklevel=2)
    settings = settings_of(name, options, dict(more), tol)
    disp = verbosity(settings.pop("disp", 0))
    traced = flag("trace", settings.pop("trace", False))
    solver = METHODS[name](x0, **settings)
    evaluate = value_and_gradient(fun, jac, args, size=solver._solver.size, stacklevel=2)

    further = args if isinstance(args, tuple) else (args,)
    second: GradientDifferences | None = None
    of_second: Callable[..., Any] | None = None
    if name in SECOND:
        of_second, second = _second_order(
            name, hess if name == "newton" else hessp, jac, evaluate, further, solver
        )

    def evaluations() -> int:
        if isinstance(evaluate, Differences):
            return evaluate.evaluations
        return solver.nfev + (second.evaluations if second and not callable(jac) else 0)

    # No variable holds what was asked for while `tell` runs, nor the gradient while `fun` does: the
    # solver and NumPy can then use their memory again.
    core, tell, stopped = solver._solver, solver.tell, False

    def values() -> None:
        tell(*evaluate(core.ask()))

    def values_or_second_order() -> None:
        assert of_second is not None
        request = core.request
        if request == "hessian":
            core.tell_hessian(of_second(core.ask(), *further))
        elif request == "hessian_product":
            core.tell_product(of_second(core.ask(), core.direction(), *further))
        else:
            values()

    answer = values if of_second is None else values_or_second_order
    watch = None if callback is None else _watcher(callback, solver, evaluations)
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
    result.nfev = evaluations()
    result.njev += second.evaluations if second else 0
    if stopped:
        result.update(status=99, success=False, message=STOPPED)
    if trace is not None and traced:
        result.trace = trace.arrays()
    if disp:
        print(f"{result.message}: fun={result.fun:.10g}, nit={result.nit}, nfev={result.nfev}")
    return result


def _second_order(
    name: str,
    given: Any,
    jac: Any,
    evaluate: Callable[[Any], tuple[Any, Any]],
    args: tuple[Any, ...],
    solver: Solver,
) -> tuple[Callable[..., Any], GradientDifferences | None]:
    """Return what gives Hessians or products, and the differences behind it, if any."""
    if callable(given):
        return given, None
    argument, what = SECOND[name]
    if given is not None and not (isinstance(given, str) and given in ("2-point", "3-point")):
        raise ValueError(
            f"{argument} is {given!r}; a function, '2-point', '3-point' or None is wanted"
        )
    if given is None:
        count = f"2 n = {2 * solver._solver.size}" if name == "newton" else "2"
        warnings.warn(
            f"{argument} is None: each {what} costs {count} gradients; pass a function, or, if you "
            f"mean it, {argument}='3-point'",
            UserWarning,
            stacklevel=3,
        )

    def gradient(x: Any) -> Any:
        return jac(x, *args) if callable(jac) else evaluate(x)[1]

    differences = GradientDifferences(
        gradient,
        central=given != "2-point",
        error=evaluate.error if isinstance(evaluate, Differences) else 1.0,
    )
    if name == "newton":
        return (lambda x, *_: differences.hessian(x)), differences
    return (lambda x, v, *_: differences.product(x, v)), differences


def _empty(collection: Any) -> bool:
    return hasattr(collection, "__len__") and len(collection) == 0
