"""What the state of an optimizer is as a dict, and whether a dict fits an optimizer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..caller import warn

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bound_state", "check_form", "fitted", "load_schedules", "stateful"]


def bound_state(stepper: _core.Stepper | None, *, live: bool = False) -> dict[str, Any]:
    """Return what belongs to the structure, of copies or of the live arrays."""
    if stepper is None:
        return {"step": 0, "steps": {}, "carry": {}, "state": {}}
    paths, leaves = stepper.paths, range(len(stepper.paths))
    if live:
        step = stepper.step_count
        counts = [stepper.count(leaf) for leaf in leaves]
        carry = [stepper.carry(leaf) for leaf in leaves]
        slots = [stepper.slots(leaf) for leaf in leaves]
    else:
        step, counts, carry, slots = stepper.snapshot()
    own = zip(paths, counts, strict=True)
    return {
        "step": step,
        "steps": {path: taken for path, taken in own if taken != step},
        "carry": dict(zip(paths, carry, strict=True)),
        "state": dict(zip(paths, slots, strict=True)),
    }


def check_form(saved: Mapping[str, Any], optimizer: str) -> None:
    """Refuse what is no state dict of an optimizer of this name."""
    wanted = {"optimizer", "rule", "step", "hyperparameters", "carry", "state"}
    if not isinstance(saved, Mapping) or set(saved) - {"schedules", "steps"} != wanted:
        raise ValueError(f"state_dict is no dict with the keys {sorted(wanted)}")
    if saved["optimizer"] != optimizer:
        raise ValueError(
            f"state_dict['optimizer'] is {saved['optimizer']!r}; {optimizer!r} is wanted"
        )
    step = saved["step"]
    if not isinstance(step, (int, np.integer)) or not 0 <= step < 1 << 62:
        raise ValueError(f"state_dict['step'] is {step!r}; a number of steps is wanted")
    for name in ("hyperparameters", "carry", "state", "schedules", "steps"):
        if not isinstance(saved.get(name, {}), Mapping):
            raise ValueError(f"state_dict[{name!r}] is {saved[name]!r}; a dict is wanted")
    for path, slots in saved["state"].items():
        if not isinstance(slots, Mapping):
            raise ValueError(f"state_dict['state'][{path!r}] is {slots!r}; a dict is wanted")


def fitted(
    stepper: _core.Stepper, saved: Mapping[str, Any]
) -> tuple[int, list[int], list[list[float]], list[dict[str, NDArray[Any]]]]:
    """Check that all of it fits the parameters, and return it as the core restores it."""
    slots = {path: stepper.slots(leaf) for leaf, path in enumerate(stepper.paths)}
    state = saved["state"]
    if set(state) != set(slots):
        raise ValueError(
            f"state_dict['state'] has the parameters {sorted(state)}; {sorted(slots)} are wanted"
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
    carry: list[list[float]] = []
    for leaf, path in enumerate(slots):
        values = saved["carry"].get(path)
        if not (
            isinstance(values, (list, tuple))
            and len(values) == len(stepper.carry(leaf))
            and all(isinstance(x, (float, int)) for x in values)
        ):
            raise ValueError(
                f"state_dict['carry'][{path!r}] is {values!r}, which does not fit the rule"
            )
        carry.append([float(x) for x in values])
    step, steps = int(saved["step"]), saved.get("steps", {})
    if unknown := sorted(set(steps) - set(slots)):
        raise ValueError(f"state_dict['steps'] has {unknown}; some of {sorted(slots)} are wanted")
    for path, taken in steps.items():
        if not isinstance(taken, (int, np.integer)) or not 0 <= taken <= step:
            raise ValueError(
                f"state_dict['steps'][{path!r}] is {taken!r}; a number of steps up to {step} is "
                "wanted"
            )
    counts = [int(steps.get(path, step)) for path in slots]
    arrays_of = [
        {name: np.require(state[path][name], requirements="C") for name in arrays}
        for path, arrays in slots.items()
    ]
    return step, counts, carry, arrays_of


# -- schedules that have a state -------------------------------------------------------------------


def stateful(schedule: Any, label: str) -> Iterator[tuple[str, Any]]:
    """Yield each part of a schedule that has a state, after what leads to it."""
    if hasattr(schedule, "state_dict") and hasattr(schedule, "load_state_dict"):
        yield label, schedule
    elif is_dataclass(schedule) and not isinstance(schedule, type):
        for field in fields(schedule):
            part = getattr(schedule, field.name)
            if isinstance(part, tuple):
                for k, child in enumerate(part):
                    yield from stateful(child, f"{label}.{field.name}[{k}]")
            else:
                yield from stateful(part, f"{label}.{field.name}")


def load_schedules(parts: Mapping[str, Any], states: Mapping[str, Any]) -> Callable[[], None]:
    """Load the states of schedules, all or none; return what undoes it.

    Args:
        parts: what `stateful` has found, by labels.
        states: theirs in a state dict.
    """
    if unknown := sorted(set(states) - set(parts)):
        raise ValueError(
            f"state_dict['schedules'] has states of {unknown}; schedules with a state are at "
            f"{sorted(parts)}: give the constructor the same schedules, or delete these items"
        )
    before = {label: copy.deepcopy(part.state_dict()) for label, part in parts.items()}

    def undo() -> None:
        for label, part in parts.items():
            part.load_state_dict(before[label])

    label = ""
    try:
        for label, state in states.items():
            parts[label].load_state_dict(copy.deepcopy(state))
    except Exception as error:
        undo()
        raise ValueError(f"state_dict['schedules'][{label!r}] does not fit: {error}") from error
    if missing := sorted(set(parts) - set(states)):
        warn(
            f"state_dict has no state of the schedules at {missing}; they go on from where they "
            "are",
            UserWarning,
        )
    return undo
