"""A step of an optimizer: ours, torch's, optax's and the papers' formulas in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from bench.cases import Work
from bench.harness import Candidate
from bench.peers import AbsentError, available_cores, optional, own_threads

TORCH_NAMES = {"AdaGrad": "Adagrad", "AdaDelta": "Adadelta"}


def schuss(work: Work) -> Candidate:
    """Ours."""
    package = optional("schuss")
    optimizer = getattr(package, work.optimizer)(max_norm=work.max_norm, **work.keywords)
    params, grads = work.arrays()

    @contextmanager
    def around() -> Iterator[None]:
        isa = package.config.use_isa(work.isa) if work.isa else nullcontext()
        with own_threads(work.threads), isa:
            yield

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


Maker = Callable[[Work], Candidate]
