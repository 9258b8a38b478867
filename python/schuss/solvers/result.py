"""What a solver found."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kinds import as_array
from ..structures import leaves
from ..suggest import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BatchResult", "LeastSquaresResult", "Result"]

LINES = 15  # of a printed result at most
WIDTH = 100
MOST = 40  # rows of a table
SHOWN = 6  # elements of an array that are printed one by one

FIRST = ("success", "message", "status", "fun", "x")  # the verdict, and what was asked for


class _Fields(dict[str, Any]):
    """A dict whose keys are also attributes, and whose print is short."""

    if not TYPE_CHECKING:  # with them, type checkers would take every name for a field

        def __getattr__(self, name: str) -> Any:
            try:
                return self[name]
            except KeyError:
                raise AttributeError(self._lacks(name)) from None

        def __setattr__(self, name: str, value: Any) -> None:
            self[name] = value

        def __delattr__(self, name: str) -> None:
            if name not in self:
                raise AttributeError(self._lacks(name))
            del self[name]

    def _lacks(self, name: str) -> str:
        return f"the result has no {name!r}; it has {list(self)}{did_you_mean(name, self)}"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def _rows(self) -> list[tuple[str, str]]:
        """Return names and short texts, the verdict first."""
        names = [*(name for name in FIRST if name in self), *(k for k in self if k not in FIRST)]
        rows = [(name, self._text(name)) for name in names]
        if len(rows) > LINES:
            rest = [name for name, _ in rows[LINES - 1 :]]
            rows[LINES - 1 :] = [("and", ", ".join(rest))]
        return [(name, _cut(text)) for name, text in rows]

    def _text(self, name: str) -> str:
        return summary(self[name])

    def __repr__(self) -> str:
        rows = self._rows()
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join(f"{name:>{width}}: {text}" for name, text in rows) or "Result()"

    def _repr_html_(self) -> str:
        """Return the same as a table, for notebooks."""
        rows = "".join(
            f'<tr><th style="text-align: right">{escape(name)}</th>'
            f'<td style="text-align: left">{escape(text)}</td></tr>'
            for name, text in self._rows()
        )
        return f"<table>{rows}</table>"


class Result(_Fields):
    """A dict whose keys are also attributes, with the fields of SciPy's OptimizeResult.

    Printed, it is at most 15 lines, the verdict first; long arrays and matrices are summarized.

    Attributes:
        x: the best point seen, in the structure and shapes of x0.
        fun: the value of the function at x.
        jac: its gradient at x, in the same structure.
        nit: iterations, which are steps taken.
        nfev: evaluations of the function.
        njev: evaluations of the gradient.
        nhev: evaluations of the Hessian; of NewtonCG: products with it.
        status: why it ended: 0 converged, 1 maxiter or maxfun, 2 no decrease could be found, 3 the
            function or its gradient is not finite, 4 the function seems to be unbounded below,
            5 the gradient does not belong to the function, 6 a saddle or a maximum, 99 stopped by
            the caller; -1 while the solver runs.
        success: whether it converged: status == 0.
        message: the same in words, with the numbers that decided.
        hess_inv: of BFGS: the approximate inverse Hessian, n by n.
        hess: of SR1: the approximate Hessian, n by n; of Newton: the Hessian at the last point that
            was taken.
        min_curvature: of Newton and NewtonCG: the smallest curvature seen there.
        is_minimum: of both: whether x is a minimum to second order, within rounding.
        shift: of Newton: the multiple of the identity that the last step added to the Hessian.
        trace: with `trace=True` of `minimize`: arrays with an element for the start and one for
            each iteration: `nit` and `nfev` so far, `fun` and `gmax`, the value and the largest
            element of the gradient at the best point so far, `step`, the 2-norm of the way to it
            from the best point before, and `seconds` since the start.

    Rows and columns of a matrix are the elements of all arrays of x0 after each other, in C order.

    Example:
        >>> result = Result(fun=0.5, nit=3)
        >>> result.fun == result["fun"]
        True
        >>> result
        fun: 0.5
        nit: 3
    """

    x: Any
    fun: float
    jac: Any
    nit: int
    nfev: int
    njev: int
    nhev: int
    status: int
    success: bool
    message: str
    hess_inv: Any
    hess: Any
    min_curvature: float
    is_minimum: bool
    shift: float
    trace: dict[str, NDArray[Any]]

    def _text(self, name: str) -> str:
        if name == "trace":
            return f"<{len(self[name]['nit'])} rows of {', '.join(self[name])}>"
        return super()._text(name)


class LeastSquaresResult(Result):
    """What `least_squares` found: SciPy's fields, and how exact the variables are.

    Printed, it is a table of the variables with their standard errors, and how the run ended.

    Attributes:
        x: the best point that was taken, in the structure and shapes of x0.
        cost: ½ Σ r², or with a loss ½ f_scale² Σ ρ((r / f_scale)²).
        fun: the residuals r at x, m of them.
        jac: their Jacobian J at x, m x n; with a loss that of the linear model of the cost.
        grad: the gradient of the cost, in the structure of x.
        optimality: its largest element, projected onto the bounds.
        active_mask: -1 for variables on a lower bound, 1 on an upper one, 0 for free ones.
        nit: iterations, which are steps taken.
        nfev: evaluations of the residuals, those for differences too.
        njev: Jacobians.
        status: why it ended: 0 converged, 1 maxfun, 2 no decrease could be found, 3 the residuals
            or the Jacobian are not finite, 5 the Jacobian does not belong to the residuals, 99
            stopped by the caller; -1 while the solver runs.
        success: whether it converged: status == 0.
        message: the same in words, with the numbers that decided, and which variables have no
            standard error.
        covariance: of the variables, n x n: s² (JᵀJ)⁻¹ from the singular values of J, with
            s² = 2 cost / (m - rank). NaN for variables on a bound, infinite for those that the data
            do not determine, and where m = rank.
        stderr: standard errors, the roots of its diagonal, in the structure of x.
        dof: degrees of freedom, m - rank; m counts the residuals before any reduction.
        rank: of J over the variables that are not on a bound.
        relative_offset: how far x is from the minimum, in parts of what the noise of the residuals
            makes uncertain; NaN where J does not tell it.
        names: of the variables.
        trace: with `trace=True`: see `Result`; `fun` is the cost.

    Example:
        >>> import numpy as np
        >>> LeastSquaresResult(
        ...     success=True, names=["a"], x=np.array([2.0]), stderr=np.array([0.5]), dof=3
        ... )
        success: True
              a: 2 ± 0.5 (25 %)
            dof: 3
    """

    cost: float
    fun: Any
    grad: Any
    optimality: float
    active_mask: NDArray[Any]
    covariance: NDArray[Any]
    stderr: Any
    dof: int
    rank: int
    relative_offset: float
    names: list[str]

    def _rows(self) -> list[tuple[str, str]]:
        """Return the verdict, the table and what else there is."""
        first = [name for name in ("success", "message", "cost") if name in self]
        shown = [*first, "x", "stderr", "names"]
        rows = [(name, self._text(name)) for name in first]
        if "names" in self:
            rows += self._table()
        rest = [name for name in ("dof", "rank", "relative_offset", "nfev", "nit") if name in self]
        rows += [(name, self._text(name)) for name in rest]
        more = [name for name in self if name not in (*shown, *rest)]
        if more:
            rows.append(("and", ", ".join(more)))
        return [(name, text if name == "message" else _cut(text)) for name, text in rows]

    def _table(self) -> list[tuple[str, str]]:
        values, errors = (_elements(self[name]) for name in ("x", "stderr"))
        many = len(values) > MOST
        texts = [f"{value:.{8}g}" for value in values[:MOST]]
        width = max(map(len, texts)) if len(texts) > 1 else 0
        rows = []
        for name, text, value, error in zip(self["names"], texts, values, errors, strict=False):
            part = f" ({100 * error / abs(value):.2g} %)" if 0 < error < np.inf and value else ""
            rows.append((name, f"{text:>{width}} ± {error:.4g}{part}"))
        if many:
            rows.append(("...", f"{len(values) - MOST} more in x, stderr and names"))
        return rows


class BatchResult(_Fields):
    """What `minimize_batch` and the batches of fits found: `Result`'s fields, a row each.

    Printed, it counts the problems by how they ended.

    Attributes:
        x: the best point of each, in the shape of X0.
        fun: of `minimize_batch`: the values there.
        jac: of `minimize_batch`: the gradients there.
        nit: iterations of each.
        nfev: evaluations of each.
        njev: the same.
        nhev: of `minimize_batch`: Hessians of each that were used.
        status: why each ended, as in `Result`.
        success: whether each converged.
        message: the same in words, a list.
        min_curvature: with "newton", of each, as in `Result`.
        is_minimum: with "newton", of each.
        shift: with "newton", of each.
        cost: of fits, as are all that follow: half the sums of squared residuals.
        grad: their gradients, Jᵀr.
        optimality: the largest element of the projected gradient of each.
        active_mask: -1 or 1 for parameters held at their lower or upper bound, else 0.
        relative_offset: how many standard errors are left, as the last step had it.
        covariance: of the parameters of each, (count, n, n).
        stderr: the roots of its diagonals.
        dof: points less rank.
        rank: of the Jacobians, without what is held.
        names: of models by name, those of the parameters.

    Example:
        >>> import numpy as np
        >>> fits = BatchResult(status=np.array([0, 1, 0]), success=np.array([True, False, True]))
        >>> fits
        success: 2 of 3
         status: 2 times 0, 1 time 1
    """

    x: Any
    fun: NDArray[Any]
    jac: Any
    nit: NDArray[Any]
    nfev: NDArray[Any]
    njev: NDArray[Any]
    nhev: NDArray[Any]
    status: NDArray[Any]
    success: NDArray[Any]
    message: list[str]
    min_curvature: NDArray[Any]
    is_minimum: NDArray[Any]
    shift: NDArray[Any]
    cost: NDArray[Any]
    grad: NDArray[Any]
    optimality: NDArray[Any]
    active_mask: NDArray[Any]
    relative_offset: NDArray[Any]
    covariance: NDArray[Any]
    stderr: NDArray[Any]
    dof: NDArray[Any]
    rank: NDArray[Any]
    names: list[str]

    def _text(self, name: str) -> str:
        value = self[name]
        if name == "success":
            return f"{np.count_nonzero(value)} of {len(value)}"
        if name == "status":
            kinds, counts = np.unique(value, return_counts=True)
            times = ("time" if count == 1 else "times" for count in counts)
            return ", ".join(f"{c} {t} {k}" for k, c, t in zip(kinds, counts, times, strict=True))
        if name == "message":
            failed = np.flatnonzero(~np.asarray(self["success"]))
            row = int(failed[0]) if failed.size else 0
            return f"row {row}: {value[row]}" if value else ""
        return super()._text(name)


# -- short texts -----------------------------------------------------------------------------------


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def summary(value: Any) -> str:
    """Return a number or a short array as it is; of a long one its shape and range."""
    if isinstance(value, np.ndarray) or hasattr(type(value), "__dlpack__"):
        return _of_array(as_array(value, "value"))
    if isinstance(value, (dict, list, tuple)):
        return _of_structure(value)
    return str(value) if isinstance(value, (str, np.generic)) else repr(value)


def _of_array(array: NDArray[Any]) -> str:
    if array.size <= SHOWN:
        return np.array2string(array, separator=", ", max_line_width=WIDTH, precision=6)
    if array.ndim > 1:
        shape = " x ".join(map(str, array.shape))
        return f"<{shape}{_range(array)}>"
    ends = np.array2string(array, separator=", ", threshold=SHOWN, edgeitems=2, precision=4)
    return f"{' '.join(ends.split())} <{array.size} elements{_range(array)}>"


def _elements(tree: Any) -> NDArray[Any]:
    return np.concatenate([as_array(leaf, "x").ravel() for leaf in leaves(tree)])


def _of_structure(tree: Any) -> str:
    arrays = [np.asarray(leaf) for leaf in leaves(tree)]
    size = sum(array.size for array in arrays)
    if size <= SHOWN:
        return repr(tree)
    flat = np.concatenate([array.ravel() for array in arrays])
    return f"<{type(tree).__name__} of {len(arrays)} arrays, {size} elements{_range(flat)}>"


def _range(array: NDArray[Any]) -> str:
    if array.dtype.kind not in "iuf":
        return ""
    finite = array[np.isfinite(array)]
    if not finite.size:
        return ", none finite"
    some = "" if finite.size == array.size else f", {array.size - finite.size} not finite"
    return f", from {finite.min():.3g} to {finite.max():.3g}{some}"
