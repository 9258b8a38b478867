"""A missing piece turns a test red and is named: class, twin, case, docstring, export."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
import reference
import schuss
from cases import CASES
from schuss import _core

ROOT = Path(__file__).parents[1]
HEADERS = (ROOT / "cpp" / "rules").glob("*.hpp")
FAMILIES = Path(schuss.optimizers.__file__).parent.glob("[!_]*.py")
PUBLIC_MODULES = [
    schuss,
    schuss.clipping,
    schuss.config,
    schuss.initializers,
    schuss.linalg,
    schuss.optimizers,
    schuss.schedules,
    schuss.solvers,
]


def test_optimizers_are_those_of_the_families():
    modules = [import_module(f"schuss.optimizers.{file.stem}") for file in FAMILIES]
    named = [vars(module)[name] for module in modules for name in module.__all__]
    kinds = [x for x in named if isinstance(x, type) and issubclass(x, schuss.Optimizer)]
    assert {cls.__name__ for cls in kinds} == {*schuss.optimizers.__all__, "Coupled", "Optimizer"}


@pytest.mark.parametrize("rule", _core.rules())
def test_rule_has_twin_case_and_class(rule):
    assert hasattr(reference, rule), f"tests/reference.py lacks {rule}"
    cases = [case for case in CASES if case.rule == rule]
    assert cases, f"tests/cases.py lacks a row for {rule}"
    for case in cases:
        assert case.name in schuss.optimizers.__all__, f"{case.name} is not exported"
        assert case.make().rule == rule


@pytest.mark.parametrize("rule", _core.rules())
def test_twin_takes_the_slots_and_hyperparameters_of_the_registry(rule):
    entry = _core.rules()[rule]
    parameters = inspect.signature(getattr(reference, rule)).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert len(positional) == 2 + len(entry["slots"])
    assert keywords == ["t", *entry["hyper"], *(["offset"] if entry["sums"] else [])]


def test_every_rule_header_is_registered():
    registry = (ROOT / "cpp" / "rules" / "registry.hpp").read_text()
    for header in HEADERS:
        if header.name not in ("registry.hpp", "terms.hpp"):
            assert f'#include "rules/{header.name}"' in registry


@pytest.mark.parametrize("name", schuss.optimizers.__all__)
def test_docstring_of_an_optimizer(name):
    cls = getattr(schuss, name)
    doc = inspect.getdoc(cls)
    first = doc.splitlines()[0]
    assert re.search(
        r"`weight_decay` is (an L2 gradient term|decoupled|a term of the step)\.", first
    )
    for section in ("Args:", "Use it:", "Trouble:", "Memory:", "Example:", "Reference:", ">>> "):
        assert section in doc, section
    own = inspect.signature(cls).parameters.keys() - inspect.signature(schuss.Optimizer).parameters
    for parameter in own:
        assert f"    {parameter}: " in doc, f"{name} does not document {parameter}"


@pytest.mark.parametrize("module", PUBLIC_MODULES, ids=lambda m: m.__name__)
def test_public_names_exist_and_are_documented(module):
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        thing = getattr(module, name)
        if name == "Schedule":  # a type alias can have none
            continue
        assert inspect.getdoc(thing), f"{module.__name__}.{name} has no docstring"


def test_defaults_are_those_of_the_contract():
    """Signatures that users rely on; see the table of optimizers in the documentation."""
    moments = "beta1=0.9, beta2=0.999, epsilon=1e-08"
    adam = f"learning_rate=0.001, {moments}, weight_decay=0.0"
    expected = {
        "SGD": "learning_rate=0.01, momentum=0.0, dampening=0.0, nesterov=False, "
        "lr_in_velocity=False, weight_decay=0.0",
        "ASGD": "learning_rate=0.01, lambd=0.0001, alpha=0.75, t0=1000000.0, weight_decay=0.0",
        "AdaGrad": "learning_rate=0.01, epsilon=1e-08, initial_accumulator=0.0, "
        "weight_decay=0.0, epsilon_inside_sqrt=False",
        "RMSprop": "learning_rate=0.001, beta=0.9, epsilon=1e-08, momentum=0.0, centered=False, "
        "weight_decay=0.0, epsilon_inside_sqrt=False",
        "AdaDelta": "learning_rate=1.0, rho=0.9, epsilon=1e-06, weight_decay=0.0",
        "Adam": f"{adam}, amsgrad=False",
        "AdamW": f"learning_rate=0.001, {moments}, weight_decay=0.01, amsgrad=False",
        "AdaBelief": f"{adam}, epsilon_root=0.0",
        "RAdam": f"{adam}, threshold=4.0",
        "NAdam": f"{adam}, momentum_decay=0.004",
        "Adamax": f"learning_rate=0.002, {moments}, weight_decay=0.0",
        "Lion": "learning_rate=0.0001, beta1=0.9, beta2=0.99, weight_decay=0.0",
        "Rprop": "learning_rate=0.01, eta_minus=0.5, eta_plus=1.2, step_min=1e-06, "
        "step_max=50.0, weight_decay=0.0",
        "AdEMAMix": "learning_rate=0.001, beta1=0.9, beta2=0.999, beta3=0.9999, alpha=5.0, "
        "alpha_warmup=None, beta3_warmup=None, epsilon=1e-08, weight_decay=0.0",
        "Adan": "learning_rate=0.001, beta1=0.98, beta2=0.92, beta3=0.99, epsilon=1e-08, "
        "weight_decay=0.0, proximal=True",
        "LAMB": "learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-06, weight_decay=0.01, "
        "bias_correction=True, adapt='all', max_ratio=None, min_ratio=None",
        "LARS": "learning_rate=1.0, momentum=0.9, dampening=0.0, nesterov=False, "
        "trust_coefficient=0.001, epsilon=1e-08, weight_decay=0.0, adapt='all', "
        "lr_in_velocity=False, max_ratio=None, zero_ratio=1.0",
    }
    common = (
        "max_norm=None, max_value=None, grad_scale=1.0, nonfinite='propagate', maximize=False, "
        "agc=None, agc_epsilon=0.001, agc_axis=-1, ema=None, overrides=None"
    )
    fixed = {"ASGD", "AdamW", "Lion", "AdEMAMix", "Adan", "LARS"}  # in where the decay goes
    assert expected.keys() <= set(schuss.optimizers.__all__)
    for name, signature in expected.items():
        parameters = list(inspect.signature(getattr(schuss, name)).parameters.values())
        own = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        rest = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        assert parameters == own + rest
        assert ", ".join(f"{p.name}={p.default!r}" for p in own) == signature
        policy = "" if name in fixed else ", decoupled_weight_decay=False"
        assert ", ".join(f"{p.name}={p.default!r}" for p in rest) == common + policy
        for p in own:
            if type(p.default) is float:
                kind = float if p.name == "initial_accumulator" else "float | Schedule"
                assert p.annotation == kind
            elif type(p.default) is bool:
                assert p.annotation is bool
