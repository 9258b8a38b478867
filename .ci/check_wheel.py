"""Check a wheel: small, NumPy the only requirement, typed, and free of what does not belong."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# What the extension may need: the C and C++ libraries, and OpenMP's (bundled in a release).
SYSTEM = ("libstdc++", "libgcc_s", "libc.", "libm.", "libgomp", "libpthread", "ld-linux")


def main() -> int:
    """Print what is wrong; 0 when all is well."""
    wheel = Path(sys.argv[1])
    size = wheel.stat().st_size
    wrong = [] if size < 1_600_000 else [f"{size} bytes"]
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
        wrong += [
            f"requires {line}"
            for line in metadata.splitlines()
            if line.startswith("Requires-Dist:") and "extra ==" not in line and "numpy" not in line
        ]
        wrong += [f"lacks {n}" for n in ("schuss/py.typed", "schuss/_core.pyi") if n not in names]
        wrong += [f"contains {n}" for n in names if not n.startswith(("schuss/", "schuss-"))]
        for name in names:
            if name.endswith(".so"):
                dynamic = subprocess.run(
                    ["objdump", "-p", archive.extract(name, folder)],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
                needed = [x.split()[1] for x in dynamic.splitlines() if "NEEDED" in x]
                wrong += [f"needs {lib}" for lib in needed if not lib.startswith(SYSTEM)]
    print("\n".join(wrong) or f"wheel: {size:,} bytes, needs NumPy only")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
