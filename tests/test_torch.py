"""Against PyTorch's single-tensor code in float64, 40 steps, from a recording of its parameters."""

from __future__ import annotations

import json

import numpy as np
import pytest
import schuss
from torch_trajectories import COMPARISONS, FILE, STEPS, ours, problem

RECORDING = json.loads(FILE.read_text())


def test_recording_has_every_comparison():
    assert RECORDING["steps"] == STEPS
    found = [(row["ours"], row["settings"]) for row in RECORDING["rows"]]
    assert found == [ours(*comparison) for comparison in COMPARISONS]


@pytest.mark.parametrize("row", RECORDING["rows"], ids=lambda r: f"{r['ours']}-{r['settings']}")
def test_same_as_torch(row):
    start, grads = problem()
    p = start.copy()
    opt = getattr(schuss, row["ours"])(**row["settings"])
    for g in grads:
        opt.step(p, g)
    # PyTorch keeps NAdam's product of momenta in float32.
    tolerance = 1e-8 if row["ours"] == "NAdam" else 1e-9
    np.testing.assert_allclose(p, row["params"], rtol=tolerance, atol=0)
    assert np.abs(p - start).min() > 1e-5
