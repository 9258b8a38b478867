"""Misspelt names: what somebody may have meant, and attributes that do not exist."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

__all__ = ["Declared", "did_you_mean", "explain", "with_known_arguments"]

# What PyTorch, optax, Keras and SciPy call our arguments, and what stands for their functions.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "alpha": ("beta",),
    "b1": ("beta1",),
    "b2": ("beta2",),
    "betas": ("beta1", "beta2"),
    "beta_1": ("beta1",),
    "beta_2": ("beta2",),
    "clipnorm": ("max_norm",),
    "clipvalue": ("max_value",),
    "decay": ("weight_decay",),
    "eps": ("epsilon",),
    "eps_root": ("epsilon_root",),
    "eta": ("learning_rate",),
    "etas": ("eta_minus", "eta_plus"),
    "global_clipnorm": ("max_norm",),
    "initial_accumulator_value": ("initial_accumulator",),
    "lr": ("learning_rate",),
    "max_eval": ("maxfun",),
    "max_grad_norm": ("max_norm",),
    "max_iter": ("maxiter",),
    "maxcor": ("history_size",),
    "step_size": ("learning_rate",),
    "step_sizes": ("step_min", "step_max"),
    "tol": ("gtol",),
    "tolerance_change": ("ftol",),
    "tolerance_grad": ("gtol",),
    "wd": ("weight_decay",),
    # rules that are a setting of a class
    "amsgrad": ("adam(amsgrad=true)",),
    "momentum": ("sgd(momentum=0.9)",),
    "nesterov": ("sgd(momentum=0.9, nesterov=true)",),
    "newton_textbook": ("newton(globalization='none')",),
    "newtontextbook": ("newton(globalization='none')",),
    # modules and functions
    "calculate_gain": ("gain",),
    "clip_grad_norm": ("clip_by_global_norm", "clipping"),
    "clip_grad_norm_": ("clip_by_global_norm", "clipping"),
    "clip_grad_value": ("clip_by_value", "clipping"),
    "clip_grad_value_": ("clip_by_value", "clipping"),
    "dataloader": ("minibatches",),
    "init": ("initializers",),
    "kaiming_normal": ("he_normal",),
    "kaiming_normal_": ("he_normal",),
    "kaiming_uniform": ("he_uniform",),
    "kaiming_uniform_": ("he_uniform",),
    "lr_scheduler": ("schedules",),
    "optim": ("optimizers",),
    "trunc_normal_": ("truncated_normal",),
    "xavier_normal": ("glorot_normal",),
    "xavier_normal_": ("glorot_normal",),
    "xavier_uniform": ("glorot_uniform",),
    "xavier_uniform_": ("glorot_uniform",),
    # schedules and their arguments
    "constantlr": ("constant",),
    "cosineannealinglr": ("cosine",),
    "cosineannealingwarmrestarts": ("cosine_restarts",),
    "cosine_decay_schedule": ("cosine",),
    "decay_steps": ("total_steps",),
    "eta_min": ("minimum",),
    "exponentiallr": ("exponential",),
    "gamma": ("rate", "factor"),
    "init_value": ("initial",),
    "linearlr": ("linear",),
    "max_lr": ("peak",),
    "milestones": ("boundaries",),
    "min_lr": ("minimum",),
    "multisteplr": ("piecewise",),
    "onecyclelr": ("one_cycle",),
    "polynomiallr": ("polynomial",),
    "sequentiallr": ("join",),
    "seed": ("rng",),
    "std": ("stddev",),
    "steplr": ("step_decay",),
    "t_0": ("period",),
    "t_max": ("total_steps",),
    "t_mult": ("multiplier",),
}


def _plain(name: str) -> str:
    return name.strip("-").replace("-", "_").lower()


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return the end of a message that names what is near, or "" where nothing is.

    Case, and dashes for underscores, count for nothing; the names of arguments in PyTorch, optax,
    Keras and SciPy are understood.

    Example:
        >>> did_you_mean("weight_deacy", ["learning_rate", "weight_decay"])
        "; did you mean 'weight_decay'?"
        >>> did_you_mean("betas", ["beta1", "beta2", "epsilon"])
        "; did you mean 'beta1' and 'beta2'?"
        >>> did_you_mean("colour", ["beta1"])
        ''
    """
    known = {_plain(candidate): candidate for candidate in candidates}
    wanted = _plain(name)
    found = [known[other] for other in ELSEWHERE.get(wanted, ()) if other in known]
    if not found:
        nearest = get_close_matches(wanted, known, n=max(len(known), 1))
        nearest.sort(key=lambda near: _edits(wanted, near))
        found = [known[near] for near in nearest[:1]]
    return f"; did you mean {' and '.join(map(repr, found))}?" if found else ""


def _edits(a: str, b: str) -> int:
    """How many letters are added, left out, replaced or swapped with the next: OSA distance."""
    rows = [list(range(len(b) + 1))]
    for i, letter in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other)))
            if i > 1 and j > 1 and a[i - 2 : i] == other + b[j - 2]:
                row[j] = min(row[j], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]


class Declared:
    """Attributes that a class does not declare cannot be assigned: a typo would change nothing.

    Names that begin with an underscore may be. Reading stays Python's own: a `__getattr__` would
    make each step a tenth slower.
    """

    if not TYPE_CHECKING:  # with it, type checkers would take every name for one of ours

        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("_") and not self._declares(name):
                raise AttributeError(self._unknown(name))
            object.__setattr__(self, name, value)

    def _declares(self, name: str) -> bool:
        return hasattr(type(self), name) or name in getattr(self, "__dataclass_fields__", ())

    def _unknown(self, name: str) -> str:
        known = [k for k in dir(self) if not k.startswith("_")]
        return f"{type(self).__name__} has no attribute {name!r}{did_you_mean(name, known)}"


def explain(module: str, *, arguments: bool = True) -> None:
    """Let errors for misspelt names in a module, and for misspelt arguments, say what was meant.

    Args:
        module: the name of a module that has been executed up to its last line.
        arguments: also of the functions and classes in its `__all__` that are made in it.

    Example:
        >>> import schuss
        >>> schuss.schedules.CosineAnnealingLR
        Traceback (most recent call last):
        AttributeError: module 'schuss.schedules' has no attribute 'CosineAnnealingLR'; did you \
mean 'cosine'?
        >>> schuss.schedules.cosine(0.1, T_max=100)
        Traceback (most recent call last):
        TypeError: cosine has no argument 'T_max'; did you mean 'total_steps'?
    """
    names = vars(sys.modules[module])
    public: list[str] = names["__all__"]

    def missing(name: str) -> Any:
        raise AttributeError(
            f"module {module!r} has no attribute {name!r}{did_you_mean(name, public)}"
        )

    names.setdefault("__getattr__", missing)
    for name in public if arguments else ():
        value = names.get(name)
        if getattr(value, "__module__", None) != module:
            continue
        if inspect.isfunction(value):
            names[name] = with_known_arguments(name, value)
        elif inspect.isclass(value) and "__init__" in vars(value):
            made = with_known_arguments(name, value.__init__)
            setattr(value, "__init__", made)  # noqa: B010  (mypy takes no assignment)


def with_known_arguments(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, whose errors for misspelt keywords say what was meant."""
    parameters = dict(inspect.signature(function).parameters)
    parameters.pop("self", None)
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return function

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        for given in keywords:
            if given not in parameters:
                meant = did_you_mean(given, parameters) or f"; it has {', '.join(parameters)}"
                raise TypeError(f"{name} has no argument {given!r}{meant}")
        return function(*args, **keywords)

    return call
