"""Type checkers see every public name, from outside: planted typos are found, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest
import schuss

SCRIPT = """
from collections.abc import Callable

import numpy as np

import schuss

opt = schuss.AdamW(learning_rate=0.1, max_norm=1.0)
schuss.AdamW(lr=0.1)  # typo
schuss.AdamW(max_nrm=0.1)  # typo
schuss.AdamW(beta1="0.9")  # typo
schuss.AdamW(0.1, 0.9, 0.999, 1e-8, 0.01, True, 1.0)  # typo
schuss.NAdam(0.1, momentum_decay=lambda t: 0.004 / (t + 1), nonfinite="skip", overrides=None)
opt.learningrate = 1  # typo
schuss.Adma(0.1)  # typo
opt.learning_rate = schuss.schedules.cosine(0.1, total_steps=10)
rate: float | Callable[[int], float] = opt.learning_rate
norm: float | None = opt.max_norm
nesterov: bool = schuss.SGD(momentum=0.9).nesterov


def bowl(x: object) -> float:
    return 0.0


result = schuss.minimize(bowl, np.zeros(2), jac="3-point", maxiter=5, disp=2, trace=True)
value: float = result.fun
steps: int = result.nit
rows: int = len(result.trace["nit"])
result.funn  # typo
schuss.minimize(bowl, [0.0], methd="bfgs")  # typo
solver = schuss.LBFGS([0.0], history_size=3)
ended: str = solver.result().message
plot = schuss.lab.plots.convergence
version: str = schuss.__version__
"""
# Other packages are large, and what they say of themselves is not asked.
MYPY = "[mypy]\nstrict = True\n" + "".join(
    f"[mypy-{package}.*]\nfollow_imports = skip\n" for package in ("matplotlib", "torch")
)
PLANTED = [n for n, line in enumerate(SCRIPT.splitlines(), start=1) if line.endswith("# typo")]
ROOT = Path(schuss.__file__).parents[1]


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "user.py"
    file.write_text(SCRIPT)
    return file


def run(module, *arguments, cwd, **environment):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def installed():
    return str(ROOT) in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))


@pytest.mark.skipif(find_spec("mypy") is None, reason="needs mypy")
def test_mypy_finds_what_is_misspelt(script):
    where = {} if installed() else {"MYPYPATH": str(ROOT)}
    (script.parent / "mypy.ini").write_text(MYPY)
    out = run("mypy", script, cwd=script.parent, **where)
    found = re.findall(r"user\.py:(\d+): error", out)
    assert list(map(int, found)) == PLANTED, out


@pytest.mark.skipif(find_spec("pyright") is None, reason="needs pyright")
def test_pyright_finds_what_is_misspelt(script):
    settings = {"include": ["user.py"], "extraPaths": [] if installed() else [str(ROOT)]}
    (script.parent / "pyrightconfig.json").write_text(json.dumps(settings))
    out = run("pyright", "--outputjson", "--pythonpath", sys.executable, cwd=script.parent)
    diagnostics = [d for d in json.loads(out)["generalDiagnostics"] if d["severity"] == "error"]
    assert [d["range"]["start"]["line"] + 1 for d in diagnostics] == PLANTED, out
