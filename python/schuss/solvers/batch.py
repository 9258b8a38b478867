"""Many independent small problems at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..kinds import as_array, in_kind_of
from .base import ROWS, checked_options, real_array
from .bounds import batch_bounds, nothing
from .minimize import method_name, settings_of
from .result import BatchResult
from .shares import Share, solved
from .trace import verbosity

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .minimize import Options

__all__ = ["minimize_batch"]


def minimize_batch(
    fun: Callable[..., Any],
    X0: Any,
    args: Any = (),
    *,
    method: str = "lbfgs",
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    bounds: Any = None,
    comm: Any = None,
    **more: Unpack[Options],
) -> BatchResult:
    """Find a minimum of each of many independent functions of equally many variables.

    Every problem takes the steps that it would take alone in `minimize`, bit for bit; what they
    share is the call of your function, which may be one pass of NumPy over all of them. A problem
    that is done leaves the batch.

    Args:
        fun: fun(X, index, *args) returns the values and the gradients of the problems that still
            run, and for "newton" their Hessians: (f, g) or (f, g, H), of shapes (k,), that of X and
            (k, n, n). X holds a point for each, the first axis being that of the problems; index
            says which they are, as rows of X0. NaN or infinity where a function is not defined: its
            gradient and Hessian are not looked at, and in a list may be None. X and index are new
            arrays each time.
        X0: where to start: (count, n), or (count, ...) for points of any shape, whose n elements in
            C order are the variables. Where it is a tensor, X is one too, and so are x and jac of
            the result; see `minimize`.
        args: further arguments of fun: a tuple, or one that is no tuple.
        method: as in `minimize`, "newton_cg" aside.
        tol: stands for `gtol`, with "lbfgs" for `ftol` too, where they are not given. At least 0.
        options: of the method: the keywords of its class; they are the same for all problems, and
            `maxiter` and `maxfun` count for each.
        bounds: as in `minimize`, for the variables of all problems: a pair for all, or a pair for
            each variable; or an object with `lb` and `ub`, each a number, in the shape of a point
            or in that of X0.
        comm: a communicator of mpi4py, or another as in `schuss.distributed`: each rank solves its
            share of the problems, contiguous ones, and gets the results of all, with the bits of
            one process. All ranks call with the same arguments, of which each reads its rows; fun
            is not called for others', unless there are fewer problems than ranks. What goes wrong
            on one rank is raised on all. A line of `disp` is about a rank's share.
        more: the same as keywords of their own: minimize_batch(f, X0, gtol=1e-8).

    Returns:
        A `BatchResult`, whose fields have a row for each problem: `x`, `fun`, `jac`, `nit`, `nfev`,
        `njev`, `status`, `success` and, a list, `message`; with "newton" `nhev`, `min_curvature`,
        `is_minimum` and `shift` too. Its `nhev` counts the Hessians that were used: those that came
        with a point which was not taken were not looked at.

    Raises:
        ValueError, TypeError: for what does not fit in shape or dtype. A Hessian that is not finite
            and symmetric where it is needed ends its problem with status 3 instead, and no other.

    What fun raises is not touched.

    Memory: a solver for each problem, which for "newton" takes 4 n² bytes, about 8 vectors and a
    kilobyte.

    Example:
        >>> import numpy as np
        >>> target = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        >>> def distances(X, index):
        ...     d = X - target[index]
        ...     return (d * d).sum(axis=1), 2 * d
        >>> result = minimize_batch(distances, np.zeros((3, 2)))
        >>> result.success.all(), result.x.round(6).tolist()
        (np.True_, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    """

    def solve(share: Share) -> BatchResult:
        name = method_name(method)
        needs = ROWS[name]["needs"]
        if needs == "hessian_product":
            raise ValueError(f"method is {method!r}; a batch takes Hessians, with 'newton'")
        starts = as_array(X0, "X0")
        if starts.dtype.kind not in "fiub":
            raise TypeError(f"X0 has dtype {starts.dtype}; a real dtype is wanted")
        if starts.ndim < 2 or 0 in starts.shape[1:]:
            raise ValueError(
                f"X0 has shape {starts.shape}; (count, n) is wanted, with n of at least 1"
            )
        double = np.dtype(np.float64)
        dtype = np.dtype(np.float32) if starts.dtype in (np.float16, np.float32) else double
        shape, count = starts.shape[1:], len(starts)
        n = int(np.prod(shape))
        settings = settings_of(name, options, dict(more), tol)
        settings.pop("finite_diff_rel_step", None)
        disp = verbosity(settings.pop("disp", 0))
        if settings.pop("trace", False):
            raise ValueError("trace is True; of a batch none is kept")
        rows = share(count)
        flat = np.require(starts, dtype, ["C", "A"]).reshape(count, n)[rows]
        if not nothing(bounds):
            sides = batch_bounds(bounds, shape, count, dtype)
            if sides is not None and sides[0].size == count * n:
                lower, upper = (side.reshape(count, n)[rows].ravel() for side in sides)
                sides = lower, upper
            settings["bounds"] = sides
        batch = _core.Batch(name, flat, checked_options(name, settings))
        further = args if isinstance(args, tuple) else (args,)
        wanted = 3 if needs == "hessian" else 2
        while (index := batch.running()).size:
            k = index.size
            points = in_kind_of(X0, batch.points().reshape(k, *shape))
            returned = fun(points, index + rows.start, *further)
            if not isinstance(returned, (tuple, list)) or len(returned) != wanted:
                what = "(values, gradients, Hessians)" if wanted == 3 else "(values, gradients)"
                raise TypeError(f"fun returned {type(returned).__name__}; {what} is wanted")
            f, *derivatives = returned
            f = _checked("f", f, (k,), double)
            if not (finite := np.isfinite(f)).all():  # of those problems nothing else is looked at
                blanks = (("g", np.full(shape, np.nan)), ("H", np.full((n, n), np.nan)))
                derivatives = [
                    _filled(name, rows, finite, blank)
                    for rows, (name, blank) in zip(derivatives, blanks, strict=False)
                ]
            g = _checked("g", derivatives[0], (k, *shape), dtype)
            if not finite.all():
                g = np.where(finite.reshape(k, *(1 for _ in shape)), g, dtype.type(np.nan))
            h = _checked("H", derivatives[1], (k, n, n), double) if wanted == 3 else None
            batch.tell(f, g, h)
        found = batch.results()
        x, jac = (in_kind_of(X0, found[key].reshape(-1, *shape)) for key in ("x", "jac"))
        result = BatchResult(
            x=x,
            fun=found["fun"],
            jac=jac,
            nit=found["nit"],
            nfev=found["nfev"],
            njev=found["nfev"].copy(),
            nhev=found["nhev"],
            status=found["status"],
            success=found["status"] == 0,
            message=found["message"],
        )
        if needs == "hessian":
            result.update({key: found[key] for key in ("min_curvature", "is_minimum", "shift")})
        if disp:
            print(f"{result.success.sum()} of {len(flat)} converged: nit={result.nit.sum()} in all")
        return result

    return solved(comm, solve)


def _filled(name: str, rows: Any, finite: Any, blank: Any) -> Any:
    """Return rows with a blank in place of None where the value is not finite."""
    if rows is None and not finite.any():
        rows = [None] * len(finite)
    if not isinstance(rows, (list, tuple)) or len(rows) != len(finite):
        return rows
    filled = []
    for k, (row, seen) in enumerate(zip(rows, finite, strict=True)):
        if row is None and seen:
            raise TypeError(f"{name}[{k}] is None where f is finite; numbers are wanted")
        filled.append(blank if row is None else row)
    return filled


def _checked(name: str, given: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return an array of a shape as the core takes it, or raise an error that names it."""
    array = real_array(name, given)
    if array.shape != shape and array.shape[:1] == shape[:1] and array.size == shape[0]:
        array = array.reshape(shape) if np.prod(shape) == shape[0] else array  # one number each
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; {shape} is wanted")
    return np.require(array, dtype, ["C", "A"])
