"""Ceilings: how fast this machine can pass over arrays just now.

The copy ceiling reads W + 1 arrays and writes W of them, in place. For solvers there are also a
copy from one array to another and a pure read; for factorizations the peak of a core.

`ceiling.cpp` is compiled for this very machine at the first use and loaded with ctypes.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.cases import Work
from bench.harness import Candidate, interleave
from bench.peers import AbsentError
from bench.results import Settings

NAME = "copy ceiling"
ONE_TO_ANOTHER = "copy to another array"
READ = "pure read"
PEAK = "FMA peak of a core"
STEPS = 100_000  # of the peak: a millisecond or so
HUGE = 2 << 20
STAGGER = 1088  # bytes, 17 cache lines: the streams neither share cache sets nor alias at 4 KiB
WAYS_TO_COPY = ("plain", "memcpy", "streaming stores")  # as ceiling.cpp counts them
READ_ARRAYS = 20
READ_BLOCKS = (1 << 11, 1 << 13, 1 << 62)  # elements before the next four arrays
CLEARLY = 0.98  # a variant is taken when it beats the plain loop on all threads by 2 %
ENOUGH = 100_000  # elements in a call: beside them the microsecond that ctypes takes is nothing
TRIAL = Settings(rounds=7, visit=0.004, pause=0.0)

Call = Callable[[], object]


@functools.cache
def _library() -> ctypes.CDLL:
    """Compile and load the kernels."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", "c++"), "g++"))), None)
    if compiler is None:
        raise AbsentError("no C++ compiler")
    source = str(Path(__file__).with_suffix(".cpp"))
    base = ["-std=c++17", "-O3", "-shared", "-fPIC"]
    wide = ["-mprefer-vector-width=512"] if platform.machine() in ("x86_64", "AMD64") else []
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "ceiling.so")
        for flags in (["-march=native", *wide, "-fopenmp"], ["-march=native"], []):
            command = [compiler, *base, *flags, source, "-o", target]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                break
        else:
            raise AbsentError("its C++ file does not compile here")
        library = ctypes.CDLL(target)  # stays mapped when the file is gone
    library.ceiling_run.restype = None
    sizes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int)
    library.ceiling_run.argtypes = [ctypes.c_void_p, *sizes, ctypes.c_int, ctypes.c_int]
    library.ceiling_huge_pages.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    rest = (ctypes.c_int64, ctypes.c_int, ctypes.c_int)
    library.ceiling_copy.restype = None
    library.ceiling_copy.argtypes = [ctypes.c_void_p, ctypes.c_int, *rest]
    library.ceiling_read.restype = ctypes.c_double
    library.ceiling_read.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, *rest]
    library.ceiling_multiply_adds.restype = ctypes.c_double
    library.ceiling_multiply_adds.argtypes = [ctypes.c_int64]
    return library


class _Streams:
    """The arrays of one ceiling, on huge pages where the system gives them, staggered."""

    def __init__(
        self, library: ctypes.CDLL, arrays: int, length: int, dtype: np.dtype[Any]
    ) -> None:
        self.library, self.length, self.dtype = library, length, dtype
        size = -(-(length * dtype.itemsize + arrays * STAGGER) // HUGE) * HUGE
        self.memory = [mmap.mmap(-1, size + HUGE) for _ in range(arrays)]
        self.pointers = (ctypes.c_void_p * arrays)()
        for k, block in enumerate(self.memory):
            address = ctypes.addressof(ctypes.c_char.from_buffer(block))
            start = -(-address // HUGE) * HUGE
            library.ceiling_huge_pages(start, size)
            offset = start - address + k * STAGGER
            np.frombuffer(block, dtype, length, offset).fill(1.0)
            self.pointers[k] = start + k * STAGGER

    def in_place(self, writes: int, threads: int, prefetch: bool, passes: int) -> Call:
        """Some passes over the arrays; the function keeps the memory alive."""
        run = self.library.ceiling_run
        rest = (writes, self.dtype.itemsize, self.length, threads, prefetch, passes)
        return lambda: run(self.pointers, *rest)

    def copy(self, way: int, threads: int) -> Call:
        """One copy of the first array to the second."""
        run = self.library.ceiling_copy
        return lambda: run(self.pointers, way, self.length, threads, 1)

    def read(self, block: int, threads: int) -> Call:
        """One pass over all arrays that changes nothing."""
        run = self.library.ceiling_read
        return lambda: run(self.pointers, len(self.memory), block, self.length, threads, 1)


def _thread_counts(library: ctypes.CDLL, threads: int) -> list[int]:
    """What was asked for first, then one: all cores are not always faster."""
    return [threads, 1] if threads > 1 and library.ceiling_parallel() else [1]


def _variants(library: ctypes.CDLL, work: Work) -> Iterator[Candidate]:
    """The plain loop first, then what may be faster: prefetching, and one thread when small."""
    writes = 1 + work.n_slots
    if writes > library.ceiling_max_writes():
        raise AbsentError(f"it has no kernel that writes {writes} arrays")
    dtype = np.dtype(work.dtype)
    streams = _Streams(library, writes + 1, work.elements, dtype)
    passes = max(1, ENOUGH // work.elements)
    copied = work.elements * dtype.itemsize * (2 * writes + 1)
    for threads in _thread_counts(library, work.threads):
        for prefetch in (False, True):
            note = f"{'prefetching' if prefetch else 'plain'}, threads: {threads}"
            call = streams.in_place(writes, threads, prefetch, passes)
            part = passes * copied / work.bytes  # below 1 of a rule that takes two passes
            yield Candidate(note, call, work.bytes, note=note, passes=part)


def _best(name: str, variants: Sequence[Candidate]) -> Candidate:
    """The fastest of them, with a note that says which; the first unless clearly beaten."""
    timings = interleave(name, variants, TRIAL).timings
    best = min(variants, key=lambda v: timings[v.name].median)
    if timings[best.name].median > CLEARLY * timings[variants[0].name].median:
        best = variants[0]
    return replace(best, name=name)


def ceiling(work: Work) -> Candidate:
    """In place: the best that moves the bytes of this work."""
    return _best(NAME, list(_variants(_library(), work)))


def copy_ceiling(length: int, threads: int) -> Candidate:
    """The best copy of one float64 array to another; its bytes are read and written once."""
    library = _library()
    streams = _Streams(library, 2, length, np.dtype(np.float64))
    variants = [
        Candidate(note, streams.copy(way, count), 2 * 8 * length, note=note)
        for count in _thread_counts(library, threads)
        for way, note in enumerate(f"{how}, threads: {count}" for how in WAYS_TO_COPY)
    ]
    return _best(ONE_TO_ANOTHER, variants)


def read_ceiling(length: int, threads: int) -> Candidate:
    """The best read of many float64 arrays."""
    library = _library()
    streams = _Streams(library, READ_ARRAYS, length, np.dtype(np.float64))
    variants = [
        Candidate(note, streams.read(block, count), READ_ARRAYS * 8 * length, note=note)
        for count in _thread_counts(library, threads)
        for block, note in (
            (b, f"blocks of 2^{b.bit_length() - 1}, threads: {count}") for b in READ_BLOCKS
        )
    ]
    return _best(READ, variants)


def multiply_adds() -> tuple[Call, float]:
    """One thread's float64 multiply-adds at full speed, and the flops of a call."""
    library = _library()
    run = library.ceiling_multiply_adds
    return lambda: run(STEPS), 2.0 * STEPS * library.ceiling_chained_lanes()
