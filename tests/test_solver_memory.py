"""Points that were asked for: kept, they stay as they are; let go, their memory is used again."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import core_solver, tell_second


def bowl(x):
    """Not quadratic, so that a run has many steps, and searches more than one evaluation."""
    weights = np.logspace(0, 2, x.size)
    z = x.astype(np.float64) - 1
    f = float((weights * (np.sqrt(1 + z * z) - 1)).sum() + np.cos(4 * z).sum())
    return f, (weights * z / np.sqrt(1 + z * z) - 4 * np.sin(4 * z)).astype(x.dtype)


def bowl_product(x, v):
    weights = np.logspace(0, 2, x.size)
    z = x.astype(np.float64) - 1
    diagonal = weights / (1 + z * z) ** 1.5 - 16 * np.cos(4 * z)
    return (diagonal * v.T).T


def take(solver, x):
    """Tell what there is to be told at x."""
    solver.tell(*bowl(x))
    tell_second(solver, bowl_product)


DENSE = ("bfgs", "sr1", "newton")  # with a matrix of n x n


def start(n, dtype):
    return np.linspace(-2, 3, n, dtype=dtype)


def address(array):
    return array.__array_interface__["data"][0]


# Of 4096 bytes and more the allocator may hand out memory of its own.
@pytest.mark.parametrize("n", [1, 7, 4099])
def test_kept_points_never_change(any_method, n, dtype):
    if n > 100 and any_method in DENSE:
        n = 131
    solver = core_solver(any_method, start(n, dtype), gtol=0.0, maxfun=40)
    kept = []
    while not solver.done:
        x = solver.ask()
        kept.append((x, x.copy()))
        take(solver, x)
    assert len(kept) >= (4 if n == 1 else 7 if any_method == "newton" else 10)
    del solver
    for x, copy in kept:
        assert (x == copy).all()
    assert len({address(x) for x, _ in kept}) == len(kept)


def test_points_kept_now_and_then(any_method, rng):
    """Whichever are kept, and however long, the path is the same and no point changes."""
    paths = []
    for probability in (0.0, 0.3, 1.0):
        solver = core_solver(any_method, start(9, np.float64), gtol=1e-8, maxfun=60)
        kept, path = [], []
        while not solver.done:
            x = solver.ask()
            path.append(x.tolist())
            if rng.random() < probability:
                kept.append((x, path[-1]))
            take(solver, x)
            del x
            if kept and rng.random() < 0.3:
                kept.pop(int(rng.integers(len(kept))))
            assert all(x.tolist() == values for x, values in kept)
        paths.append(path)
    assert paths[0] == paths[1] == paths[2]


def test_memory_is_used_again(any_method, dtype):
    """The point, the trial, one in reserve, and the best point where that is none of them."""
    n = 131 if any_method in DENSE else 20_011
    solver = core_solver(any_method, start(n, dtype), gtol=0.0, maxfun=40)
    addresses = []
    while not solver.done:
        x = solver.ask()
        addresses.append(address(x))
        take(solver, x)
        del x
    assert len(addresses) >= (15 if any_method == "newton" else 20)
    assert len(set(addresses)) <= 4


def test_asked_again_it_is_the_same_memory(any_method):
    solver = core_solver(any_method, start(5, np.float64))
    take(solver, solver.ask())
    first, second = solver.ask(), solver.ask()
    assert np.shares_memory(first, second)
    assert address(first) == address(second)


def test_what_is_read_is_a_copy(any_method):
    solver = core_solver(any_method, start(5, np.float64), maxiter=3)
    other = core_solver(any_method, start(5, np.float64), maxiter=3)
    while not solver.done:
        for array in (*solver.best()[:2], solver.matrix(), *(solver.history() or ())):
            if array is not None:
                assert array.flags.writeable
                array[...] = np.nan
        take(solver, solver.ask())
        take(other, other.ask())
        assert solver.done or (solver.ask() == other.ask()).all()
    assert (solver.best()[0] == other.best()[0]).all()


def test_the_gradient_is_free_when_told(any_method):
    """One buffer for all gradients, overwritten at once."""
    solver = core_solver(any_method, start(9, np.float64), gtol=1e-8, maxfun=60)
    other = core_solver(any_method, start(9, np.float64), gtol=1e-8, maxfun=60)
    buffer = np.empty(9)
    while not solver.done:
        f, buffer[:] = bowl(solver.ask())
        solver.tell(f, buffer)
        tell_second(solver, bowl_product)
        buffer[:] = np.nan
        take(other, other.ask())
        assert solver.done or (solver.ask() == other.ask()).all()
    assert (solver.best()[0] == other.best()[0]).all()
    assert (solver.best()[1] == other.best()[1]).all()
