"""What a solver found."""

from __future__ import annotations

from typing import Any

__all__ = ["Result"]


class Result(dict[str, Any]):
    """A dict whose keys are also attributes, with the fields of SciPy's OptimizeResult.

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

    Rows and columns of a matrix are the elements of all arrays of x0 after each other, in C order.

    Example:
        >>> result = Result(fun=0.5, nit=3)
        >>> result.fun == result["fun"]
        True
        >>> result
        fun: 0.5
        nit: 3
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the result has no {name!r}; it has {list(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f"the result has no {name!r}; it has {list(self)}")
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        margin = "\n" + " " * (width + 2)
        lines = [f"{k:>{width}}: " + repr(v).replace("\n", margin) for k, v in self.items()]
        return "\n".join(lines) or "Result()"
