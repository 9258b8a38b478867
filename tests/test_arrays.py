"""Layouts and dtypes never change the bits; arrays that cannot be updated are refused."""

from __future__ import annotations

import numpy as np
import pytest
import schuss
from cases import RULES
from helpers import aligned, gradients, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

SHAPE = (7, 5, 6)


def fortran(x):
    return np.asfortranarray(x)


def every_other(x):
    room = np.full([2 * n + 1 for n in x.shape], -7, x.dtype)
    view = room[tuple(slice(1, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def reversed_axes(x):
    return x[(slice(None, None, -1),) * x.ndim].copy()[(slice(None, None, -1),) * x.ndim]


def permuted(x):
    return np.ascontiguousarray(x.transpose(1, 2, 0)).transpose(2, 0, 1)


def unaligned(x):
    flat = aligned(x.size, x.dtype, 3)
    view = flat.reshape(x.shape)
    view[...] = x
    assert not view.flags.aligned
    return view


def gapped_rows(x):
    room = np.full((*x.shape[:-1], x.shape[-1] + 3), -7, x.dtype)
    room[..., :-3] = x
    return room[..., :-3]


LAYOUTS = [np.copy, fortran, every_other, reversed_axes, permuted, unaligned, gapped_rows]


@pytest.mark.parametrize("grad_layout", LAYOUTS)
@pytest.mark.parametrize("param_layout", LAYOUTS)
def test_layouts_do_not_change_the_bits(param_layout, grad_layout, dtype, rng):
    start = rng.standard_normal(SHAPE).astype(dtype)
    grads = [gradients(rng, start.size, dtype).reshape(SHAPE) for _ in range(3)]
    plain, laid = start.copy(), param_layout(start)
    a, b = (schuss.AdamW(max_norm=2.0, weight_decay=0.1) for _ in range(2))
    isas = schuss.config.available_isas()  # one each, as none of them gathers
    turn = LAYOUTS.index(param_layout) + LAYOUTS.index(grad_layout)
    with schuss.config.use_isa(isas[turn % len(isas)]):
        for g in grads:
            a.step(plain, g)
            b.step(laid, grad_layout(g))
    assert same_bits(plain, laid)
    assert same_bits(a.state["exp_avg_sq"], b.state["exp_avg_sq"])
    assert a.last_step == b.last_step
    if laid.base is not None and param_layout in (every_other, gapped_rows):
        untouched = np.ones(laid.base.shape, bool)
        untouched[
            tuple(slice(1, None, 2) for _ in SHAPE)
            if param_layout is every_other
            else (..., slice(None, -3))
        ] = False
        assert (laid.base[untouched] == -7).all()


def test_layout_may_change_between_steps(rng):
    start = rng.standard_normal(SHAPE)
    grads = [rng.standard_normal(SHAPE) for _ in LAYOUTS]
    plain, laid = start.copy(), start.copy()
    a, b = schuss.Adam(), schuss.Adam()
    for g, layout in zip(grads, LAYOUTS, strict=True):
        a.step(plain, g)
        laid = layout(laid)
        b.step(laid, layout(g))
    assert same_bits(plain, laid)


def test_a_reshaped_or_frozen_array_is_noticed(rng):
    """The plan is only a memory of the arrays: what changed in place since must be seen."""
    p, g = rng.standard_normal((4, 6)), rng.standard_normal((4, 6))
    opt = schuss.Adam()
    opt.step(p, g)
    g.resize((6, 4), refcheck=False)
    with pytest.raises(ValueError, match=r"shape \(6, 4\)"):
        opt.step(p, g)
    g.resize((4, 6), refcheck=False)
    p.flags.writeable = False
    before = p.copy()
    with pytest.raises(ValueError, match="read-only"):
        opt.step(p, g)
    assert same_bits(p, before)


def test_large_fortran_and_transposed_matrices(rng, threads):
    """Beyond one tile and one task."""
    start = rng.standard_normal((500, 301)).astype(np.float32)
    grads = [rng.standard_normal((500, 301)).astype(np.float32) for _ in range(2)]
    results = []
    for layout in (np.copy, fortran, lambda x: np.ascontiguousarray(x.T).T, every_other):
        for grad_layout in (np.copy, fortran):
            for n in (1, 2):
                threads(n)
                p = layout(start)
                opt = schuss.AdamW(max_norm=1.0)
                for g in grads:
                    opt.step(p, grad_layout(g))
                results.append(p.tobytes())
    assert len(set(results)) == 1


REAL = ["f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


@pytest.mark.parametrize("grad_dtype", REAL)
def test_gradients_of_other_dtypes_are_converted(grad_dtype, dtype, rng):
    """As NumPy's astype does; whole arrays and views, beyond a tile; the norm is of the result."""
    n = 5003
    if grad_dtype[0] in "iu":
        info = np.iinfo(grad_dtype)
        g = rng.integers(info.min, info.max, n, dtype=grad_dtype, endpoint=True)
    else:
        with np.errstate(over="ignore"):
            g = (rng.standard_normal(n) * 10.0 ** rng.integers(-9, 5, n)).astype(grad_dtype)
            g[:4] = [0.0, -0.0, np.finfo(grad_dtype).smallest_subnormal, np.finfo(grad_dtype).max]
    with np.errstate(over="ignore"):
        converted = g.astype(dtype)
    start = rng.standard_normal(n).astype(dtype)
    for view in (slice(None), slice(None, None, 3)):
        p, q = start[view].copy(), start[view].copy()
        a, b = schuss.Adam(max_norm=3.0), schuss.Adam(max_norm=3.0)
        a.step(p, g[view])
        b.step(q, converted[view])
        assert same_bits(p, q)
        assert a.last_step.grad_norm == b.last_step.grad_norm


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.zeros(()),
        lambda: np.zeros(0),
        lambda: np.zeros((3, 0, 2)),
        lambda: np.zeros((1, 1)),
    ],
    ids=["0-d", "empty", "empty 3-d", "ones"],
)
def test_degenerate_shapes(make):
    for case in RULES:
        p = make()
        opt = case.make(max_norm=1.0)
        opt.step(p, np.ones_like(p))
        opt.step(p, np.ones_like(p))
        assert (p != 0).all()


def test_no_parameters_at_all():
    for empty in ([], {}, ()):
        opt = schuss.Adam(max_norm=1.0)
        opt.step(empty, empty)
        assert opt.step_count == 1
        assert opt.last_step.grad_norm == 0.0


def test_interleaved_parameters_share_no_memory_and_are_accepted(rng):
    room = rng.standard_normal(40)
    copy = room.copy()
    g = rng.standard_normal(20)
    opt, even, odd = schuss.Adam(), schuss.Adam(), schuss.Adam()
    for _ in range(2):
        opt.step([room[::2], room[1::2]], [g, g])
        even.step(copy[::2], g)
        odd.step(copy[1::2], g)
    assert same_bits(room, copy)


def test_one_gradient_for_two_parameters(rng):
    """Gradients are only read: they may be one array, broadcast, and read-only."""
    p, q = np.zeros(5), np.zeros(5)
    g = np.broadcast_to(1.0, (5,))
    schuss.SGD(learning_rate=1.0).step([p, q], [g, g])
    assert p.tolist() == q.tolist() == [-1.0] * 5


def test_memmap(tmp_path, rng):
    start, g = rng.standard_normal(50), rng.standard_normal(50)
    disk = np.memmap(tmp_path / "p", np.float64, "w+", shape=(50,))
    disk[:] = start
    schuss.Adam().step(disk, g)
    schuss.Adam().step(start, g)
    assert same_bits(disk, start)


def frozen(x):
    x.flags.writeable = False
    return x


def overlapping():
    room = np.zeros(10)
    return [room[:6], room[5:]]


def shared():
    p = np.zeros(8)
    return p, p[::-1]


def self_overlapping():
    return np.lib.stride_tricks.as_strided(np.zeros(10), (4, 4), (16, 8))


def nested_in_itself():
    tree = []
    tree.append(tree)
    return tree


P, G = (lambda: np.zeros(4)), (lambda: np.ones(4))
REFUSALS = {  # parameters and gradients, the error and what it says
    "read-only": (lambda: (frozen(P()), G()), ValueError, "params is read-only"),
    "overlapping": (
        lambda: (overlapping(), [np.ones(6), np.ones(5)]),
        ValueError,
        r"params\['0'\] and params\['1'\] share memory",
    ),
    "same twice": (lambda: ([P()] * 2, [G(), G()]), ValueError, "share memory"),
    "grad is param": (shared, ValueError, "grads shares memory with params"),
    "broadcast": (lambda: (np.broadcast_to(P(), (3, 4)), np.ones((3, 4))), ValueError, "read-only"),
    "stride 0": (
        lambda: (np.lib.stride_tricks.as_strided(P(), (3, 4), (0, 8)), np.ones((3, 4))),
        ValueError,
        "overlaps itself",
    ),
    "folded": (lambda: (self_overlapping(), np.ones((4, 4))), ValueError, "overlaps itself"),
    "byte order": (lambda: (np.zeros(4, ">f8"), G()), ValueError, "byte order"),
    "grad byte order": (lambda: (P(), np.ones(4, ">f4")), ValueError, "grads has dtype >f4"),
    "integers": (lambda: (np.zeros(4, int), G()), TypeError, "dtype int64; float32, float64"),
    "complex": (lambda: (np.zeros(4, complex), G()), TypeError, "dtype complex128"),
    "long double": (lambda: (np.zeros(4, "g"), G()), TypeError, "bfloat16 or float16 is wanted"),
    "objects": (lambda: (np.zeros(4, object), G()), TypeError, "dtype object"),
    "complex grad": (lambda: (P(), np.ones(4, complex)), TypeError, "a real dtype is wanted"),
    "bool grad": (lambda: (P(), np.ones(4, bool)), TypeError, "a real dtype is wanted"),
    "string grad": (lambda: (P(), np.array(["1"] * 4)), TypeError, "a real dtype is wanted"),
    "shape": (
        lambda: ({"w": P()}, {"w": np.ones(5)}),
        ValueError,
        r"grads\['w'\] has shape \(5,\); the parameter's, \(4,\)",
    ),
    "broadcastable shape": (lambda: (P(), np.ones(1)), ValueError, r"shape \(1,\)"),
    "list of numbers": (
        lambda: ([1.0, 2.0], [1.0, 2.0]),
        TypeError,
        r"params\['0'\] is of type float",
    ),
    "no array": (lambda: (None, G()), TypeError, "params is of type NoneType"),
    "masked": (lambda: (np.ma.zeros(4), G()), TypeError, "masked array"),
    "scalar": (lambda: (np.float64(3.0), np.float64(1.0)), TypeError, "numpy.float64"),
    "key type": (lambda: ({1.5: P()}, {1.5: G()}), TypeError, "key of type float"),
    "same path": (
        lambda: ({"a.b": P(), "a": {"b": P()}}, {"a.b": G(), "a": {"b": G()}}),
        ValueError,
        "two arrays have the path 'a.b'",
    ),
    "recursion": (lambda: (nested_in_itself(), nested_in_itself()), ValueError, "deep"),
    "missing grad": (lambda: ([P(), P()], [G()]), ValueError, "grads has 1 items; 2"),
    "extra grad": (lambda: ({"a": P()}, {"a": G(), "b": G()}), ValueError, "grads has 2 items; 1"),
    "other key": (lambda: ({"a": P()}, {"b": G()}), ValueError, "grads lacks the key 'a'"),
    "array for list": (
        lambda: ([P()], G()),
        ValueError,
        "grads is a numpy.ndarray; a list or tuple",
    ),
    "list for array": (lambda: (P(), [G()]), ValueError, "grads is a list; an array"),
}


@pytest.mark.parametrize("later", [False, True], ids=["first step", "later step"])
@pytest.mark.parametrize("name", REFUSALS)
def test_refused_and_nothing_written(name, later, rng):
    """Beside a good array that comes first: it keeps its bits too, and so does the optimizer."""
    make, error, message = REFUSALS[name]
    bad, bad_grad = make()
    good, opt = rng.standard_normal(5), schuss.Adam()
    if later:
        opt.step([good, P()], [np.ones(5), G()])
    before, count = good.copy(), opt.step_count
    copy = np.array(bad) if isinstance(bad, np.ndarray) else None
    with pytest.raises((error, ValueError) if later else error, match=r"'1|deep"):
        opt.step([good, bad], [np.ones(5), bad_grad])
    with pytest.raises(error, match=message):
        schuss.Adam().step(bad, bad_grad)
    assert same_bits(good, before)
    assert opt.step_count == count
    if copy is not None:
        assert np.array_equal(np.array(bad), copy)
    opt.step([good, np.zeros(4)], [np.ones(5), np.ones(4)])  # still of use
    assert opt.step_count == count + 1


class Fresh(list):
    """Its iterator and index make new objects; its storage is what counts."""

    def __getitem__(self, index):
        return {"w": np.zeros(3)}

    def __iter__(self):
        return iter([{"w": np.zeros(3)}])


def test_list_subclasses_are_read_by_their_storage():
    p = np.zeros(3)
    for _ in range(50):
        schuss.SGD(learning_rate=1.0).step(Fresh([p]), [np.ones(3)])
    assert (p == -50.0).all()


class Liar(np.ndarray):
    def __array_function__(self, function, types, args, kwargs):
        return False


def test_subclasses_have_no_say_in_overlaps():
    room = np.zeros(10).view(Liar)
    with pytest.raises(ValueError, match="share memory"):
        schuss.SGD().step([room[:6], room[4:]], [np.ones(6), np.ones(6)])


def test_arrays_outlive_their_containers_during_a_step():
    """Turning a subclass into a plain array runs its code, which here empties the containers."""
    params, grads = [], []

    class Clearing(np.ndarray):
        def __array_finalize__(self, obj):
            params.clear()
            grads.clear()

    for _ in range(20):
        room = np.zeros(40)
        halves = [room[::2].view(Clearing), room[1::2].view(Clearing)]
        params[:], grads[:] = halves, [np.ones(20), np.ones(20)]
        del halves
        schuss.SGD(learning_rate=1.0).step(params, grads)
        assert (room == -1.0).all()


def test_native_byte_order_by_name():
    native = "<" if np.little_endian else ">"
    p = np.zeros(3, native + "f8").view(np.dtype("f8").newbyteorder(native))
    schuss.SGD(learning_rate=1.0).step(p, np.ones(3))
    assert (p == -1.0).all()


def test_arrays_of_the_state_are_refused(rng):
    p = rng.standard_normal(20)
    opt = schuss.Adam()
    opt.step(p, np.ones(20))
    before = p.copy()
    with pytest.raises(ValueError, match="params shares memory with the optimizer's state"):
        opt.step(opt.state["exp_avg"], np.ones(20))
    with pytest.raises(ValueError, match="grads shares memory with the optimizer's state"):
        opt.step(p, opt.state["exp_avg"])
    assert same_bits(p, before)


def test_gradient_that_moves_into_a_parameter_is_refused(rng):
    """On the quick path too, where only the address has changed."""
    room = rng.standard_normal(30)
    p = room[:10]
    opt = schuss.Adam()
    opt.step(p, np.ones(10))
    opt.step(p, room[10:20])
    before = room.copy()
    with pytest.raises(ValueError, match="shares memory"):
        opt.step(p, room[5:15])
    assert same_bits(room, before)
    opt.step(p, room[15:25])


def test_another_structure_later_is_refused(rng):
    opt = schuss.Adam()
    p = {"layers": [{"w": np.zeros(3)}]}
    g = {"layers": [{"w": np.ones(3)}]}
    opt.step(p, g)
    q = {"layers": [{"w": np.zeros(3), "b": np.zeros(1)}]}
    with pytest.raises(ValueError, match=r"params\['layers\.0'\] has 2 items; 1 is wanted"):
        opt.step(q, g)
    with pytest.raises(ValueError, match=r"params\['layers\.0\.w'\] changed its dtype"):
        opt.step({"layers": [{"w": np.zeros(3, "f")}]}, g)
    with pytest.raises(ValueError, match=r"params\['layers\.0\.w'\] has shape \(4,\)"):
        opt.step({"layers": [{"w": np.zeros(4)}]}, g)
    assert opt.step_count == 1


def test_override_that_matches_nothing_is_refused():
    p = {"w": np.zeros(3)}
    opt = schuss.Adam(overrides={"*bais*": {"weight_decay": 0.0}})
    with pytest.raises(ValueError, match=r"\*bais\*.*'w'"):
        opt.step(p, {"w": np.ones(3)})
    assert not p["w"].any()


@settings(max_examples=150)
@given(
    shape=st.lists(st.integers(0, 9), max_size=5),
    steps=st.lists(st.sampled_from([-3, -2, -1, 1, 2, 3]), min_size=5, max_size=5),
    order=st.permutations(range(5)),
    grad_order=st.permutations(range(5)),
    seed=st.integers(0, 99),
)
def test_any_strides(shape, steps, order, grad_order, seed):
    """Random permutations, gaps and reversals of up to five axes."""

    def lay(x, axes):
        axes = [a for a in axes if a < x.ndim]
        stored = x.transpose(axes)
        room = np.full([abs(s) * max(n, 1) for s, n in zip(steps, stored.shape, strict=False)], 9.0)
        cut = tuple(slice(None, None, s) for s, _ in zip(steps, stored.shape, strict=False))
        view = room[cut] if cut else room
        view = view[tuple(slice(0, n) for n in stored.shape)] if cut else view
        view[...] = stored
        return view.transpose(np.argsort(axes)) if axes else view

    rng = np.random.default_rng(seed)
    start, g = rng.standard_normal(shape), rng.standard_normal(shape)
    p, q = start.copy(), lay(start, order)
    a, b = schuss.NAdam(max_norm=0.5), schuss.NAdam(max_norm=0.5)
    for _ in range(2):
        a.step(p, g)
        b.step(q, lay(g, grad_order))
    assert same_bits(p, q)
    assert same_bits(a.state["exp_avg"], b.state["exp_avg"])
    assert a.last_step == b.last_step
