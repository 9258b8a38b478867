"""What importing schuss adds to importing NumPy, in new interpreters."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

from bench.harness import Candidate, Comparison, Settings, interleave, tagged

STATEMENTS = {"schuss": "import schuss", "NumPy": "import numpy", "lab": "import schuss.lab"}


def measure(settings: Settings) -> Iterator[Comparison]:
    """One comparison; the candidates are whole runs of Python, its start included."""

    def run(statement: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", statement], check=True)

    candidates = [Candidate(name, run(statement), 0) for name, statement in STATEMENTS.items()]
    yield tagged(interleave("python -c import", candidates, settings), "imports", 1, 1)
