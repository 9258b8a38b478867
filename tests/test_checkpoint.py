"""schuss.save and schuss.load: what goes in comes out, and goes on with the same bits."""

from __future__ import annotations

import collections
import copy
import json
import math
import pickle
import struct
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import schuss
from cases import CASES, RULES
from helpers import CLASSES, leaves, log_cosh, peak
from schuss import _core, checkpoint, schedules, tensor_file
from schuss.structures import map_leaves
from test_optimizer import model, same_states, same_trees
from test_schedules import EVERY


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def through(path, /, **values):
    schuss.save(path, **values)
    return schuss.load(path)


def pickled(path, /, **values):
    return pickle.loads(pickle.dumps(values))


def copied(path, /, **values):
    return copy.deepcopy(values)


def with_state_dict(path, /, *, optimizer, params):
    other = type(optimizer)(**optimizer._arguments())
    other.load_state_dict(optimizer.state_dict())
    return {"optimizer": other, "params": copy.deepcopy(params)}


def into_a_used_one(path, /, *, optimizer, params):
    """A state dict for an optimizer whose counts are others."""
    other = type(optimizer)(**optimizer._arguments())
    grads = map_leaves(np.ones_like, params)
    grads["layers"][0]["b"] = None
    other.step(copy.deepcopy(params), grads)
    other.load_state_dict(optimizer.state_dict())
    return {"optimizer": other, "params": copy.deepcopy(params)}


FORMS = [through, pickled, copied, with_state_dict, into_a_used_one]


def same(a, b):
    """The same types, dtypes and bits, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, complex):
        return same([a.real, a.imag], [b.real, b.imag])
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    return a == b


# -- values ----------------------------------------------------------------------------------------

VALUES = [
    None,
    True,
    0,
    -(2**63),
    2**63,
    -(10**5000),
    0.1,
    -0.0,
    5e-324,
    math.inf,
    -math.inf,
    math.nan,
    struct.unpack(">d", bytes.fromhex("fff8000000000123"))[0],
    complex(-0.0, math.nan),
    "",
    'äßç 漢字 \U0001f3bf "\\\n\0',
    "\ud800",
    b"",
    b"\x00\xff",
    np.float32(0.1),
    np.float64(math.nan),
    np.uint64(2**64 - 1),
    np.int8(-1),
    np.bool_(True),
    np.float16(65504),
    np.complex64(1 - 2j),
    [],
    (),
    {},
    [1, (2, [3, {"a": None}])],
    {"a.b": 1, "a": {"b": 2}, "": 3, "__metadata__": 4, "\n": 5},
    {1: "a", "1": "b", 1.5: "c", (0, "x"): "d", None: "e", False: "f", np.int64(7): "g"},
    ["list", 1],
    ["array", "params.w"],
    {"object": 0},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_as_they_were(value, path):
    assert same(through(path, value=value, nested=[{"value": value}])["value"], value)
    assert same(schuss.load(path)["nested"], [{"value": value}])


DTYPES = [
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]
LAYOUTS = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed": lambda a: a[::-1, ::-1],
    "transposed": lambda a: a.T,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "unaligned": lambda a: np.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "0-d": lambda a: a[1:2, 2].reshape(()),
    "empty": lambda a: a[:0],
    "no rows of 5": lambda a: np.empty((3, 0, 5), a.dtype),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", DTYPES)
def test_arrays_keep_values_and_dtype(name, layout, path, rng):
    numbers = np.frombuffer(rng.bytes(7 * 5 * 16), np.uint8).reshape(7, -1)
    size = np.dtype(name).itemsize
    array = (numbers & 1).astype(bool) if name == "bool" else numbers[:, : 5 * size].copy()
    array = LAYOUTS[layout](array[:, :5] if name == "bool" else array.view(name))
    back = through(path, a=array, more=[array])["a"]
    native = array.dtype.newbyteorder("=")
    assert back.dtype == native
    assert back.dtype.isnative
    assert back.shape == array.shape
    assert back.tobytes() == array.astype(native).tobytes()
    assert back.flags.c_contiguous
    assert back.flags.writeable


def test_arrays_of_several_pieces(path, rng, monkeypatch):
    monkeypatch.setattr(tensor_file, "PIECE", 4096)
    arrays = {
        "plain": rng.standard_normal((30, 700)),
        "fortran": np.asfortranarray(rng.standard_normal((300, 70))),
        "strided": rng.standard_normal((90, 700))[::-3, ::7],
        "swapped": rng.standard_normal(3001).astype(">f4"),
        "memmap": np.memmap(path.with_suffix(".raw"), np.int16, "w+", shape=(5000,)),
    }
    back = through(path, params=arrays)["params"]
    for name, array in arrays.items():
        assert np.array_equal(back[name], array)


def test_ml_dtypes(path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        dtype = np.dtype(getattr(ml_dtypes, name))
        array = np.arange(256 * dtype.itemsize, dtype=np.uint8).view(dtype)
        back = through(path, params={"w": array[::2]}, number=dtype.type(1.5))
        assert same(back["params"]["w"], np.ascontiguousarray(array[::2]))
        assert same(back["number"], dtype.type(1.5))
    with pytest.raises(TypeError, match=r"params\['w'\] has dtype int4; "):
        schuss.save(path, params={"w": np.zeros(3, ml_dtypes.int4)})


def test_without_ml_dtypes_the_error_says_what_to_import(path, monkeypatch):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    schuss.save(path, params=np.zeros(3, ml_dtypes.bfloat16))
    monkeypatch.setitem(tensor_file.NAMES, "BF16", "bfloat17")  # one that nobody has registered
    monkeypatch.setitem(tensor_file.CODES, "bfloat17", "BF16")
    with pytest.raises(ImportError, match="import ml_dtypes first"):
        schuss.load(path)


def test_the_safetensors_package_reads_it(path, rng):
    package = pytest.importorskip("safetensors.numpy")
    weird = 'a "quoted"\n\\ ключ \U0001f3bf'
    params = {
        "w": rng.standard_normal((3, 5)).astype(np.float32),
        "b": np.asfortranarray(rng.standard_normal((4, 2))),
        "n": np.arange(5, dtype=np.int16),
        "flags": np.array([True, False]),
        "zero": np.array(3.0),
        "none": np.zeros((0, 3)),
        "swapped": np.arange(3, dtype=">i4"),
        weird: np.ones(2),
        "\ud800": np.ones(3),
    }
    opt = schuss.Adam()
    opt.step({"w": params["w"]}, {"w": np.ones((3, 5))})
    schuss.save(path, params=params, optimizer=opt, epoch=3, z=np.array([1 + 2j]))
    found = package.load_file(path)
    for name, array in params.items():
        came = found["params." + name.encode("utf-8", "replace").decode()]
        assert came.dtype == array.dtype.newbyteorder("=")
        assert np.array_equal(came, array)
    assert np.array_equal(found["z"], [[1.0, 2.0]])
    assert np.array_equal(found["optimizer.state.w.exp_avg"], opt.state["w"]["exp_avg"])
    header = path.read_bytes()[: 8 + int.from_bytes(path.read_bytes()[:8], "little")]
    assert len(header) % 8 == 0
    entries = json.loads(header[8:])
    assert all(type(v) is str for v in entries.pop("__metadata__").values())
    sizes = {"F64": 8, "F32": 4, "I32": 4, "I16": 2, "BOOL": 1}
    assert all(e["data_offsets"][0] % sizes[e["dtype"]] == 0 for e in entries.values())


def test_names_that_would_meet(path):
    values = {
        "a": {"b": np.array(1.0), "b.c": np.array(2.0)},
        "a.b": {"c": np.array(3.0)},
        "n": {1: np.array(4.0), "1": np.array(5.0)},
        "__metadata__": np.array(6.0),
        "path": np.array(7.0),
    }
    assert same(through(path, **values), values)


def test_containers_come_back_plain_and_equal(path):
    point = collections.namedtuple("Point", "x y")(1, [2])
    ordered = collections.OrderedDict(b=1, a=2)
    back = through(path, point=point, ordered=ordered)
    assert back == {"point": (1, [2]), "ordered": {"b": 1, "a": 2}}
    assert list(back["ordered"]) == ["b", "a"]


def test_none_as_a_keyword(path):
    assert through(path, params=None, best=None) == {"best": None}
    with pytest.raises(ValueError, match="nothing to save"):
        schuss.save(path, params=None)


def test_generators_of_numpy_travel_by_their_state(path):
    for bits in (np.random.PCG64, np.random.MT19937, np.random.Philox):
        rng = np.random.Generator(bits(3))
        rng.standard_normal(7)
        back = through(path, rng=rng.bit_generator.state)["rng"]
        other = np.random.Generator(bits())
        other.bit_generator.state = back
        assert other.random() == rng.random()


class Own(schuss.Adam):
    """An optimizer that a file cannot name."""


def held(depth):
    value = np.zeros(1)
    for _ in range(depth):
        value = [value]
    return value


ROUND = []
ROUND.append(ROUND)

UNSAVEABLE = {
    "object": (object(), TypeError, r"more\['a\.0'\] is of type builtins\.object; an array"),
    "set": ({1}, TypeError, "builtins.set"),
    "function": (len, TypeError, "builtin_function_or_method"),
    "optimizer": (Own(), TypeError, r"test_checkpoint\.Own"),
    "objects": (np.array([None]), TypeError, r"more\['a\.0'\] has dtype object; bool, an integer"),
    "text": (np.array(["a"]), TypeError, "has dtype <U1"),
    "str_": (np.str_("a"), TypeError, "has dtype <U1"),
    "dates": (np.array(["2000-01-01"], "M8[D]"), TypeError, "has dtype datetime64"),
    "fields": (np.zeros(2, "i4,f4"), TypeError, "has dtype"),
    "long double": (np.zeros(2, np.longdouble), TypeError, "has dtype float128"),
    "masked": (np.ma.masked_array([1, 2], [0, 1]), TypeError, "MaskedArray"),
    "deep": (held(200), ValueError, "more is nested more than 200 deep"),
    "round": (ROUND, ValueError, "more is nested more than 200 deep"),
    "key": ({object(): 1}, TypeError, "builtins.object"),
}


@pytest.mark.parametrize("case", UNSAVEABLE)
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(case, path):
    value, error, words = UNSAVEABLE[case]
    if case == "long double" and np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("long doubles are doubles here")
    schuss.save(path, old=1)
    before = path.read_bytes()
    with pytest.raises(error, match=words):
        schuss.save(path, params=np.zeros(3), more={"a": [value]})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_deep_structures(path):
    assert same(through(path, value=held(198))["value"], held(198))


# -- optimizers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_optimizer_goes_on_bit_for_bit(case, steps, form, path, rng):
    p = model(rng)
    opt = case.make(max_norm=1.5, max_value=0.9, grad_scale=2.0, nonfinite="skip")
    for _ in range(steps):
        opt.step(p, model(rng))
    found = form(path, optimizer=opt, params=p)
    other, q = found["optimizer"], found["params"]
    assert type(other) is type(opt)
    assert repr(other) == repr(opt)
    assert other.step_count == steps
    assert same_trees(p, q)
    for _ in range(3):
        g = model(rng)
        opt.step(p, g)
        other.step(q, g)
    assert same_trees(p, q)
    assert same_states(opt, other)
    assert other.step_count == steps + 3


def in_16_bits(tree, dtype):
    """The float32 arrays of a tree as arrays of another dtype."""
    return map_leaves(lambda x: x.astype(dtype) if x.dtype == np.float32 else x, tree)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("storage", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("case", RULES, ids=str)
def test_averages_units_counts_and_16_bits_go_on(case, storage, form, path, rng):
    """Parameters with step counts of their own among them."""
    if storage == "bfloat16":
        pytest.importorskip("ml_dtypes")
    dtype = np.dtype(storage)

    def absent(g, t):
        g["layers"][t % 2]["b"] = None
        return g

    p = in_16_bits(model(rng), dtype)
    opt = case.make(ema=0.75, agc=0.5, agc_axis=0, overrides={"layers.1.*": {"agc": None}})
    for t in range(3):
        opt.step(p, absent(in_16_bits(model(rng), dtype), t))
    assert opt.state_dict()["steps"] == {"layers.0.b": 1, "layers.1.b": 2}
    found = form(path, optimizer=opt, params=p)
    other, q = found["optimizer"], found["params"]
    with other.averaged(q):  # before the next step
        averages = zip(leaves(opt.ema), leaves(q), strict=True)
        assert same(leaves(q), [e.astype(x.dtype) for e, x in averages])
    for t in range(3):
        g = absent(in_16_bits(model(rng), dtype), t)
        opt.step(p, g)
        other.step(q, g)
    assert same(p, q)
    assert same_states(opt, other)
    assert same(opt.state_dict()["steps"], other.state_dict()["steps"])
    assert same_trees(opt.ema, other.ema)


@pytest.mark.parametrize("form", FORMS[:-1])
def test_an_optimizer_that_was_loaded_is_saved_before_it_steps(form, path, rng):
    p, g = rng.standard_normal(5), rng.standard_normal(5)
    opt = schuss.NAdam(maximize=True, weight_decay=0.1)
    opt.step(p, g)
    other = opt
    for _ in range(3):
        other = form(path, optimizer=other, params=p)["optimizer"]
        assert other.step_count == 1
    q = p.copy()
    opt.step(p, g)
    other.step(q, g)
    assert np.array_equal(p, q)


PLATEAU = schedules.ReduceOnPlateau(0.1, patience=0, mode="max")


@pytest.mark.parametrize("schedule", [*EVERY, PLATEAU], ids=lambda s: type(s).__name__)
def test_schedules_travel(schedule, path):
    opt = schuss.SGD(schedule, overrides={"b*": {"learning_rate": schedule, "weight_decay": 0.5}})
    p = {"w": np.ones(3), "b": np.ones(2)}
    opt.step(p, copy.deepcopy(p))
    found = through(path, optimizer=opt, rate=schedule)
    other = found["optimizer"]
    assert repr(other) == repr(opt)
    assert type(other.learning_rate) is type(schedule)
    assert [other.learning_rate(t) for t in range(20)] == [schedule(t) for t in range(20)]
    # One schedule in three places stays one.
    assert other.learning_rate is found["rate"]
    assert vars(other)["_overrides"]["b*"]["learning_rate"] is found["rate"]
    q = copy.deepcopy(p)
    opt.step(p, copy.deepcopy(p))
    other.step(q, copy.deepcopy(q))
    assert same_trees(p, q)


def test_a_plateau_goes_on_counting_wherever_it_stands(path):
    plateau = schedules.ReduceOnPlateau(1.0, factor=0.5, patience=1, cooldown=1)
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0):
        plateau.update(loss)
    opt = schuss.SGD(schedules.join([0.5, schedules.warmup(plateau, 2)], [1]))
    found = through(path, optimizer=opt, plateau=plateau)
    again = found["plateau"]
    assert vars(again) == vars(plateau)
    assert found["optimizer"].learning_rate.schedules[1].schedule_or_value is again
    for loss in (2.0, 2.0, 2.0, 1.0):
        plateau.update(loss)
        again.update(loss)
        assert vars(again) == vars(plateau)
        assert found["optimizer"].learning_rate(5) == opt.learning_rate(5)


def halves(t):
    return 0.5 ** (t + 1)


def test_callables_are_asked_for_by_their_places(path):
    opt = schuss.SGD(
        halves,
        momentum=lambda t: 0.5,
        overrides={
            "*.b*": {"learning_rate": halves},
            "*": {"weight_decay": schedules.warmup(schedules.join([halves, 0.0], [3]), 2)},
        },
    )
    p = {"x": {"w": np.ones(3), "b": np.ones(2)}}
    opt.step(p, copy.deepcopy(p))
    schuss.save(path, optimizer=opt)
    places = {
        "learning_rate": halves,
        "momentum": opt.momentum,
        "overrides.*.b*.learning_rate": halves,
        "overrides.*.weight_decay.schedule_or_value.schedules.0": halves,
    }
    other = schuss.load(path, schedules=places)["optimizer"]
    assert other.learning_rate is halves
    q = copy.deepcopy(p)
    opt.step(p, copy.deepcopy(p))
    other.step(q, copy.deepcopy(q))
    assert same_trees(p, q)
    with pytest.raises(
        ValueError, match=r"learning_rate was halves, momentum was .*<lambda>.*"
    ) as e:
        schuss.load(path)
    assert not isinstance(e.value, schuss.CheckpointError)
    assert "load(path, schedules={'learning_rate': f, 'momentum': f, " in str(e.value)
    del places["momentum"]
    with pytest.raises(ValueError, match=r"\(momentum was .*schedules=\{'momentum': f\}"):
        schuss.load(path, schedules=places)
    with pytest.raises(
        ValueError, match=r"schedules has \['rate'\]; .* asks for \['learning_rate'"
    ):
        schuss.load(path, schedules={**places, "momentum": halves, "rate": halves})
    for wrong in ([halves], {"momentum": 0.5}):
        with pytest.raises(TypeError, match="schedules"):
            schuss.load(path, schedules=wrong)


def test_several_optimizers(path):
    a, b = schuss.Adam(halves), schuss.Lion(halves)
    nets = {"g": a, "d": b}
    schuss.save(path, optimizer=nets, other=a)
    with pytest.raises(ValueError, match=r"'g\.learning_rate': f, 'd\.learning_rate': f"):
        schuss.load(path)
    found = schuss.load(path, schedules={"g.learning_rate": halves, "d.learning_rate": halves})
    assert [type(o).__name__ for o in found["optimizer"].values()] == ["Adam", "Lion"]
    assert found["other"] is found["optimizer"]["g"]
    schuss.save(path, generator=a)
    found = schuss.load(path, schedules={"generator.learning_rate": halves})
    assert found["generator"].learning_rate is halves
    with pytest.raises(ValueError, match=r"two callables have the place 'a\.b\.learning_rate'"):
        schuss.save(path, optimizer={"a.b": a, "a": {"b": b}})


def test_own_optimizers_and_schedules(path):
    with pytest.raises(TypeError, match=r"optimizer is of type test_checkpoint\.Own"):
        schuss.save(path, optimizer=Own())

    class Slow(schedules.constant):
        pass

    schuss.save(path, optimizer=schuss.SGD(Slow(0.5)))
    with pytest.raises(ValueError, match=r"learning_rate was .*Slow"):
        schuss.load(path)


def test_nothing_is_named_but_public_classes(path, monkeypatch):
    """A file made to harm, hash and all: no name outside the lists is looked up."""
    real = json.dumps
    for word, name in (
        ("optimizer", "sgd"),
        ("optimizer", "base"),
        ("solver", "minimize"),
        ("solver", "Solver"),
        ("schedule", "Schedule"),
        ("schedule", "math"),
        ("schedule", "__builtins__"),
    ):
        document = {"values": {"a": ["object", 0]}, "callables": {}}
        document["objects"] = [[word, name, {"f": 1}, None]]
        monkeypatch.setattr(json, "dumps", lambda *a, d=document, **k: real(d))
        text = real(document)
        monkeypatch.undo()
        metadata = {checkpoint.FORMAT_KEY: checkpoint.FORMAT, checkpoint.VALUE: text}
        tensor_file.write(str(path), {}, metadata, lambda: None)
        with pytest.raises(schuss.CheckpointError, match="cannot be restored"):
            schuss.load(path)


# -- solvers ---------------------------------------------------------------------------------------

SOLVERS = {cls.__name__: partial(cls, gtol=0.0, maxfun=40) for cls in CLASSES.values()} | {
    "LBFGS-short": lambda x: schuss.LBFGS(x, history_size=3, gtol=0.0, maxfun=60),
    "LBFGS-float32": lambda x: schuss.LBFGS(x, history_dtype="float32", gtol=0.0, maxfun=60),
    "BFGS-damped": lambda x: schuss.BFGS(x, damping=True, gtol=0.0, maxfun=60),
    "Newton-line_search": lambda x: schuss.Newton(x, globalization="line_search", maxfun=40),
    "LeastSquares": lambda x: schuss.LeastSquares(x, tol=0.0, loss="soft_l1", maxfun=40),
    "Newton-none": lambda x: schuss.Newton(x, globalization="none", learning_rate=0.5, maxfun=40),
}
N = 6
FUNCTION = log_cosh(N, seed=3)


def hessian(x):
    h = np.empty((N, N))
    for k, e in enumerate(1e-6 * np.eye(N)):
        h[k] = (FUNCTION(x + e)[1] - FUNCTION(x - e)[1]) / 2e-6
    return (h + h.T) / 2


def answer(solver):
    x = np.concatenate([np.ravel(leaf) for leaf in leaves(solver.ask())]).astype(np.float64)
    if solver.request == "hessian":
        solver.tell_hessian(hessian(x))
    elif solver.request == "hessian_product":
        v = np.concatenate([np.ravel(leaf) for leaf in leaves(solver.direction)])
        solver.tell_product(shaped(hessian(x) @ v))
    elif solver.request == "residuals":
        solver.tell(x**2 - np.arange(x.size))
    elif solver.request == "jacobian":
        solver.tell_jacobian(np.diag(2 * x))
    else:
        f, g = FUNCTION(x)
        solver.tell(f, shaped(g))


def shaped(x):
    return {"w": x[:4].reshape(2, 2), 7: (x[4:],)}


@pytest.mark.parametrize("form", [through, pickled, copied])
@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_goes_on_bit_for_bit_at_any_point(name, form, dtype, path):
    start = shaped(np.linspace(-2, 2, N).astype(dtype))
    steady = SOLVERS[name](start)
    requests = set()
    for _ in range(200):
        found = form(path, solver=steady)["solver"]
        assert type(found) is type(steady)
        assert repr(found.result()) == repr(steady.result())
        if steady.done:
            break
        requests.add(found.request)
        assert found.request == steady.request
        assert same(found.ask(), steady.ask())
        answer(found)
        answer(steady)
        assert found.request == steady.request
        if not steady.done:
            assert same(found.ask(), steady.ask())
    assert steady.done
    first = "residuals" if name == "LeastSquares" else "value_and_gradient"
    assert requests == {first, _core.methods()[steady._method]["needs"]}


def test_every_solver_is_in_the_list():
    classes = {cls for cls in vars(schuss.solvers).values() if isinstance(cls, type)}
    names = {cls.__name__ for cls in classes if issubclass(cls, schuss.solvers.Solver)}
    assert {name.partition("-")[0] for name in SOLVERS} == names - {"Solver"}


def test_the_state_of_a_solver_has_a_format_of_its_own(path, monkeypatch):
    schuss.save(path, solver=schuss.LBFGS(np.ones(3)))
    monkeypatch.setattr(checkpoint, "STATE_FORMAT", 77)
    words = (
        rf"of schuss {schuss.__version__}, cannot be restored: .* format \[\d+, '{sys.byteorder}'\]"
    )
    with pytest.raises(schuss.CheckpointError, match=words):
        schuss.load(path)


@pytest.mark.parametrize("spoil", ["shorter", "longer", "method", "option", "parts", "dtype"])
def test_a_state_that_does_not_fit_is_refused(spoil, path, monkeypatch):
    method, x, options, data = schuss.LBFGS(np.ones(3))._state()
    spoilt = {
        "shorter": (method, x, options, data[:-1]),
        "longer": (method, x, options, data + b"0"),
        "method": ("bfgs", x, options, data),
        "option": (method, x, options | {"history_size": 10**9}, data),
        "parts": (method, x, options),
        "dtype": (method, np.ones(3, np.float32), options, data),
    }[spoil]
    monkeypatch.setattr(schuss.LBFGS, "_state", lambda self: spoilt)
    schuss.save(path, solver=schuss.LBFGS(np.ones(3)))
    with pytest.raises(schuss.CheckpointError, match="cannot be restored"):
        schuss.load(path)


def test_another_format_is_refused_with_its_number(path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", "2")
    schuss.save(path, a=1)
    monkeypatch.undo()
    with pytest.raises(
        schuss.CheckpointError, match=r"has format 2, of schuss .*format 1 is wanted"
    ):
        schuss.load(path)


# -- beside other threads --------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["step", "load", "reset"])
def test_states_that_change_meanwhile_refuse_the_file(what, path, monkeypatch):
    """The parameters may be half of the old and half of the new step."""
    p = [np.ones(1000), np.ones(1000)]
    opt = schuss.Adam()
    opt.step(p, copy.deepcopy(p))
    schuss.save(path, optimizer=opt, params=p)
    before = path.read_bytes()
    real = tensor_file._pieces
    saved = opt.state_dict()
    other = [np.ones(1000), np.ones(1000)]
    change = {
        "step": lambda: opt.step(p, other),
        "load": lambda: opt.load_state_dict(saved),
        "reset": lambda: (opt.reset(), opt.step(p, other)),
    }[what]

    def pieces(array):
        if array is p[1]:
            change()
        return real(array)

    monkeypatch.setattr(tensor_file, "_pieces", pieces)
    with pytest.raises(RuntimeError, match="optimizer took a step in another thread"):
        schuss.save(path, optimizer=opt, params=p)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("loaded", [False, True])
def test_states_are_not_copied(loaded, path):
    p = {str(k): np.ones(1_000_000, np.float32) for k in range(4)}
    opt = schuss.Adam()
    opt.step(p, copy.deepcopy(p))
    if loaded:
        opt = through(path, optimizer=opt)["optimizer"]
    states = 2 * sum(a.nbytes for a in p.values())
    assert peak(lambda: schuss.save(path, optimizer=opt))[0] < 0.1 * states + tensor_file.PIECE
    needed, found = peak(lambda: schuss.load(path)["optimizer"])
    assert needed < 1.1 * states + tensor_file.PIECE
    assert found.step_count == 1


def test_beside_a_stepping_thread_it_is_whole_or_refused(path):
    """Every element of params and states is the same, so that a torn file shows."""
    p, g = np.zeros(300_000), np.ones(300_000)
    opt = schuss.SGD(0.5, momentum=0.5)
    opt.step(p, g)
    stop = threading.Event()

    def train():
        while not stop.is_set():
            opt.step(p, g)
            stop.wait(0.002)

    thread = threading.Thread(target=train)
    thread.start()
    whole = refused = 0
    try:
        for _ in range(60):
            try:
                schuss.save(path, optimizer=opt, params=p)
            except RuntimeError:
                refused += 1
                continue
            whole += 1
            found = schuss.load(path)
            q, again = found["params"], found["optimizer"]
            momentum = again.state_dict()["state"][""]["momentum_buffer"]
            twin, velocity = 0.0, 0.0
            for _ in range(again.step_count):
                velocity = 0.5 * velocity + 1.0
                twin -= 0.5 * velocity
            assert (momentum == velocity).all()
            assert (q == twin).all()
    finally:
        stop.set()
        thread.join()
    assert whole + refused == 60


# -- files of 0.1.0 --------------------------------------------------------------------------------

# Made by schuss 0.1.0: optimizers after three steps as objects, state dicts and pickles; parameters
# then, and after three steps more with `grads`. Decay was a rule there: "adamw", "amsgradw".
OLD = Path(__file__).parent / "data" / "version_0_1.safetensors"
OLD_CASES = ("AdamW", "AdamW amsgrad", "Adam", "NAdam", "Lion", "SGD")


@pytest.mark.parametrize("form", ["optimizer", "pickle", "state_dict"])
@pytest.mark.parametrize("name", OLD_CASES)
def test_what_0_1_saved_goes_on_with_the_same_bits(name, form):
    found = schuss.load(OLD)
    assert set(found["cases"]) == set(OLD_CASES)
    case = found["cases"][name]
    opt = case["optimizer"]
    if form == "pickle":
        opt = pickle.loads(case["pickle"])
    elif form == "state_dict":
        assert "steps" not in case["state_dict"]
        opt = type(opt)(**opt._arguments())
        opt.load_state_dict(case["state_dict"])
    assert opt.step_count == 3
    p = case["before"]
    for g in found["grads"]:
        opt.step(p, g)
    assert same_trees(p, case["after"])
    again = copy.deepcopy(opt)
    assert again.rule == opt.rule in schuss._core.rules()
