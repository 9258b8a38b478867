"""Schedules: hyperparameters as functions of time.

A schedule is a callable `f(t) -> float`, where `t` counts the steps already taken: 0 at the first.
Any callable will do; the ones here are small frozen values. They compare, hash, pickle, deep-copy,
print as the call that makes them, and are defined for every integer `t >= 0`: after its last step
a schedule holds its final value::

    opt = schuss.AdamW(learning_rate=warmup(cosine(1e-3, total_steps=9_500), warmup_steps=500))
"""
# Lower-case classes because they are called like functions, as contextlib.suppress is:
# ruff: noqa: N801

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, Literal, SupportsFloat, TypeAlias, get_type_hints

from .checks import choice, count, fraction, is_real, number, positive, real, tolerance
from .suggest import Declared, explain

__all__ = [
    "ReduceOnPlateau",
    "Schedule",
    "constant",
    "cosine",
    "cosine_restarts",
    "exponential",
    "inverse_sqrt",
    "join",
    "linear",
    "one_cycle",
    "piecewise",
    "polynomial",
    "step_decay",
    "warmup",
    "warmup_stable_decay",
]

Schedule: TypeAlias = Callable[[int], float]


# Arguments. The annotation of a field names its domain; `_Checked` applies it.


def _metric(name: str, value: Any) -> float:
    """Return any number as a float: a metric may be infinite, NaN, or another library's."""
    if not is_real(value):
        raise TypeError(f"{name} is {value!r}; a number is wanted")
    return float(value)


_count = partial(count, least=0)


def _schedule_or_value(name: str, value: Any) -> Any:
    return value if callable(value) else number(name, value)


def _each(check: Callable[[str, Any], Any]) -> Callable[[str, Any], tuple[Any, ...]]:
    def check_all(name: str, values: Any) -> tuple[Any, ...]:
        if not isinstance(values, Iterable):
            raise TypeError(f"{name} is {values!r}; a sequence is wanted")
        return tuple(check(f"{name}[{i}]", value) for i, value in enumerate(values))

    return check_all


def _increasing(name: str, values: Any) -> tuple[int, ...]:
    steps = _each(count)(name, values)
    if any(a >= b for a, b in pairwise(steps)):
        raise ValueError(f"{name} is {values!r}; numbers that increase are wanted")
    return steps


def _require_one_more(name: str, pieces: Sized, boundaries: Sized) -> None:
    if len(pieces) != len(boundaries) + 1:
        raise ValueError(
            f"{name} has {len(pieces)} items beside {len(boundaries)} boundaries; one item more "
            "than boundaries is wanted"
        )


def _within(wanted: str, accepts: Callable[[float], bool]) -> Callable[[str, Any], float]:
    return partial(real, wanted=wanted, accepts=accepts)


_Real = Annotated[float, number]
_NonNegative = Annotated[float, tolerance]
_Positive = Annotated[float, positive]
_Decay = Annotated[float, _within("a number in (0, 1]", lambda x: 0 < x <= 1)]
_Reduction = Annotated[float, fraction]
_Fraction = Annotated[float, _within("a number in [0, 1]", lambda x: 0 <= x <= 1)]
_Count = Annotated[int, _count]
_PositiveCount = Annotated[int, count]
_Boundaries = Annotated[Sequence[int], _increasing]
_Values = Annotated[Sequence[float], _each(number)]
_ScheduleOrValue = Annotated[Schedule | float, _schedule_or_value]
_Schedules = Annotated[Sequence[Schedule | float], _each(_schedule_or_value)]


class _Checked:
    """A dataclass whose arguments are checked and stored as plain Python numbers."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            for check in getattr(hint, "__metadata__", ()):
                object.__setattr__(self, name, check(name, getattr(self, name)))


class _Schedule(_Checked):
    """A frozen schedule: `_at` is its formula."""

    def __call__(self, t: int) -> float:
        """Return the value after `t` steps."""
        return self._at(_count("t", t))

    def _at(self, t: int) -> float:
        raise NotImplementedError


# Shapes.


def _progress(t: int, total: int) -> float:
    """Return t / total, held at 0 before the start and at 1 from the end on."""
    if t >= total:
        return 1.0
    return t / total if t > 0 else 0.0


def _blend(start: float, end: float, weight: float) -> float:
    """Return the point between start (weight 0) and end (weight 1), exact at both."""
    return end if weight == 1.0 else start + weight * (end - start)


def _half_cosine(start: float, end: float, progress: float) -> float:
    # (1 - cos(pi x)) / 2 is sin(pi x / 2)^2, which does not cancel for small x.
    return _blend(start, end, math.sin(0.5 * math.pi * progress) ** 2)


def _evaluate(schedule_or_value: Schedule | float, t: int) -> float:
    return float(schedule_or_value(t) if callable(schedule_or_value) else schedule_or_value)


# Schedules.


@dataclass(frozen=True)
class constant(_Schedule):
    """The same value at every step.

    f(t) = value

    Args:
        value: Any finite number.

    Example:
        >>> constant(0.1)(1_000)
        0.1
    """

    value: _Real

    def _at(self, t: int) -> float:
        return self.value


@dataclass(frozen=True)
class linear(_Schedule):
    """A straight line from `initial` to `final`.

    f(t) = initial + (final - initial) min(t / total_steps, 1),
    so initial (1 - t / total_steps) when final is 0.

    Args:
        initial: Value at t = 0, finite.
        total_steps: Steps until `final` is reached, at least 1.
        final: Value from t = total_steps on, finite.

    Example:
        >>> f = linear(1.0, total_steps=4)
        >>> [f(t) for t in range(6)]
        [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]

    Reference:
        Goodfellow, Bengio & Courville 2016, Deep Learning, eq. 8.14.
    """

    initial: _Real
    total_steps: _PositiveCount
    final: _Real = 0.0

    def _at(self, t: int) -> float:
        return _blend(self.initial, self.final, _progress(t, self.total_steps))


@dataclass(frozen=True)
class step_decay(_Schedule):
    """A staircase: multiply by `gamma` every `step_size` steps.

    f(t) = initial gamma^floor(t / step_size)

    Args:
        initial: Value at t = 0, finite.
        gamma: Factor per stair, in (0, 1].
        step_size: Steps per stair, at least 1.

    Example:
        >>> f = step_decay(1.0, gamma=0.5, step_size=2)
        >>> [f(t) for t in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]

    Reference:
        Szegedy et al. 2015, Going Deeper with Convolutions, section 6.
    """

    initial: _Real
    gamma: _Decay
    step_size: _PositiveCount

    def _at(self, t: int) -> float:
        return self.initial * self.gamma ** (t // self.step_size)


@dataclass(frozen=True)
class exponential(_Schedule):
    """Exponential decay.

    f(t) = initial e^(-rate t)

    Args:
        initial: Value at t = 0, finite.
        rate: Decay per step, at least 0. The value halves every ln(2) / rate steps.

    Example:
        >>> f = exponential(1.0, rate=0.5)
        >>> round(f(2), 6)
        0.367879

    Reference:
        Senior et al. 2013, An Empirical Study of Learning Rates in Deep Neural Networks for Speech
        Recognition.
    """

    initial: _Real
    rate: _NonNegative

    def _at(self, t: int) -> float:
        return self.initial * math.exp(-self.rate * t)


@dataclass(frozen=True)
class cosine(_Schedule):
    """Half a cosine wave from `initial` down to `minimum`.

    f(t) = minimum + (initial - minimum) (1 + cos(pi x)) / 2,  x = min(t / total_steps, 1)

    Args:
        initial: Value at t = 0, finite.
        total_steps: Steps until `minimum` is reached, at least 1.
        minimum: Value from t = total_steps on, finite.

    Example:
        >>> f = cosine(1.0, total_steps=100)
        >>> [round(f(t), 3) for t in (0, 25, 50, 75, 100, 200)]
        [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]

    Reference:
        Loshchilov & Hutter 2017, SGDR, eq. 5, one cycle.
    """

    initial: _Real
    total_steps: _PositiveCount
    minimum: _Real = 0.0

    def _at(self, t: int) -> float:
        return _half_cosine(self.initial, self.minimum, _progress(t, self.total_steps))


@dataclass(frozen=True)
class cosine_restarts(_Schedule):
    """Cosine decay that starts again, each cycle `multiplier` times as long as the last.

    f(t) = minimum + (initial - minimum) (1 + cos(pi u / n)) / 2,  u steps into a cycle of n.
    Cycle k has n = period multiplier^k steps. The first step of a cycle is at `initial`; the last
    is one step short of `minimum`.

    Args:
        initial: Value at the start of each cycle, finite.
        period: Steps in the first cycle, at least 1.
        multiplier: Growth of the cycles, an integer of at least 1.
        minimum: Value that each cycle runs down to, finite.

    Example:
        >>> f = cosine_restarts(1.0, period=2, multiplier=2)
        >>> [round(f(t), 3) for t in range(7)]
        [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]

    Reference:
        Loshchilov & Hutter 2017, SGDR, eq. 5.
    """

    initial: _Real
    period: _PositiveCount
    multiplier: _PositiveCount = 1
    minimum: _Real = 0.0

    def _at(self, t: int) -> float:
        # Integers throughout: finding the cycle with logarithms is off by one at some restarts.
        length = self.period
        if self.multiplier == 1:
            t %= length
        while t >= length:
            t -= length
            length *= self.multiplier
        return _half_cosine(self.initial, self.minimum, _progress(t, length))


@dataclass(frozen=True)
class polynomial(_Schedule):
    """A power of the remaining time.

    f(t) = final + (initial - final) (1 - min(t / total_steps, 1))^power

    Args:
        initial: Value at t = 0, finite.
        total_steps: Steps until `final` is reached, at least 1.
        power: Exponent above 0; 1 is a straight line.
        final: Value from t = total_steps on, finite.

    Example:
        >>> f = polynomial(1.0, total_steps=4, power=2.0)
        >>> [f(t) for t in range(5)]
        [1.0, 0.5625, 0.25, 0.0625, 0.0]

    Reference:
        Chen et al. 2018, DeepLab, section 4.1 ("poly", with power 0.9).
    """

    initial: _Real
    total_steps: _PositiveCount
    power: _Positive = 1.0
    final: _Real = 0.0

    def _at(self, t: int) -> float:
        remaining = 1.0 - _progress(t, self.total_steps)
        return _blend(self.final, self.initial, remaining**self.power)


@dataclass(frozen=True)
class inverse_sqrt(_Schedule):
    """Flat for `timescale` steps, then one over the square root of the step.

    f(t) = initial sqrt(timescale / max(t + 1, timescale))

    With the default it is the classic initial / sqrt(t + 1) of stochastic approximation.

    Args:
        initial: Value of the first `timescale` steps, finite.
        timescale: Steps before the decay starts, at least 1.

    Example:
        >>> f = inverse_sqrt(1.0)
        >>> [f(t) for t in (0, 3, 15)]
        [1.0, 0.5, 0.25]

    Reference:
        Zinkevich 2003, Online Convex Programming, theorem 1.
    """

    initial: _Real
    timescale: _PositiveCount = 1

    def _at(self, t: int) -> float:
        return self.initial * math.sqrt(self.timescale / max(t + 1, self.timescale))


@dataclass(frozen=True)
class piecewise(_Schedule):
    """Constant pieces: `values[k]` from step `boundaries[k - 1]` on.

    f(t) = values[number of boundaries <= t]

    Args:
        boundaries: First step of every piece but the first; integers of at least 1, increasing.
        values: One finite value per piece, so one more than boundaries.

    Example:
        >>> f = piecewise([2, 4], [0.1, 0.01, 0.001])
        >>> [f(t) for t in range(6)]
        [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]

    Reference:
        He et al. 2016, Deep Residual Learning for Image Recognition, section 4.2.
    """

    boundaries: _Boundaries
    values: _Values

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        _require_one_more("values", self.values, self.boundaries)

    def _at(self, t: int) -> float:
        return self.values[bisect_right(self.boundaries, t)]


@dataclass(frozen=True)
class one_cycle(_Schedule):
    """Up to `peak` and down to almost nothing, both along half cosines.

    From peak / div_factor at t = 0 to peak at t = s, then to peak / (div_factor final_div_factor)
    at t = total_steps, where s = round(warmup_fraction total_steps).

    Args:
        peak: Largest value, finite.
        total_steps: Steps in the cycle, at least 1.
        warmup_fraction: Share of the steps that climb, in [0, 1].
        div_factor: `peak` over the first value, above 0.
        final_div_factor: First value over the last, above 0.

    Example:
        >>> f = one_cycle(1.0, total_steps=10, div_factor=10.0, final_div_factor=10.0)
        >>> [round(f(t), 3) for t in (0, 3, 10)]
        [0.1, 1.0, 0.01]

    Reference:
        Smith & Topin 2018, Super-Convergence. The lines of the paper are straight; the half
        cosines and the defaults are those of PyTorch and optax.
    """

    peak: _Real
    total_steps: _PositiveCount
    warmup_fraction: _Fraction = 0.3
    div_factor: _Positive = 25.0
    final_div_factor: _Positive = 1e4

    def _at(self, t: int) -> float:
        first = self.peak / self.div_factor
        top = round(self.warmup_fraction * self.total_steps)
        if t < top:
            return _half_cosine(first, self.peak, _progress(t, top))
        last = first / self.final_div_factor
        return _half_cosine(self.peak, last, _progress(t - top, self.total_steps - top))


@dataclass(frozen=True)
class warmup_stable_decay(_Schedule):
    """Climb, hold `peak`, and run down in a straight line at the end (WSD).

    f(t) = peak min((t + 1) / warmup_steps, 1) until t = total_steps - decay_steps, then a straight
    line that reaches `final` at t = total_steps.

    Args:
        peak: Value of the stable part, finite.
        total_steps: All steps, at least 1.
        warmup_steps: Steps of the climb, at least 0.
        decay_steps: Steps of the decay, at least 0; at most total_steps - warmup_steps.
        final: Value from t = total_steps on, finite.

    Example:
        >>> f = warmup_stable_decay(1.0, total_steps=8, warmup_steps=2, decay_steps=4)
        >>> [f(t) for t in range(9)]
        [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]

    Reference:
        Hu et al. 2024, MiniCPM, section 4.
    """

    peak: _Real
    total_steps: _PositiveCount
    warmup_steps: _Count
    decay_steps: _Count
    final: _Real = 0.0

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        if self.warmup_steps + self.decay_steps > self.total_steps:
            raise ValueError(
                f"warmup_steps + decay_steps is {self.warmup_steps} + {self.decay_steps}; at most "
                f"total_steps, {self.total_steps}, is wanted"
            )

    def _at(self, t: int) -> float:
        if t < self.warmup_steps:
            return self.peak * _progress(t + 1, self.warmup_steps)
        decay_start = self.total_steps - self.decay_steps
        return _blend(self.peak, self.final, _progress(t - decay_start, self.decay_steps))


@dataclass(frozen=True)
class warmup(_Schedule):
    """Linear warmup in front of a schedule or a value, which runs from its own beginning after it.

    f(t) = schedule(0) (t + 1) / warmup_steps for t < warmup_steps, then schedule(t - warmup_steps)

    The first step is not wasted on a rate of 0, and the peak is what the schedule begins with: it
    is reached at step `warmup_steps` (t = warmup_steps - 1) and held for the step after it. The
    schedule is late by the warmup: `warmup(cosine(0.1, 900), 100)` ends at t = 1,000.

    Args:
        schedule_or_value: A callable f(t), or a finite number.
        warmup_steps: Steps of the climb; 0 leaves the schedule as it is.

    Example:
        >>> f = warmup(linear(1.0, total_steps=4), warmup_steps=4)
        >>> [f(t) for t in range(8)]
        [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]

    Reference:
        Goyal et al. 2017, Accurate, Large Minibatch SGD, section 2.2.
    """

    schedule_or_value: _ScheduleOrValue
    warmup_steps: _Count

    def _at(self, t: int) -> float:
        if t < self.warmup_steps:
            return _progress(t + 1, self.warmup_steps) * _evaluate(self.schedule_or_value, 0)
        return _evaluate(self.schedule_or_value, t - self.warmup_steps)


@dataclass(frozen=True)
class join(_Schedule):
    """One schedule after another, each on a clock that starts at 0.

    f(t) = schedules[k](t - boundaries[k - 1]),  k = number of boundaries <= t

    Args:
        schedules: Callables f(t) or finite numbers, one more than boundaries.
        boundaries: First step of every schedule but the first; integers of at least 1, increasing.

    Example:
        >>> f = join([0.5, linear(1.0, total_steps=4)], boundaries=[2])
        >>> [f(t) for t in range(6)]
        [0.5, 0.5, 1.0, 0.75, 0.5, 0.25]
    """

    schedules: _Schedules
    boundaries: _Boundaries

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        _require_one_more("schedules", self.schedules, self.boundaries)

    def _at(self, t: int) -> float:
        k = bisect_right(self.boundaries, t)
        return _evaluate(self.schedules[k], t - self.boundaries[k - 1] if k else t)


@dataclass(eq=False)
class ReduceOnPlateau(Declared, _Checked):
    """Multiply the value by `factor` when a metric has stopped improving.

    A metric improves when it is better than the best so far by more than the margin:
    threshold abs(best) when threshold_mode is "rel", threshold when it is "abs". After more than
    `patience` updates in a row without improvement, value <- max(factor value, minimum), and the
    next `cooldown` updates are not counted. A NaN is never an improvement.

    It is a schedule whose value depends on the metrics and not on `t`.

    Args:
        initial: Value before the first reduction, finite.
        factor: Factor of each reduction, in (0, 1).
        patience: Updates without improvement that are forgiven, at least 0.
        threshold: Smallest improvement that counts, at least 0.
        threshold_mode: "rel" (to the best metric) or "abs".
        cooldown: Updates after a reduction that are not counted, at least 0.
        minimum: Smallest value, finite, at most `initial`.
        mode: "min" when a smaller metric is better, "max" when a larger one is.

    Attributes:
        value: The current value.
        best: The best metric so far; infinite before the first.
        bad_updates: Updates in a row without improvement.
        cooldown_left: Updates that will still not be counted.

    Example:
        >>> plateau = ReduceOnPlateau(1.0, factor=0.5, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0):
        ...     plateau.update(loss)
        >>> plateau(0)
        0.5

    Reference:
        torch.optim.lr_scheduler.ReduceLROnPlateau, whose counting this follows. It differs for
        negative metrics: there "rel" scales the best itself, so that a worse one can pass.
    """

    initial: _Real
    factor: _Reduction = 0.1
    patience: _Count = 10
    threshold: _NonNegative = 1e-4
    threshold_mode: Annotated[Literal["rel", "abs"], partial(choice, words=("rel", "abs"))] = "rel"
    cooldown: _Count = 0
    minimum: _Real = 0.0
    mode: Annotated[Literal["min", "max"], partial(choice, words=("min", "max"))] = "min"
    value: float = field(init=False)
    best: float = field(init=False)
    bad_updates: int = field(init=False, default=0)
    cooldown_left: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Check the arguments and start with no metric seen."""
        super().__post_init__()
        if self.minimum > self.initial:
            raise ValueError(
                f"minimum is {self.minimum!r}; at most initial, {self.initial!r}, is wanted"
            )
        self.value = self.initial
        self.best = math.inf if self.mode == "min" else -math.inf

    def __call__(self, t: int) -> float:
        """Return the current value, whatever `t` is."""
        return self.value

    def update(self, metric: SupportsFloat) -> None:
        """Count one metric, such as the validation loss, and reduce the value when it is time."""
        seen = _metric("metric", metric)
        if self._improves(seen):
            self.best = seen
            self.bad_updates = 0
        else:
            self.bad_updates += 1
        if self.cooldown_left:
            self.cooldown_left -= 1
            self.bad_updates = 0
        if self.bad_updates > self.patience:
            self.value = max(self.value * self.factor, self.minimum)
            self.cooldown_left = self.cooldown
            self.bad_updates = 0

    def state_dict(self) -> dict[str, float]:
        """Return what the updates have changed, as plain numbers; the arguments are not in it."""
        return {name: getattr(self, name) for name in _PLATEAU_STATE}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Continue from a `state_dict()`; nothing changes when it is refused."""
        if set(state) != set(_PLATEAU_STATE):
            raise ValueError(
                f"state has the keys {sorted(state)}; {sorted(_PLATEAU_STATE)} are wanted"
            )
        checked = {name: check(name, state[name]) for name, check in _PLATEAU_STATE.items()}
        vars(self).update(checked)

    def _improves(self, metric: float) -> bool:
        # The margin of an infinite best would be infinite too, and their difference NaN.
        relative = self.threshold_mode == "rel" and math.isfinite(self.best)
        margin = self.threshold * (abs(self.best) if relative else 1.0)
        if self.mode == "min":
            return metric < self.best - margin
        return metric > self.best + margin


_PLATEAU_STATE: dict[str, Callable[[str, Any], float]] = {
    "value": number,
    "best": _metric,
    "bad_updates": _count,
    "cooldown_left": _count,
}


explain(__name__)
