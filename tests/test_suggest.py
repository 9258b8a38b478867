"""Misspelt names are errors that say what may have been meant."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest
import schuss
from schuss import lab, suggest
from schuss.lab import catalog
from schuss.suggest import did_you_mean

from docs import pages


@pytest.mark.parametrize("module", pages.modules())
def test_misspelt_names_of_every_public_module(module):
    found = importlib.import_module(module)
    for name in found.__all__:
        if len(name) > 3:
            with pytest.raises(AttributeError, match=f"module '{module}' .*; did you mean '"):
                getattr(found, name[:-2] + name[-1] + name[-2] + "_")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Adma", "'Adam'"),
        ("Adagrad", "'AdaGrad'"),
        ("RMSProp", "'RMSprop'"),
        ("Momentum", "'SGD(momentum=0.9)'"),
        ("Nesterov", "'SGD(momentum=0.9, nesterov=True)'"),
        ("AMSGrad", "'Adam(amsgrad=True)'"),
        ("newton_textbook", "\"Newton(globalization='none')\""),
        ("lr_scheduler", "'schedules'"),
        ("minimise", "'minimize'"),
    ],
)
def test_names_of_the_package(name, near):
    with pytest.raises(AttributeError) as caught:
        getattr(schuss, name)
    assert str(caught.value) == f"module 'schuss' has no attribute {name!r}; did you mean {near}?"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("adma", "Adam"),
        ("aadm", "Adam"),
        ("admaw", "AdamW"),
        ("adamxa", "Adamax"),
        ("sdg", "SGD"),
        ("lino", "Lion"),
        ("nadma", "NAdam"),
        ("rmspop", "RMSprop"),
        ("momentun", "Momentum"),
    ],
)
def test_two_letters_that_changed_places_are_one_mistake(name, near):
    with pytest.raises(ValueError, match=f"unknown optimizer '{name}'; did you mean '{near}'"):
        lab.compare([name])


@pytest.mark.parametrize("name", catalog.VARIANTS)
def test_rules_by_setting_are_those_of_the_lab(name):
    of, settings = catalog.VARIANTS[name]
    call = f"{of}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"
    assert did_you_mean(name, schuss.SETTINGS) == f"; did you mean {call!r}?"
    assert len(schuss.SETTINGS) == len(catalog.VARIANTS)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: schuss.LBFGS([1.0], histroy_size=3), "LBFGS has no argument 'histroy_size'; did "),
        (lambda: schuss.Newton([1.0], max_iter=3), "Newton has no argument 'max_iter'; did you "),
        (lambda: schuss.schedules.cosine(0.1, T_max=9), "cosine has no argument 'T_max'; did you "),
        (lambda: schuss.initializers.normal(3, std=1), "normal has no argument 'std'; did you "),
        (lambda: schuss.minibatches([1.0], batchsize=2), "minibatches has no argument 'batchsize'"),
        (lambda: schuss.line_search(None, 0, directon=1), "line_search has no argument 'directon'"),
        (lambda: lab.compare(epoch=1), "compare has no argument 'epoch'; did you mean 'epochs'?"),
        (
            lambda: schuss.initializers.zeros(3, colour=1),
            "zeros has no argument 'colour'; it has shape, rng, dtype",
        ),
    ],
)
def test_misspelt_arguments(call, line):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).startswith(line)


def test_functions_are_what_they_were():
    assert list(inspect.signature(schuss.initializers.zeros).parameters) == [
        "shape",
        "rng",
        "dtype",
    ]
    assert schuss.initializers.zeros.__module__ == "schuss.initializers"
    assert np.array_equal(schuss.initializers.ones(shape=2), [1, 1])
    assert schuss.schedules.cosine(0.1, total_steps=10) == schuss.schedules.cosine(0.1, 10)


def test_functions_with_further_keywords_are_left_alone():
    def open_ended(**more):
        return more

    assert suggest.with_known_arguments("open_ended", open_ended) is open_ended


def test_dir_has_public_names_only():
    assert dir(schuss) == sorted([*schuss.__all__, "__version__"])
    assert "lab" in dir(schuss)
    assert not [name for name in dir(schuss) if name.startswith("_") and name != "__version__"]
