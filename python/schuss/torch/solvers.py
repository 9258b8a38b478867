"""Solvers that call closures, as `torch.optim.LBFGS` does."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from .. import solvers
from ..checks import count, flag, tolerance
from .functions import Flat, gradients_of, hessian_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Closure = Callable[[], Any]

__all__ = ["BFGS", "LBFGS", "NewtonCG"]

RELATIVE = 1e-9  # of the largest element of the first gradient, where nobody gives a tolerance
TOLERANCES = {"tolerance_grad": 1e-7, "tolerance_change": 1e-9}  # torch's
# What torch keeps, counts aside.
TORCH = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss", "al")


@dataclass
class Run:
    """A solver on the way, and what is known of the point where the parameters were left."""

    flat: Flat
    settings: dict[str, Any]
    solver: Any = None  # of schuss, once there is one
    value: float = float("nan")
    gradient: Any = None
    left: Tensor | None = None  # the parameters
    loss: Any = None  # of the closure: what kind of thing it returns
    ending: tuple[int, str] | None = None  # status and message of a step that is no end of the run
    x: Tensor = field(init=False)
    g: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.x, self.g = self.flat.vector(), self.flat.vector()

    @property
    def core(self) -> Any:
        """The solver in C++."""
        return self.solver._solver

    def write(self, params: Sequence[Tensor], x: NDArray[Any]) -> None:
        """Copy a vector into the parameters, in place."""
        np.copyto(self.x.numpy(), x)
        self.flat.write(params, self.x)

    def known_loss(self) -> Any:
        """Return the loss at the parameters, as the closure would."""
        if isinstance(self.loss, Tensor):
            return torch.full_like(self.loss, self.value)
        return self.value


class ClosureSolver(torch.optim.Optimizer):
    """What the solvers here share: a step is a part of a run, which goes on in the next one.

    Between steps the parameters are at the best point, and the solver may be anywhere, in the
    middle of a line search too.
    """

    _solver: ClassVar[type[solvers.Solver]]
    _run: Run | None = None
    _deterministic: bool = False
    _relative: frozenset[str] = frozenset()  # tolerances that nobody gave

    def __init__(
        self,
        params: Any,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float | None = None,
        tolerance_change: float | None = None,
        *,
        deterministic: bool = False,
    ) -> None:
        defaults = {
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
        }
        super().__init__(params, defaults)
        self._prepare(deterministic)

    def _prepare(self, deterministic: bool) -> None:
        """Check what the constructor was given, in the one group."""
        if len(self.param_groups) != 1:
            raise ValueError(f"{type(self).__name__} takes one group of parameters; there are more")
        group = self.param_groups[0]
        count("max_iter", group["max_iter"], least=1)
        count("max_eval", group["max_eval"], least=1)
        for key in TOLERANCES:
            if group[key] is not None:
                tolerance(key, group[key])
        self._deterministic = flag("deterministic", deterministic)
        self._relative = frozenset(key for key in TOLERANCES if group[key] is None)

    # -- a step ------------------------------------------------------------------------------------

    @torch.no_grad()
    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """Take up to max_iter iterations, in up to max_eval evaluations.

        Args:
            closure: see the class. Called with gradients enabled and the parameters in place.

        Returns:
            The loss at the start of the step, as the closure returned it.
        """
        if not callable(closure):
            raise TypeError(f"closure is {closure!r}; a function is wanted")
        if len(self.param_groups) != 1:
            raise ValueError(f"there are {len(self.param_groups)} groups; one is wanted")
        group, state = self.param_groups[0], self._counts()
        params = group["params"]
        first, run = self._begin(closure, params, state)
        core, begun = run.core, run.core.nit
        change = group["tolerance_change"]
        before = run.solver._best() if change is not None else None
        evaluations = 1
        run.ending = None
        try:
            while not core.done and run.ending is None:
                if core.nit - begun >= group["max_iter"]:
                    run.ending = (1, f"max_iter = {group['max_iter']} iterations were made")
                elif evaluations >= group["max_eval"]:
                    run.ending = (1, f"max_eval = {group['max_eval']} evaluations were made")
                elif core.request == "hessian_product":
                    self._multiply(closure, run, params, state)
                else:
                    taken = core.nit
                    run.write(params, core.ask())
                    loss = self._evaluate(closure, run, params, state)
                    evaluations += 1
                    core.tell(float(loss), run.g.numpy())
                    if before is not None and core.nit != taken:
                        now = run.solver._best()
                        run.ending = _stalled(before, now, change)
                        before = now
        finally:
            x, run.gradient, run.value = run.solver._best()
            run.write(params, x)
            run.left = _read(run.flat, params)
            self._forget_graph()
            state["n_iter"] += core.nit - begun
        return first

    def _begin(
        self, closure: Closure, params: list[Tensor], state: dict[str, Any]
    ) -> tuple[Any, Run]:
        """Return the loss at the parameters, and the run that goes on from there."""
        run = self._run
        if run is None or not run.flat.fits(params):
            run = self._run = self._restored(params, state)
        settings = self._settings(self.param_groups[0])
        here = _read(run.flat, params)
        unmoved = run.left is not None and torch.equal(run.left, here)
        if unmoved and self._deterministic and run.gradient is not None:
            first, value = run.known_loss(), run.value
            np.copyto(run.g.numpy(), run.gradient)
            same = True
        else:
            first = self._evaluate(closure, run, params, state)
            value = float(first)
            same = unmoved and value == run.value and np.array_equal(run.g.numpy(), run.gradient)
        if not same:
            largest = float(run.g.abs().max())
            state["scale"] = largest if np.isfinite(largest) else 0.0
        if not same or settings != run.settings:
            run = self._run = self._renewed(run, settings, here, value, state)
        run.loss = first.detach() if isinstance(first, Tensor) else first
        return first, run

    def _renewed(
        self, old: Run, settings: dict[str, Any], x: Tensor, value: float, state: dict[str, Any]
    ) -> Run:
        """Return a run from x, where value and old.g were found, with what the old one learned."""
        run = Run(old.flat, settings, self._new_solver(settings, x, state))
        run.x.copy_(x)
        self._teach(run, old, old.g.numpy(), state)
        run.core.tell(value, old.g.numpy())
        return run

    def _new_solver(self, settings: dict[str, Any], x: Tensor, state: dict[str, Any]) -> Any:
        options = dict(settings)
        if options["gtol"] is None:
            options["gtol"] = RELATIVE * state.get("scale", 0.0)
        return self._solver(x.numpy(), maxiter=None, maxfun=None, **options)

    def _teach(self, run: Run, old: Run, gradient: NDArray[Any], state: dict[str, Any]) -> None:
        """Give a run that begins what is known of the curvature."""

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the options of the solver that may change between steps; gtol may be None."""
        return {"gtol": group["tolerance_grad"]}

    def _evaluate(
        self, closure: Closure, run: Run, params: list[Tensor], state: dict[str, Any]
    ) -> Any:
        """Return the loss at the parameters; the gradient goes to run.g."""
        state["func_evals"] += 1
        with torch.enable_grad():
            loss = closure()
        run.flat.read((p.grad for p in params), run.g)
        return loss

    def _multiply(
        self, closure: Closure, run: Run, params: list[Tensor], state: dict[str, Any]
    ) -> None:
        raise NotImplementedError

    def _forget_graph(self) -> None:
        pass

    # -- what it knows -----------------------------------------------------------------------------

    @property
    def result(self) -> solvers.Result | None:
        """How the run stands, and why the last step ended; None before the first.

        A `schuss.Result`: `x` and `jac` are lists of tensors, a parameter each, `nit` and `nfev`
        count the iterations and evaluations of all steps. Where the step ended and the run did not,
        `status` is 1, or 0 for tolerance_change.
        """
        run = self._run
        if run is None or run.solver is None:
            return None
        state = self._counts()
        found: solvers.Result = run.solver.result()
        found.x, found.jac = (
            run.flat.tensors(torch.from_numpy(np.array(found[key]))) for key in ("x", "jac")
        )
        found.nit, found.nfev, found.njev = (
            state[key] for key in ("n_iter", "func_evals", "func_evals")
        )
        if not run.core.done and run.ending is not None:
            status, message = run.ending
            found.update(status=status, success=status == 0, message=message)
        return found

    def _counts(self) -> dict[str, Any]:
        """Return the one state, that of the first parameter as in torch."""
        state: dict[str, Any] = self.state[self.param_groups[0]["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        return state

    # -- checkpoints -------------------------------------------------------------------------------

    def _exported(self, run: Run) -> dict[str, Any]:
        """Return what the state of a checkpoint has beside the counts."""
        *_, state = run.solver._state()
        return {"solver": _tensor_of(state)}

    def _restored(self, params: list[Tensor], state: dict[str, Any]) -> Run:
        """Return the run of a checkpoint, or one that has not begun."""
        run = Run(Flat(params), self._settings(self.param_groups[0]))
        saved = state.pop("solver", None)
        if saved is None:
            return run
        solver = self._new_solver(run.settings, _read(run.flat, params), state)
        method, x, options, _ = solver._state()
        data = saved.to(torch.uint8).cpu().numpy().tobytes()
        try:
            run.solver = self._solver._from_state((method, x, options, data))
        except ValueError:
            return run  # of another schuss, or of parameters of another size
        best, run.gradient, run.value = run.solver._best()
        np.copyto(run.x.numpy(), best)
        run.left = run.flat.vector()
        run.flat.read(run.flat.tensors(torch.from_numpy(best)), run.left)
        return run

    @contextmanager
    def _whole_state(self) -> Iterator[None]:
        """Have the run in `state` for a while."""
        run, first = self._run, self.param_groups[0]["params"][0]
        if run is None or run.solver is None:
            yield
            return
        counts = self._counts()
        self.state[first] = {**counts, **self._exported(run)}
        try:
            yield
        finally:
            self.state[first] = counts

    def state_dict(self) -> dict[str, Any]:
        """Return the state, of which all tensors are copies.

        Tolerances that nobody gave are torch's there, as torch could not read them otherwise.
        """
        with self._whole_state():
            found = super().state_dict()
        for group in found["param_groups"]:
            group.update({key: TOLERANCES[key] for key in TOLERANCES if group[key] is None})
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the one that saved it was; nothing is shared with it.

        Tolerances that were not given to the constructor stay relative.
        """
        state_dict = copy.deepcopy(state_dict)
        saved = state_dict["state"].get(0, {}).pop("solver", None)  # torch would cast it
        super().load_state_dict(state_dict)
        group = self.param_groups[0]
        if saved is not None:
            self.state[group["params"][0]]["solver"] = saved
        group.update(dict.fromkeys(self._relative))

    def __getstate__(self) -> dict[str, Any]:
        with self._whole_state():
            found = {**super().__getstate__(), "state": copy.copy(self.state)}
        return {**found, "_deterministic": self._deterministic, "_relative": self._relative}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._run = None


def _read(flat: Flat, params: list[Tensor]) -> Tensor:
    vector = flat.vector()
    flat.read(params, vector)
    return vector


def _stalled(before: Any, now: Any, change: float) -> tuple[int, str] | None:
    """Torch's tests of change, absolute: status and message, or None."""
    (x, _, f), (x_new, _, f_new) = before, now
    if abs(f_new - f) < change:
        return 0, f"the loss changed by {abs(f_new - f):.3g}, less than tolerance_change"
    moved = float(np.abs(x_new - x).max())
    if moved <= change:
        return 0, f"no parameter changed by more than {moved:.3g}, at most tolerance_change"
    return None


class LBFGS(ClosureSolver, torch.optim.LBFGS):
    """Limited-memory BFGS: `torch.optim.LBFGS` with the solver of `schuss.LBFGS` inside.

    The closure clears the gradients, computes the loss, calls `backward` and returns the loss, as
    for torch. Gradients that are None are zeros, sparse ones are made dense, and a complex element
    is two variables. Arithmetic is float64 where any parameter is float64, and float32 otherwise,
    with sums in float64; pairs are kept in float32, which halves their memory and their traffic.

    With line_search_fn="strong_wolfe" the solver is `schuss.LBFGS`, which see for the method. With
    None, torch's default, a step is torch's own to the bit, tolerances included: fixed steps of
    length lr, one evaluation an iteration. That is for closures that give another loss each time
    (dropout, points drawn anew), where a line search has nothing to search on. Pass "strong_wolfe"
    for all others, batches too as long as one step sees one batch.

    Args:
        params: parameters to optimize, in one group.
        lr: the length of fixed steps; a line search finds its own, the first of them too.
        max_iter: iterations in a step at most.
        max_eval: evaluations in a step at most; None: 5/4 max_iter.
        tolerance_grad: a run has converged where no element of the gradient is larger; None: than
            1e-9 times the largest one of the first gradient.
        tolerance_change: a step ends where an iteration changes the loss by less, or no parameter
            by more; None: there is no such test. A run also ends where rounding hides all that is
            still to be gained.
        history_size: pairs kept, 1 to 1000.
        line_search_fn: "strong_wolfe" or None.
        deterministic: True where every step's closure is the same function of the parameters. Then
            a step does not evaluate once more where the last one ended.

    What differs from torch with a line search: no test is absolute where you give no tolerance, so
    that the loss may be in any units; after a step that ended in the middle of a line search the
    next one goes on there; where the loss is another function than before, as for the next batch,
    the pairs are kept and the search begins anew; and where an evaluation fails, the parameters are
    put back to the best point. `result` says why the last step ended.

    `state_dict` has torch's keys, and torch.optim.LBFGS can go on from it, as this class can from
    torch's; `solver` in it is the state of our run, with which it goes on bit for bit, but for the
    pairs, which lack at `pairs_at`.

    Memory: 2 history_size + 12 vectors, 2 history_size of them in float32.

    Example:
        >>> import torch
        >>> x = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
        >>> optimizer = LBFGS([x], max_iter=100, line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> print(f"{optimizer.step(closure).item():.1f}")
        24.2
        >>> print(x.detach().numpy().round(6), optimizer.result.success)
        [1. 1.] True
    """

    _solver = solvers.LBFGS

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float | None = None,
        tolerance_change: float | None = None,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        deterministic: bool = False,
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(
                f"line_search_fn is {line_search_fn!r}; 'strong_wolfe' or None is wanted"
            )
        count("history_size", history_size, least=1, most=1000)
        torch.optim.LBFGS.__init__(
            self,
            params,
            lr,
            max_iter,
            max_eval,
            tolerance_grad,  # type: ignore[arg-type]
            tolerance_change,  # type: ignore[arg-type]
            history_size,
            line_search_fn,
        )
        self._prepare(deterministic)

    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """Take up to max_iter iterations, in up to max_eval evaluations.

        Args:
            closure: clears the gradients, computes the loss, calls `backward`, returns the loss.
                Called with gradients enabled and the parameters in place.

        Returns:
            The loss at the start of the step, as the closure returned it.
        """
        group = self.param_groups[0]
        if group["line_search_fn"] is not None:
            return super().step(closure)
        if self._run is not None and self._run.solver is not None:  # after steps with a search
            self._counts().update(self._exported(self._run))
        self._run = None
        self._counts().pop("solver", None)
        self._params, self._numel_cache = group["params"], None
        relative = {key: group[key] for key in TOLERANCES}
        group.update({key: TOLERANCES[key] for key in TOLERANCES if group[key] is None})
        try:
            return _without_hooks(torch.optim.LBFGS.step)(self, closure)
        finally:
            group.update(relative)

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        size = group["history_size"]
        return {**super()._settings(group), "history_size": size, "history_dtype": "float32"}

    def _teach(self, run: Run, old: Run, gradient: NDArray[Any], state: dict[str, Any]) -> None:
        kept = run.settings["history_size"]
        if old.solver is None:
            steps, changes = self._pairs_of_torch(state, gradient)
        elif old.settings["history_size"] != kept:
            steps, changes = old.solver.history()
        else:
            run.core.inherit(old.core)
            return
        run.core.recall(steps[-kept:], changes[-kept:])

    def _restored(self, params: list[Tensor], state: dict[str, Any]) -> Run:
        run = super()._restored(params, state)
        if run.solver is not None:
            self._pairs_of_torch(state, run.g.numpy())  # the same once more
        return run

    def _pairs_of_torch(
        self, state: dict[str, Any], gradient: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Take the pairs out of a state as torch keeps it, the last step among them."""
        found = {key: state.pop(key, None) for key in TORCH}
        steps = [_array(s, gradient.dtype) for s in found["old_stps"] or ()]
        changes = [_array(y, gradient.dtype) for y in found["old_dirs"] or ()]
        d, t, before = found["d"], float(found["t"] or 0.0), found["prev_flat_grad"]
        if d is not None and before is not None and t != 0.0:
            steps.append(t * _array(d, gradient.dtype))
            changes.append(gradient - _array(before, gradient.dtype))
        fits = all(row.shape == gradient.shape for row in chain(steps, changes))
        if not steps or not fits or len(steps) != len(changes):
            return gradient[None, :][:0], gradient[None, :][:0]
        return np.stack(steps), np.stack(changes)

    def _exported(self, run: Run) -> dict[str, Any]:
        """The pairs as torch keeps them; no step is pending, as the last one is in a pair."""
        gradient = torch.from_numpy(np.array(run.gradient))
        steps, changes = (torch.from_numpy(rows).to(gradient) for rows in run.core.history())
        products = (steps * changes).sum(1)
        scale = products[-1] / changes[-1].dot(changes[-1]) if len(steps) else torch.tensor(1.0)
        return {
            **super()._exported(run),
            "d": torch.zeros_like(gradient),
            "t": 0.0,
            "old_dirs": [y.clone() for y in changes],
            "old_stps": [s.clone() for s in steps],
            "ro": list((1.0 / products).unbind()),
            "H_diag": scale,
            "prev_flat_grad": gradient,
            "prev_loss": run.value,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state, of which all tensors are copies.

        Tolerances that nobody gave are torch's there, as torch could not read them otherwise.
        """
        found = super().state_dict()
        state = found["state"].get(0, {})
        if "solver" in state:
            pairs, whole = _pairs_in_bytes(state), state["solver"].numpy().tobytes()
            at = whole.find(pairs)  # not where a state that torch has cast waits for its run
            if at >= 0:
                rest = whole[:at] + whole[at + len(pairs) :]
                state.update(solver=_tensor_of(rest), pairs_at=at)
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the one that saved it was; nothing is shared with it.

        Tolerances that were not given to the constructor stay relative.
        """
        state = dict(state_dict["state"].get(0, {}))
        at, solver = state.pop("pairs_at", None), state.pop("solver", None)
        if solver is not None and solver.dtype == torch.uint8:  # or torch went on, and had it cast
            whole = solver.cpu().numpy().tobytes()
            if at is not None:
                whole = whole[:at] + _pairs_in_bytes(state) + whole[at:]
            state["solver"] = _tensor_of(whole)
        states = {0: state} if state else {}
        super().load_state_dict({**state_dict, "state": {**state_dict["state"], **states}})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._params, self._numel_cache = self.param_groups[0]["params"], None


def _pairs_in_bytes(state: dict[str, Any]) -> bytes:
    """Return the pairs of a state of torch's as they are in the bytes of a solver, all together."""
    pairs = zip(state.get("old_stps", ()), state.get("old_dirs", ()), strict=True)
    return b"".join(_array(v, np.float32).tobytes() for v in chain.from_iterable(pairs))


def _tensor_of(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _array(vector: Tensor, dtype: Any) -> NDArray[Any]:
    return vector.detach().to("cpu", torch.float64).numpy().astype(dtype)


def _without_hooks(step: Any) -> Any:
    """Return torch's step as it was before it was wrapped in calls of hooks, which ours has too."""
    return step.__wrapped__ if getattr(step, "hooked", False) else step


class BFGS(ClosureSolver):
    """The method of Broyden, Fletcher, Goldfarb and Shanno with closures, as `LBFGS` takes them.

    The solver is `schuss.BFGS`, which see for the method: a dense inverse Hessian of all parameters
    together, for a few thousand of them at most. Arithmetic, closures, tests and steps are those of
    `LBFGS` with a line search.

    Args:
        params: parameters to optimize, in one group.
        max_iter: iterations in a step at most.
        max_eval: evaluations in a step at most; None: 5/4 max_iter.
        tolerance_grad: as in `LBFGS`.
        tolerance_change: as in `LBFGS`.
        deterministic: as in `LBFGS`.

    Memory: 4 n² bytes for n variables, and about 25 vectors. `result` makes the whole matrix.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 1).double()
        >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
        >>> optimizer = BFGS(layer.parameters(), max_iter=50)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((layer(x) - x.sum(1, keepdim=True) - 3) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> first = optimizer.step(closure)
        >>> print(layer.bias.item().__round__(6), optimizer.result.success)
        3.0 True
    """

    _solver = solvers.BFGS

    def _teach(self, run: Run, old: Run, gradient: NDArray[Any], state: dict[str, Any]) -> None:
        if old.solver is not None:
            run.core.inherit(old.core)


class NewtonCG(ClosureSolver):
    """Newton's method from products with the Hessian, by differentiating twice.

    The solver is `schuss.NewtonCG`, which see for the method. The closure returns the loss with its
    graph and does **not** call `backward`: the gradient and the products H v are computed from the
    graph with `torch.autograd.grad`, and `p.grad` is neither read nor written. All operations of
    the loss must be twice differentiable: tanh or softplus, as relu has no second derivative. A
    product costs about two evaluations; they are not counted.

    Args:
        params: parameters to optimize, in one group.
        max_iter: iterations in a step at most.
        max_eval: evaluations in a step at most, products aside; None: 5/4 max_iter.
        tolerance_grad: as in `LBFGS`; there is also no negative curvature in sight.
        tolerance_change: as in `LBFGS`.
        deterministic: as in `LBFGS`.

    Memory: about 20 vectors, and the graphs of the loss and of its gradient.

    Example:
        >>> import torch
        >>> x = torch.tensor([2.0, -3.0], dtype=torch.float64, requires_grad=True)
        >>> optimizer = NewtonCG([x])
        >>> first = optimizer.step(lambda: (x[0] - 1).cosh() + 100 * (x[1] + 2) ** 2)
        >>> print(x.detach().numpy().round(6), optimizer.result.success)
        [ 1. -2.] True
    """

    _solver = solvers.NewtonCG
    _graph: tuple[list[Tensor], list[Tensor]] | None = None

    def _evaluate(
        self, closure: Closure, run: Run, params: list[Tensor], state: dict[str, Any]
    ) -> Any:
        state["func_evals"] += 1
        active = [p for p in params if p.requires_grad]
        with torch.enable_grad():
            loss = closure()
            if not isinstance(loss, Tensor) or not loss.requires_grad:
                raise TypeError(
                    f"the closure returned {loss!r}; the loss as a tensor with its graph is wanted"
                )
            try:
                gradients = gradients_of(loss, active, create_graph=True)
            except RuntimeError as error:
                if "second time" not in str(error):
                    raise
                raise RuntimeError(
                    "the graph of the loss is gone; NewtonCG wants a closure that does not call "
                    "backward"
                ) from error
        self._graph = active, gradients
        self._put(run, params, gradients)
        return loss.detach()

    def _multiply(
        self, closure: Closure, run: Run, params: list[Tensor], state: dict[str, Any]
    ) -> None:
        x = run.core.ask()
        if self._graph is None or not np.array_equal(run.x.numpy(), x):
            run.write(params, x)
            self._evaluate(closure, run, params, state)
        assert self._graph is not None
        active, gradients = self._graph
        v = run.flat.tensors(torch.from_numpy(run.core.direction(True)))
        along = [part for part, p in zip(v, params, strict=True) if p.requires_grad]
        self._put(run, params, hessian_products(gradients, active, along))
        run.core.tell_product(run.g.numpy())

    def _put(self, run: Run, params: list[Tensor], found: Iterable[Tensor]) -> None:
        """Copy what was found for the parameters that have gradients to run.g."""
        rest = iter(found)
        run.flat.read((next(rest) if p.requires_grad else None for p in params), run.g)

    def _forget_graph(self) -> None:
        self._graph = None
