"""schuss.line_search: the search of the solvers, for a user's own method."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import schuss
from helpers import same_bits
from schuss.solvers import LineSearchResult
from schuss.solvers.line_search import _NOISE
from solver_cases import bowl, f_rosenbrock, function_1, function_2, function_3


def check_wolfe(found, phi, c1, c2):
    f0, slope0 = phi(0.0)
    f, slope = phi(found.step)
    assert (found.value, found.slope) == pytest.approx((f, slope), rel=1e-12)
    assert f <= f0 + c1 * found.step * slope0
    assert abs(slope) <= -c2 * slope0


@pytest.mark.parametrize("first_step", [1e-3, 1e-1, 1e1, 1e3])
@pytest.mark.parametrize(
    ("phi", "c1", "c2"),
    [(function_1, 1e-3, 0.1), (function_2, 0.05, 0.1), (function_3, 0.05, 0.1)],
    ids=["1", "2", "3"],
)
def test_line_search_on_the_functions_of_the_paper(phi, c1, c2, first_step):
    def fun(x):
        f, g = phi(float(x[0]))
        return f, [g]

    found = schuss.line_search(fun, [0.0], [1.0], first_step=first_step, c1=c1, c2=c2)
    assert isinstance(found, LineSearchResult)
    assert found.success
    assert found.message == "the step meets the strong Wolfe conditions"
    assert found.nfev < 20
    check_wolfe(found, phi, c1, c2)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_line_search_on_quadratics(rng, shape, dtype):
    x = np.asarray(rng.standard_normal(shape), dtype)
    direction = np.asarray(-2 * x, dtype)
    seen = []

    def fun(x, scale):
        assert x.dtype == dtype
        assert x.shape == shape
        assert not x.flags.writeable
        seen.append(x)
        return scale * float((x * x).sum()) / 2, scale * x

    found = schuss.line_search(fun, x, direction, args=3.0, c2=0.1, first_step=0.01)
    assert found.success
    assert found.nfev == len(seen)
    np.testing.assert_allclose(found.step, 0.5, rtol=0.06)
    assert found.x is not x
    assert same_bits(found.x, (x + found.step * direction).astype(dtype))
    assert found.value == fun(found.x, 3.0)[0]
    assert same_bits(np.asarray(found.gradient, dtype), np.asarray(fun(found.x, 3.0)[1], dtype))
    assert x.flags.writeable
    assert direction.flags.writeable


def test_line_search_with_what_is_known_and_other_forms(rng):
    x = rng.standard_normal(3)
    f, g = bowl(x)
    a = schuss.line_search(bowl, x, -g)
    b = schuss.line_search(bowl, x, -g, value=f, gradient=list(g))
    c = schuss.line_search(lambda x: bowl(x)[0], x, -g, jac=lambda x: bowl(x)[1])
    d = schuss.line_search(lambda x: bowl(x)[0], x, -g, jac="3-point")
    e = schuss.line_search(bowl, x, -g, value=f)
    assert a.nfev == b.nfev + 1 == c.nfev == e.nfev == d.nfev / 7
    for other in (b, c, e):
        assert (a.step, a.value, a.slope) == (other.step, other.value, other.slope)
    assert d.step == pytest.approx(a.step, rel=1e-6)
    with pytest.warns(UserWarning, match="2 n = 6") as caught:
        schuss.line_search(lambda x: bowl(x)[0], x, -g, jac=None)
    assert caught[0].filename == __file__


def test_line_search_keeps_a_copy_of_the_gradient(rng):
    buffer = np.empty(3)

    def fun(x):
        f, buffer[:] = bowl(x)
        return f, buffer

    x = rng.standard_normal(3)
    found = schuss.line_search(fun, x, -bowl(x)[1], first_step=1e-3, c2=0.1)
    assert same_bits(found.gradient, bowl(found.x)[1])


def test_line_search_within_rounding_errors():
    """Where f no longer falls, a step is taken on slopes alone."""

    def fun(x):
        return 1e6 + (1e-9 if x[0] < 1 else 0.0), 2e-12 * x

    x = np.array([1.0])
    found = schuss.line_search(fun, x, np.array([-0.2]))
    assert found.success
    assert found.step > 0
    assert found.message == "the step meets the approximate Wolfe conditions"


def test_line_search_goes_back_where_f_is_not_finite():
    calls = []

    def fun(x):
        calls.append(float(x[0]))
        a = calls[-1]
        if a >= 1:
            return math.nan, [math.nan]
        return -math.log(1 - a) - 2 * a, [1 / (1 - a) - 2]

    found = schuss.line_search(fun, [0.0], [1.0], first_step=1e3, c2=0.5)
    assert found.success
    assert 0 < found.step < 1
    assert found.nfev == len(calls)


def test_line_search_with_infinities():
    """Infinite gradients times zeros in the direction are no reason to warn."""

    def fun(x):
        a = float(x[0])
        return (a * (a - 1), [2 * a - 1, 0.0]) if a < 2 else (math.inf, [math.inf, math.inf])

    found = schuss.line_search(fun, [0.0, 0.0], [1.0, 0.0], first_step=8.0, c2=0.1)
    assert found.success
    np.testing.assert_allclose(found.step, 0.5, atol=0.05)


@pytest.mark.parametrize(
    ("fun", "options", "words"),
    [
        (lambda x: (-float(x[0]), [-1.0]), {}, "unbounded below"),
        (lambda x: (float(x[0]), [-1.0]), {}, "no step was found that decreases f enough"),
        (lambda x: (float((x[0] - 9) ** 2), 2 * (x - 9)), {"max_evaluations": 1}, "curvature"),
    ],
)
def test_line_searches_that_fail(fun, options, words):
    seen = []

    def watched(x):
        seen.append((fun(x)[0], float(x[0])))
        return fun(x)

    found = schuss.line_search(watched, [0.0], [1.0], first_step=0.1, **options, c2=0.1)
    assert not found.success
    assert words in found.message
    assert (found.value, float(found.x[0])) == min(seen)
    assert found.step == found.x[0]
    assert found.gradient.tolist() == list(fun(found.x)[1])
    assert found.nfev == len(seen)


@pytest.mark.parametrize(
    ("keywords", "error", "text"),
    [
        ({"direction": [1.0, 1.0]}, ValueError, "the slope along direction is .*of descent"),
        ({"direction": [0.0, 0.0]}, ValueError, "of descent"),
        ({"direction": [math.nan, 0.0]}, ValueError, "of descent"),
        ({"direction": [1.0]}, ValueError, r"direction has shape \(1,\)"),
        ({"direction": ["a", "b"]}, TypeError, "direction has dtype"),
        ({"x": np.ones(2, bool)}, TypeError, "x has dtype bool"),
        ({"value": math.nan, "gradient": [1.0, 1.0]}, ValueError, "f is nan at x"),
        ({"value": 1.0, "gradient": [1.0]}, ValueError, r"gradient has shape \(1,\)"),
        ({"first_step": 0.0}, ValueError, "first_step is 0"),
        ({"first_step": math.nan}, ValueError, "first_step is nan"),
        ({"max_step": -1.0}, ValueError, "max_step is -1"),
        ({"max_evaluations": 0}, ValueError, "max_evaluations is 0"),
        ({"max_evaluations": True}, TypeError, "max_evaluations is True"),
        ({"c1": 0.5}, ValueError, "c1 is 0.5"),
        ({"c1": 0.3, "c2": 0.2}, ValueError, "c1 is 0.3 and c2 is 0.2"),
        ({"fun": f_rosenbrock}, TypeError, "fun returned"),
        ({"jac": "cs"}, ValueError, "jac is 'cs'"),
    ],
)
def test_bad_line_searches(keywords, error, text):
    arguments = {"fun": bowl, "x": np.ones(2), "direction": [-1.0, -1.0]}
    if keywords.get("direction") is None:
        arguments["direction"] = [1.0, 1.0]
        arguments["x"] = np.zeros(2)
    else:
        arguments["x"] = np.full(2, 5.0)
    with pytest.raises(error, match=text):
        schuss.line_search(**{**arguments, **keywords})


def test_noise_is_that_of_the_solvers():
    source = (Path(__file__).parents[1] / "cpp" / "solvers" / "run.cpp").read_text()
    (values,) = re.findall(r"kNoise\[kDTypes\] = \{(.*)\};", source)
    assert list(_NOISE.values()) == [float(value) for value in values.split(",")]
