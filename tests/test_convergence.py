"""The plot of traces."""

from __future__ import annotations

import numpy as np
import pytest
import schuss
from schuss.lab import catalog
from solver_cases import START, rosenbrock

pytest.importorskip("matplotlib")


def runs(*methods):
    return {
        method: schuss.minimize(rosenbrock, START, jac=True, method=method, trace=True)
        for method in methods
    }


def test_a_line_for_each_result():
    found = runs("lbfgs", "bfgs", "gradient_descent")
    left, right = schuss.lab.plots.convergence(found).axes
    assert [line.get_label() for line in left.lines] == list(found)
    lowest = min(result.trace["fun"].min() for result in found.values())
    for line, result in zip(left.lines, found.values(), strict=True):
        assert np.array_equal(line.get_xdata(), result.trace["nfev"])
        above = result.trace["fun"] - lowest
        assert np.array_equal(np.nan_to_num(line.get_ydata()), above)
    for line, result in zip(right.lines, found.values(), strict=True):
        assert np.array_equal(line.get_ydata(), result.trace["gmax"])
    assert left.get_yscale() == right.get_yscale() == "log"
    for axes in (left, right):
        assert sorted(text.get_text() for text in axes.texts) == sorted(found)


def test_colors_are_those_of_the_optimizers():
    results = dict.fromkeys(
        ["bfgs", "gradient_descent", "$mine$", "BFGS", "other"], *runs("bfgs").values()
    )
    lines = schuss.lab.plots.convergence(results).axes[0].lines
    looks = [(line.get_color(), line.get_marker()) for line in lines]
    assert looks[0] == looks[3] == catalog.look("BFGS")
    assert looks[1] == catalog.look("GradientDescent")
    assert len({color for color, _ in looks}) == 4
    assert lines[2].get_label() == r"\$mine\$"


def test_one_result_needs_no_name():
    (result,) = runs("bfgs").values()
    left, right = schuss.lab.plots.convergence(result).axes
    assert not left.texts
    assert not right.texts
    assert len(left.lines) == len(right.lines) == 1


def test_a_result_without_a_trace_is_refused():
    result = schuss.minimize(rosenbrock, START, jac=True)
    with pytest.raises(ValueError, match=r"^the result 'a' has no trace"):
        schuss.lab.plots.convergence({"a": result})
    with pytest.raises(ValueError, match=r"^results is empty"):
        schuss.lab.plots.convergence({})
