"""The optimizers of the core without Python: a C++ program steps views and compares the numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CPP = HERE.parent / "cpp"
SOURCES = [
    HERE / "optim.cpp",
    *(
        source
        for part in ("kernels", "optim", "dense", "models", "dispatch", "runtime")
        for source in sorted((CPP / part).glob("*.cpp"))
    ),
]
FLAGS = [
    *("-std=c++20", "-O0", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
    "-Wno-psabi",
    *("-DSCHUSS_BASELINE_ONLY", "-DSCHUSS_TARGET=baseline", f"-I{CPP}"),
]
SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compiler_and_sanitizers(folder):
    """The compiler's path, and the flags for its sanitizers where it has some."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or "LD_PRELOAD" in os.environ:
        pytest.skip("no compiler, or one that runs under a preloaded sanitizer")
    (folder / "nothing.cpp").write_text("int main() {}")
    trial = [compiler, *SANITIZE, "nothing.cpp", "-o", "nothing"]
    found = subprocess.run(trial, cwd=folder, check=False, capture_output=True).returncode == 0
    return compiler, SANITIZE if found else []


def test_optimizers_without_python(tmp_path):
    """No header of Python, pybind11 or NumPy is on the path: none is needed."""
    compiler, sanitize = compiler_and_sanitizers(tmp_path)

    def build(source):
        target = tmp_path / f"{source.parent.name}-{source.stem}.o"
        subprocess.run([compiler, *FLAGS, *sanitize, "-c", source, "-o", target], check=True)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(build, SOURCES))
    program = tmp_path / "optim"
    subprocess.run([compiler, *sanitize, *objects, "-o", program, "-pthread"], check=True)
    environment = {k: v for k, v in os.environ.items() if k != "SCHUSS_ISA"}
    done = subprocess.run([program], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
