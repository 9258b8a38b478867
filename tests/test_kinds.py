"""Arrays of other libraries through DLPack: read anywhere, written where their memory may be."""

from __future__ import annotations

import numpy as np
import pytest
import schuss
from schuss import clipping, initializers, linalg


class Lent:
    """What DLPack asks of an array, and no more: no `__array__`, no arithmetic, no namespace."""

    def __init__(self, values, writeable=True):
        self.array = np.array(values)
        self.array.flags.writeable = writeable

    def __dlpack__(self, **how):
        # Of a read-only array older NumPy neither asks nor gives more than a copy.
        return (self.array if "max_version" in how else self.array.copy()).__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Namespaced(Lent):
    """One that says how more of its kind are made."""

    def __array_namespace__(self):
        class Namespace:
            asarray = Namespaced

        return Namespace


class Unreadable(Lent):
    def __dlpack__(self, **how):
        raise BufferError("it is on another device")


def immutable(values):
    return Lent(values, writeable=False)


def of_jax(values):
    return pytest.importorskip("jax.numpy").asarray(values, "float32")


def of_jax_bfloat16(values):
    return pytest.importorskip("jax.numpy").asarray(values, "bfloat16")


IMMUTABLE = [immutable, of_jax, of_jax_bfloat16]
READABLE = [Lent, Namespaced, *IMMUTABLE]


def numpy_of(x):
    return x.array if isinstance(x, Lent) else np.asarray(x)


@pytest.mark.parametrize("make", READABLE)
def test_gradients_are_read(make):
    p, g = np.ones(2), make([0.5, -0.25])
    schuss.SGD(learning_rate=1.0).step({"w": p}, {"w": g})
    assert p.tolist() == [0.5, 1.25]
    assert clipping.global_norm([g, np.array([1.0])]) == np.sqrt(1.3125)
    assert clipping.norm_of(clipping.block_sums(g)) == np.sqrt(0.3125)


@pytest.mark.skipif(
    not np.from_dlpack(Lent([1.0])).flags.writeable, reason="this NumPy takes all as read-only"
)
def test_what_may_be_written_is():
    p, shadow, g = Lent([1.0, 2.0]), Lent(np.zeros(2, "e")), Lent([0.5, 0.5])
    p.array = p.array.astype(np.float32)
    opt = schuss.SGD(learning_rate=1.0, ema=0.0)
    opt.step([p], [g], shadow=[shadow])
    assert p.array.tolist() == shadow.array.tolist() == [0.5, 1.5]
    p.array[:] = 9.0
    with opt.averaged([p]):
        assert p.array.tolist() == [0.5, 1.5]
    assert p.array.tolist() == [9.0, 9.0]
    assert clipping.clip_by_value(g, 0.25, inplace=True) is g
    assert g.array.tolist() == [0.25, 0.25]
    opt.zero_grad([g])
    assert not g.array.any()


def step(x):
    schuss.SGD().step({"w": x}, {"w": np.ones(2)})


def shadowed(x):
    schuss.SGD().step({"w": np.ones(2, "f")}, {"w": np.ones(2)}, shadow={"w": x})


def later(x):
    p, opt = np.ones(2, "f"), schuss.SGD(learning_rate=1.0)
    opt.step({"w": p}, {"w": np.ones(2)})
    try:
        opt.step({"w": x}, {"w": np.ones(2)})
    finally:
        assert opt.step_count == 1
        opt.step({"w": p}, {"w": np.ones(2)})  # it goes on with what it had
        assert p.tolist() == [-1.0, -1.0]


def averaged(x):
    opt = schuss.SGD(ema=0.5)
    opt.step({"w": np.ones(2)}, {"w": np.ones(2)})
    with opt.averaged({"w": x}):
        pass


IN_PLACE = [
    ("params", step),
    ("params", later),
    ("params", averaged),
    ("shadow", shadowed),
    ("grads", lambda x: schuss.SGD().zero_grad({"w": x})),
    ("grads", lambda x: clipping.clip_by_value({"w": x}, 0.5, inplace=True)),
    ("grads", lambda x: clipping.clip_by_global_norm({"w": x}, 0.5, inplace=True)),
]


@pytest.mark.parametrize("make", IMMUTABLE)
@pytest.mark.parametrize(("name", "call"), IN_PLACE)
def test_what_cannot_be_written_is_refused_and_says_what_to_do(name, call, make):
    x = make([1.0, 2.0])
    with pytest.raises(TypeError) as caught:
        call(x)
    kind = type(x).__name__
    message = str(caught.value)
    assert message.startswith(f"{name}['w'] is of type ")
    assert kind in message
    assert message.endswith(
        "which cannot be written in place; a NumPy array is wanted: pass a copy, np.array(x), and "
        "put its values back afterwards"
    )
    assert numpy_of(x).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("make", [Namespaced, of_jax, of_jax_bfloat16])
def test_results_are_of_the_kind_that_came(make):
    x = make([0.5, -0.25])
    kind = type(x)
    clipped = clipping.clip_by_value({"w": x}, 0.25)["w"]
    assert type(clipped) is kind
    assert numpy_of(clipped).dtype == numpy_of(x).dtype
    assert numpy_of(clipped).tolist() == [0.25, -0.25]

    def fun(p, shift):
        assert type(p["w"]) is kind
        r = numpy_of(p["w"]) - shift
        return (r * r).sum(), {"w": make(2 * r)}

    result = schuss.minimize(fun, {"w": x}, 3.0, jac=True)
    assert {type(result.x["w"]), type(result.jac["w"])} == {kind}
    np.testing.assert_allclose(numpy_of(result.x["w"]), 3.0, atol=1e-2)
    assert type(initializers.output_bias(x)) is kind


def test_systems_are_solved_in_kind():
    a, b = (pytest.importorskip("jax.numpy").asarray(x, "float32") for x in (np.eye(2), [1, 2]))
    assert type(linalg.solve_spd(a, b)) is type(linalg.cholesky(a)) is type(a)


def test_of_what_makes_no_more_of_itself_numpy_does():
    x = Lent([0.5, -0.25])
    assert clipping.clip_by_value(x, 0.25).tolist() == [0.25, -0.25]
    result = schuss.minimize(lambda p: (p @ p, 2 * p), x, jac=True)
    assert isinstance(result.x, np.ndarray)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("grads['w']", lambda x: schuss.SGD().step({"w": np.ones(2)}, {"w": x})),
        ("grads", clipping.global_norm),
        ("x0", lambda x: schuss.minimize(lambda p: (1.0, p), x, jac=True)),
    ],
)
def test_what_numpy_cannot_read_is_named(name, call):
    with pytest.raises(TypeError) as caught:
        call(Unreadable([1.0, 2.0]))
    message = str(caught.value)
    assert message.startswith(f"{name} is of type Unreadable, which NumPy cannot read: it is on")
    assert message.endswith("; an array or tensor in the memory of the CPU is wanted")


def test_bfloat16_is_clipped():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    grads = np.array([3.0, np.nan, -4.0], bfloat16)
    clipped = clipping.clip_by_value(grads, 2.0)
    assert clipped.dtype == bfloat16
    np.testing.assert_array_equal(clipped.astype("f"), [2.0, np.nan, -2.0])
    halved = clipping.clip_by_global_norm(grads[::2], 2.5)
    np.testing.assert_array_equal(halved.astype("f"), [1.5, -2.0])
    made = initializers.ones((2,), dtype=bfloat16)
    assert made.dtype == bfloat16
