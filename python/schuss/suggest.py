"""The name that somebody may have meant, for the ends of error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean"]

# What PyTorch, optax, Keras and SciPy call our arguments.
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
    "global_clipnorm": ("max_norm",),
    "initial_accumulator_value": ("initial_accumulator",),
    "lr": ("learning_rate",),
    "max_eval": ("maxfun",),
    "max_grad_norm": ("max_norm",),
    "max_iter": ("maxiter",),
    "maxcor": ("history_size",),
    "step_size": ("learning_rate",),
    "tol": ("gtol",),
    "tolerance_change": ("ftol",),
    "tolerance_grad": ("gtol",),
    "wd": ("weight_decay",),
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
        found = [known[near] for near in get_close_matches(wanted, known, n=1)]
    return f"; did you mean {' and '.join(map(repr, found))}?" if found else ""
