"""What all first-order optimizers share: structures, schedules, clipping, states, checkpoints."""

from __future__ import annotations

import copy
import inspect
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np

from .. import _core
from ..checks import flag, positive
from ..structures import map_leaves
from .settings import Hyperparameter, Option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..schedules import Schedule

    Value = float | Schedule

__all__ = ["Common", "Optimizer", "StepInfo"]

RULES = _core.rules()


class Common(TypedDict, total=False):
    """Keywords that every optimizer takes; `Optimizer` explains them."""

    max_norm: float | None
    max_value: float | None
    grad_scale: float
    nonfinite: str
    maximize: bool
    overrides: Mapping[str, Mapping[str, Value]] | None


@dataclass(frozen=True)
class StepInfo:
    """What the last call of `step` did.

    Attributes:
        step: steps taken so far, this one included unless it was skipped.
        learning_rate: the rate that it used (of the optimizer, not of overrides).
        grad_norm: 2-norm of all gradients over `grad_scale`, before clipping; None where nothing
            asked for it (neither `max_norm` nor a finite check).
        clip_factor: what `max_norm` multiplied the gradients by; 1.0 for no clipping.
        skipped: True where `nonfinite="skip"` left everything as it was.
        nonfinite: gradient elements that were NaN or infinite; None where they were not looked at.
    """

    step: int
    learning_rate: float
    grad_norm: float | None
    clip_factor: float
    skipped: bool
    nonfinite: int | None


class _Scheduled(NamedTuple):
    """A schedule, and where its values go: hyperparameters, lists of values, positions in them."""

    schedule: Schedule
    places: list[tuple[Hyperparameter, list[float], int]]


@dataclass(frozen=True)
class _Layout:
    """Shape, dtype and order in memory of a parameter: what a pickle keeps of it."""

    shape: tuple[int, ...]
    dtype: str
    axes: tuple[int, ...]

    def template(self) -> NDArray[Any]:
        ordered = np.empty([self.shape[a] for a in self.axes], self.dtype)
        return ordered.transpose(np.argsort(self.axes)) if self.axes else ordered


def _limit(name: str, value: Any) -> float | None:
    return None if value is None else positive(name, value)


def _policy(name: str, value: Any) -> str:
    if value not in ("propagate", "skip", "raise"):
        raise ValueError(f"{name} is {value!r}; 'propagate', 'skip' or 'raise' is wanted")
    return str(value)


class Optimizer:
    """Base of all first-order optimizers; use one of its subclasses.

    ``opt.step(params, grads)`` updates ``params`` in place. ``params`` and ``grads`` are one array,
    or lists, tuples and dicts of arrays, nested as deep as you like, of one structure. States are
    made at the first step and belong to that structure.

    Every hyperparameter is a number or a schedule, a callable f(t) with t the number of steps
    already taken. Every optimizer also takes the keywords below. All but `overrides` may be
    assigned to as attributes later on.

    Args:
        max_norm: clip the gradients, taken as one vector, to this 2-norm: all are multiplied by
            max_norm / (norm + 1e-6) where that is below 1. Above 0, or None. A norm that is NaN
            makes every parameter NaN, unless `nonfinite` says otherwise.
        max_value: then clip each element to [-max_value, max_value]. Above 0, or None.
        grad_scale: gradients are divided by it first (loss scaling, accumulation). Above 0.
        nonfinite: what to do when a gradient element is NaN or infinite: "propagate" (the
            default: nothing), "skip" (parameters, states and step count keep their bits) or
            "raise" (FloatingPointError, nothing written).
        maximize: ascend instead of descend.
        overrides: hyperparameters of single parameters: fnmatch patterns on paths such as
            "layers.0.bias", each with a dict of values. Where several match, the last one counts.

    Gradients are never written, and none of this makes a pass or a copy of its own, but that norms
    and finite checks read the gradients once more. The sign of ``maximize``, 1 / grad_scale and the
    clip factor are one coefficient, rounded once to the dtype of the parameter.
    """

    learning_rate = Hyperparameter()
    weight_decay = Hyperparameter()

    max_norm = Option(_limit)
    max_value = Option(_limit)
    grad_scale = Option(positive)
    nonfinite = Option(_policy)
    maximize = Option(flag)

    @property
    def rule(self) -> str:
        """Name of the update rule in use, as in the registry of kernels."""
        raise NotImplementedError

    def __init__(
        self,
        *,
        max_norm: float | None = None,
        max_value: float | None = None,
        grad_scale: float = 1.0,
        nonfinite: str = "propagate",
        maximize: bool = False,
        overrides: Mapping[str, Mapping[str, Value]] | None = None,
        **hyperparameters: Value,
    ) -> None:
        self._stepper: _core.Stepper | None = None
        self._pending: dict[str, Any] | None = None  # loaded before there is a structure
        self._groups: list[tuple[str, ...]] = [()]  # the override patterns of each group
        self._group_of: dict[str, int] = {}  # and the group of each parameter
        self._hyper: list[list[float]] = []  # hyperparameters of each group at this step
        self._scheduled: list[_Scheduled] = []
        self._first_step = threading.Lock()
        for name, value in hyperparameters.items():
            if not isinstance(getattr(type(self), name, None), Hyperparameter):
                raise TypeError(f"{type(self).__name__} has no argument {name!r}")
            setattr(self, name, value)
        self.max_norm = max_norm
        self.max_value = max_value
        self.grad_scale = grad_scale
        self.nonfinite = nonfinite
        self.maximize = maximize
        self._overrides = self._check_overrides(overrides or {})

    # -- a step ------------------------------------------------------------------------------------

    def step(self, params: Any, grads: Any) -> None:
        """Update params in place from grads.

        Args:
            params: float32 or float64 arrays, of any layout; see `Optimizer`.
            grads: arrays of the same structure and shapes, of any real dtype. Only read.

        Raises:
            TypeError, ValueError: for arrays that do not fit; nothing has been written.
            FloatingPointError: with nonfinite="raise"; nothing has been written.
        """
        stepper = self._stepper
        if stepper is None:
            self._begin(params, grads)
            return
        if self._stale:
            self._configure(stepper)
        if self._scheduled:
            self._evaluate(stepper)
        stepper.step(params, grads)

    def _begin(self, params: Any, grads: Any) -> None:
        """Take the first step; the structure is only kept when it succeeds."""
        if not self._first_step.acquire(blocking=False):
            raise RuntimeError("this optimizer is taking its first step in another thread")
        try:
            stepper = self._bind(params, self.rule)
            if self._pending is not None:
                self._restore(stepper, self._pending)
            self._configure(stepper)
            self._evaluate(stepper)
            stepper.step(params, grads)
            self._stepper, self._pending = stepper, None
        finally:
            self._first_step.release()

    def zero_grad(self, grads: Any) -> None:
        """Fill every gradient array with zeros, in place."""
        arrays = _core.flatten(grads, "grads")
        for path, array in arrays:
            if not isinstance(array, np.ndarray):
                raise TypeError(f"grads['{path}'] is {type(array).__name__}; an array is wanted")
            if not array.flags.writeable:
                raise ValueError(f"grads['{path}'] is read-only; a writeable array is wanted")
        for _, array in arrays:
            array[...] = 0

    def _fills(self) -> dict[str, float]:
        """Slots that do not start at 0."""
        return {}

    def _rule_of_states(self) -> str | None:
        if self._stepper is not None:
            return self._stepper.rule
        return None if self._pending is None else str(self._pending["rule"])

    def _uses(self, name: str, slot: str) -> bool:
        """Whether hyperparameter `name` may be other than 0, or its slot has already been made."""
        rule = self._rule_of_states()
        if rule is not None and slot in RULES[rule]["slots"]:
            return True
        values = [self.__dict__[name], *(v.get(name, 0.0) for v in self._overrides.values())]
        return any(value != 0.0 for value in values)

    def _bind(self, params: Any, rule: str) -> _core.Stepper:
        stepper = _core.Stepper(rule, params, self._fills())
        unused = set(self._overrides)
        groups: dict[tuple[str, ...], int] = {(): 0}
        group_of = []
        for path in stepper.paths:
            patterns = tuple(p for p in self._overrides if fnmatchcase(path, p))
            unused.difference_update(patterns)
            group_of.append(groups.setdefault(patterns, len(groups)))
        if unused:
            raise ValueError(
                f"overrides: {sorted(unused)} match none of the parameters {stepper.paths}"
            )
        self._groups = list(groups)
        self._group_of = dict(zip(stepper.paths, group_of, strict=True))
        stepper.assign_groups(group_of, len(groups))
        return stepper

    def _configure(self, stepper: _core.Stepper) -> None:
        """Hand over all settings; what is scheduled waits for `_evaluate`."""
        if self._stepper is not None and self.rule != stepper.rule:
            raise ValueError(
                f"the settings now ask for the rule {self.rule!r}, but the states are those of "
                f"{stepper.rule!r}; call reset() first"
            )
        # In the order of the core: the rule's own hyperparameters, and the common decay.
        names = RULES[stepper.rule]["hyper"]
        names = names if "weight_decay" in names else [*names, "weight_decay"]
        self._hyper = [[0.0] * len(names) for _ in self._groups]
        scheduled: dict[int, _Scheduled] = {}
        for values, patterns in zip(self._hyper, self._groups, strict=True):
            for k, name in enumerate(names):
                value = self.__dict__[name]
                for pattern in patterns:
                    value = self._overrides[pattern].get(name, value)
                if callable(value):
                    found = scheduled.setdefault(id(value), _Scheduled(value, []))
                    found.places.append((getattr(type(self), name), values, k))
                else:
                    values[k] = float(value)
        self._scheduled = list(scheduled.values())
        stepper.set_hyper(self._hyper)
        stepper.set_options(
            max_norm=math.inf if self.max_norm is None else self.max_norm,
            max_value=math.inf if self.max_value is None else self.max_value,
            grad_scale=self.grad_scale,
            nonfinite=self.nonfinite,
            maximize=self.maximize,
        )
        self._stale = False

    def _evaluate(self, stepper: _core.Stepper) -> None:
        """Ask each schedule once for its value at this step."""
        t = stepper.step_count
        for schedule, places in self._scheduled:
            value = schedule(t)
            for setting, values, k in places:
                values[k] = setting.at(t, value)
        stepper.set_hyper(self._hyper)

    def _hyperparameters(self) -> dict[str, Hyperparameter]:
        found = inspect.getmembers(type(self), lambda member: isinstance(member, Hyperparameter))
        return {name: setting for name, setting in found if name in self.__dict__}

    def _check_overrides(
        self, overrides: Mapping[str, Mapping[str, Value]]
    ) -> dict[str, dict[str, Value]]:
        known = self._hyperparameters()
        result: dict[str, dict[str, Value]] = {}
        for pattern, values in overrides.items():
            if not isinstance(pattern, str) or not isinstance(values, Mapping):
                raise TypeError(
                    f"overrides has the item {pattern!r}: {values!r}; a pattern on parameter paths "
                    "with a dict of hyperparameters is wanted"
                )
            for name in values:
                if name not in known:
                    raise ValueError(
                        f"overrides[{pattern!r}] has {name!r}; the hyperparameters of "
                        f"{type(self).__name__} are {sorted(known)}"
                    )
            result[pattern] = {
                name: known[name].check(f"overrides[{pattern!r}][{name!r}]", value)
                for name, value in values.items()
            }
        return result

    # -- what it knows -----------------------------------------------------------------------------

    @property
    def overrides(self) -> dict[str, dict[str, Value]]:
        """The overrides that the constructor was given; they cannot be assigned."""
        return copy.deepcopy(self._overrides)

    @property
    def step_count(self) -> int:
        """Steps taken; skipped ones do not count."""
        if self._stepper is not None:
            return self._stepper.step_count
        return 0 if self._pending is None else int(self._pending["step"])

    @property
    def last_step(self) -> StepInfo | None:
        """What the last call of `step` did; None before the first."""
        if self._stepper is None:
            return None
        report = self._stepper.report
        return None if report is None else StepInfo(*report)

    @property
    def state(self) -> Any:
        """The states, in the structure of the parameters: each leaf a dict of live slot arrays.

        An empty dict before the first step.
        """
        if self._stepper is None:
            return {}
        return self._stepper.unflatten(self._slots(self._stepper))

    @staticmethod
    def _slots(stepper: _core.Stepper) -> list[dict[str, NDArray[Any]]]:
        return [stepper.slots(leaf) for leaf in range(len(stepper.paths))]

    def __repr__(self) -> str:
        own = inspect.signature(type(self).__init__).parameters.values()
        names = [p.name for p in own if p.name in self.__dict__ and p.kind is not p.KEYWORD_ONLY]
        parts = [f"{name}={self.__dict__[name]!r}" for name in names]
        for p in inspect.signature(Optimizer.__init__).parameters.values():
            if p.kind is p.KEYWORD_ONLY and p.name != "overrides":
                value = self.__dict__[p.name]
                parts += [f"{p.name}={value!r}"] if value != p.default else []
        parts += [f"overrides={self._overrides!r}"] if self._overrides else []
        return f"{type(self).__name__}({', '.join(parts)})"

    # -- checkpoints -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on bit for bit: plain dicts, arrays, numbers.

        Hyperparameters that are numbers are in it; schedules and overrides are not: give them to
        the constructor again.
        """
        if self._stepper is None and self._pending is not None:
            return {**copy.deepcopy(self._pending), "hyperparameters": self._constants()}
        state: dict[str, dict[str, NDArray[Any]]] = {}
        carry: dict[str, list[float]] = {}
        if (stepper := self._stepper) is not None:
            for path, slots in zip(stepper.paths, self._slots(stepper), strict=True):
                state[path] = {name: array.copy("C") for name, array in slots.items()}
                carry[path] = list(stepper.carry[self._group_of[path]])
        return {
            "optimizer": type(self).__name__,
            "rule": self._rule_of_states() or self.rule,
            "step": self.step_count,
            "hyperparameters": self._constants(),
            "carry": carry,
            "state": state,
        }

    def _constants(self) -> dict[str, float]:
        values = {name: self.__dict__[name] for name in self._hyperparameters()}
        return {name: value for name, value in values.items() if not callable(value)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the states, step count and constant hyperparameters of `state_dict()`.

        Before the first step the states wait for the parameters. Where anything does not fit, a
        ValueError says what, and nothing has changed.
        """
        constants = self._check_state_dict(state_dict)
        if not state_dict["state"] and state_dict["step"] == 0:
            self.reset()  # saved before the first step
        elif self._stepper is not None:
            self._restore(self._stepper, state_dict)
        else:
            self._pending = copy.deepcopy(dict(state_dict))
        for name, value in constants.items():
            setattr(self, name, value)

    def _check_state_dict(self, saved: Mapping[str, Any]) -> dict[str, float]:
        """Check what can be without the parameters; return the hyperparameters."""
        wanted = {"optimizer", "rule", "step", "hyperparameters", "carry", "state"}
        if not isinstance(saved, Mapping) or set(saved) != wanted:
            raise ValueError(f"state_dict is no dict with the keys {sorted(wanted)}")
        if saved["optimizer"] != type(self).__name__:
            raise ValueError(
                f"state_dict['optimizer'] is {saved['optimizer']!r}; "
                f"{type(self).__name__!r} is wanted"
            )
        step = saved["step"]
        if not isinstance(step, (int, np.integer)) or not 0 <= step < 1 << 62:
            raise ValueError(f"state_dict['step'] is {step!r}; a number of steps is wanted")
        for name in ("hyperparameters", "carry", "state"):
            if not isinstance(saved[name], Mapping):
                raise ValueError(f"state_dict[{name!r}] is {saved[name]!r}; a dict is wanted")
        for path, slots in saved["state"].items():
            if not isinstance(slots, Mapping):
                raise ValueError(f"state_dict['state'][{path!r}] is {slots!r}; a dict is wanted")
        known = self._hyperparameters()
        constants = {}
        for name, value in saved["hyperparameters"].items():
            if name not in known:
                raise ValueError(f"state_dict['hyperparameters'] has the unknown name {name!r}")
            label = f"state_dict['hyperparameters'][{name!r}]"
            try:
                constants[name] = known[name].number(label, value)
            except TypeError as error:
                raise ValueError(str(error)) from None
        # With the loaded values in place, would this optimizer use that rule?
        trial = object.__new__(type(self))
        trial.__dict__.update({**self.__dict__, **constants, "_stepper": None})
        trial._pending = {"rule": saved["rule"]} if saved["rule"] in RULES else None
        if trial._pending is None or trial.rule != saved["rule"]:
            raise ValueError(
                f"state_dict['rule'] is {saved['rule']!r}; {self.rule!r} is wanted by the settings"
            )
        return constants

    def _restore(self, stepper: _core.Stepper, saved: Mapping[str, Any]) -> None:
        """Check everything, and only then write the states, the carry and the step count."""
        slots = dict(zip(stepper.paths, self._slots(stepper), strict=True))
        state = saved["state"]
        if set(state) != set(slots):
            raise ValueError(
                f"state_dict['state'] has the parameters {sorted(state)}; "
                f"{sorted(slots)} are wanted"
            )
        for path, arrays in slots.items():
            if set(state[path]) != set(arrays):
                raise ValueError(
                    f"state_dict['state'][{path!r}] has the slots {sorted(state[path])}; "
                    f"{sorted(arrays)} are wanted"
                )
            for name, array in arrays.items():
                came = np.asarray(state[path][name])
                if came.shape != array.shape or came.dtype != array.dtype:
                    raise ValueError(
                        f"state_dict['state'][{path!r}][{name!r}] is {came.dtype} of shape "
                        f"{came.shape}; {array.dtype} of shape {array.shape} is wanted"
                    )
        carry: list[list[float]] = [list(c) for c in stepper.carry]
        came_carry: dict[int, list[float]] = {}
        for path in slots:
            group = self._group_of[path]
            values = saved["carry"].get(path)
            if not (
                isinstance(values, (list, tuple))
                and len(values) == len(carry[group])
                and all(isinstance(x, (float, int)) for x in values)
                and list(values) == came_carry.setdefault(group, list(values))
            ):
                raise ValueError(
                    f"state_dict['carry'][{path!r}] is {values!r}, which does not fit the rule "
                    "and the overrides"
                )
            carry[group] = [float(x) for x in values]
        for path, arrays in slots.items():
            for name, array in arrays.items():
                array[...] = state[path][name]
        stepper.carry = carry
        stepper.step_count = int(saved["step"])

    def reset(self) -> None:
        """Forget states, step count and structure; hyperparameters stay."""
        self._stepper = None
        self._pending = None
        self._stale = True

    def __getstate__(self) -> dict[str, Any]:
        own = ("_stepper", "_first_step", "_hyper", "_scheduled")
        attributes = {k: v for k, v in self.__dict__.items() if k not in own}
        stepper = self._stepper
        if stepper is None:
            return {"attributes": attributes, "bound": None}
        layouts = [_Layout(*stepper.layout(leaf)) for leaf in range(len(stepper.paths))]
        return {
            "attributes": attributes,
            "bound": {
                "rule": stepper.rule,
                "structure": stepper.unflatten(layouts),
                "step": stepper.step_count,
                "carry": {p: list(stepper.carry[g]) for p, g in self._group_of.items()},
                "state": dict(zip(stepper.paths, self._slots(stepper), strict=True)),
            },
        }

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        self.__dict__.update(pickled["attributes"])
        self._stepper = None
        self._first_step = threading.Lock()
        self._hyper, self._scheduled = [], []
        self._stale = True
        bound = pickled["bound"]
        if bound is not None:
            template = map_leaves(_Layout.template, bound["structure"])
            self._stepper = self._bind(template, bound["rule"])
            self._restore(self._stepper, bound)
