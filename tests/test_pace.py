"""The choice between one thread and all: a clock of our own drives cpp/runtime/pace.hpp."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CPP = Path(__file__).parents[1] / "cpp"
SOURCE = """
#include "runtime/pace.hpp"
extern "C" {
void* make() { return new schuss::Pace; }
int parallel(void* pace) { return static_cast<schuss::Pace*>(pace)->parallel(); }
void record(void* pace, double seconds) { static_cast<schuss::Pace*>(pace)->record(seconds); }
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or "LD_PRELOAD" in os.environ:
        pytest.skip("no compiler, or one that runs under a preloaded sanitizer")
    folder = tmp_path_factory.mktemp("pace")
    source = folder / "pace.cpp"
    source.write_text(SOURCE)
    command = [compiler, "-std=c++20", "-shared", "-fPIC", f"-I{CPP}", source, "-o"]
    subprocess.run([*command, folder / "pace.so"], check=True)
    library = ctypes.CDLL(str(folder / "pace.so"))
    library.make.restype = ctypes.c_void_p
    library.parallel.argtypes = [ctypes.c_void_p]
    library.record.argtypes = [ctypes.c_void_p, ctypes.c_double]
    return library


class Clock:
    """Steps that take what they are said to take, alone and in parallel."""

    def __init__(self, library):
        self.library, self.pace = library, library.make()

    def run(self, steps, serial, parallel, hiccup=lambda k, way: 0.0):
        """Which steps were parallel."""
        ways = []
        for k in range(steps):
            way = bool(self.library.parallel(self.pace))
            ways.append(way)
            self.library.record(self.pace, (parallel if way else serial) + hiccup(k, way))
        return ways


def test_starts_parallel_and_stays_so_when_it_pays(library):
    ways = Clock(library).run(10_000, serial=20.0, parallel=11.0)
    assert all(ways[:4])
    assert ways.count(False) < 20


def test_in_doubt_it_is_parallel(library):
    """Out of cache one thread is nearly as fast as two."""
    ways = Clock(library).run(10_000, serial=9.0, parallel=10.0)
    assert ways.count(False) < 20


def test_serial_when_threads_are_kept_out(library):
    ways = Clock(library).run(10_000, serial=40.0, parallel=2500.0)
    assert ways[:20].count(True) < 10
    assert ways[100:].count(True) < 20


def test_follows_when_things_change(library):
    clock = Clock(library)
    clock.run(1000, serial=20.0, parallel=11.0)
    contended = clock.run(1000, serial=40.0, parallel=2500.0)
    assert contended[50:].count(True) < 20
    free = clock.run(10_000, serial=20.0, parallel=11.0)
    assert free[5000:].count(False) < 20


def test_waking_up_is_no_argument_against_threads(library):
    """The first parallel step after a pause is slow; two good ones outvote it."""
    clock = Clock(library)
    clock.run(200, serial=40.0, parallel=2500.0)
    ways = []

    def waking(k, way):
        return 100.0 if way and not (ways and ways[-1]) else 0.0

    for _ in range(10_000):
        ways += clock.run(1, serial=20.0, parallel=11.0, hiccup=waking)
    assert ways[-1000:].count(False) < 20


def test_hiccups_are_forgotten(library):
    ways = Clock(library).run(
        5000, 20.0, 11.0, hiccup=lambda k, way: 4000.0 if k % 97 == 50 else 0.0
    )
    assert ways.count(False) < 40
