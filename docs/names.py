"""Says which public names the built pages do not describe: `python -m docs.names objects.inv`."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

from docs import pages


def described(inventory: Path) -> set[str]:
    """Return the names in an inventory of Sphinx (version 2: four lines, then packed lines)."""
    packed = inventory.read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(packed).decode().splitlines()
    return {line.split(" ", 1)[0] for line in lines if " py:" in line}


def main(inventory: str) -> int:
    """Compare every `__all__` with the inventory; the exit status is 1 where a name is missing."""
    there = described(Path(inventory))
    wanted = {full for names in pages.places().values() for full in names.values()}
    missing = sorted(wanted - there)
    for name in missing:
        print(f"{name} is described on no page")
    print(f"{len(wanted) - len(missing)} of {len(wanted)} public names are described")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
