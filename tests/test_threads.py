"""Threads change no bit and hang nothing; nor do forks and hostile floating-point settings."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import struct
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import schuss
from helpers import in_process, same_bits
from schuss import _core

LARGE = 400_000  # enough for several tasks


def run(seed, n=LARGE, steps=3):
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(n).astype(np.float32)
    opt = schuss.AdamW(max_norm=1.0)
    for _ in range(steps):
        opt.step(p, rng.standard_normal(n).astype(np.float32))
    return p.tobytes()


def test_set_and_get(threads):
    threads(3)
    assert schuss.config.get_num_threads() in (3, 1)  # 1 in a build without OpenMP
    for bad, error in ((0, ValueError), (-1, ValueError), (1.5, ValueError), (True, TypeError)):
        with pytest.raises(error):
            schuss.config.set_num_threads(bad)


@pytest.mark.skipif(_core.build_info()["openmp"] == "no", reason="no threads to limit")
def test_limits_of_others_are_kept(threads):
    """A limit that threadpoolctl sets holds in its thread while it lasts."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    threads(3)
    elsewhere = []
    with threadpoolctl.threadpool_limits(1):
        assert schuss.config.get_num_threads() == 1
        worker = threading.Thread(target=lambda: elsewhere.append(schuss.config.get_num_threads()))
        worker.start()
        worker.join()
        threads(5)
        assert schuss.config.get_num_threads() == 1
        assert run(0) == run(0)
    assert schuss.config.get_num_threads() == 5
    assert elsewhere == [3]  # OpenMP's limits belong to a thread


PRINT_THREADS = "import schuss; print(schuss.config.get_num_threads())"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SCHUSS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"SCHUSS_NUM_THREADS": "3", "OMP_NUM_THREADS": "abc"}, 3),
    ],
)
def test_environment(environment, expected):
    if _core.build_info()["openmp"] == "no":
        expected = 1
    assert in_process(PRINT_THREADS, environment).stdout.strip() == str(expected)


def test_a_useless_variable_of_others_is_ignored():
    usual = in_process(PRINT_THREADS, {}).stdout
    for value in ("0", "abc", " "):
        assert in_process(PRINT_THREADS, {"OMP_NUM_THREADS": value}).stdout == usual


@pytest.mark.parametrize("value", ["0", "-2", "many", "2.5"])
def test_bad_environment_is_an_error(value):
    result = in_process(PRINT_THREADS, {"SCHUSS_NUM_THREADS": value})
    assert result.returncode != 0
    assert f"SCHUSS_NUM_THREADS is '{value}'" in result.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_default_follows_affinity():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    assert in_process(code + PRINT_THREADS, {}).stdout.strip() == "1"


def test_eight_threads_at_once(threads):
    """Each with an optimizer of its own: the bits of a run alone, and no hang."""
    threads(2)
    expected = [run(seed) for seed in range(8)]
    results = [b""] * 8

    def work(seed):
        for _ in range(3):
            results[seed] = run(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()
    assert results == expected


def test_one_optimizer_in_two_threads_is_refused_or_serial(threads):
    """Never a torn step: a second thread either waits its turn or gets a clear error."""
    threads(1)
    p, g = np.zeros(3_000_000, np.float32), np.ones(3_000_000, np.float32)
    opt = schuss.SGD(learning_rate=1.0)
    taken, refused = [], []
    start = threading.Barrier(2)

    def work():
        start.wait()
        for _ in range(20):
            try:
                opt.step(p, g)
                taken.append(1)
            except RuntimeError as error:
                refused.append(str(error))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(taken) + len(refused) == 40
    assert all("thread" in message for message in refused)
    assert opt.step_count == len(taken)
    assert (p == -len(taken)).all()


def test_containers_may_change_while_the_step_runs(threads):
    """The step holds the arrays that it works on."""
    threads(1)
    p, g = [np.zeros(2_000_000, np.float32)], [np.ones(2_000_000, np.float32)]
    undisturbed, other = np.zeros(2_000_000, np.float32), schuss.Adam()
    for _ in range(21):
        other.step([undisturbed], [np.ones(2_000_000, np.float32)])
    opt = schuss.Adam()
    opt.step(p, g)
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            g[0] = np.ones(2_000_000, np.float32)

    worker = threading.Thread(target=churn)
    worker.start()
    for _ in range(20):
        opt.step(p, g)
    stop.set()
    worker.join()
    assert same_bits(p[0], undisturbed)


fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def in_child(check):
    """Whether it is true in a fork of this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads
        child = os.fork()
    if child == 0:
        os._exit(0 if check() else 1)
    return os.waitpid(child, 0)[1] == 0


@fork
def test_forks_after_parallel_work(threads):
    """libgomp hangs in a child that enters a parallel region after its parent has."""
    threads(2)
    expected = run(0, steps=1)
    for _ in range(10):
        assert in_child(
            lambda: run(0, steps=1) == expected and schuss.config.get_num_threads() == 1
        )
    assert schuss.config.get_num_threads() in (2, 1)
    assert run(0, steps=1) == expected


@fork
def test_multiprocessing_with_fork(threads):
    threads(2)
    expected = [run(seed) for seed in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map_async(run, range(4)).get(timeout=60) == expected


@fork
def test_fork_while_another_thread_steps(threads):
    threads(2)
    expected = run(1)
    stop = threading.Event()

    def work():
        while not stop.is_set():
            run(2)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(10):
            assert in_child(lambda: run(1) == expected)
    finally:
        stop.set()
        worker.join()


class Environment:
    """MXCSR of this thread, through the C library's fenv: bytes 28 to 31 of its structure."""

    def __init__(self):
        self.libm = ctypes.CDLL("libm.so.6")

    def get(self):
        saved = ctypes.create_string_buffer(32)
        self.libm.fegetenv(saved)
        return struct.unpack_from("<I", saved, 28)[0]

    def set(self, mxcsr):
        saved = ctypes.create_string_buffer(32)
        self.libm.fegetenv(saved)
        struct.pack_into("<I", saved, 28, mxcsr)
        self.libm.fesetenv(saved)


glibc_x86 = pytest.mark.skipif(
    platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc",
    reason="reads MXCSR through glibc",
)

FLUSH_TO_ZERO, DENORMALS_ARE_ZERO, ROUND_UP = 0x8000, 0x0040, 0x4000


@glibc_x86
@pytest.mark.parametrize("n", [1000, LARGE])
def test_hostile_floating_point_environment(n, isa, threads, rng):
    """Flush-to-zero and rounding up change no bit, and are still there afterwards."""
    threads(2)
    tiny = np.float32(1e-41)
    start = rng.standard_normal(n).astype(np.float32) * tiny
    grads = [rng.standard_normal(n).astype(np.float32) * np.float32(1e-20) for _ in range(3)]
    environment = Environment()
    default = environment.get()
    hostile = default | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO | ROUND_UP
    results = []
    for mxcsr in (default, hostile):
        p = start.copy()
        opt = schuss.Adam(learning_rate=1e-42, nonfinite="skip", max_norm=1e-3, epsilon=1e-3)
        for g in grads:
            environment.set(mxcsr)
            try:
                opt.step(p, g)
                seen = environment.get()
            finally:
                environment.set(default)
            assert seen & 0xFFC0 == mxcsr & 0xFFC0
        results.append((p, opt.state["exp_avg_sq"].copy(), opt.last_step))
    assert (results[0][1] != 0).any()
    assert (np.abs(results[0][1]) < np.finfo(np.float32).smallest_normal).all()
    assert same_bits(results[0][0], results[1][0])
    assert same_bits(results[0][1], results[1][1])
    assert results[0][2] == results[1][2]


@glibc_x86
def test_rounding_mode_does_not_reach_the_clip_factor(rng):
    environment = Environment()
    default = environment.get()
    results = []
    for mxcsr in (default, default | ROUND_UP):
        p, info = np.zeros(5000), []
        for seed in range(20):
            g = np.random.default_rng(seed).standard_normal(5000)
            opt = schuss.SGD(max_norm=0.3, grad_scale=3.0, learning_rate=0.1)
            environment.set(mxcsr)
            try:
                opt.step(p, g)
            finally:
                environment.set(default)
            info.append(opt.last_step)
        results.append((p, info))
    assert same_bits(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_a_refused_call_does_not_touch_the_step_that_runs(threads):
    """Settings assigned in another thread wait for the next step."""
    threads(1)
    n = 4_000_000
    g = np.full(n, 1.0, np.float32)
    for _ in range(10):
        p = np.zeros(n, np.float32)
        opt = schuss.SGD(learning_rate=1.0, max_norm=1e9)
        opt.step(p, g)
        p[:] = 0
        started = threading.Event()

        def work(opt=opt, p=p, started=started):
            started.set()
            opt.step(p, g)

        worker = threading.Thread(target=work)
        worker.start()
        started.wait()
        opt.max_norm = 1e-3
        try:
            opt.step(np.zeros(n, np.float32), g)
        except RuntimeError:
            worker.join()
            assert (p == -1.0).all()
        worker.join()


def test_import_leaves_subnormals_alone():
    code = (
        "import numpy as np; tiny = np.array([5e-324]); assert tiny * 1.0 > 0;"
        "import schuss; assert (tiny * 1.0 > 0).all();"
        "schuss.Adam().step(np.ones(500000), np.ones(500000)); assert (tiny * 1.0 > 0).all()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
