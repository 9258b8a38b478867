"""Check the object files of the kernels: closed boxes, the right instructions, nothing contracted.

Usage: check_objects.py BUILD_DIRECTORY, after a build there. Needs nm and objdump.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

X86 = platform.machine() in ("x86_64", "AMD64")
# What the compiler may call on its own.
LIBRARY = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_"}


def output(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check(box: str, isa: str, file: Path) -> list[str]:
    """Return what is wrong with one object."""
    table = {"kernels": "kernel_table", "dense": "dense_table", "models": "model_table"}[box]
    wrong = []
    for line in output("nm", "-C", str(file)).splitlines():
        kind, name = line[17:18], line[19:]
        if kind in "WwVvu":
            wrong.append(f"weak or unique symbol {name}")
        elif kind == "U" and name not in LIBRARY:
            wrong.append(f"undefined symbol {name}")
        elif kind.isupper() and kind != "U" and name != f"schuss::{isa}::{table}":
            wrong.append(f"global symbol {name}")
    code = output("objdump", "-d", "--no-show-raw-insn", str(file))
    fused = re.search(r"\bv?fn?m(add|sub)\d*[ps][sd]\b|\bfn?m(la|ls|add|sub)\b", code)
    if box != "dense" and fused:
        wrong.append("fused multiply-add")
    if box == "dense" and not fused and not (X86 and isa == "baseline"):
        wrong.append("no fused multiply-add")
    roots = {
        "avx512": r"vsqrtp[sd].*%zmm",
        "avx2": r"vsqrtp[sd].*%ymm",
        "baseline": r"\bsqrtp[sd]\b",
    }
    if X86:
        if not re.search(roots[isa], code):
            wrong.append("no packed square root: the loops are not vectorized")
        if isa == "baseline" and re.search(r"%[yz]mm", code):
            wrong.append("AVX registers in the baseline")
        if isa == "avx2" and "%zmm" in code:
            wrong.append("AVX-512 registers in the AVX2 object")
    return wrong


def main() -> int:
    """Check every object; 0 when all is well."""
    isas = ("baseline", "avx2", "avx512") if X86 else ("baseline",)
    expected = [(box, isa) for box in ("kernels", "dense", "models") for isa in isas]
    wrong = []
    for box, isa in expected:
        files = list(Path(sys.argv[1]).rglob(f"CMakeFiles/{box}_{isa}.dir/**/table.cpp.o"))
        if not files:
            wrong.append(f"no object of {box} for {isa}")
        for file in files:
            wrong += [f"{box}, {isa}: {what}" for what in check(box, isa, file)]
    for module in Path(sys.argv[1]).rglob("_core*.so"):
        if "set_fast_math" in output("nm", "-a", str(module)):
            wrong.append(f"{module.name}: fast-math start-up code")
    print("\n".join(wrong) or f"objects: {', '.join(isas)}: closed, vectorized, uncontracted")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
