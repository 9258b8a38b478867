"""What the optimizers of `schuss.torch` share: one step through the core, or torch's own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch.optim import Optimizer
from torch.optim import optimizer as hooks

from .. import _core
from ..caller import warn
from ..checks import choice, number, positive, tolerance
from ..optimizers.base import POLICIES, StepInfo

if TYPE_CHECKING:
    from torch import Tensor

    Group = dict[str, Any]

__all__ = ["HALF", "Extras", "Front", "Settings", "increment_version"]

increment_version = torch._C._increment_version  # of a list of tensors: that they were written

HALF = (torch.bfloat16, torch.float16)
_before_all, _after_all = hooks._global_optimizer_pre_hooks, hooks._global_optimizer_post_hooks
_profiling = torch._C._autograd._profiler_enabled
_compiling = torch.compiler.is_compiling
_without_compiler: Any = torch.compiler.disable
_threads = torch.get_num_threads

# Rule, maximize, decoupled weight decay, the rule's hyperparameters and the weight decay.
Settings = tuple[str, bool, bool, tuple[float, ...]]


class Extras(NamedTuple):
    """The keywords that torch's classes do not have."""

    max_norm: float | None = None
    max_value: float | None = None
    nonfinite: str = "propagate"
    agc: float | None = None
    ema: float | None = None
    master: str | None = None

    def check(self) -> Extras:
        """Return the same in floats, if all are in range."""
        if self.master not in (None, "float32"):
            raise ValueError(f"master is {self.master!r}; 'float32' or None is wanted")
        return Extras(
            None if self.max_norm is None else positive("max_norm", self.max_norm),
            None if self.max_value is None else positive("max_value", self.max_value),
            choice("nonfinite", self.nonfinite, POLICIES),
            None if self.agc is None else tolerance("agc", self.agc),
            None if self.ema is None else number("ema", self.ema, minimum=0.0, below=1.0),
            self.master,
        )


def _state_dtype(p: Tensor) -> torch.dtype:
    return torch.float32 if p.dtype in HALF else p.dtype


def _as_wanted(value: Tensor, wanted: Tensor) -> bool:
    return value.dtype == wanted.dtype and value.stride() == wanted.stride()


class Front(Optimizer):
    """Before a class of torch.optim: its arguments, groups, states and checkpoints, our step.

    Args:
        args: of torch's class, as are all keywords that are not named here.
        max_norm: what the 2-norm of all gradients is clipped to, or None; above 0.
        max_value: what each element of the gradients is clipped to, or None; above 0.
        nonfinite: "propagate", "skip" or "raise", where a gradient is not finite.
        agc: adaptive gradient clipping at this ratio, at least 0, or None.
        ema: what an average of the parameters keeps at each step, in [0, 1), or None.
        master: "float32" for float32 copies of bfloat16 and float16 parameters, or None.
        kwargs: of torch's class.

    `schuss.torch` says what each of them does.
    """

    _torch_has_it: ClassVar[bool] = True  # a step to fall back to
    _count: ClassVar[str | None] = "step"  # the state that counts steps
    _carry: ClassVar[tuple[str, ...]] = ()  # the scalar states, as of the rule
    _slots: ClassVar[tuple[str, ...]] = ()  # the others, where they are always these and begin at 0
    _touched = True  # somebody has had the states in hand since the last step
    _walked_in_c_order: ClassVar[bool] = False  # of a rule with norms of tensors

    def __init__(
        self,
        *args: Any,
        max_norm: float | None = None,
        max_value: float | None = None,
        nonfinite: str = "propagate",
        agc: float | None = None,
        ema: float | None = None,
        master: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._extras = Extras(max_norm, max_value, nonfinite, agc, ema, master).check()
        super().__init__(*args, **kwargs)

    @property
    def state(self) -> defaultdict[Any, Any]:
        """States by parameter, as PyTorch has them. Who reads them may move them."""
        if "state" not in self.__dict__:  # of a wrapper, which then looks in what it wraps
            raise AttributeError("state")
        self._touched = True
        return self.__dict__["state"]  # type: ignore[no-any-return]

    @state.setter
    def state(self, value: defaultdict[Any, Any]) -> None:
        self._touched = True
        self.__dict__["state"] = value

    found_inf: Any  # set around a step by torch.amp.GradScaler, as is the next
    grad_scale: Any

    # What a class says of itself.

    def _settings(self, group: Group) -> Settings:
        raise NotImplementedError

    def _states(self, group: Group) -> dict[str, float]:
        """Names of the states in torch's order, but for the count, and what they begin with."""
        return dict.fromkeys(self._slots, 0.0)

    # -- a step ------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; see `torch.optim.Optimizer.step`.

        Args:
            closure: computes the loss and the gradients anew, and returns the loss.

        Returns:
            What the closure returned, or None.
        """
        if _compiling():
            if self._torch_has_it and self._extras == Extras():
                return super().step(closure)
            return self._uncompiled_step(closure)
        if type(self).step is Front.step and (
            _before_all
            or _after_all
            or self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _profiling()
        ):
            return self._observed_step(closure)
        return self._step(closure)

    step.hooked = True  # type: ignore[attr-defined]  # torch wraps it otherwise

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if "found_inf" in self.__dict__ and not self._unscale():
            return loss
        groups, settings = self.param_groups, []
        for group in groups:
            if group.get("differentiable") or group.get("capturable"):
                return self._fall_back("a group is differentiable or capturable", loss)
            if group["lr"].__class__ is not float and getattr(group["lr"], "requires_grad", False):
                return self._fall_back("lr is a tensor that requires a gradient", loss)
            settings.append(self._settings(group))
        plan = self.__dict__.get("_plan") or self._make_plan()
        taken = plan.step(groups, self.__dict__, settings, self._touched, _threads())
        if taken is None:
            if why := self._bind(plan, settings):
                return self._fall_back(why, loss)
            taken = plan.step(groups, self.__dict__, settings, True, _threads())
            if taken is None:
                raise RuntimeError("parameters, gradients or states changed during the step")
        self._touched = False
        if taken:
            self._taken += 1
        return loss

    _observed_step = Optimizer.profile_hook_step(_step)
    _uncompiled_step = _without_compiler(_observed_step)

    def _make_plan(self) -> _core.TorchStepper:
        extras = self._extras
        plan = _core.TorchStepper(torch, increment_version)
        plan.set_options(
            max_norm=math.inf if extras.max_norm is None else extras.max_norm,
            max_value=math.inf if extras.max_value is None else extras.max_value,
            nonfinite=extras.nonfinite,
            keep=extras.ema,
            master=extras.master is not None,
            agc=math.inf if extras.agc is None else extras.agc,
            agc_epsilon=1e-3,
        )
        self._plan = plan
        self._taken = 0
        return plan

    def _bind(self, plan: _core.TorchStepper, settings: list[Settings]) -> str | None:
        """Make the states that are missing, and say why the core cannot step them, if so."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None and (p.grad.is_neg() or p.grad.is_conj()):
                    p.grad = p.grad.resolve_conj().resolve_neg()
        if why := plan.check(self.param_groups):
            return why
        made: list[tuple[Tensor, str]] = []
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None or self.state.get(p):
                    made += ((p, name) for name in self._fit(p, group))
        new = {p for p, name in made if name not in ("ema", "master")}
        begun = {p for p in self.state if p not in new}
        why = plan.bind(
            self.param_groups, self.state, settings, self._count, list(self._carry), begun
        )
        if why:
            for p, name in made:
                del self.state[p][name]
        return why

    def _fit(self, p: Tensor, group: Group) -> Iterator[str]:
        """Make the states of a parameter that it lacks, and yield their names."""
        states = self._states(group)
        if not (states or self._count or self._extras.ema or self._extras.master):
            return
        state = self.state[p]
        with torch.no_grad():
            if self._count and not state:
                state[self._count] = torch.zeros((), dtype=_scalar_dtype())
                yield self._count
            form = torch.contiguous_format if self._walked_in_c_order else torch.preserve_format
            wanted = torch.empty_like(
                p, dtype=_state_dtype(p), memory_format=form, device="meta", requires_grad=False
            )
            for name, fill in states.items():
                value = state.get(name)
                if value is None:
                    if name in self._carry:
                        state[name] = torch.full((), fill, dtype=_scalar_dtype())
                    else:
                        state[name] = torch.zeros_like(wanted, device=p.device)
                        if fill:  # both parts of complex numbers
                            real = torch.view_as_real if p.is_complex() else torch.Tensor.detach
                            real(state[name]).fill_(fill)
                    yield name
                elif (
                    name not in self._carry
                    and not _as_wanted(value, wanted)
                    and value.dtype in (wanted.dtype, p.dtype)
                ):
                    state[name] = torch.empty_like(wanted, device=p.device).copy_(value)
            if self._extras.ema is not None and "ema" not in state:
                state["ema"] = torch.empty_like(wanted, device=p.device).copy_(p)
                yield "ema"
            if self._extras.master and p.dtype in HALF:
                if "master" not in state:
                    state["master"] = torch.empty_like(wanted, device=p.device).copy_(p)
                    yield "master"
                master = state["master"]  # it keeps its last bits where nobody has written to p
                torch.where(master.to(p.dtype) == p, master, p.float(), out=master)

    def _unscale(self) -> bool:
        """Divide gradients by the scale that torch.amp.GradScaler lends; False for a skip."""
        if float(self.found_inf):
            return False
        if self.grad_scale is not None:
            grads = {p.grad for g in self.param_groups for p in g["params"]} - {None}
            torch._foreach_mul_(list(grads), 1.0 / float(self.grad_scale))
            self.grad_scale = None
        return True

    def _fall_back(self, why: str, loss: Any) -> Any:
        """Take torch's own step."""
        name = type(self).__name__
        asked = [k for k, v in self._extras._asdict().items() if v != Extras._field_defaults[k]]
        if not self._torch_has_it or asked:
            lack = (
                f"knows nothing of {', '.join(asked)}" if self._torch_has_it else "does not exist"
            )
            raise RuntimeError(f"{name} cannot step this: {why}; a step of torch's own {lack}")
        step = super().step.__func__  # type: ignore[attr-defined]
        if getattr(step, "hooked", False):
            step = step.__wrapped__
        if not self.fallbacks:
            warn(f"{name} takes torch's own step: {why}", RuntimeWarning)
        self._fallbacks = self.fallbacks + 1
        step(self)
        return loss

    @property
    def fallbacks(self) -> int:
        """How many steps were torch's own, because the core cannot take them."""
        return int(getattr(self, "_fallbacks", 0))

    @property
    def last_step(self) -> StepInfo | None:
        """What the last step did, as `schuss.Optimizer.last_step`; its number is of this object."""
        plan = getattr(self, "_plan", None)
        report = None if plan is None else plan.report
        return None if report is None else StepInfo(self._taken, *report[1:])

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Lend the parameters their averages for the time of a `with` block.

        After the block they have their own bits again, also where a step was taken within, which
        began from the averages. Parameters that never had a gradient have no average, and stay.

        Raises:
            AttributeError: this optimizer keeps no average.
            RuntimeError: before the first step, when there is no average yet.

        Example:
            >>> import torch, schuss.torch
            >>> p = torch.nn.Parameter(torch.ones(1))
            >>> opt = schuss.torch.SGD([p], lr=1.0, ema=0.5)
            >>> p.grad = torch.tensor([2.0])
            >>> opt.step()
            >>> with opt.averaged():
            ...     print(p.item())
            0.0
            >>> p.item()
            -1.0
        """
        if self._extras.ema is None:
            raise AttributeError("this optimizer keeps no average; the argument ema asks for one")
        averages = {p: state["ema"] for p, state in self.state.items() if "ema" in state}
        if not averages:
            raise RuntimeError("there is no average before the first step")
        own = {p: p.detach().clone() for p in averages}
        with torch.no_grad():
            torch._foreach_copy_(list(averages), list(averages.values()))
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(list(own), list(own.values()))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients, or fill them with zeros."""
        if not set_to_none or _profiling() or _compiling():
            super().zero_grad(set_to_none)
            return
        for group in self.param_groups:
            _core.drop_gradients(group["params"])

    # -- checkpoints -------------------------------------------------------------------------------

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load states and groups, in copies; numbers, integers and float32 keep their dtypes."""
        handle = self.register_load_state_dict_pre_hook(_remember)
        try:
            super().load_state_dict(state_dict)
        finally:
            handle.remove()
            self.__dict__.pop("_loading", None)

    def _copy(self, name: str, value: Tensor, p: Tensor) -> Tensor:
        """Return a copy of a loaded state in the dtype that this parameter's step wants."""
        if name != self._count:
            value = value.to(p.device)
            if value.is_floating_point() and p.is_floating_point() and name not in self._carry:
                value = value.to(_state_dtype(p))
        return value.detach().clone()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_extras": self._extras}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if (loading := self.__dict__.pop("_loading", None)) is not None:
            ids = (k for group in loading["param_groups"] for k in group["params"])
            params = (p for group in state["param_groups"] for p in group["params"])
            for k, p in zip(ids, params, strict=True):
                for name, value in loading["state"].get(k, {}).items():
                    if isinstance(value, torch.Tensor):
                        state["state"][p][name] = self._copy(name, value, p)
        super().__setstate__(state)


def _remember(optimizer: Any, state_dict: dict[str, Any]) -> None:
    optimizer._loading = state_dict


def _scalar_dtype() -> torch.dtype:
    return torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32
