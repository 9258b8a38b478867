"""Compile the core for systems that CI does not run on, with warnings as errors.

Usage: compile_checks.py. The compiler is Clang as the `ziglang` wheel brings it, with the C and C++
headers of each target: libc++ everywhere, MinGW for Windows. Nothing is linked or run. The bindings
are left out: they need the target's Python headers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGETS = ("aarch64-macos", "x86_64-windows-gnu", "x86_64-linux-musl")
FLAGS = "-std=c++20 -O0 -Icpp -fvisibility=hidden -ffp-contract=off -fno-math-errno "
FLAGS += "-fno-trapping-math -Wall -Wextra -Wno-psabi -Werror"


def isas(target: str) -> dict[str, list[str]]:
    """Return the flags of each ISA of a target, as CMakeLists.txt has them."""
    lines = re.findall(
        r"^ *schuss_isa\((.*)\)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE
    )
    found = {words[0]: words[1:] for words in map(str.split, lines)}
    if not target.startswith("x86_64"):
        found = {"baseline": found["baseline"]}
    return found


def jobs(target: str) -> list[list[str]]:
    """Return the files to compile for a target, each with flags of its own."""
    sources = sorted((ROOT / "cpp").rglob("*.cpp"))
    tables = [file for file in sources if file.name == "table.cpp"]
    plain = [file for file in sources if file not in tables and file.parent.name != "bindings"]
    return [[str(file)] for file in plain] + [
        [str(file), f"-DSCHUSS_TARGET={isa}", "-fno-exceptions", "-fno-rtti", *flags]
        for file in tables
        for isa, flags in isas(target).items()
    ]


def fault(target: str, job: list[str], folder: str) -> str:
    """Return what the compiler says against a file; nothing when all is well."""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".o") as output:
        command = [sys.executable, "-m", "ziglang", "c++", "-target", target, *FLAGS.split()]
        command += ["-c", *job, "-o", output.name]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode == 0 and not done.stderr:
        return ""
    return f"{target}: {' '.join(job)}\n{done.stderr}"


def main() -> int:
    """Compile all; 0 when nobody says a word."""
    work = [(target, job) for target in TARGETS for job in jobs(target)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = list(filter(None, pool.map(lambda one: fault(*one, folder), work)))
    print("\n".join(faults) or f"{len(work)} objects for {', '.join(TARGETS)}: no warning")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
