"""Row 10: memory that a step needs beyond parameters, gradients and states.

Each case runs in a process of its own, `python -m bench.bench_memory CASE THREADS`: the peak is
reset, three steps are taken, the first of which makes the states, and the bytes of the states are
taken off. Buffers that are made once and kept are so counted too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import peers
from bench.cases import LARGE, MAX_NORM, Array
from bench.peers import AbsentError

MIB = 1 << 20
CASES = ("AdamW", "AdamW with max_norm", "AdamW, float64 gradients", "AdamW, transposed gradients")
_PEAK_RESET = "/proc/self/clear_refs"


@dataclass(frozen=True)
class Memory:
    """Bytes beyond parameters, gradients and states, or why they are not known."""

    case: str
    threads: int
    extra: int | None
    skipped: str = ""


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


def measure(threads: int) -> list[Memory]:
    """Every case, each in a new process."""
    results = []
    for case in CASES:
        command = [sys.executable, "-m", "bench.bench_memory", case, str(threads)]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        if child.returncode:
            status = f"exit status {child.returncode}"
            last = (child.stderr.strip().splitlines() or [status])[-1]
            results.append(Memory(case, threads, None, last))
        else:
            results.append(Memory(case, threads, **json.loads(child.stdout)))
    return results


def main(case: str, threads: str) -> None:
    """The child: one case, one line of JSON."""
    try:
        answer: dict[str, object] = {"extra": _steps(case, int(threads))}
    except AbsentError as reason:
        answer = {"extra": None, "skipped": str(reason)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
