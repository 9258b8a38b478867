"""The copy ceiling: how fast this machine can read W + 1 arrays and write W of them, just now.

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
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.cases import Work
from bench.harness import Candidate, Settings, interleave
from bench.peers import AbsentError

NAME = "copy ceiling"
HUGE = 2 << 20
STAGGER = 1088  # bytes, 17 cache lines: the streams neither share cache sets nor alias at 4 KiB
CLEARLY = 0.98  # a variant is taken when it beats the plain loop on all threads by 2 %
ENOUGH = 100_000  # elements in a call: beside them the microsecond that ctypes takes is nothing
TRIAL = Settings(rounds=7, visit=0.004, pause=0.0)


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

    def call(self, writes: int, threads: int, prefetch: bool, passes: int) -> Callable[[], None]:
        """Some passes over the arrays; the function keeps the memory alive."""
        run = self.library.ceiling_run
        rest = (writes, self.dtype.itemsize, self.length, threads, prefetch, passes)
        return lambda: run(self.pointers, *rest)


def _variants(library: ctypes.CDLL, work: Work) -> Iterator[Candidate]:
    """The plain loop first, then what may be faster: prefetching, and one thread when small."""
    writes = 1 + work.n_slots
    if writes > library.ceiling_max_writes():
        raise AbsentError(f"it has no kernel that writes {writes} arrays")
    dtype = np.dtype(work.dtype)
    streams = _Streams(library, writes + 1, work.elements, dtype)
    passes = max(1, ENOUGH // work.elements)
    counts = [work.threads] if work.threads == 1 else [work.threads, 1]
    for threads in counts if library.ceiling_parallel() else [1]:
        for prefetch in (False, True):
            note = f"{'prefetching' if prefetch else 'plain'}, threads: {threads}"
            call = streams.call(writes, threads, prefetch, passes)
            yield Candidate(note, call, work.bytes, note=note, passes=passes)


def ceiling(work: Work) -> Candidate:
    """The fastest of the variants for the bytes of this work, with a note that says which."""
    variants = list(_variants(_library(), work))
    timings = interleave(NAME, variants, TRIAL).timings
    best = min(variants, key=lambda v: timings[v.name].median)
    if timings[best.name].median > CLEARLY * timings[variants[0].name].median:
        best = variants[0]
    return replace(best, name=NAME)
