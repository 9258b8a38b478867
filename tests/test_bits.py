"""The bits are those of data/bits.json, on every machine and instruction set."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import make_bits
import numpy as np
import pytest
import schuss
from helpers import ways
from schuss.linalg import cholesky, solve_spd
from test_linalg import positive

HERE = Path(__file__).parent
THREADS = (1, 2, 3)


def each_way(threads, turn):
    """Every instruction set and every number of threads, in force one after the other."""
    for isa, count in ways(turn, THREADS):
        threads(count)
        with schuss.config.use_isa(isa):
            yield isa, count


def test_bits_are_the_stored_ones(threads):
    """Where results are meant to change: `python tests/make_bits.py` writes the file anew."""
    stored = json.loads(make_bits.STORED.read_text())
    for way in each_way(threads, 0):
        found = make_bits.table()
        assert sorted(found) == sorted(stored)
        assert [name for name in stored if found[name] != stored[name]] == [], way


@pytest.mark.parametrize("part", range(4))
def test_one_hash_of_systems(dtype, threads, part):
    """n = 1 to 200 and one more for threads to meet in: one and several right-hand sides."""
    rng = np.random.default_rng(part)
    for n in (*range(1 + part, 201, 4), 410 + part):
        a = positive(rng, n, dtype=dtype)
        b = rng.standard_normal((n, 5)).astype(dtype)
        found = set()
        for _ in each_way(threads, n):
            found.add(make_bits.crc(cholesky(a), solve_spd(a, b), solve_spd(a, b[:, 0])))
        assert len(found) == 1, n


@pytest.mark.parametrize("n", [5, 7, 16, 31, 32, 33, 65, 100])
def test_one_hash_of_batches_of_systems(dtype, threads, n):
    """So many that each of three threads has some, in lanes up to n = 32."""
    rng = np.random.default_rng(n)
    a = positive(rng, 5_000_000 // n**3 + 3, n, dtype=dtype)
    b = rng.standard_normal((*a.shape[:2], 2)).astype(dtype)
    found = {make_bits.crc(cholesky(a), solve_spd(a, b)) for _ in each_way(threads, n)}
    assert len(found) == 1


def test_multiply_add_in_software(tmp_path):
    """Equal to std::fma, in fused.cpp: ties, cancellation, subnormals, overflow, signs of zero."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or "LD_PRELOAD" in os.environ:
        pytest.skip("no compiler, or one that runs under a preloaded sanitizer")
    flags = ["-std=c++20", "-O2", "-ffp-contract=off", "-Wno-psabi", "-DSCHUSS_TARGET=baseline"]
    program = tmp_path / "fused"
    source = [f"-I{HERE.parent / 'cpp'}", HERE / "fused.cpp", "-o", program]
    subprocess.run([compiler, *flags, *source], check=True)
    done = subprocess.run([program, "20000"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
