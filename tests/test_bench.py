"""The benchmark harness on fake clocks, its byte counts, and how it does without its peers."""

from __future__ import annotations

import ctypes
import getpass
import importlib
import json
import math
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench import acceptance, bench_linalg, cases, ceiling, machine, peers, plots, report
from bench.__main__ import main
from bench.bench_bounds import CURVED as CURVED_BOUNDS
from bench.bench_bounds import GROUP as BOUNDS
from bench.bench_bounds import METHOD, PEER, Witness
from bench.bench_fits import BATCH as FITS_AT_ONCE
from bench.bench_fits import NIST
from bench.bench_logistic import Logistic
from bench.bench_memory import ASK_AND_TELL, MIB, SOLVER_N, SOLVER_PEERS, extra_memory
from bench.bench_newton import ALONE, BATCH, ORDERS, Regressions, Rosenbrock
from bench.bench_profile import (
    CURVED,
    SINGLE,
    STANDARD,
    flat_to_rounding,
    low,
    mean_ratio,
    ratios,
)
from bench.bench_solvers import HUGE, Quadratic, Watch, group
from bench.bench_threads import counts, threshold
from bench.harness import QUICK, Candidate, Plan, interleave
from bench.peers import optimizers
from bench.questions import GROUPS, QUESTIONS, chosen, text
from bench.results import Comparison, Memory, Results, Run, Settings, Timing, Trial, load, save
from problems import standard_problems
from problems.bounded import hs4

MACHINE = {"cpu": "a", "cores available": 2}
SETTINGS = Settings(rounds=9, visit=1e-4, pause=1e-2, warm=1e-6)


class FakeMachine:
    """A clock that only calls and pauses move, and a record of who was called."""

    def __init__(self) -> None:
        self.now = 0
        self.visits: list[str] = []
        self.fresh = True

    def clock(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)
        self.fresh = True

    def candidate(self, name: str, nanoseconds: int, first: int = 0) -> Candidate:
        """Takes `first` more in the first call after a pause."""

        def call() -> None:
            if self.fresh:
                self.visits.append(name)
                self.now += first
            self.fresh = False
            self.now += nanoseconds

        return Candidate(name, call, bytes=28.0)

    def run(self, *candidates: Candidate) -> Comparison:
        """Measure, then forget the visit that finds the number of calls."""
        result = interleave(
            "fake", candidates, SETTINGS, clock=self.clock, sleep=self.sleep, skipped={"x": "away"}
        )
        self.visits = self.visits[-SETTINGS.rounds * len(candidates) :]
        return result


def test_medians_ratios_and_rates_are_exact() -> None:
    fake = FakeMachine()
    result = fake.run(fake.candidate("a", 1_000), fake.candidate("b", 3_000))
    assert result.timings["a"].median == result.timings["a"].minimum == pytest.approx(1e-6)
    assert result.timings["a"].calls == 100
    assert result.timings["a"].rate == pytest.approx(28e6)
    assert result.ratio("b", "a") == result.round_ratio("b", "a") == pytest.approx(3)
    assert result.skipped == {"x": "away"}
    assert result.missing("a") == ""
    assert result.missing("a", "x", "y") == "x: away; y: not run"


def test_every_round_visits_everyone_once_in_changing_order() -> None:
    fake = FakeMachine()
    fake.run(*(fake.candidate(name, 1_000) for name in "abcd"))
    rounds = [tuple(fake.visits[k : k + 4]) for k in range(0, len(fake.visits), 4)]
    assert len(rounds) == SETTINGS.rounds
    assert all(sorted(visited) == list("abcd") for visited in rounds)
    assert len(set(rounds)) > 2


def test_the_first_call_of_a_visit_is_not_counted() -> None:
    fake = FakeMachine()
    result = fake.run(fake.candidate("cold", 1_000, first=10_000_000), fake.candidate("b", 1_000))
    assert result.timings["cold"].median == pytest.approx(1e-6)


def test_drift_cancels_in_the_ratio_by_round() -> None:
    a = Timing((1.0, 2.0, 40.0), 1, 1.0)
    b = Timing((3.0, 6.0, 120.0), 1, 1.0)
    assert Comparison("drift", {"a": a, "b": b}).round_ratio("b", "a") == 3


def test_work_done_several_times_a_call_is_counted_once() -> None:
    fake = FakeMachine()
    once = fake.candidate("once", 1_000)
    result = fake.run(once, replace(fake.candidate("tenfold", 1_000), passes=10))
    assert result.ratio("once", "tenfold") == pytest.approx(10)


def test_slow_calls_are_measured_one_by_one() -> None:
    fake = FakeMachine()
    assert fake.run(fake.candidate("slow", 50_000_000)).timings["slow"].calls == 1


def test_absent_peers_are_skipped_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", none)
    makers = (
        ("ours", optimizers.schuss),
        ("fused", optimizers.torch_fused),
        ("optax", optimizers.optax_jit),
    )
    work = cases.Work("AdamW", 1, 10, threads=1)
    candidates, skipped = peers.gather(makers, work)
    assert candidates == []
    assert skipped == {
        "ours": "schuss is not installed",
        "fused": "torch is not installed",
        "optax": "jax is not installed",
    }


def test_without_a_compiler_the_ceiling_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(ceiling, "_library", ceiling._library.__wrapped__)
    makers = ((ceiling.NAME, ceiling.ceiling),)
    _, skipped = peers.gather(makers, cases.Work("SGD", 1, 10, threads=1))
    assert skipped == {ceiling.NAME: "no C++ compiler"}


def test_the_ceiling_writes_what_it_should() -> None:
    try:
        library = ceiling._library()
    except peers.AbsentError as reason:
        pytest.skip(str(reason))
    n = 1_003
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        for writes in range(1, library.ceiling_max_writes() + 1):
            for threads, prefetch in ((1, False), (2, False), (3, True)):
                arrays = [np.ones(n + 1, dtype) for _ in range(writes + 1)]
                arrays[-1][:] = 3
                pointers = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
                library.ceiling_run(pointers, writes, dtype.itemsize, n, threads, prefetch, 2)
                for a in arrays[:-1]:
                    assert np.all(a[:n] == 2.5)
                    assert a[n] == 1
                assert np.all(arrays[-1] == 3)


def test_copies_and_reads_touch_all() -> None:
    try:
        library = ceiling._library()
    except peers.AbsentError as reason:
        pytest.skip(str(reason))
    n = 1_003
    arrays = [np.full(n + 1, k, np.float64) for k in range(1, 5)]
    pointers = (ctypes.c_void_p * 4)(*(a.ctypes.data for a in arrays))
    for block in (16, 1 << 62):
        assert library.ceiling_read(pointers, 4, block, n, 2, 3) == 3 * n * (1 + 2 + 3 + 4)
    for way in range(len(ceiling.WAYS_TO_COPY)):
        arrays[1][:] = 7
        library.ceiling_copy(pointers, way, n, 2, 1)
        assert np.all(arrays[1][:n] == (1 if way else 0.5))
        assert arrays[1][n] == 7


def test_the_watch_runs_only_between_evaluations_after_the_first() -> None:
    fake = FakeMachine()

    def objective(x: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        fake.now += 1_000_000
        return 0.0, x

    watch = Watch(objective, fake.clock)
    watch.begin(skip=2)
    for work in (1, 20, 300, 4_000):  # before each evaluation
        fake.now += work
        watch(np.ones(1))
    assert watch.evaluations == 4
    assert watch.clock() == 4_300
    watch.timed(lambda: fake.sleep(5e-9))()
    assert watch.clock() == 4_305


@pytest.mark.parametrize("classes", [2, 3])
def test_gradients_of_the_objectives(classes: int) -> None:
    rng = np.random.default_rng(0)
    logistic = Logistic(rng.normal(size=(20, 4)), np.arange(20) % classes)
    assert logistic.start.size == 5 * (1 if classes == 2 else 3)
    for objective, n in ((logistic, logistic.start.size), (Quadratic(6), 6)):
        x, d = rng.normal(size=(2, n))
        gradient = objective(x)[1].copy()
        slope = (objective(x + 1e-6 * d)[0] - objective(x - 1e-6 * d)[0]) / 2e-6
        assert gradient @ d == pytest.approx(slope, rel=1e-6)
    x, d = rng.normal(size=(2, logistic.start.size))
    change = (logistic(x + 1e-6 * d)[1] - logistic(x - 1e-6 * d)[1]) / 2e-6
    np.testing.assert_allclose(logistic.hessian(x) @ d, change, atol=1e-7)


def test_ratios_of_the_profile() -> None:
    a, b = {"p": 10.0, "q": 30.0, "r": math.inf}, {"p": 20.0, "q": 10.0, "r": 5.0}
    assert ratios([a, b]) == [[1.0, 3.0, math.inf], [1.0, 1.0, 2.0]]
    assert ratios([a, {**b, "r": math.inf}])[0][-1] == math.inf
    assert mean_ratio(a, b) == pytest.approx(math.sqrt(0.5 * 3))
    assert math.isnan(mean_ratio(a, {}))


def test_values_that_are_low() -> None:
    assert low(100.05, [3, 100])
    assert low(99.0, [100])
    assert not low(100.2, [3, 100])
    assert not low(1e-9, [0])
    assert not low(math.nan, [0])


def test_a_gradient_that_rounding_makes() -> None:
    rosenbrock = next(p for p in standard_problems() if p.name == "rosenbrock")
    x = np.array([1.0, 1.0], np.float32)
    assert flat_to_rounding(rosenbrock, x, 0.0)
    # One ulp off, the gradient is 802 ulp; two half-ulps of x make (802 + 400) / 2 of zero.
    off = x + np.array([2.0**-23, 0], np.float32)
    assert not flat_to_rounding(rosenbrock, off, 0.0)
    assert flat_to_rounding(rosenbrock, off, 3e-5)


def test_bytes_of_the_model() -> None:
    per_parameter = {"SGD": 12, "Lion": 20, "AdamW": 28, "AdEMAMix": 36, "LARS": 28, "LAMB": 40}
    for name, size in per_parameter.items():
        assert cases.Work(name, 1, 100, threads=1).bytes == 100 * size
        assert cases.Work(name, 1, 100, threads=1, dtype="float64").bytes == 200 * size
    assert cases.Work("AdamW", 3, 100, threads=1, max_norm=1.0).bytes == 300 * 32


def test_bytes_follow_from_the_registry() -> None:
    schuss = pytest.importorskip("schuss", exc_type=ImportError)
    registry = schuss._core.rules()
    works = cases.rule_works(schuss, threads=1)
    assert set(works) == set(registry)
    for rule, work in works.items():
        assert work.n_slots == len(registry[rule]["slots"])
        wide = cases.in_float64(work)
        assert wide.bytes == work.bytes
        assert wide.length == work.length // 2


def test_gradients_are_the_same_for_everyone_and_never_small() -> None:
    params, grads = cases.Work("AdamW", 2, 5_000, threads=1, dtype="float64").arrays()
    again = cases.Work("AdamW", 2, 5_000, threads=1, dtype="float64").arrays()[1]
    assert np.abs(grads[0]).min() >= 0.5
    np.testing.assert_array_equal(grads, again)
    assert not np.shares_memory(params[0], grads[0])


def timed(label: str, family: str, n: int, **seconds: float) -> Comparison:
    timings = {name.replace("_", " "): Timing((s,), 1, 1.0) for name, s in seconds.items()}
    return Comparison(label, timings, {}, family, 1, n)


@pytest.fixture
def results() -> Results:
    absent = {"optax jit": "jax is not installed"}
    comparisons = [
        timed("small", "update", 1_000, schuss=1e-6, torch_fused=2e-5, copy_ceiling=5e-7),
        timed("large", "update", cases.LARGE, schuss=9e-3, torch_fused=8e-3),
        timed("clip", "clip", cases.LARGE, schuss=9e-3),
        timed("lion", "rules, float32", cases.LARGE, copy_ceiling=7e-3, lion=9e-3),
        timed("adam", "rules, float32", cases.LARGE, copy_ceiling=9e-3, adam=9.5e-3),
    ]
    memories = [Memory("AdamW", 2, MIB), Memory("other", 2, None, "needs Linux")]
    comparisons = [replace(each, skipped=absent) for each in comparisons]
    return Results("2020-01-01T00:00", MACHINE, SETTINGS, comparisons, memories)


def test_verdicts(results: Results) -> None:
    lines = acceptance.table(results)
    assert [line.verdict for line in lines] == [
        "pass",
        "FAIL",
        "not measured (torch fused: not run)",
        "FAIL",
        "pass",
        "not measured (needs Linux)",
    ]
    assert lines[0].measured == "20.00 (of medians 20.00)"
    assert lines[3].measured == "77.8% (of medians 77.8%)"
    assert lines[3].what.endswith("slowest of 2: lion")
    assert lines[4].measured == "0.500 MiB a thread"


@pytest.fixture
def solver_results() -> Results:
    def trial(family: str, solver: str, **evaluations: int) -> Trial:
        """0 evaluations: not solved; fewer: solved without success."""
        runs = (Run(name, abs(k) or 9, k != 0, k > 0) for name, k in evaluations.items())
        return Trial(family, solver, tuple(runs))

    ceilings = {"copy_to_another_array": 0.5, "copy_ceiling": 0.4, "pure_read": 0.8}
    comparisons = [
        timed("L-BFGS 100", group("L-BFGS"), 100, schuss=1.0, SciPy=7.0, torch=9.0),
        timed("L-BFGS 1_000", group("L-BFGS"), 1_000, schuss=1.0, SciPy=7.0),
        timed("L-BFGS HUGE", group("L-BFGS"), HUGE, schuss=0.6, torch=1.2, **ceilings),
        timed("BFGS 1_000", group("BFGS"), 1_000, schuss=1.0, SciPy=70.0),
    ]
    trials = [
        trial(STANDARD, "schuss L-BFGS", p=10, q=20, r=0),
        trial(STANDARD, "SciPy L-BFGS-B", p=11, q=0, r=0),
        trial(STANDARD, "SciPy L-BFGS-B, ftol=0", p=11, q=20, r=30),
        trial(SINGLE, "SciPy L-BFGS-B, float64", p=10, q=10, r=0),
        trial(SINGLE, "schuss L-BFGS", p=10, r=0),
        trial(SINGLE, "schuss BFGS", p=-10, r=0),
        Trial(STANDARD, "torch LBFGS", (), "torch is not installed"),
    ]
    vector = 8 * SOLVER_N
    memories = [Memory(ASK_AND_TELL, 2, 26 * vector), Memory(SOLVER_PEERS[0], 2, 34 * vector)]
    return Results("2020-01-01T00:00", MACHINE, SETTINGS, comparisons, memories, trials)


def test_verdicts_on_solvers(solver_results: Results, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save(solver_results, path)
    again = load(path)
    assert again == solver_results
    lines = acceptance.table(again)
    assert [(line.question, line.verdict) for line in lines] == [
        ("lbfgs", "pass"),
        ("lbfgs-huge", "FAIL"),
        ("lbfgs-huge", "pass"),
        ("bfgs", "pass"),
        ("profile", "pass"),
        ("profile", "FAIL"),
        ("float32", "pass"),
        ("float32", "FAIL"),
        ("solver-memory", "pass"),
    ]
    assert lines[2].measured == "1.20 (over a copy in place 1.50, over a pure read 0.75)"
    assert lines[4].measured == "2 against 1, missing: none; evaluations 0.9091"
    assert lines[5].measured == "2 against 3, missing: r; evaluations 0.9535"
    assert "1 of 1, missing: none; false failures: p; " in lines[7].measured
    assert lines[7].measured.endswith("start not finite in float32: q")
    assert lines[8].measured == "26.00 (SciPy L-BFGS-B 34.0)"
    assert "Skipped: torch LBFGS: torch is not installed." in report.tables(again)


def test_plots_of_either_kind(results: Results, solver_results: Results, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for run in (results, solver_results):
        plots.plot(run, tmp_path / "run.png")
        assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
        (tmp_path / "run.png").unlink()


def test_files_come_back_as_they_were(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.json"
    save(results, path)
    assert load(path) == results
    table = report.difference(results, load(path))
    assert table.splitlines()[2].split(" | ")[-3:] == ["1.000 ", "1.000  ", "1.000      |"]


def test_tables_show_ratios_and_reasons(results: Results) -> None:
    text = report.tables(results)
    assert "20.0 us (20.00)" in text
    assert "Skipped: optax jit: jax is not installed." in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.5e-7, "0.950 us"),
        (1.234e-5, "12.3 us"),
        (0.5, "500 ms"),
        (9.996e-4, "1.00 ms"),
        (9.83e-3, "9.83 ms"),
        (2, "2.00 s"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    assert report.seconds(value) == text


def test_thread_counts_and_threshold() -> None:
    assert [counts(n) for n in (1, 2, 6)] == [[1], [1, 2], [1, 2, 4, 6]]

    def at(length: int, two: float) -> Comparison:
        timings = {"1 thread": Timing((1.0,), 1, 1.0), "2 threads": Timing((two,), 1, 1.0)}
        return Comparison("", timings, length=length)

    assert threshold([at(10, 0.9), at(100, 1.0), at(1_000, 0.6), at(10_000, 0.5)]) == 1_000
    assert threshold([at(10, 1.0)]) is None


@pytest.mark.skipif(sys.platform != "linux", reason="resets the peak in /proc")
def test_extra_memory_sees_what_a_call_needs() -> None:
    def uses(mebibytes: int) -> Callable[[], object]:
        return lambda: np.ones(mebibytes * MIB, np.uint8).sum()

    assert extra_memory(uses(64)) >= 63 * MIB
    assert extra_memory(uses(0)) < 2 * MIB


def test_facts_do_not_name_the_machine_or_the_user() -> None:
    text = json.dumps(machine.facts())
    for secret in (platform.node(), str(Path.home()), f"/{getpass.getuser()}"):
        assert not secret or secret not in text
    assert platform.python_version() in text


def verdicts(comparisons: list[Comparison], trials: list[Trial]) -> list[tuple[str, str, str]]:
    lines = acceptance.table(Results("", {}, SETTINGS, comparisons, [], trials))
    assert {line.question for line in lines} <= set(QUESTIONS)
    return [(line.question, line.verdict, line.measured) for line in lines]


def test_verdicts_on_factorizations() -> None:
    factor = {"schuss": 2.0, "schuss, 2 threads": 1.0, ceiling.PEAK: 1.2}
    found = verdicts(
        [
            timed("32", bench_linalg.SYSTEMS, 32, schuss=1.0, SciPy=5.0, NumPy=3.9),
            timed("128", bench_linalg.SYSTEMS, 128, schuss=1.0, SciPy=2.6, NumPy=4.0),
            timed("8", bench_linalg.BATCHES, 8, schuss=1.0, NumPy=9.0, torch=6.5),
            timed("2,000", bench_linalg.FACTOR, 2_000, **factor),
        ],
        [],
    )
    assert [line[:2] for line in found] == [
        ("systems", "FAIL"),  # the best peer counts
        ("systems", "pass"),
        ("batches", "pass"),
        ("cholesky", "FAIL"),
        ("cholesky", "pass"),
    ]
    assert found[0][2].startswith("3.90")
    assert found[3][2] == "60.0%"


def test_verdicts_on_bounds_and_fits() -> None:
    def runs(evaluations: int, fault: str = "", digits: float = 0) -> tuple[Run, ...]:
        return tuple(Run(p, evaluations, True, True, 0, fault, digits) for p in "pq")

    trials = [
        Trial(BOUNDS, "schuss L-BFGS", runs(21, "outside")),
        Trial(BOUNDS, PEER, runs(20)),
        Trial(CURVED_BOUNDS, "schuss Newton", runs(14)),
        Trial(CURVED_BOUNDS, PEER, runs(20)),
        Trial(NIST, "schuss least_squares", 27 * runs(9, digits=8)),
        Trial(NIST, "schuss curve_fit", 27 * runs(9, digits=5)),
    ]
    bounds = group(METHOD)
    comparisons = [
        timed("n = 100", bounds, 100, schuss=1.0, SciPy=6.1),
        timed("n = MANY", bounds, 10**6, schuss=1.2, one_pair=1.1, no_bounds=1.0, SciPy=4.0),
        timed("peaks", FITS_AT_ONCE, 5, NumPy=1.0, by_name=0.1, SciPy=24.0),
    ]
    lines = acceptance.table(Results("", MACHINE, SETTINGS, comparisons, [], trials))
    assert [(line.question, line.verdict) for line in lines] == [
        ("bounds-solved", "FAIL"),
        ("bounds-newton", "FAIL"),
        ("bounds-iteration", "pass"),
        ("bounds-iteration", "FAIL"),
        ("bounds-iteration", "pass"),
        ("bounds-iteration", "FAIL"),
        ("fits-nist", "pass"),
        ("fits-nist", "FAIL"),
        ("fits-batch", "FAIL"),
        ("fits-batch", "pass"),
    ]
    wanted = "2 against 2, missing: none; evaluations 1.0500; faults: "
    assert lines[0].measured == wanted + "p: outside, q: outside (0 of the peer)"
    assert lines[1].measured.endswith("evaluations 0.7000; faults: none (0 of the peer)")
    assert lines[6].measured == "54 to 4, 54 to 6, 54 to 8; faults: none"


def test_the_witness_sees_an_ulp_and_what_was_not_told() -> None:
    problem = hs4()
    inside, x = np.array([1.0, 0.0]), np.array([1.0, -5e-324])

    class Found:
        def __init__(self, x: np.ndarray, fun: float, success: bool, message: str = "") -> None:
            self.x, self.fun, self.success, self.message = x, fun, success, message

    def fault(found: Found, solved: bool, *asked: np.ndarray) -> str:
        witness = Witness(problem)
        for point in (inside, *asked):
            witness(point)
        return witness.fault(found, solved)

    f = float(problem.fun(inside))
    assert fault(Found(inside, f, True), True) == ""
    assert fault(Found(inside, f, True), True, x) == "outside"
    assert fault(Found(x, f, True), True) == "outside"
    assert fault(Found(inside, f + 1, True), True) == "fun is not f(x)"
    assert fault(Found(2 * inside, f, True), True) == "fun is not f(x)"
    assert fault(Found(inside, math.nan, False), False) == "fun is not f(x)"
    assert fault(Found(inside, f, True), False) == "false success"
    assert fault(Found(inside, f, False), True) == "false failure"
    assert fault(Found(inside, f, False, "rounding hides more"), True) == ""


def test_verdicts_on_newton() -> None:
    def trial(solver: str, *hessians: int) -> Trial:
        """0: not solved."""
        runs = (Run(str(k), 10, h > 0, h > 0, hessians=h) for k, h in enumerate(hessians))
        return Trial(CURVED, solver, tuple(runs))

    comparisons = [
        timed("2", ALONE, 2, **{"schuss": 1.0, "SciPy trust-exact": 9.0}),
        timed("4", ALONE, 4, **{"schuss": 1.0, "SciPy trust-exact": 11.0}),
        timed("batch", BATCH, 10, schuss=9e-7),
    ]
    ours, peer = trial("schuss Newton", 4, 5, 0), trial("SciPy trust-exact", 8, 0, 0)
    found = verdicts(comparisons, [ours, peer])
    assert [line[:2] for line in found] == [
        ("newton-profile", "pass"),
        ("newton-iteration", "FAIL"),
        ("newton-iteration", "pass"),
        ("newton-batch", "pass"),
    ]
    assert "2 against 1, missing: none; Hessians 0.5000" in found[0][2]
    slow = [timed("batch", BATCH, 10, schuss=1.1e-6)]
    assert verdicts(slow, [peer, trial("schuss Newton", 0, 5, 7)])[0][1] == "FAIL"
    assert verdicts(slow, [])[0][:2] == ("newton-batch", "FAIL")


def differences(gradient: Callable[[Any], Any], x: Any) -> Any:
    steps = 1e-6 * np.eye(x.size)
    return np.array([(gradient(x + s) - gradient(x - s)) / 2e-6 for s in steps])


@pytest.mark.parametrize("n", ORDERS[:3])
def test_derivatives_of_rosenbrock(n: int) -> None:
    function, x = Rosenbrock(n), np.linspace(-1.0, 1.5, n)
    gradient = differences(lambda x: np.array([function(x)[0]]), x)[:, 0]
    np.testing.assert_allclose(function(x)[1], gradient, rtol=1e-5, atol=1e-4)
    second = differences(lambda x: function(x)[1], x)
    np.testing.assert_allclose(function.hessian(x), second, rtol=1e-5, atol=1e-4)


def test_derivatives_of_regressions() -> None:
    regressions, index = Regressions(), np.array([3, 500])
    x = np.random.default_rng(1).standard_normal((2, 10))

    def of_one(k: int, part: int) -> Callable[[Any], Any]:
        return lambda x: np.atleast_1d(
            regressions.values(x[None], index[k : k + 1], False)[part][0]
        )

    _, g, h = regressions.values(x, index, True)
    for k in range(2):
        np.testing.assert_allclose(g[k], differences(of_one(k, 0), x[k])[:, 0], atol=1e-5)
        np.testing.assert_allclose(h[k], differences(of_one(k, 1), x[k]), atol=1e-5)


def test_questions_are_chosen_by_name_and_by_group() -> None:
    assert chosen(["numpy", "update", "numpy"]) == ["update", "numpy"]
    assert chosen(["linalg", "isa"]) == ["systems", "cholesky", "batches", "isa"]
    assert not set(GROUPS) & set(QUESTIONS)
    assert set(chosen(GROUPS)) == set(QUESTIONS)


def test_the_readme_has_every_question() -> None:
    readme = (Path(bench.__file__).parent / "README.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| `(\w+)\.py` \| (.+) \|$", readme, re.MULTILINE)
    assert rows == [(n, q.__module__.split(".")[1], text(n)) for n, q in QUESTIONS.items()]


def test_an_unknown_question_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["update", "rows"])
    assert "no question or group: rows" in capsys.readouterr().err


def test_a_question_is_answered_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def one(plan: Plan) -> list[Comparison]:
        assert plan == Plan(1, QUICK, curves=False)
        return [timed("8", bench_linalg.BATCHES, 8, schuss=1.0, NumPy=9.0, torch=6.5)]

    monkeypatch.setitem(QUESTIONS, "batches", one)
    path = tmp_path / "run.json"
    assert main(["batches", "--quick", "--threads", "1", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("| batches  | torch over schuss: 8 | at least 6 | 6.50")
    assert load(path).of(bench_linalg.BATCHES) == one(Plan(1, QUICK))
