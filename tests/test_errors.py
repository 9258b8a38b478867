"""Bad settings are refused with an error that names the argument, what came and what is wanted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import schuss
from cases import CASES, ERRORS
from helpers import same_bits
from schuss import _core
from schuss.optimizers.base import COMMON as OF_ALL_RULES
from schuss.optimizers.settings import Choice

OPTIMIZERS = {case.name: case for case in reversed(CASES)}


def ranges():
    for name, case in OPTIMIZERS.items():
        for hyper, setting in case.make()._hyperparameters().items():
            if not isinstance(setting, Choice):
                yield name, hyper, setting


RANGES = list(ranges())


def bad_numbers(setting):
    yield from (
        10**400,
        math.nan,
        math.inf,
        -math.inf,
        setting.minimum - 0.001,
        np.float32(math.nan),
    )
    if setting.below < math.inf:
        yield from (setting.below, setting.below + 0.5)


@pytest.mark.parametrize(
    ("name", "hyper", "setting"), RANGES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_hyperparameter_ranges(name, hyper, setting):
    make = getattr(schuss, name)
    for bad in bad_numbers(setting):
        with pytest.raises(ValueError, match=f"{hyper} is .* is wanted"):
            make(**{hyper: bad})
        with pytest.raises(ValueError, match=f"overrides.*{hyper}.* is wanted"):
            make(overrides={"*": {hyper: bad}})
    none = [None] if setting.absent is None else []
    for bad in ("0.1", *none, True, np.True_, [0.1], 1j, np.complex64(1)):
        with pytest.raises(TypeError, match=f"{hyper} is .* is wanted"):
            make(**{hyper: bad})
    good = setting.minimum if setting.below == math.inf else 0.5
    opt = make(**{hyper: good})
    with pytest.raises(ValueError, match=hyper):
        setattr(opt, hyper, math.nan)
    assert getattr(opt, hyper) == good


@pytest.mark.parametrize(
    ("name", "hyper", "setting"), RANGES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_bad_schedule_values_are_refused_before_anything_is_written(name, hyper, setting, rng):
    used = next(
        c
        for c in CASES
        if c.name == name and hyper in (*_core.rules()[c.rule]["hyper"], *OF_ALL_RULES)
    )
    good = setting.minimum if setting.below == math.inf else 0.5
    for bad, error in (
        (math.nan, ValueError),
        (setting.minimum - 1.0, ValueError),
        ("1", TypeError),
    ):
        opt = used.make(**{hyper: lambda t, bad=bad: good if t < 2 else bad})
        p = rng.standard_normal(20)
        opt.step(p, np.ones(20))
        opt.step(p, np.ones(20))
        before = p.copy()
        with pytest.raises(error, match=rf"{hyper}\(2\) is"):
            opt.step(p, np.ones(20))
        assert same_bits(p, before)
        assert opt.step_count == 2


@pytest.mark.parametrize("bad", [1.0, -0.1, math.nan, "0.9", True, lambda t: 0.9])
def test_an_average_is_asked_for_once_and_by_a_number(bad):
    with pytest.raises((ValueError, TypeError), match=r"ema is .* is wanted"):
        schuss.Adam(ema=bad)
    opt = schuss.Adam(ema=0.5)
    with pytest.raises(AttributeError, match="ema cannot be assigned; it goes to the constructor"):
        opt.ema = 0.9
    assert repr(opt).endswith(", ema=0.5)")
    with pytest.raises(AttributeError, match="the argument ema asks for one"):
        schuss.Adam().ema  # noqa: B018


@pytest.mark.parametrize(("name", "settings", "error", "message"), ERRORS)
def test_table_of_errors(name, settings, error, message):
    with pytest.raises(error, match=message):
        getattr(schuss, name)(**settings)


COMMON = [
    ({"max_norm": 0.0}, ValueError),
    ({"max_norm": -1.0}, ValueError),
    ({"max_norm": math.nan}, ValueError),
    ({"max_norm": "1"}, TypeError),
    ({"max_value": 0}, ValueError),
    ({"max_value": -0.5}, ValueError),
    ({"grad_scale": 0.0}, ValueError),
    ({"grad_scale": -2.0}, ValueError),
    ({"grad_scale": math.inf}, ValueError),
    ({"nonfinite": "ignore"}, ValueError),
    ({"nonfinite": None}, ValueError),
    ({"maximize": 1}, TypeError),
    ({"agc_axis": "last"}, TypeError),
    ({"agc_axis": 0.5}, ValueError),
    ({"agc_axis": 32}, ValueError),
    ({"agc_axis": -33}, ValueError),
    ({"overrides": {"*": {"ema": 0.9}}}, ValueError),
    ({"overrides": {"*": 0.1}}, TypeError),
    ({"overrides": {0: {"weight_decay": 0.1}}}, TypeError),
    ({"overrides": {"*": {"lr": 0.1}}}, ValueError),
    ({"overrides": {"*": {"max_norm": 0.1}}}, ValueError),
]


@pytest.mark.parametrize(("settings", "error"), COMMON, ids=str)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_common_keywords(name, settings, error):
    (argument,) = settings
    with pytest.raises(error, match=argument):
        OPTIMIZERS[name].make(**settings)
    if argument != "overrides":
        opt = OPTIMIZERS[name].make()
        before = getattr(opt, argument)
        with pytest.raises(error, match=argument):
            setattr(opt, argument, settings[argument])
        assert getattr(opt, argument) == before


def test_unknown_keyword():
    with pytest.raises(TypeError, match="lr"):
        schuss.Adam(lr=0.1)


@pytest.mark.parametrize("bad", [-1.0, -math.inf, "1", True, 1j, [1.0, 2.0]])
def test_a_norm_from_outside_is_a_number(bad):
    p, opt = np.ones(3), schuss.SGD(max_norm=1.0)
    with pytest.raises((ValueError, TypeError), match=r"grad_norm is .* at least 0 is wanted"):
        opt.step(p, np.ones(3), grad_norm=bad)
    assert same_bits(p, np.ones(3))
    assert opt.step_count == 0
