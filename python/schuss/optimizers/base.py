"""What all first-order optimizers share: structures, schedules, clipping, states, checkpoints."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, fields
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np

from .. import _core
from ..checks import choice, count, number, positive, tolerance
from ..suggest import did_you_mean
from .settings import Configured, Hyperparameter, Maybe, Option, Setting, Switch, Value
from .state_dict import bound_state, check_form, fitted, load_schedules, stateful

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..schedules import Schedule

__all__ = ["Coupled", "Optimizer", "StepInfo"]

RULES = _core.rules()

# Rules of 0.1 that were others with their decay beside the step.
RENAMED = {"adamw": "adam", "amsgradw": "amsgrad"}

# Hyperparameters that all rules have, in the order of the core, and what stands for their lack.
COMMON = {"weight_decay": 0.0, "agc": math.inf, "agc_epsilon": 1e-3}

POLICIES = ("propagate", "skip", "raise")  # where a gradient is not finite

PATIENCE = 60.0  # seconds to wait for a step, a load or a copy in another thread


@dataclass(frozen=True)
class StepInfo:
    """What the last call of `step` did.

    Attributes:
        step: steps taken so far, this one included unless it was skipped.
        learning_rate: the rate that it used (of the optimizer, not of overrides).
        grad_norm: 2-norm of all gradients over `grad_scale`, before clipping, frozen parameters
            left out; None where nothing asked for it (neither `max_norm` nor a finite check).
        clip_factor: what `max_norm` multiplied the gradients by; exactly 1.0 for no clipping.
        skipped: True where `nonfinite="skip"` left everything as it was.
        nonfinite: gradient elements that counted as not finite (see `Optimizer`); None where they
            were not looked at.
    """

    step: int
    learning_rate: float
    grad_norm: float | None
    clip_factor: float
    skipped: bool
    nonfinite: int | None


@dataclass
class _Group:
    """Parameters that share their hyperparameters.

    number: its place among the groups.
    patterns: those of the overrides that match them.
    frozen: whether these set the learning rate to the number 0.
    float32: the path of one that is trained in float32, if any is.
    """

    number: int = 0
    patterns: tuple[str, ...] = ()
    frozen: bool = False
    float32: str | None = None


class _Scheduled(NamedTuple):
    """A schedule, and where its values go: hyperparameters, lists of values, positions in them."""

    schedule: Schedule
    places: list[tuple[Hyperparameter, list[float], int, str | None]]  # the last: see `_Group`


@dataclass(frozen=True)
class _Layout:
    """Shape, dtype and order in memory of a parameter: what a pickle keeps of it."""

    shape: tuple[int, ...]
    dtype: str
    axes: tuple[int, ...]


def _limit(name: str, value: Any) -> float | None:
    return None if value is None else positive(name, value)


def _largest(limit: float) -> tuple[str, float]:
    return "it", min(limit, 1.0)  # infinity is no limit


def _reciprocal(scale: float) -> tuple[str, float]:
    return "its reciprocal", 1.0 / scale


def _scale(name: str, value: Any) -> float:
    scale = positive(name, value)
    if math.isinf(1.0 / scale):
        raise ValueError(f"{name} is {value!r}; a number with a finite reciprocal is wanted")
    return scale


def _norm(name: str, value: Any) -> float:
    """Return a norm, which is NaN or infinite where the gradients are."""
    beyond = isinstance(value, (float, np.floating)) and not value < math.inf
    return float(value) if beyond else tolerance(name, value)


def _axis(name: str, value: Any) -> int | None:
    return None if value is None else count(name, value, least=-32, most=31)


class _Overrides(Setting):
    """Hyperparameters of single parameters: given once, and read as a copy."""

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return self if obj is None else copy.deepcopy(obj._overrides)

    def __set__(self, obj: Any, value: Any) -> None:
        if "_overrides" in obj.__dict__:
            raise AttributeError("overrides cannot be assigned; they go to the constructor")
        obj._overrides = obj._check_overrides(value or {})


class _Average(Setting):
    """How much of itself an average of the parameters keeps; read, it is the average."""

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return self if obj is None else obj._averages()

    def __set__(self, obj: Any, value: Any) -> None:
        if "ema" in obj.__dict__:
            raise AttributeError("ema cannot be assigned; it goes to the constructor")
        obj.__dict__["ema"] = (
            None if value is None else number("ema", value, minimum=0.0, below=1.0)
        )


Average = Annotated["float | None", _Average()]
Overrides = Annotated["Mapping[str, Mapping[str, Value]] | None", _Overrides()]


class Optimizer(Configured):
    """Base of all first-order optimizers; use one of its subclasses.

    ``opt.step(params, grads)`` updates ``params`` in place. ``params`` and ``grads`` are one array,
    or lists, tuples and dicts of arrays, nested as deep as you like, of one structure. States are
    made at the first step and belong to that structure. Arithmetic and states are float64 for a
    float64 parameter, and float32 for one that is float32, bfloat16 or float16; a parameter of 16
    bits is rounded to the nearest, ties to even, at the end of each step.

    Every hyperparameter is a number or a schedule, a callable f(t) with t the number of steps
    already taken. Every optimizer also takes the keywords below. All but `ema` and `overrides` may
    be assigned to as attributes later on; a name that does not exist is an AttributeError.
    Attributes of your own begin with an underscore.

    A parameter whose `learning_rate` is the number 0 by an override is frozen: it keeps its bits,
    and so do its states, whatever its gradient is, which must have the right shape and counts as
    zeros in norms and finite checks. A rate of 0 that is the optimizer's own, or the value of a
    schedule, makes an ordinary step: states go on, and a gradient that is NaN is NaN.

    Numbers must survive the arithmetic: an epsilon that float32 makes 0 of, a beta that it makes 1
    of, a rate that it makes infinite are a ValueError at the first step, or when they are assigned
    later. Learning rates and decays from a schedule may fade to 0.

    One thread at a time: while `step` runs in one thread, another that steps, loads, copies,
    pickles, resets or reads states waits, or gets a RuntimeError. What it gets is whole.

    Args:
        max_norm: clip the gradients, taken as one vector, to this 2-norm: where their norm is
            above it, all are multiplied by max_norm / (norm + 1e-6); else no bit changes. Above 0,
            or None. A norm that is NaN makes every parameter NaN, unless `nonfinite` says
            otherwise.
        max_value: then clip each element to [-max_value, max_value]. Above 0, or None.
        grad_scale: gradients are divided by it first (loss scaling, accumulation). Above 0.
        nonfinite: what to do when a gradient element is NaN or infinite, as it came or after
            scaling and clipping, in the arithmetic of its parameter; in rules that square them also
            where its square is (above 1.8e19 in float32, 1.3e154 in float64): "propagate" (the
            default: nothing. A state that has become infinite stays so, and its parameter does not
            move again), "skip" (parameters, states and step count keep their bits) or "raise"
            (FloatingPointError, nothing written).
        maximize: ascend instead of descend.
        agc: adaptive gradient clipping: a unit of the gradient whose norm is above `agc` times that
            of its parameters is scaled down to it, after `max_norm` and `max_value` and before any
            decay. 0.01 is usual, more for smaller batches; at least 0, or None for no clipping. A
            unit is an index of `agc_axis`: all weights that lead to one output. The paper leaves
            the last layer out: `overrides={"head*": {"agc": None}}`.
        agc_epsilon: what the norm of a unit's parameters counts as at least, so that zeros may
            grow. At least 0.
        agc_axis: the axis of the units: -1 for weights (inputs, outputs) as of
            `schuss.initializers`, 0 for those of PyTorch. With None, and below two dimensions, the
            array is one unit.
        ema: keep an exponential average of the parameters, e ← ema e + (1 - ema) p after each step
            in which p took part, in float32, or float64 for float64 parameters; it starts as the
            parameters before the first step. In [0, 1), or None. The attribute `ema` is the
            average, in the structure of the parameters; see `averaged`.
        overrides: hyperparameters of single parameters: fnmatch patterns on paths such as
            "layers.0.bias", each with a dict of values. Where several match, the last one counts.
            A learning_rate that is the number 0 freezes.

    Gradients are never written, and none of this makes a pass or a copy of its own, but that norms
    and finite checks read the gradients once more, and `agc` the parameters too. The sign of
    ``maximize``, 1 / grad_scale and the clip factor are one coefficient, rounded once.

    Reference for `agc`: Brock, De, Smith and Simonyan, High-Performance Large-Scale Image
    Recognition Without Normalization, ICML 2021, equation 3.
    """

    _: KW_ONLY
    max_norm: Annotated[float | None, Option(_limit)] = None
    max_value: Annotated[float | None, Option(_limit, _largest)] = None
    grad_scale: Annotated[float, Option(_scale, _reciprocal)] = 1.0
    nonfinite: Annotated[str, Option(partial(choice, words=POLICIES))] = "propagate"
    maximize: Switch = False
    agc: Annotated[Maybe, Hyperparameter(double=True, absent=math.inf)] = None
    agc_epsilon: Annotated[Value, Hyperparameter(double=True)] = 1e-3
    agc_axis: Annotated[int | None, Option(_axis)] = -1
    ema: Average = None
    overrides: Overrides = None

    _rule: ClassVar[str]

    # Hyperparameters of the rule that are no arguments: a number, or the argument that they follow.
    _given: ClassVar[Mapping[str, str | float]] = {}

    @property
    def rule(self) -> str:
        """Name of the update rule in use, as in the registry of kernels."""
        return self._rule

    @property
    def _decoupled(self) -> bool:
        """Whether weight decay is beside the step, not in the gradient."""
        return bool(self.__dict__.get("decoupled_weight_decay", True))

    def __post_init__(self) -> None:
        """Begin without a structure, and refuse settings that contradict each other."""
        self.learning_rate: Value  # these two are fields of every subclass
        self.weight_decay: Value
        self._overrides: dict[str, dict[str, Value]]  # set by the field
        self._turn = threading.RLock()
        self._loads = 0  # how often states were replaced
        self._unbind(None)
        self.rule  # noqa: B018

    def _unbind(self, pending: dict[str, Any] | None) -> None:
        """Be without a structure; pending: a state dict that waits for one."""
        self._stepper: _core.Stepper | None = None
        self._pending = pending
        self._groups = [_Group()]
        self._group_of: dict[str, _Group] = {}  # by path
        self._hyper: list[list[float]] = []  # hyperparameters of each group at this step
        self._scheduled: list[_Scheduled] = []
        self._stale = True  # settings have changed since they were handed over

    # -- a step ------------------------------------------------------------------------------------

    def step(
        self, params: Any, grads: Any, *, shadow: Any = None, grad_norm: float | None = None
    ) -> None:
        """Update params in place from grads.

        Args:
            params: float32, float64, bfloat16 or float16 arrays, of any layout; see `Optimizer`.
                Tensors of PyTorch too, and what lends its memory through DLPack: written where they
                are, and autograd hears of it. `schuss.torch` does that in less time. Arrays that
                are immutable, as those of jax, are a TypeError.
            grads: arrays of the same structure and shapes, of any real dtype, those of other
                libraries too. Only read. None for a parameter that takes no part: its bits, states
                and step count stay, and it is in no norm and no finite check. A step without any
                gradient counts nothing.
            shadow: bfloat16 or float16 arrays of the same structure and shapes, which become
                copies of float32 params as they are after the step, rounded to nearest even, in
                the same pass. The shadow of a parameter that takes no part is left as it is.
            grad_norm: the 2-norm of all gradients over `grad_scale` for `max_norm` and the finite
                check, where it is known: from `schuss.clipping.norm_of`, or of a model of which
                these gradients are a part. One that is not finite skips or raises as `nonfinite`
                says.

        Raises:
            TypeError, ValueError: for arrays that do not fit; nothing has been written.
            FloatingPointError: with nonfinite="raise"; nothing has been written.
            RuntimeError: when another thread steps, loads or reads the states; likewise.
        """
        if grad_norm is not None:
            grad_norm = _norm("grad_norm", grad_norm)
        stepper = self._stepper
        if stepper is None or self._stale or self._scheduled:
            with self._alone():
                self._step(params, grads, shadow, grad_norm)
        else:
            stepper.step(params, grads, shadow, grad_norm)

    def _step(self, params: Any, grads: Any, shadow: Any, grad_norm: float | None) -> None:
        """Take a step with settings that are new; the first one binds the structure."""
        stepper = self._stepper
        if stepper is None:
            stepper = self._bind(params, self.rule)
            if self._pending is not None:
                stepper.restore(*fitted(stepper, self._pending))
            self._stale = True
        self._refresh(stepper)
        stepper.step(params, grads, shadow, grad_norm)
        if self._stepper is None:  # the structure is only kept when the step succeeds
            self._stepper, self._pending = stepper, None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for what another thread does with settings and states.

        A step whose settings are numbers does not pass here: the core refuses what comes meanwhile.
        """
        if not self._turn.acquire(timeout=PATIENCE):
            raise RuntimeError(
                "this optimizer is at work in another thread, or was when this process forked"
            )
        try:
            yield
        finally:
            self._turn.release()

    def _averages(self) -> Any:
        """The averages in the structure of the parameters."""
        averages = self._averages_by_path()
        stepper = self._stepper
        return {} if stepper is None else stepper.unflatten([averages[p] for p in stepper.paths])

    def _averages_by_path(self) -> dict[str, NDArray[Any]]:
        if self.__dict__["ema"] is None:
            raise AttributeError("this optimizer keeps no average; the argument ema asks for one")
        stepper = self._stepper
        if stepper is not None:
            return {path: stepper.slots(leaf)["ema"] for leaf, path in enumerate(stepper.paths)}
        states = {} if self._pending is None else self._pending["state"]
        return {path: slots["ema"] for path, slots in states.items()}

    @contextmanager
    def averaged(self, params: Any) -> Iterator[Any]:
        """Lend params their averages, in place, for the time of a `with` block.

        Also between loading a checkpoint and the next step. A step within the block would begin
        from the averages, and be undone at its end.

        Args:
            params: the arrays that `step` is given. After the block they have their own bits again.

        Raises:
            AttributeError: this optimizer keeps no average.
            RuntimeError: before the first step, when there is no average yet.
            ValueError: for arrays that do not fit; nothing has been written.

        Example:
            >>> import numpy as np, schuss
            >>> p, opt = np.array([1.0]), schuss.SGD(learning_rate=1.0, ema=0.5)
            >>> opt.step(p, np.array([2.0]))
            >>> with opt.averaged(p):
            ...     print(p)
            [0.]
            >>> p
            array([-1.])
        """
        with self._alone():
            averages = self._averages_by_path()
            if not averages:
                raise RuntimeError("there is no average before the first step")
            owners, arrays = self._writeable(params, "params")
            if arrays.keys() != averages.keys():
                raise ValueError(
                    f"params has the arrays {sorted(arrays)}; {sorted(averages)} are wanted"
                )
            for path, array in arrays.items():
                if array.shape != (shape := averages[path].shape):
                    raise ValueError(
                        f"params[{path!r}] has shape {array.shape}; that of the steps, {shape}, is "
                        "wanted"
                    )
            own = {path: array.copy() for path, array in arrays.items()}
            self._write(owners, arrays, averages)
        try:
            yield params
        finally:
            self._write(owners, arrays, own)

    @staticmethod
    def _writeable(tree: Any, name: str) -> tuple[list[Any], dict[str, NDArray[Any]]]:
        """Return the leaves of a tree, and their arrays by path, if all can be written."""
        views = _core.views(tree, name, True)
        arrays = {path: array for path, _, array in views}
        for path, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise TypeError(f"{name}['{path}'] is {type(array).__name__}; an array is wanted")
            if not array.flags.writeable:
                raise ValueError(f"{name}['{path}'] is read-only; a writeable array is wanted")
        return [leaf for _, leaf, _ in views], arrays

    @staticmethod
    def _write(
        owners: list[Any], arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]
    ) -> None:
        for path, array in arrays.items():
            array[...] = values[path]
        for owner in owners:
            _core.mark_written(owner)

    def zero_grad(self, grads: Any) -> None:
        """Fill every gradient array with zeros, in place."""
        owners, arrays = self._writeable(grads, "grads")
        self._write(owners, arrays, dict.fromkeys(arrays, 0))

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

    def _bind(
        self, params: Any, rule: str, elements: tuple[int, int] | None = None
    ) -> _core.Stepper:
        """Return what steps these parameters, or only a range of their elements."""
        own = {} if elements is None else {"range": elements}
        stepper = _core.Stepper(rule, params, self._fills(), keep=self.__dict__["ema"], **own)
        groups: dict[tuple[str, ...], _Group] = {(): _Group()}
        group_of = {}
        for leaf, path in enumerate(stepper.paths):
            patterns = tuple(p for p in self._overrides if fnmatchcase(path, p))
            if patterns not in groups:
                groups[patterns] = _Group(len(groups), patterns, self._freezes(patterns))
            group = group_of[path] = groups[patterns]
            if stepper.layout(leaf)[1] != "float64" and not group.frozen:
                group.float32 = path
        if unused := set(self._overrides).difference(*groups):
            near = did_you_mean(min(unused), stepper.paths)
            raise ValueError(
                f"overrides: {sorted(unused)} match none of the parameters {stepper.paths}{near}"
            )
        self._groups, self._group_of = list(groups.values()), group_of
        stepper.assign_groups(
            [group.number for group in group_of.values()], [group.frozen for group in self._groups]
        )
        for setting in self._settings():
            for path in self._float32_paths(setting.name):
                if not callable(value := self.__dict__[setting.name]):
                    setting.check_float32(setting.name, value, path)
        return stepper

    def _freezes(self, patterns: tuple[str, ...]) -> bool:
        """Whether these overrides set the learning rate to the number 0."""
        value = self._value("learning_rate", patterns)[1]
        overridden = any("learning_rate" in self._overrides[p] for p in patterns)
        return overridden and not callable(value) and value == 0.0

    def _value(self, name: str, patterns: tuple[str, ...]) -> tuple[str, Value]:
        """Return a hyperparameter of a group, after the name of the place that gives it."""
        label, value = name, self.__dict__[name]
        for pattern in patterns:
            if name in self._overrides[pattern]:
                label, value = f"overrides[{pattern!r}][{name!r}]", self._overrides[pattern][name]
        return label, value

    def _float32_paths(self, name: str) -> Iterator[str]:
        """Yield a float32 parameter for each group that takes `name` from the optimizer."""
        for group in self.__dict__.get("_groups", ()):
            overridden = any(name in self._overrides[p] for p in group.patterns)
            if group.float32 is not None and not overridden:
                yield group.float32

    def _refresh(self, stepper: _core.Stepper) -> None:
        """Hand over the settings of the next step."""
        try:
            if self._stale:
                self._configure(stepper)
            self._evaluate(stepper)
        except BaseException:
            self._stale = True
            raise

    def _configure(self, stepper: _core.Stepper) -> None:
        """Hand over all settings; what is scheduled waits for `_evaluate`."""
        self._stale = False  # first, so that what is assigned meanwhile is seen at the next step
        if self._stepper is not None and self.rule != stepper.rule:
            raise ValueError(
                f"the settings now ask for the rule {self.rule!r}, but the states are those of "
                f"{stepper.rule!r}; call reset() first"
            )
        # In the order of the core: the rule's own hyperparameters, and those that all rules have,
        # or what stands for their lack where the rule itself takes care of them.
        own = RULES[stepper.rule]["hyper"]
        given = [self._given.get(name, name) for name in own]
        given += [COMMON[n] if n in own else self._given.get(n, n) for n in COMMON]
        self._hyper = [[0.0] * len(given) for _ in self._groups]
        scheduled: dict[int, _Scheduled] = {}
        for values, group in zip(self._hyper, self._groups, strict=True):
            for k, name in enumerate(given):
                if not isinstance(name, str):
                    values[k] = name
                    continue
                setting = getattr(type(self), name)
                label, value = self._value(name, group.patterns)
                if callable(value):
                    found = scheduled.setdefault(id(value), _Scheduled(value, []))
                    found.places.append((setting, values, k, group.float32))
                    continue
                if label != name and group.float32 is not None:  # the optimizer's own are checked
                    setting.check_float32(label, value, group.float32)
                values[k] = setting.in_core(value)
        self._scheduled = list(scheduled.values())
        stepper.set_hyper(self._hyper)
        stepper.set_options(
            max_norm=math.inf if self.max_norm is None else self.max_norm,
            max_value=math.inf if self.max_value is None else self.max_value,
            grad_scale=self.grad_scale,
            nonfinite=self.nonfinite,
            maximize=self.maximize,
            decoupled=self._decoupled,
            agc_axis=self.agc_axis,
        )

    def _evaluate(self, stepper: _core.Stepper) -> None:
        """Ask each schedule once for its value at this step."""
        t = stepper.step_count
        for schedule, places in self._scheduled:
            value = schedule(t)
            for setting, values, k, path in places:
                values[k] = setting.at(t, value)
                if path is not None:
                    label = f"{setting.name}({t})"
                    setting.check_float32(label, values[k], path, scheduled=True)
        stepper.set_hyper(self._hyper)

    def _arguments(self) -> dict[str, Any]:
        """What the constructor takes, as it stands now, in the order of its signature."""
        by_position = sorted(fields(self), key=lambda field: field.kw_only is True)
        # Not the attribute `overrides`, a copy: a schedule may stand in several places.
        values = {**self.__dict__, "overrides": self._overrides}
        return {field.name: values[field.name] for field in by_position}

    def _settings(self) -> list[Hyperparameter | Option]:
        found = (getattr(type(self), field.name) for field in fields(self))
        return [setting for setting in found if isinstance(setting, (Hyperparameter, Option))]

    def _hyperparameters(self) -> dict[str, Hyperparameter]:
        return {s.name: s for s in self._settings() if isinstance(s, Hyperparameter)}

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
                        f"{type(self).__name__} are {sorted(known)}{did_you_mean(name, known)}"
                    )
            result[pattern] = {
                name: known[name].check(f"overrides[{pattern!r}][{name!r}]", value)
                for name, value in values.items()
            }
        return result

    # -- what it knows -----------------------------------------------------------------------------

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

        Live: every step changes them, and so does writing into them. Read beside a step of another
        thread they may hold values of two steps; `state_dict` makes copies of one moment. An empty
        dict before the first step.
        """
        stepper = self._stepper
        if stepper is None:
            return {}
        return stepper.unflatten([stepper.slots(leaf) for leaf in range(len(stepper.paths))])

    def __repr__(self) -> str:
        common = {field.name: field.default for field in fields(self) if field.kw_only}
        parts = [
            f"{name}={value!r}"
            for name, value in self._arguments().items()
            if name not in common or value not in (common[name], {})
        ]
        return f"{type(self).__name__}({', '.join(parts)})"

    # -- checkpoints -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on bit for bit: plain dicts, arrays, numbers.

        Hyperparameters that are numbers are in it, and under "schedules" the state of each schedule
        that has one (`ReduceOnPlateau`, also within `warmup` or `join`; any callable with
        `state_dict` and `load_state_dict`). Schedules themselves and overrides are not: give them
        to the constructor again.

        Raises:
            RuntimeError: while another thread steps.
        """
        with self._alone():
            return self._state_dict()

    def _moment(self) -> tuple[int, int]:
        """Return what tells whether states have changed; refused in the middle of a step."""
        with self._alone():
            _ = self.state
            return self.step_count, self._loads

    def _state_dict(self, *, live: bool = False) -> dict[str, Any]:
        """Return the state_dict, of copies or of the live arrays, which steps change."""
        schedules = {
            label: copy.deepcopy(part.state_dict()) for label, part in self._schedules().items()
        }
        own = {"hyperparameters": self._constants(), "schedules": schedules}
        stepper = self._stepper
        if stepper is None and self._pending is not None:
            return {**(self._pending if live else copy.deepcopy(self._pending)), **own}
        return {
            "optimizer": type(self).__name__,
            "rule": self._rule_of_states() or self.rule,
            **bound_state(stepper, live=live),
            **own,
        }

    def _schedules(self) -> dict[str, Any]:
        """Return the parts of schedules that have a state, by the places that lead to them."""
        places = {name: self.__dict__[name] for name in self._hyperparameters()}
        for pattern, values in self._overrides.items():
            for name, value in values.items():
                places[f"overrides[{pattern!r}][{name!r}]"] = value
        return {
            label: part for name, value in places.items() for label, part in stateful(value, name)
        }

    def _constants(self) -> dict[str, Any]:
        values = {name: self.__dict__[name] for name in self._hyperparameters()}
        return {name: value for name, value in values.items() if not callable(value)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over states, step count, constant hyperparameters and the states of schedules.

        Before the first step the states wait for the parameters. Where anything does not fit, a
        ValueError says what, and nothing has changed. A schedule with a state that `state_dict`
        lacks, as those of schuss 0.1.0 do, goes on from where it is, with a warning.

        Raises:
            RuntimeError: while another thread steps; nothing has changed.
        """
        self._load(state_dict, copy.deepcopy)

    def _load(self, state_dict: Mapping[str, Any], own: Callable[[Any], Any]) -> None:
        """Load; own: makes of a dict one that nobody else writes into."""
        with self._alone():
            constants = self._check_state_dict(state_dict)
            stepper = self._stepper
            unbound = not state_dict["state"] and state_dict["step"] == 0  # before the first step
            fits = fitted(stepper, state_dict) if stepper is not None and not unbound else None
            self._loads += 1
            parts = self._schedules()
            parts = {k: part for k, part in parts.items() if k.split(".")[0] not in constants}
            undo = load_schedules(parts, state_dict.get("schedules", {}))
            try:
                if stepper is not None and fits is not None:
                    stepper.restore(*fits)
            except BaseException:
                undo()
                raise
            if unbound:
                self.reset()
            elif stepper is None:
                self._pending = own(dict(state_dict))
            self.__dict__.update(constants)
            self._stale = True

    def _check_state_dict(self, saved: Mapping[str, Any]) -> dict[str, float]:
        """Check what can be without the parameters; return the hyperparameters."""
        check_form(saved, type(self).__name__)
        known = self._hyperparameters()
        constants = {}
        for name, value in saved["hyperparameters"].items():
            if name not in known:
                raise ValueError(f"state_dict['hyperparameters'] has the unknown name {name!r}")
            label = f"state_dict['hyperparameters'][{name!r}]"
            try:
                constants[name] = known[name].constant(label, value)
            except TypeError as error:
                raise ValueError(str(error)) from None
            for path in self._float32_paths(name):
                known[name].check_float32(label, constants[name], path)
        # With the loaded values in place, would this optimizer use that rule?
        trial = object.__new__(type(self))
        trial.__dict__.update({**self.__dict__, **constants, "_stepper": None})
        rule = RENAMED.get(saved["rule"], saved["rule"])
        trial._pending = {"rule": rule} if rule in RULES else None
        if trial._pending is None or trial.rule != rule:
            raise ValueError(
                f"state_dict['rule'] is {saved['rule']!r}; {self.rule!r} is wanted by the settings"
            )
        return constants

    def reset(self) -> None:
        """Forget states, step count and structure; hyperparameters and schedules stay."""
        with self._alone():
            self._loads += 1
            self._unbind(None)

    def __getstate__(self) -> dict[str, Any]:
        own = ("_stepper", "_groups", "_group_of", "_hyper", "_scheduled", "_turn", "_loads")
        with self._alone():
            attributes = {k: v for k, v in self.__dict__.items() if k not in own}
            stepper = self._stepper
            if stepper is None:
                return {"attributes": attributes, "bound": None}
            layouts = [_Layout(*stepper.layout(leaf)) for leaf in range(len(stepper.paths))]
            bound = bound_state(stepper)
        return {
            "attributes": attributes,
            "bound": {
                "rule": stepper.rule,
                "structure": stepper.unflatten(layouts),
                **bound,
            },
        }

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        defaults = {field.name: field.default for field in fields(self)}  # of newer arguments
        self.__dict__.update({**defaults, **pickled["attributes"]})
        self._turn, self._loads = threading.RLock(), 0
        self._unbind(self._pending)
        bound = pickled["bound"]
        if bound is not None:
            rule = RENAMED.get(bound["rule"], bound["rule"])
            self._stepper = self._bind(bound["structure"], rule)
            self._stepper.restore(*fitted(self._stepper, bound))


class Coupled(Optimizer):
    """Base of the optimizers whose decay is an L2 term or stands beside the step.

    Args:
        decoupled_weight_decay: take η λ p beside the step, as `AdamW` does, instead of adding λ p
            to the gradient.
    """

    _: KW_ONLY
    decoupled_weight_decay: Switch = False
