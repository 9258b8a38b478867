"""bfloat16 and float16: parameters, gradients, shadows; all bits, every ISA, every edge."""

from __future__ import annotations

import ctypes
import itertools
import mmap

import numpy as np
import pytest
import schuss
from cases import CASES, RULES
from helpers import gradients, run_twin, same_bits

ml_dtypes = pytest.importorskip("ml_dtypes")

STORAGES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
EDGES = [*range(71), 127, 129, 255, 600, 1023, 1024, 1025, 2049, 4097]


def rounded(x, storage):
    """float32 as `storage` keeps it, in float32: round to nearest even."""
    if storage == "float16":
        with np.errstate(over="ignore"):
            return x.astype(np.float16).astype(np.float32)
    bits = x.view(np.uint32)
    kept = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    kept = np.where(np.isnan(x), (bits >> np.uint32(16)) | np.uint32(0x40), kept)
    return (kept << np.uint32(16)).astype(np.uint32).view(np.float32)


def stored(x, storage):
    """The same as an array of `storage`, without a conversion by others."""
    if storage == "float16":
        with np.errstate(over="ignore"):
            return x.astype(np.float16)
    return (rounded(x, storage).view(np.uint32) >> 16).astype(np.uint16).view(STORAGES[storage])


def widened(x):
    if x.dtype == np.float16:
        with np.errstate(invalid="ignore"):  # signalling NaNs, of which some CPUs tell
            return x.astype(np.float32)
    return (x.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)


def halves(storage):
    """All 65,536 patterns."""
    return np.arange(1 << 16, dtype=np.uint16).view(STORAGES[storage])


def floats(rng):
    """float32 of all magnitudes, with the ties between halves and their neighbours."""
    wide = rng.integers(0, 1 << 32, 200_000, np.uint64).astype(np.uint32)
    ties = np.arange(1 << 16, dtype=np.uint32) << 16
    bf16 = np.concatenate([ties + np.uint32(d) for d in (0x7FFF, 0x8000, 0x8001)])
    some = widened(halves("float16"))
    some = some[np.isfinite(some)]
    middle = (some[:-1].astype(np.float64) + some[1:]) / 2
    near = np.concatenate([middle * (1 + d) for d in (-1e-7, 0, 1e-7)]).astype(np.float32)
    edges = np.array([65519.996, 65520.0, 2**-24, 2**-25, 1.1 * 2**-25, 3.39e38], np.float32)
    return np.concatenate([wide.view(np.float32), bf16.view(np.float32), near, edges, -edges])


@pytest.mark.parametrize("storage", STORAGES)
def test_every_pattern_is_widened_exactly(storage, isa):
    g = halves(storage)
    for dtype in (np.float32, np.float64):
        p = np.zeros(g.size, dtype)
        schuss.SGD(learning_rate=1.0).step(p, g)
        with np.errstate(invalid="ignore"):  # signalling NaNs
            wanted = np.zeros(g.size, dtype) - widened(g).astype(dtype)
        assert same_bits(p, wanted)


@pytest.mark.parametrize("storage", STORAGES)
def test_rounding_is_to_nearest_even(storage, isa, rng):
    p = floats(rng)
    shadow, q = stored(np.zeros(p.size, np.float32), storage), p.copy()
    schuss.SGD(learning_rate=0.0).step(q, np.zeros_like(p), shadow=shadow)
    wanted = rounded(q, storage)
    assert same_bits(widened(shadow), wanted)
    finite = np.isfinite(q)
    with np.errstate(over="ignore", invalid="ignore"):
        theirs = q[finite].astype(STORAGES[storage])
    assert np.array_equal(shadow[finite].view(np.uint16), theirs.view(np.uint16))
    assert np.array_equal(np.isnan(widened(shadow)), np.isnan(q))


@pytest.mark.parametrize("storage", STORAGES)
def test_every_half_survives_a_step_of_zero(storage, isa):
    p = halves(storage).copy()
    schuss.SGD(learning_rate=0.0).step(p, np.ones(p.size, np.float32))
    number = ~np.isnan(widened(p))
    assert np.array_equal(p.view(np.uint16)[number], halves(storage).view(np.uint16)[number])
    assert np.isnan(widened(p)[~number]).all()


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_twin(case, storage, isa, rng):
    """Parameters and gradients in 16 bits, states in float32; lengths at all edges."""
    cuts = np.cumsum([0, *EDGES])
    start = rounded(rng.standard_normal(cuts[-1]).astype(np.float32), storage)
    steps = [rounded(gradients(rng, cuts[-1], np.float32), storage) for _ in range(4)]
    flat = stored(start, storage)
    params = [flat[a:b] for a, b in itertools.pairwise(cuts)]
    opt = case.make()
    for g in steps:
        grad = stored(g, storage)
        opt.step(params, [grad[a:b] for a, b in itertools.pairwise(cuts)])
    wanted, slots = run_twin(case, start, steps, cuts=cuts, store=lambda x: rounded(x, storage))
    assert not np.array_equal(wanted, start)
    assert same_bits(widened(flat), wanted)
    for name, slot in slots.items():
        assert same_bits(np.concatenate([leaf[name] for leaf in opt.state]), slot), name


@pytest.mark.parametrize(
    ("param", "grad"),
    [
        ("float32", "bfloat16"),
        ("bfloat16", "float32"),
        ("float16", "bfloat16"),
        ("float64", "float16"),
    ],
)
def test_mixed(param, grad, isa, rng):
    """Each on its own: the twin in the compute dtype of the parameter."""
    compute = np.float64 if param == "float64" else np.float32
    cuts = np.cumsum([0, *EDGES])
    start = rng.standard_normal(cuts[-1]).astype(np.float32)
    start = (rounded(start, param) if param in STORAGES else start).astype(compute)
    steps = [gradients(rng, cuts[-1], np.float32) for _ in range(3)]
    steps = [rounded(g, grad) if grad in STORAGES else g for g in steps]
    flat = stored(start, param) if param in STORAGES else start.copy()
    opt = schuss.AdamW(max_norm=100.0)
    for g in steps:
        given = stored(g, grad) if grad in STORAGES else g
        opt.step(
            [flat[a:b] for a, b in itertools.pairwise(cuts)],
            [given[a:b] for a, b in itertools.pairwise(cuts)],
        )
    case = next(c for c in CASES if c.name == "AdamW" and not c.settings)
    store = (lambda x: rounded(x, param)) if param in STORAGES else (lambda x: x)
    wanted, _ = run_twin(
        case, start, [g.astype(compute) for g in steps], max_norm=100.0, store=store
    )
    assert same_bits(widened(flat) if param in STORAGES else flat, wanted)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("case", RULES, ids=str)
def test_shadow_is_the_parameter_rounded(case, storage, isa, rng):
    cuts = np.cumsum([0, *EDGES])
    with_shadow = rng.standard_normal(cuts[-1]).astype(np.float32)
    alone, shadow = with_shadow.copy(), stored(np.zeros(cuts[-1], np.float32), storage)
    opts = case.make(), case.make()
    cut = lambda x: [x[a:b] for a, b in itertools.pairwise(cuts)]  # noqa: E731
    for _ in range(3):
        g = gradients(rng, cuts[-1], np.float32)
        opts[0].step(cut(with_shadow), cut(g), shadow=cut(shadow))
        opts[1].step(cut(alone), cut(g))
        assert same_bits(with_shadow, alone)
        assert same_bits(widened(shadow), rounded(alone, storage))


def guarded(n, dtype):
    """An array that ends where a page begins that nobody may touch."""
    page, bytes_ = mmap.PAGESIZE, n * np.dtype(dtype).itemsize
    whole = -(-max(bytes_, 1) // page) * page
    memory = mmap.mmap(-1, whole + page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    protect = libc.mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert protect(address + whole, page, 0) == 0
    return np.frombuffer(memory, np.uint8, bytes_, whole - bytes_).view(dtype)


@pytest.mark.skipif(not hasattr(mmap, "MAP_PRIVATE"), reason="pages are protected as on Unix")
@pytest.mark.parametrize("storage", STORAGES)
def test_nothing_past_the_end_is_touched(storage, isa):
    """Odd lengths, contiguous and every other element, at the end of a page."""
    dtype = STORAGES[storage]
    for n in (1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 65, 129, 1025):
        p, g = guarded(n, dtype), guarded(n, dtype)
        every_other = guarded(2 * n - 1, np.float32)[::2]
        master, shadow = guarded(n, np.float32), guarded(n, dtype)
        schuss.AdamW().step(p, g)
        schuss.AdamW().step([master, p], [every_other, g])
        schuss.AdamW().step(master, g, shadow=shadow)


def test_all_lengths(isa, rng):
    for n in range(601):
        g = stored(rng.standard_normal(n).astype(np.float32), "bfloat16")
        start = rng.standard_normal(n).astype(np.float32)
        p, q = stored(start, "bfloat16"), widened(stored(start, "bfloat16"))
        schuss.SGD(learning_rate=0.5).step(p, g)
        wanted = rounded(q - np.float32(0.5) * widened(g), "bfloat16")
        assert same_bits(widened(p), wanted), n


@pytest.mark.parametrize("storage", STORAGES)
def test_layouts(storage, isa, threads, rng):
    """Strides, Fortran order and turned gradients give the bits of contiguous arrays."""
    shape = (45, 67)
    start = stored(rng.standard_normal(shape).astype(np.float32), storage)
    g = stored(rng.standard_normal(shape).astype(np.float32), storage)
    wanted = start.copy()
    schuss.Adam().step(wanted, g)
    wide = np.zeros((90, 134), start.dtype)
    for n in (1, 3):
        threads(n)
        for param, grad in itertools.product(
            (lambda x: x.copy(), np.asfortranarray, lambda x: put(wide.copy()[::2, ::2], x)),
            (
                np.asfortranarray,
                lambda x: put(wide.copy()[::2, ::2], x),
                lambda x: x[:, ::-1].copy()[:, ::-1],
            ),
        ):
            p = param(start)
            schuss.Adam().step(p, grad(g))
            assert np.array_equal(p.view(np.uint16), wanted.view(np.uint16))


def put(view, values):
    view[...] = values
    return view


def test_large_turned_gradients(isa, threads, rng):
    """Blocks of whole rows, their edges, and cuts between threads in the middle of a row."""
    for shape in ((300, 517), (17, 1025), (3, 40, 130), (129, 128)):
        start = rng.standard_normal(shape).astype(np.float32)
        g = rng.standard_normal(shape).astype(np.float32)
        wanted = start.copy()
        schuss.Adam().step(wanted, g)
        for n, dtype in itertools.product((1, 2, 3), (np.float32, np.float64)):
            threads(n)
            turned = np.ascontiguousarray(g.swapaxes(-1, -2)).astype(dtype).swapaxes(-1, -2)
            p = start.copy()
            schuss.Adam().step(p, turned)
            assert same_bits(p, wanted), (shape, n, dtype)


def test_states_are_in_the_compute_dtype():
    p = [np.zeros(3, ml_dtypes.bfloat16), np.zeros(3, np.float16), np.zeros(3)]
    opt = schuss.Adam()
    opt.step(p, [np.ones(3, np.float16)] * 3)
    assert [leaf["exp_avg"].dtype for leaf in opt.state] == [np.float32, np.float32, np.float64]


def test_shadows_that_do_not_fit():
    p, g, s = np.zeros(4, np.float32), np.ones(4, np.float32), np.zeros(4, np.float16)
    refusals = [
        (p, s.astype(np.float32), TypeError, "shadow has dtype float32; bfloat16 or float16"),
        (p.astype(np.float64), s, TypeError, "params has a shadow and dtype float64; float32"),
        (p, s[:3], ValueError, r"shadow has shape \(3,\)"),
        (p, np.broadcast_to(s[:1], (4,)), ValueError, "read-only"),
        (p, p.view(np.float16)[:4], ValueError, "share memory"),
        ([p, p.copy()], [s, s], ValueError, "share memory"),
        ({"a": p}, {"b": s}, ValueError, "shadow lacks the key 'a'"),
    ]
    for params, shadow, error, text in refusals:
        opt, before = schuss.SGD(), s.copy()
        grads = {"a": g} if isinstance(params, dict) else [g, g] if isinstance(params, list) else g
        with pytest.raises(error, match=text):
            opt.step(params, grads, shadow=shadow)
        assert opt.step_count == 0
        assert not p.any()
        assert np.array_equal(s, before)


def test_shadows_come_and_go(rng):
    """With a shadow, without one, with another: the plan follows."""
    p, q = np.zeros(100, np.float32), np.zeros(100, np.float32)
    a, b = np.zeros(100, np.float16), np.zeros(100, np.float16)
    opts = schuss.Adam(), schuss.Adam()
    for shadow in (a, None, b, b, a):
        g = rng.standard_normal(100).astype(np.float32)
        kept = [x.copy() for x in (a, b)]
        opts[0].step(p, g, shadow=shadow)
        opts[1].step(q, g)
        assert same_bits(p, q)
        for x, before in zip((a, b), kept, strict=True):
            assert np.array_equal(x, p.astype(np.float16) if x is shadow else before)
