"""What importing schuss adds to importing NumPy, in new interpreters."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

from bench.harness import Candidate, Plan, interleave, tagged
from bench.results import Comparison

STATEMENTS = {"schuss": "import schuss", "NumPy": "import numpy", "lab": "import schuss.lab"}


def measure(plan: Plan) -> Iterator[Comparison]:
    """What importing schuss adds to importing NumPy, in new interpreters."""

    def run(statement: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", statement], check=True)

    candidates = [Candidate(name, run(statement), 0) for name, statement in STATEMENTS.items()]
    yield tagged(interleave("python -c import", candidates, plan.settings), "imports", 1, 1)
