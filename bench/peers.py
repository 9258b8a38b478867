"""The candidates: schuss and what people use in its place, each skipped with a word when absent."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar

from bench.cases import Work
from bench.harness import Candidate

TORCH_NAMES = {"AdaGrad": "Adagrad", "AdaDelta": "Adadelta"}


class AbsentError(Exception):
    """This candidate cannot do this work here; the text says why."""


def optional(name: str) -> Any:
    """Import a module that may not be there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise AbsentError(f"{name} is not installed") from error


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def schuss(work: Work) -> Candidate:
    """Ours."""
    package = optional("schuss")
    optimizer = getattr(package, work.optimizer)(max_norm=work.max_norm, **work.keywords)
    params, grads = work.arrays()

    @contextmanager
    def around() -> Iterator[None]:
        config = package.config
        before = config.get_num_threads()
        config.set_num_threads(work.threads)
        try:
            with config.use_isa(work.isa) if work.isa else nullcontext():
                yield
        finally:
            config.set_num_threads(before)

    return Candidate("schuss", partial(optimizer.step, params, grads), work.bytes, around)


def numpy_textbook(work: Work) -> Candidate:
    """The papers' formulas in NumPy, an array operation at a time; always one thread."""
    kind = getattr(optional("schuss.lab.textbook"), work.optimizer, None)
    if kind is None:
        raise AbsentError(f"no textbook {work.optimizer}")
    if work.max_norm is not None:
        raise AbsentError("the textbook code does not clip")
    params, grads = work.arrays()
    call = partial(kind(**work.keywords).step, params, grads)
    return Candidate("NumPy textbook", call, work.bytes)


def _torch(work: Work, name: str, **mode: bool) -> Candidate:
    """A torch optimizer; with `max_norm` after torch's clip_grad_norm_, as its users do it."""
    torch = optional("torch")
    kind = getattr(torch.optim, TORCH_NAMES.get(work.optimizer, work.optimizer), None)
    if kind is None:
        raise AbsentError(f"torch has no {work.optimizer}")
    params, grads = ([torch.tensor(a) for a in arrays] for arrays in work.arrays())
    for p, g in zip(params, grads, strict=True):
        p.requires_grad_().grad = g
    try:
        optimizer = kind(params, **mode)
    except (TypeError, RuntimeError) as error:
        raise AbsentError(f"torch has no {'/'.join(mode)} {work.optimizer}") from error
    clip = partial(torch.nn.utils.clip_grad_norm_, params, work.max_norm)

    def clip_and_step() -> None:
        clip()
        optimizer.step()

    @contextmanager
    def around() -> Iterator[None]:
        torch.set_num_threads(work.threads)
        yield

    call = optimizer.step if work.max_norm is None else clip_and_step
    return Candidate(name, call, work.bytes, around)


def torch_fused(work: Work) -> Candidate:
    """The C++ kernels of torch, one parallel region per tensor."""
    return _torch(work, "torch fused", fused=True)


def torch_foreach(work: Work) -> Candidate:
    """The default of torch: an array operation at a time."""
    return _torch(work, "torch foreach", foreach=True)


def optax_jit(work: Work) -> Candidate:
    """Update and apply of optax in one call compiled by jax.jit, old buffers donated."""
    jax, optax = optional("jax"), optional("optax")
    if work.threads != available_cores():
        raise AbsentError(f"XLA uses all {available_cores()} cores")
    transform = getattr(optax, work.optimizer.lower())(1e-3)
    if work.max_norm is not None:
        transform = optax.chain(optax.clip_by_global_norm(work.max_norm), transform)
    params, grads = ([jax.numpy.array(a) for a in arrays] for arrays in work.arrays())
    if str(grads[0].dtype) != work.dtype:
        raise AbsentError(f"jax is set to {grads[0].dtype}")

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = transform.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    held = (params, transform.init(params))

    def call() -> None:
        nonlocal held
        held = jax.block_until_ready(step(*held, grads))

    return Candidate("optax jit", call, work.bytes)


W = TypeVar("W")
Maker = Callable[[Work], Candidate]


def _attempt(make: Callable[[W], Candidate], work: W) -> Candidate | str:
    """The candidate, or why there is none."""
    try:
        return make(work)
    except AbsentError as reason:
        return str(reason)


def gather(
    makers: Iterable[tuple[str, Callable[[W], Candidate]]], work: W
) -> tuple[list[Candidate], dict[str, str]]:
    """Build the candidates that can do this work, and say why the others cannot."""
    made = {name: _attempt(make, work) for name, make in makers}
    candidates = [c for c in made.values() if isinstance(c, Candidate)]
    return candidates, {name: c for name, c in made.items() if isinstance(c, str)}
