"""Models by name, their exponential and logarithm: against exact values, the twin, differences."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import product

import models_reference as twin
import numpy as np
import pytest
from schuss import _core

TWINS = ["gaussian", "gaussian_2d", "lorentzian", "voigt"]
TWINS += ["exponential", "biexponential", "sigmoid", "power"]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 800.0, -800.0, 709.782712893384, 709.7827128933841]
SPECIAL += [-745.1332191019411, -745.1332191019412, 5e-324, -5e-324, 1e300, -1e300, -708.4, 1.0]


def arguments_of_exp(rng):
    halves = (rng.integers(-1070, 1020, 400) + 0.5) * np.log(2)
    return np.concatenate(
        [rng.uniform(-745, 709.7, 700), rng.uniform(-1, 1, 300), halves, rng.normal(0, 1e-9, 50)]
    )


def arguments_of_log(rng):
    tiny = 5e-324 * rng.integers(1, 1 << 40, 50)
    wide = np.exp(rng.uniform(-707, 709, 600))
    return np.concatenate([wide, rng.uniform(0.5, 2, 700), 1 + rng.normal(0, 1e-6, 100), tiny])


def errors(results, arguments, exact, least):
    """Errors in units of the last place of the exact value, in float with `least` its smallest."""
    with localcontext() as context:
        context.prec = 60
        for result, argument in zip(results, arguments, strict=True):
            value = exact(Decimal(float(argument)))
            unit = max(np.spacing(abs(least.dtype.type(float(value)))), least)
            if float(abs(value)) in (0.5, 1.0, 2.0):  # the exact one may be just below
                unit /= 2
            yield abs(Decimal(float(result)) - value) / Decimal(float(unit))


@pytest.mark.parametrize("name", ["exp", "log"])
def test_within_one_unit_in_the_last_place(name, rng, isa):
    x = arguments_of_exp(rng) if name == "exp" else arguments_of_log(rng)
    exact = Decimal.exp if name == "exp" else Decimal.ln
    worst = max(errors(getattr(_core, name)(x), x, exact, np.float64(5e-324)))
    assert worst <= 1


@pytest.mark.parametrize("name", ["exp", "log"])
def test_float32_within_one_unit(name, rng, isa):
    x = rng.uniform(-87, 88, 500) if name == "exp" else np.exp(rng.uniform(-87, 88, 500))
    x = x.astype(np.float32)
    exact = Decimal.exp if name == "exp" else Decimal.ln
    found = getattr(_core, name)(x)
    assert found.dtype == np.float32
    assert max(errors(found, x, exact, np.float32(1e-45))) <= 0.51


def test_exp_and_log_of_special_values(isa):
    x = np.array(SPECIAL)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(_core.log(x[:5]), [-np.inf, -np.inf, np.inf, np.nan, np.nan])
        found, expected = _core.exp(x), np.exp(x)
    special = ~np.isfinite(expected) | (expected == 0) | (expected == 1)
    np.testing.assert_array_equal(found[special], expected[special])
    assert np.isnan(_core.log(np.array([-1.0, -5e-324, -np.inf]))).all()
    assert _core.log(np.array([1.0]))[0] == 0.0


@pytest.mark.parametrize("name", ["exp", "log"])
def test_exp_and_log_have_the_twins_bits(name, rng, isa):
    x = np.concatenate([arguments_of_exp(rng), arguments_of_log(rng), SPECIAL])
    np.testing.assert_array_equal(getattr(_core, name)(x), getattr(twin, name)(x))


def test_every_model_has_a_twin():
    assert list(_core.models()) == TWINS


def example(name, rng, count, m):
    """Points and parameters at which a model is smooth."""
    parameters, variables = _core.models()[name]
    x = rng.uniform(0.2, 3, (m,) if variables == 1 else (variables, m))
    return x, rng.uniform(0.3, 2, (count, len(parameters))), variables


def full_parameters(own, rng, offset, slope, variables):
    more = rng.normal(size=(len(own), offset + slope * variables))
    return np.ascontiguousarray(np.concatenate([own, more], axis=1))


@pytest.mark.parametrize(("offset", "slope"), list(product([False, True], repeat=2)))
@pytest.mark.parametrize("name", TWINS)
def test_models_have_the_twins_bits(name, offset, slope, rng, isa):
    x, own, variables = example(name, rng, 19, 37)
    own[3] = -own[3]
    p = full_parameters(own, rng, offset, slope, variables)
    values, jacobians = _core.Model(name, offset, slope).evaluate(x, p)
    at = x if variables == 1 else x[:, None]
    columns = [column[:, None] for column in p.T]
    value, by = twin.with_line(
        getattr(twin, name), own.shape[1], at, *columns, offset=offset, slope=slope
    )
    np.testing.assert_array_equal(values, value)
    np.testing.assert_array_equal(jacobians, np.stack(np.broadcast_arrays(*by), axis=2))


@pytest.mark.parametrize(("offset", "slope"), [(False, False), (True, True)])
@pytest.mark.parametrize("name", TWINS)
def test_derivatives_are_those_of_differences(name, offset, slope, rng):
    x, own, variables = example(name, rng, 5, 11)
    p = full_parameters(own, rng, offset, slope, variables)
    model = _core.Model(name, offset, slope)
    _, jacobians = model.evaluate(x, p)
    for j in range(p.shape[1]):
        step = np.zeros(p.shape[1])
        step[j] = 1e-6
        change = (model.evaluate(x, p + step)[0] - model.evaluate(x, p - step)[0]) / 2e-6
        np.testing.assert_allclose(jacobians[:, :, j], change, rtol=1e-7, atol=1e-8)


FORMULAS = {
    "gaussian": lambda x, a, c, s: a * np.exp(-((x - c) ** 2) / (2 * s**2)),
    "gaussian_2d": lambda x, a, c, d, s, t: (
        a * np.exp(-((x[0] - c) ** 2) / (2 * s**2) - (x[1] - d) ** 2 / (2 * t**2))
    ),
    "lorentzian": lambda x, a, c, g: a / (1 + ((x - c) / g) ** 2),
    "voigt": lambda x, a, c, s, f: (
        a
        * (
            (1 - f) * np.exp(-((x - c) ** 2) / (2 * s**2))
            + f / (1 + (x - c) ** 2 / (2 * np.log(2) * s**2))
        )
    ),
    "exponential": lambda x, a, k: a * np.exp(-k * x),
    "biexponential": lambda x, a, k, b, l: a * np.exp(-k * x) + b * np.exp(-l * x),  # noqa: E741
    "sigmoid": lambda x, a, c, w: a / (1 + np.exp(-(x - c) / w)),
    "power": lambda x, a, b: a * x**b,
}


@pytest.mark.parametrize("name", TWINS)
def test_values_are_those_of_the_formula(name, rng):
    x, p, _ = example(name, rng, 4, 9)
    values, _ = _core.Model(name, False, False).evaluate(x, p)
    for row, parameters in zip(values, p, strict=True):
        np.testing.assert_allclose(row, FORMULAS[name](x, *parameters), rtol=1e-13)


def test_the_parts_of_a_voigt_profile_are_equally_wide():
    half = np.array([np.sqrt(2 * np.log(2))])
    values, _ = _core.Model("voigt", False, False).evaluate(
        half, np.array([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0]])
    )
    np.testing.assert_allclose(values[:, 0], 0.5, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "x", "p", "value", "by"),
    [
        ("power", 0.0, [2.0, 0.5], 0.0, [0.0, 0.0]),
        ("power", 0.0, [2.0, 0.0], 2.0, [1.0, -np.inf]),
        ("power", -1.0, [2.0, 2.0], np.nan, [np.nan, np.nan]),
        ("sigmoid", 1e5, [2.0, 0.0, 1.0], 2.0, [1.0, 0.0, 0.0]),
        ("sigmoid", -1e5, [2.0, 0.0, 1.0], 0.0, [0.0, 0.0, 0.0]),
        ("gaussian", 1e9, [2.0, 0.0, 1.0], 0.0, [0.0, 0.0, 0.0]),
        ("gaussian", 1.0, [2.0, 0.0, 0.0], 0.0, [0.0, np.nan, np.nan]),
        ("exponential", 1e3, [2.0, -1.0], np.inf, [np.inf, -np.inf]),
    ],
)
def test_edges(name, x, p, value, by, isa):
    values, jacobians = _core.Model(name, False, False).evaluate(np.array([x]), np.array([p]))
    np.testing.assert_array_equal(values[0, 0], value)
    np.testing.assert_array_equal(jacobians[0, 0], by)
