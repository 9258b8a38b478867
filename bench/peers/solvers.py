"""Solvers: ours, SciPy's and torch's, called as their users call them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from bench.cases import Array
from bench.peers import optional

HISTORY = 10  # pairs of L-BFGS
CAP = 15_000  # evaluations and iterations
PAUSE = 0.050  # seconds between candidates: threads of OpenBLAS spin for 25 ms

Function = Callable[[Array], tuple[Any, Array]]


class SecondOrder(Protocol):
    """A function with its gradient, and its Hessian."""

    def __call__(self, x: Array) -> tuple[Any, Array]:
        """The value and the gradient."""

    def hessian(self, x: Array) -> Array:
        """Dense."""


class EnoughError(Exception):
    """More evaluations than any run may take."""


@dataclass
class Counted:
    """A function that gives (f, g), counted; after `most` calls it ends whatever calls it."""

    values: Function
    most: int
    second: Callable[[Array], Array] | None = None
    count: int = 0
    hessians: int = 0

    def __call__(self, x: Array) -> tuple[Any, Array]:
        """Return f and g at x."""
        if self.count == self.most:
            raise EnoughError
        self.count += 1
        with np.errstate(all="ignore"):
            return self.values(x)

    def hessian(self, x: Array) -> Array:
        """Return what `second` gives at x."""
        assert self.second is not None
        self.hessians += 1
        return self.second(x)


@dataclass(frozen=True)
class Limits:
    """When a solver may stop. A function tolerance of None is the solver's own; 0 is none."""

    gtol: float = 0.0
    ftol: float | None = 0.0
    iterations: int = CAP


@dataclass(frozen=True)
class Answer:
    """What a solver returned, and whether it says that it converged."""

    x: Array
    success: bool
    iterations: int


Solve = Callable[[Function, Array, Limits], Answer]


def _minimize(
    module: str,
    method: str,
    function: Function,
    start: Array,
    limits: Limits,
    bounds: Callable[[int], Any] = lambda n: None,
    **own: object,
) -> Answer:
    """By SciPy's interface, which is ours too; `own` are options that only one has."""
    options: dict[str, object] = {"gtol": limits.gtol, "maxiter": limits.iterations} | own
    if method == "L-BFGS-B":
        options |= {"maxcor": HISTORY, "maxfun": CAP}
        options |= {} if limits.ftol is None else {"ftol": limits.ftol}
    result = optional(module).minimize(
        function, start, jac=True, method=method, bounds=bounds(start.size), options=options
    )
    return Answer(result.x, bool(result.success), result.nit)


def torch_lbfgs(function: Function, start: Array, limits: Limits) -> Answer:
    """torch.optim.LBFGS with its strong Wolfe search, on memory that NumPy shares."""
    torch = optional("torch")
    x = start.copy()
    parameter = torch.from_numpy(x).requires_grad_()
    own = {} if limits.ftol is None else {"tolerance_change": limits.ftol}
    optimizer = torch.optim.LBFGS(
        [parameter],
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
        max_iter=limits.iterations,
        max_eval=CAP,
        tolerance_grad=limits.gtol,
        **own,
    )

    def closure() -> Any:
        value, gradient = function(x)
        parameter.grad = torch.from_numpy(gradient)
        return value

    optimizer.step(closure)
    largest = np.abs(parameter.grad.numpy()).max()
    return Answer(x, bool(largest <= limits.gtol), optimizer.state[parameter]["n_iter"])


SOLVERS: dict[str, Solve] = {
    "schuss L-BFGS": partial(_minimize, "schuss", "L-BFGS-B"),
    "schuss L-BFGS, float32 history": partial(
        _minimize, "schuss", "L-BFGS-B", history_dtype="float32"
    ),
    "schuss BFGS": partial(_minimize, "schuss", "BFGS"),
    "schuss SR1": partial(_minimize, "schuss", "SR1"),
    "SciPy L-BFGS-B": partial(_minimize, "scipy.optimize", "L-BFGS-B"),
    "SciPy BFGS": partial(_minimize, "scipy.optimize", "BFGS"),
    "SciPy CG": partial(_minimize, "scipy.optimize", "CG"),
    "torch LBFGS": torch_lbfgs,
}


FAR = 1e3  # a bound that is never reached


def _vectors(n: int) -> Any:
    """A bound for each variable."""
    return optional("scipy.optimize").Bounds(np.full(n, -FAR), np.full(n, FAR))


WITH_BOUNDS: dict[str, Solve] = {
    "schuss L-BFGS, bounds": partial(_minimize, "schuss", "L-BFGS-B", bounds=_vectors),
    "schuss L-BFGS, one pair of bounds": partial(
        _minimize, "schuss", "L-BFGS-B", bounds=lambda n: (-FAR, FAR)
    ),
    "SciPy L-BFGS-B, bounds": partial(_minimize, "scipy.optimize", "L-BFGS-B", bounds=_vectors),
}


def _second_order(
    module: str, method: str, function: SecondOrder, start: Array, limits: Limits
) -> Answer:
    """By SciPy's interface, with the Hessian."""
    result = optional(module).minimize(
        function,
        start,
        jac=True,
        hess=function.hessian,
        method=method,
        options={"gtol": limits.gtol, "maxiter": limits.iterations},
    )
    return Answer(result.x, bool(result.success), result.nit)


NEWTON, TRUST_EXACT = "schuss Newton", "SciPy trust-exact"
SECOND_ORDER: dict[str, Callable[[SecondOrder, Array, Limits], Answer]] = {
    NEWTON: partial(_second_order, "schuss", "newton"),
    TRUST_EXACT: partial(_second_order, "scipy.optimize", "trust-exact"),
}
