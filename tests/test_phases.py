"""A step in phases: in chunks, or over ranges of the model with sums exchanged by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import schuss
from cases import CASES, RULES
from helpers import by_turns, gradients, same_bits, split, stepper_of
from schuss import _core, clipping

WITH_SUMS = [case for case in CASES if _core.rules()[case.rule]["sums"]]
SHAPES = [(), (3, 7), (0,), (70, 80), (4096,), (33, 2, 9), (5000,), (1,), (90, 91), (20,)]
FROZEN, ABSENT = 3, 5
SETTINGS = {
    "max_norm": 0.5,
    "max_value": 2.0,
    "grad_scale": 4.0,
    "ema": 0.75,
    "nonfinite": "skip",
    "overrides": {str(FROZEN): {"learning_rate": 0.0}, "[46]": {"weight_decay": 0.125}},
}


def model(rng, dtype=np.float32):
    return by_turns([rng.standard_normal(shape).astype(dtype) for shape in SHAPES])


def steps_of_gradients(rng, dtype=np.float32, steps=3):
    for t in range(steps):
        grads = [gradients(rng, math.prod(s), dtype).reshape(s) for s in SHAPES]
        grads = [np.clip(g, -100, 100, out=g) for g in grads]
        grads[FROZEN] = np.full(SHAPES[FROZEN], np.nan, dtype)
        yield [None if (k + t) % ABSENT == 0 else g for k, g in enumerate(grads)]


def halves(params):
    return [np.zeros(p.shape, np.float16) for p in params]


def all_states(stepper):
    return [stepper.slots(leaf) for leaf in range(len(stepper.paths))]


def assert_same(ours, theirs):
    """Steppers with their parameters and shadows."""
    (a, p, p_shadow), (b, q, q_shadow) = ours, theirs
    assert all(same_bits(x, y) for x, y in zip(p, q, strict=True))
    assert all(same_bits(x, y) for x, y in zip(p_shadow, q_shadow, strict=True))
    for here, there in zip(all_states(a), all_states(b), strict=True):
        assert all(same_bits(here[name], there[name]) for name in there)
    assert a.report == b.report
    assert a.step_count == b.step_count
    for leaf in range(len(a.paths)):
        assert (a.count(leaf), a.carry(leaf)) == (b.count(leaf), b.carry(leaf))


def random_chunks(rng, n):
    order = rng.permutation(n).tolist()
    cuts = [0, *sorted(rng.integers(0, n + 1, rng.integers(1, 5)).tolist()), n]
    return [order[a:b] for a, b in itertools.pairwise(cuts)]


@pytest.mark.parametrize("agc", [None, 0.05])
@pytest.mark.parametrize("case", RULES, ids=str)
def test_chunks_in_random_orders(case, agc, threads, rng):
    threads(2)
    settings = {**case.settings, **SETTINGS, "agc": agc}
    opt = type(case.make())(**settings)
    start = model(rng)
    steps = list(steps_of_gradients(rng))
    whole, params, shadow = stepper_of(opt, start), by_turns(start), halves(start)
    for grads in steps:
        whole.step(params, grads, shadow)
    assert whole.report[3] < 1.0
    assert not same_bits(params[8], start[8])
    for _ in range(20):
        chunked, p, s = stepper_of(opt, start), by_turns(start), halves(start)
        for grads in steps:
            before = by_turns(p)
            assert chunked.open(p, grads, s)
            if _core.rules()[case.rule]["sums"]:
                chunked.set_sums(chunked.gather())
            assert all(same_bits(x, y) for x, y in zip(p, before, strict=True))
            for chunk in random_chunks(rng, len(p)):
                chunked.run(chunk)
            chunked.close()
        assert_same((chunked, p, s), (whole, params, shadow))


def test_a_chunk_moves_its_parameters_alone(rng):
    p, g = [np.ones(3), np.ones(3)], [np.ones(3), np.ones(3)]
    stepper = stepper_of(schuss.SGD(learning_rate=0.5), p)
    assert stepper.open(p, g)
    stepper.run([1])
    assert p[0].tolist() == [1.0] * 3
    assert p[1].tolist() == [0.5] * 3
    stepper.run([])
    stepper.run([0])
    assert p[0].tolist() == [0.5] * 3
    assert stepper.step_count == 0
    stepper.close()
    assert stepper.step_count == stepper.report[0] == 1


def test_calls_out_of_turn(rng):
    p, g = [np.ones(3), np.ones(3)], [np.ones(3), np.full(3, 2.0)]
    opt = schuss.SGD(learning_rate=0.5, momentum=0.5)
    opt.step(p, g)
    stepper, before = opt._stepper, [a.copy() for a in p]
    for call in (stepper.gather, stepper.close, lambda: stepper.run([0])):
        with pytest.raises(RuntimeError, match=r"no step is open; open\(\) comes"):
            call()
    with pytest.raises(RuntimeError, match="no step is open"):
        stepper.set_sums([])
    stepper.open(p, g)
    for call in (
        lambda: opt.step(p, g),
        opt.state_dict,
        lambda: opt.state,
        lambda: stepper.open(p, g),
        lambda: opt.load_state_dict({}) or stepper.snapshot(),
    ):
        with pytest.raises((RuntimeError, ValueError), match=r"a step is open|state_dict is no"):
            call()
    assert all(same_bits(a, b) for a, b in zip(p, before, strict=True))
    with pytest.raises(ValueError, match=r"leaves has 2; less than 2 is wanted"):
        stepper.run([0, 2])
    assert all(same_bits(a, b) for a, b in zip(p, before, strict=True))
    stepper.set_sums(stepper.gather())  # of a rule without sums: nothing
    stepper.run([1, 0])
    stepper.close()
    with pytest.raises(RuntimeError, match="no step is open"):
        stepper.close()
    twin = [np.ones(3), np.ones(3)]
    other = schuss.SGD(learning_rate=0.5, momentum=0.5)
    for _ in range(2):
        other.step(twin, g)
    assert all(same_bits(a, b) for a, b in zip(p, twin, strict=True))
    assert opt.state_dict()["step"] == 2


def test_a_leaf_runs_once(rng):
    """A list with one that has run, or twice the same, is refused before any of it is written."""
    p, g = [np.ones(3) for _ in range(3)], [np.ones(3) for _ in range(3)]
    stepper = stepper_of(schuss.SGD(learning_rate=0.5), p)
    stepper.open(p, g)
    stepper.run([1])
    for leaves, again in (([0, 1], 1), ([2, 0, 2], 2), ([1], 1)):
        with pytest.raises(ValueError, match=f"leaves has {again} again; each once a step"):
            stepper.run(leaves)
    assert [a[0] for a in p] == [1.0, 0.5, 1.0]
    with pytest.raises(RuntimeError, match=r"leaf 0 has not run; run\(leaves\) is wanted"):
        stepper.close()
    assert stepper.step_count == 0
    assert stepper.report is None
    stepper.run([0, 2])
    stepper.close()
    assert [a[0] for a in p] == [0.5] * 3
    stepper.open(p, g)
    stepper.run([0, 1, 2])
    stepper.close()
    assert stepper.step_count == 2


def test_resting_leaves_need_not_run():
    p, g = [np.ones(3), np.ones(3), np.ones((0, 2))], [None, np.ones(3), np.ones((0, 2))]
    stepper = stepper_of(schuss.SGD(), p)
    stepper.open(p, g)
    stepper.run([1])
    stepper.close()
    assert stepper.step_count == 1


@pytest.mark.parametrize("name", ["LAMB", "LARS"])
def test_rules_with_sums_run_after_their_sums_are_set(name, rng):
    start = [rng.standard_normal(5000), rng.standard_normal(3)]
    grads = [rng.standard_normal(5000), rng.standard_normal(3)]
    p, q = by_turns(start), by_turns(start)
    stepper, whole = (stepper_of(getattr(schuss, name)(), a) for a in (p, q))
    before = all_states(stepper)
    before = [{k: v.copy() for k, v in slots.items()} for slots in before]
    stepper.open(p, grads)
    for call in (lambda: stepper.run([0]), lambda: stepper.set_sums([0.0] * 6), stepper.close):
        with pytest.raises(RuntimeError, match=r"the rule has sums; gather\(\) is wanted"):
            call()
    stepper.cancel()
    assert all(same_bits(a, b) for a, b in zip(p, start, strict=True))
    for here, there in zip(all_states(stepper), before, strict=True):
        assert all(same_bits(here[k], there[k]) for k in there)
    stepper.open(p, grads)
    sums = stepper.gather()
    for call in (lambda: stepper.run([0]), stepper.gather, stepper.close):
        with pytest.raises(RuntimeError, match=r"set_sums\(sums\) is wanted"):
            call()
    with pytest.raises(RuntimeError, match="the step has written"):
        stepper.cancel()
    stepper.set_sums(sums)
    for call in (lambda: stepper.set_sums(sums), stepper.gather):
        with pytest.raises(RuntimeError, match="ready to run"):
            call()
    assert all(same_bits(a, b) for a, b in zip(p, start, strict=True))
    stepper.run([0, 1])
    stepper.close()
    whole.step(q, grads)
    assert_same((stepper, p, []), (whole, q, []))


def test_a_step_is_cancelled_or_ended(rng):
    start = [rng.standard_normal(5), rng.standard_normal(3)]
    grads = [rng.standard_normal(5), rng.standard_normal(3)]
    p, q = by_turns(start), by_turns(start)
    stepper, whole = (stepper_of(schuss.RAdam(max_norm=0.1), a) for a in (p, q))
    with pytest.raises(RuntimeError, match="no step is open"):
        stepper.cancel()
    for arrays in ((p, grads), (p, [np.full(5, 7.0), None])):
        stepper.open(*arrays)
        stepper.cancel()
    assert stepper.report is None
    assert (stepper.step_count, stepper.count(0)) == (0, 0)
    assert all(same_bits(a, b) for a, b in zip(p, start, strict=True))
    for _ in range(2):
        whole.step(q, grads)
        stepper.open(p, grads)
        stepper.run([1])
        with pytest.raises(RuntimeError, match="the step has written"):
            stepper.cancel()
        stepper.run([0])
        stepper.close()
    assert_same((stepper, p, []), (whole, q, []))


def test_an_open_that_fails_leaves_nothing_open():
    p = [np.ones(3)]
    stepper = stepper_of(schuss.SGD(nonfinite="raise"), p)
    with pytest.raises(FloatingPointError, match=r"1 gradient elements"):
        stepper.open(p, [np.array([1.0, np.nan, 1.0])])
    with pytest.raises(ValueError, match=r"grads\['0'\] has shape \(2,\)"):
        stepper.open(p, [np.ones(2)])
    with pytest.raises(RuntimeError, match="no step is open"):
        stepper.close()
    stepper.step(p, [np.ones(3)])
    assert stepper.step_count == 1


def test_a_skipped_open_is_closed():
    p = [np.ones(3)]
    stepper = stepper_of(schuss.SGD(nonfinite="skip"), p)
    assert not stepper.open(p, [np.full(3, np.inf)])
    assert stepper.report[4:] == (True, 3)
    with pytest.raises(RuntimeError, match="no step is open"):
        stepper.run([0])
    stepper.step(p, [np.ones(3)])
    assert stepper.step_count == 1


def test_an_exception_between_open_and_close():
    """The step is still open: its end may be run, and the bits are those of the whole."""
    p, q = [np.ones(3), np.ones(3)], [np.ones(3), np.ones(3)]
    g = [np.ones(3), np.full(3, 2.0)]
    stepper, whole = (stepper_of(schuss.Adam(), a) for a in (p, q))
    with pytest.raises(KeyError):  # noqa: PT012
        stepper.open(p, g)
        stepper.run([0])
        raise KeyError
    stepper.run([1])
    stepper.close()
    whole.step(q, g)
    assert all(same_bits(a, b) for a, b in zip(p, q, strict=True))
    stepper.step(p, g)
    assert stepper.step_count == 2


def test_sums_of_another_length_are_refused(rng):
    p = [rng.standard_normal(5000), rng.standard_normal(3)]
    stepper = stepper_of(schuss.LAMB(), p)
    stepper.open(p, p_grads := [rng.standard_normal(5000), rng.standard_normal(3)])
    sums = stepper.gather()
    assert len(sums) == 2 * 3  # norms of p and u for two pieces and one
    before = [a.copy() for a in p]
    for wrong in (sums[:-1], [*sums, 0.0], []):
        with pytest.raises(ValueError, match=f"sums has {len(wrong)} numbers; 6 of the whole"):
            stepper.set_sums(wrong)
    stepper.set_sums(sums)
    stepper.run([0, 1])
    stepper.close()
    stepper_of(schuss.LAMB(), before).step(before, p_grads)
    assert all(same_bits(a, b) for a, b in zip(p, before, strict=True))


# -- ranges ----------------------------------------------------------------------------------------

TOTAL = sum(math.prod(s) for s in SHAPES)
OFFSETS = np.cumsum([0, *(math.prod(s) for s in SHAPES)]).tolist()
RANGES = {
    "two": [0, 8192, TOTAL],
    "near the ends": [0, 4096, TOTAL // 4096 * 4096, TOTAL],
    "three": [0, 8192, 16384, TOTAL],
    "an empty one": [0, 12288, 12288, TOTAL],
    "none to the last": [0, 4096, (TOTAL // 4096 + 1) * 4096, (TOTAL // 4096 + 9) * 4096],
}


def own(leaf, bounds):
    """Of a parameter, the elements in a range of the flat model, in C order."""
    size = math.prod(SHAPES[leaf])
    return slice(*(min(max(bound - OFFSETS[leaf], 0), size) for bound in bounds))


def gather_parts(copies, bounds):
    """What all ranks have after they sent each other what is theirs; nothing else has changed."""
    result = []
    for k, shape in enumerate(SHAPES):
        parts = [arrays[k].ravel()[own(k, b)] for arrays, b in zip(copies, bounds, strict=True)]
        result.append(np.concatenate(parts).reshape(shape))
    return result


@pytest.mark.parametrize("cut", RANGES)
@pytest.mark.parametrize("case", [*RULES, *(c for c in WITH_SUMS if c not in RULES)], ids=str)
def test_ranges(case, cut, dtype, threads, rng):
    threads(2)
    opt = type(case.make())(**{**case.settings, **SETTINGS})
    start = model(rng, dtype)
    shadowed = dtype == np.float32
    whole, params, shadow = stepper_of(opt, start), by_turns(start), halves(start)
    bounds = list(itertools.pairwise(RANGES[cut]))
    ranks = [(stepper_of(opt, start, b), by_turns(start), halves(start)) for b in bounds]
    sums = bool(_core.rules()[case.rule]["sums"])
    for grads in steps_of_gradients(rng, dtype):
        whole.open(params, grads, shadow if shadowed else None)
        gathered = whole.gather()
        if sums:
            whole.set_sums(gathered)
        whole.run(range(len(params)))
        whole.close()

        seen = [np.zeros(s, dtype) if g is None else g for s, g in zip(SHAPES, grads, strict=True)]
        seen[FROZEN] = np.zeros(SHAPES[FROZEN], dtype)
        parts = [[g.ravel()[own(k, b)] for k, g in enumerate(seen)] for b in bounds]
        blocks = np.concatenate([clipping.block_sums(part) for part in parts])
        assert same_bits(blocks, clipping.block_sums(seen))
        norm = clipping.norm_of(blocks) / opt.grad_scale
        assert norm == whole.report[2]
        exchanged = []
        for stepper, p, s in ranks:
            assert stepper.open(p, grads, s if shadowed else None, norm)
        for stepper, _, _ in ranks:
            assert stepper.decide(sum(other.unfit for other, _, _ in ranks))
            exchanged += stepper.gather()
        assert exchanged == gathered
        before = [(by_turns(p), [x.copy() for x in s]) for _, p, s in ranks]
        for stepper, p, _ in ranks:
            if sums:
                stepper.set_sums(exchanged)
            stepper.run(rng.permutation(len(p)).tolist())
            stepper.close()
            assert stepper.report == whole.report
        for copies, wanted, old in (
            ([p for _, p, _ in ranks], params, [p for p, _ in before]),
            ([s for _, _, s in ranks], shadow, [s for _, s in before]),
        ):
            together = gather_parts(copies, bounds)
            assert all(same_bits(a, b) for a, b in zip(together, wanted, strict=True))
            for arrays, was, b in zip(copies, old, bounds, strict=True):
                for k, (array, kept) in enumerate(zip(arrays, was, strict=True)):
                    there = np.delete(array.ravel(), own(k, b))
                    assert same_bits(there, np.delete(kept.ravel(), own(k, b)))
                    array[...] = together[k]
    for k, slots in enumerate(all_states(whole)):
        for name, slot in slots.items():
            pieces = [stepper.slots(k)[name].ravel() for stepper, _, _ in ranks]
            assert same_bits(np.concatenate(pieces), slot.ravel()), (k, name)


@pytest.mark.parametrize("bounds", [[0, 4096], [0, 4096, 8192]], ids=["two", "three"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "LAMB"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e25])
@pytest.mark.parametrize("policy", ["skip", "raise"])
def test_what_one_range_cannot_use_no_range_takes(policy, bad, name, bounds, rng):
    """1e25 has a finite norm, and a square that float32 does not hold: only its range sees it."""
    start = [rng.standard_normal(7000).astype(np.float32), np.ones(3000, np.float32)]
    opt = getattr(schuss, name)(nonfinite=policy)
    parts = list(itertools.pairwise([*bounds, 10_000]))
    for owner, place in enumerate((5, 4100, 9000) if len(parts) == 3 else (5, 9000)):
        ranks = [(stepper_of(opt, start, b), by_turns(start)) for b in parts]
        whole, alone = stepper_of(opt, start), by_turns(start)
        for t in range(3):
            grads = [rng.standard_normal(p.size).astype(np.float32) for p in start]
            if t == 1:
                grads[place // 7000][place % 7000] = bad
            norm = clipping.global_norm(grads)
            for stepper, p in ranks:
                assert stepper.open(p, grads, None, norm)
                for call in (stepper.gather, lambda k=stepper: k.run([0]), stepper.close):
                    with pytest.raises(RuntimeError, match=r"decide\(\) is wanted"):
                        call()
            counts = [stepper.unfit for stepper, _ in ranks]
            found = int(t == 1 and (bad != 1e25 or name != "SGD"))
            assert counts == [found * (k == owner) for k in range(len(ranks))]
            if found:
                with pytest.raises(ValueError, match=r"unfit is 0; at least the 1 of this range"):
                    ranks[owner][0].decide(0)
                for k, (stepper, p) in enumerate(ranks):
                    before = by_turns(p), stepper.report
                    if policy == "skip":
                        assert not stepper.decide(1)
                        assert stepper.report[4:] == (True, 1)
                    else:
                        where = "the first in grads" if k == owner else "all in other ranges"
                        with pytest.raises(FloatingPointError, match=f"1 gradient .*{where}"):
                            stepper.decide(1)
                        assert stepper.report == before[1]
                    assert all(same_bits(a, b) for a, b in zip(p, before[0], strict=True))
                    with pytest.raises(RuntimeError, match="no step is open"):
                        stepper.close()
                continue
            whole.step(alone, grads)
            for stepper, _ in ranks:
                assert stepper.decide(sum(counts))
            sums = [x for stepper, _ in ranks for x in stepper.gather()]
            for stepper, _ in ranks:
                if sums:
                    stepper.set_sums(sums)
                stepper.run([0, 1])
                stepper.close()
            for k, b in enumerate([slice(0, 7000), slice(7000, None)]):
                together = np.concatenate(
                    [
                        np.concatenate(p)[slice(*part)]
                        for (_, p), part in zip(ranks, parts, strict=True)
                    ]
                )
                assert same_bits(together[b], alone[k])
        assert {stepper.step_count for stepper, _ in ranks} == {whole.step_count}


def test_a_checked_range_steps_in_phases():
    p = [np.ones(5000)]
    stepper = stepper_of(schuss.SGD(nonfinite="skip"), p, (0, 4096))
    with pytest.raises(ValueError, match="a range steps in phases where"):
        stepper.step(p, [np.ones(5000)], None, 1.0)
    stepper.open(p, [np.ones(5000)], None, 1.0)
    stepper.cancel()
    assert (p[0] == 1.0).all()


def test_units_that_a_range_cuts_are_refused(rng):
    params = [rng.standard_normal((3, 5)), rng.standard_normal((100, 80))]
    grads = [np.ones((3, 5)), np.ones((100, 80))]
    for bounds, fits in (((0, 4096), False), ((0, 1 << 40), True)):
        stepper = stepper_of(schuss.SGD(agc=0.01, max_norm=1.0), params, bounds)
        if fits:
            stepper.step(params, grads)
            continue
        before = [p.copy() for p in params]
        with pytest.raises(ValueError, match="agc is set for a parameter that the range cuts"):
            stepper.step(params, grads)
        assert stepper.report is None
        assert all(same_bits(p, q) for p, q in zip(params, before, strict=True))
        with pytest.raises(ValueError, match="agc is set"):
            stepper.open(params, grads)
        with pytest.raises(RuntimeError, match="no step is open"):
            stepper.close()


# -- norms from outside ----------------------------------------------------------------------------


@pytest.mark.parametrize("grad_scale", [1.0, 4.0, 3.0])
def test_a_norm_from_outside_is_that_from_inside(grad_scale, dtype, rng):
    for case in RULES:
        start = [rng.standard_normal(n).astype(dtype) for n in (5000, 3, 4096)]
        inside, outside = [p.copy() for p in start], [p.copy() for p in start]
        a, b = (case.make(max_norm=0.5, grad_scale=grad_scale) for _ in range(2))
        for _ in range(3):
            grads = [rng.standard_normal(p.shape).astype(dtype) for p in start]
            a.step(inside, grads)
            b.step(outside, grads, grad_norm=clipping.global_norm(grads) / grad_scale)
            assert a.last_step == b.last_step
        assert all(same_bits(p, q) for p, q in zip(inside, outside, strict=True))


def test_a_norm_of_a_larger_model_clips_more():
    p, q, g = np.ones(4), np.ones(4), np.full(4, 0.5)
    opt = schuss.SGD(learning_rate=1.0, max_norm=2.0)
    opt.step(p, g, grad_norm=8.0)
    assert opt.last_step.grad_norm == 8.0
    assert opt.last_step.clip_factor == 2.0 / (8.0 + 1e-6)
    schuss.SGD(learning_rate=1.0).step(q, g * (2.0 / (8.0 + 1e-6)))
    assert same_bits(p, q)
    opt.step(p, g, grad_norm=2.0)
    assert opt.last_step.clip_factor == 1.0


def test_norms_from_outside_that_are_none():
    p = np.ones(2)
    for norm in (math.inf, math.nan, np.float32(math.nan)):
        opt = schuss.SGD(nonfinite="skip")
        opt.step(p, p.copy(), grad_norm=norm)
        assert opt.last_step.skipped
        assert p.tolist() == [1.0, 1.0]
        with pytest.raises(FloatingPointError, match="grad_norm is not finite; nothing was"):
            schuss.SGD(nonfinite="raise").step(p, p.copy(), grad_norm=norm)
        assert p.tolist() == [1.0, 1.0]
    opt = schuss.SGD(max_norm=1.0)
    opt.step(p, np.ones(2), grad_norm=math.nan)
    assert np.isnan(p).all()


@pytest.mark.parametrize("scale", [1.0, 2.0**600, 2.0**-600])
def test_block_sums_make_the_global_norm(scale, dtype, threads, rng):
    """Far from 1 the norm asks for them again with a scale, and so does who works by hand."""
    if dtype == np.float32 and scale != 1.0:
        pytest.skip("squares of float32 stay in the range of doubles")
    x = (rng.standard_normal(70_001) / scale).astype(dtype)
    wanted = clipping.global_norm(x)
    for n_threads in (1, 2, 3):
        threads(n_threads)
        for cuts in ([0, x.size], [0, 4096, x.size], [0, 8192, 8192, 40960, x.size]):
            parts = [split(x[a:b], 1 + (b > a)) for a, b in itertools.pairwise(cuts)]
            sums = np.concatenate([clipping.block_sums(part, scale) for part in parts])
            assert sums.size == -(-x.size // 4096)
            assert clipping.norm_of(sums, scale) == wanted
    unscaled = clipping.norm_of(clipping.block_sums(x))
    assert (unscaled == wanted) == (scale == 1.0)
    assert 0.0 < wanted < math.inf


def test_block_sums_of_nothing_and_none():
    assert clipping.block_sums([]).size == 0
    assert clipping.block_sums([None, np.ones(2), None]).tolist() == [2.0]
    assert clipping.norm_of([]) == 0.0
    for scale in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="scale"):
            clipping.block_sums(np.ones(2), scale)
        with pytest.raises(ValueError, match="scale"):
            clipping.norm_of([1.0], scale)
