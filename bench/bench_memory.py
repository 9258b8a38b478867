"""Memory beyond what the user has: of a step and of a solver.

Each case runs in a process of its own, `python -m bench.bench_memory CASE THREADS`. For a step the
peak is reset, three steps are taken, the first of which makes the states, and the bytes of the
states are taken off. Buffers that are made once and kept are so counted too. For a solver it is all
that a run of a few iterations needs beside the start and the arrays of the objective.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bench import peers
from bench.bench_solvers import ROOM, Quadratic
from bench.cases import LARGE, MAX_NORM, Array
from bench.harness import Plan
from bench.machine import available_memory
from bench.peers import AbsentError, all_threads
from bench.peers.solvers import HISTORY, SOLVERS, Answer, Function, Limits
from bench.results import Memory

MIB = 1 << 20
CASES = ("AdamW", "AdamW with max_norm", "AdamW, float64 gradients", "AdamW, transposed gradients")
ASK_AND_TELL = "schuss.LBFGS, ask and tell"
MINIMIZE = "schuss L-BFGS"
SOLVER_PEERS = ("SciPy L-BFGS-B", "torch LBFGS")
SOLVER_CASES = (ASK_AND_TELL, MINIMIZE, *SOLVER_PEERS)
SOLVER_N = 10_000_000
_PEAK_RESET = "/proc/self/clear_refs"


def _status(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise AbsentError(f"the system does not tell {field}")


def extra_memory(call: Callable[[], object]) -> int:
    """How far the resident memory rises above its present level during a call."""
    if not Path(_PEAK_RESET).exists():
        raise AbsentError("needs Linux, to reset the peak of the resident memory")
    before = _status("VmRSS")
    Path(_PEAK_RESET).write_text("5")
    call()
    return _status("VmHWM") - before


def _steps(case: str, threads: int) -> int:
    """What three steps of 2^24 parameters need beyond the states that they leave behind."""
    schuss = peers.optional("schuss")
    schuss.config.set_num_threads(threads)
    small = np.ones(LARGE // 64, np.float32)
    schuss.AdamW().step(small, small.copy())  # starts the threads and loads the code
    optimizer = schuss.AdamW(max_norm=MAX_NORM if "max_norm" in case else None)
    shape = (4096, LARGE // 4096)
    params = np.full(shape, 1.0, np.float32)
    grads: Array = np.full(shape, 0.5, np.float64 if "float64" in case else np.float32)
    if "transposed" in case:
        grads = np.full(shape[::-1], 0.5, np.float32).T

    def steps() -> None:
        for _ in range(3):
            optimizer.step(params, grads)

    rise = extra_memory(steps)
    states: int = sum(slot.nbytes for slot in optimizer.state.values())
    return rise - states


def _ask_and_tell(function: Function, start: Array, limits: Limits) -> Answer:
    """Ours without `minimize`, which copies the best point at the end."""
    solver = peers.optional("schuss").LBFGS(start, gtol=0, maxiter=limits.iterations)
    while not solver.done:
        solver.tell(*function(solver.ask()))
    return Answer(start, success=False, iterations=solver.nit)


def _solve(case: str, threads: int) -> int:
    """What a solver needs until its history has been full for some iterations."""
    if (memory := available_memory()) is not None and memory < ROOM * 8 * SOLVER_N:
        raise AbsentError("too little free memory")
    solve = _ask_and_tell if case == ASK_AND_TELL else SOLVERS[case]
    limits = Limits(iterations=HISTORY + 4)
    with all_threads(threads):
        small = 100_000  # enough to start the threads, and it loads the code
        solve(Quadratic(small), np.ones(small), limits)
        objective, start = Quadratic(SOLVER_N), np.ones(SOLVER_N)
        return extra_memory(lambda: solve(objective, start, limits))


def _measure(cases: Sequence[str], threads: int) -> Iterator[Memory]:
    """The cases, each in a new process."""
    for case in cases:
        command = [sys.executable, "-m", "bench.bench_memory", case, str(threads)]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        if child.returncode:
            status = f"exit status {child.returncode}"
            last = (child.stderr.strip().splitlines() or [status])[-1]
            yield Memory(case, threads, None, last)
        else:
            yield Memory(case, threads, **json.loads(child.stdout))


def steps(plan: Plan) -> Iterator[Memory]:
    """What a step needs beyond parameters, gradients and states."""
    return _measure(CASES, plan.threads)


def solvers(plan: Plan) -> Iterator[Memory]:
    """What a run of a solver needs beyond the start and the arrays of the objective."""
    return _measure(SOLVER_CASES, plan.threads)


def main(case: str, threads: str) -> None:
    """The child: one case, one line of JSON."""
    try:
        extra = (_solve if case in SOLVER_CASES else _steps)(case, int(threads))
        answer: dict[str, object] = {"extra": extra}
    except AbsentError as reason:
        answer = {"extra": None, "skipped": str(reason)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
