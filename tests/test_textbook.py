"""The NumPy textbook code of the lab: written without our kernels, it must say what they say."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import schuss
from cases import CASES, Case
from schuss.lab import textbook

SHAPES = [(1,), (7,), (33,), (257,), (3, 5), ()]

WITH_DECAY = [
    Case(case.name, case.rule, {**case.settings, "weight_decay": 0.07})
    for case in CASES
    if "weight_decay" not in case.settings
]


@pytest.mark.parametrize("case", [*CASES, *WITH_DECAY], ids=str)
def test_same_trajectory(case, rng):
    twin_class = textbook.get(case.name)
    if twin_class is None:
        pytest.skip("no textbook twin yet")
    ours = [np.asarray(rng.normal(size=shape)) for shape in SHAPES]
    theirs = [p.copy() for p in ours]
    start = [p.copy() for p in ours]
    settings = dict(case.settings)
    decoupled = settings.pop("decoupled_weight_decay", twin_class.decoupled)
    optimizer, twin = case.make(), twin_class(**settings)
    twin.decoupled = decoupled
    for step in range(31):  # odd: Lion may not come back to where it began
        # Gradients with a mean, so that the first moment matters, and scales that differ.
        grads = [np.asarray(10.0 ** (step % 3) * rng.normal(0.5, 1, shape)) for shape in SHAPES]
        optimizer.step(ours, grads)
        twin.step(theirs, grads)
    for p, q, p0 in zip(ours, theirs, start, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-14)
        assert np.all(p != p0)


@pytest.mark.parametrize("name", textbook.__all__)
def test_same_signature(name):
    if name in ("Textbook", "get"):
        return
    wanted = inspect.signature(getattr(schuss, name)).parameters
    wanted = {k: p.default for k, p in wanted.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
    got = inspect.signature(textbook.get(name)).parameters
    assert list(wanted.items()) == [(k, p.default) for k, p in got.items()]


def test_every_class_is_registered():
    classes = {
        name
        for name, value in vars(textbook).items()
        if isinstance(value, type)
        and issubclass(value, textbook.Textbook)
        and not name.startswith("_")
        and value is not textbook.Textbook
    }
    assert classes == {name for name in classes if textbook.get(name) is getattr(textbook, name)}
    assert classes == set(textbook.__all__) - {"Textbook", "get"}
    assert textbook.get("Textbook") is None
    assert textbook.get("NoSuchRule") is None


# Worked by hand, so that an error made twice is seen as well. p = 1, then g = 2 and g = -1.
BY_HAND = [
    ("SGD", {"learning_rate": 0.1}, 1 - 0.2 + 0.1),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.5}, 1 - 0.2 - 0.1 * (0.5 * 2 - 1)),
    (
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.5, "nesterov": True},
        1 - 0.1 * (2 + 0.5 * 2) - 0.1 * (-1 + 0.5 * (0.5 * 2 - 1)),
    ),
    ("AdaGrad", {"learning_rate": 0.1, "epsilon": 0.0}, 1 - 0.1 + 0.1 / math.sqrt(5)),
    (
        "RMSprop",
        {"learning_rate": 0.1, "beta": 0.5, "epsilon": 0.0},
        1 - 0.1 * 2 / math.sqrt(2) + 0.1 / math.sqrt(1.5),
    ),
    (
        "Adam",
        {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.5, "epsilon": 0.0},
        # m_hat = (0.5 - 0.5) / 0.75 = 0 at the second step
        1 - 0.1,
    ),
    (
        "AdamW",
        {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.5, "epsilon": 0.0, "weight_decay": 1.0},
        (1 - 0.1 - 0.1) * (1 - 0.1),
    ),
    ("Adamax", {"learning_rate": 0.1, "beta1": 0.5, "epsilon": 0.0}, 1 - 0.1),
    ("Lion", {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.75}, 1 - 0.1 + 0.1),
    (
        "AdEMAMix",
        {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.5, "beta3": 0.5, "epsilon": 0.0},
        1 - 0.1 * (1 + 5 * 1 / 2) - 0.1 * (0 + 5 * 0) / math.sqrt(1.5 / 0.75),
    ),
    (
        "Adan",
        {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.5, "beta3": 0.5, "epsilon": 0.0},
        # the second change is -3: d = -1.5, d_hat = -2; n = 1 + 0.5 * 2.5²
        1 - 0.1 - 0.1 * (0 - 0.5 * 2) / math.sqrt((1 + 0.5 * 6.25) / 0.75),
    ),
    ("LAMB", {"learning_rate": 0.1, "weight_decay": 0.0}, 0.9 * 0.9),  # the mean stays above 0
    ("LAMB", {"learning_rate": 0.1, "beta1": 0.0, "weight_decay": 0.0}, 0.9 * 1.1),
    (
        "LARS",
        {"learning_rate": 0.1, "momentum": 0.0, "trust_coefficient": 1.0, "epsilon": 0.0},
        0.9 * 1.1,
    ),
]


@pytest.mark.parametrize(("name", "settings", "wanted"), BY_HAND)
def test_by_hand(name, settings, wanted):
    p = np.array([1.0])
    optimizer = textbook.get(name)(**settings)
    for g in (2.0, -1.0):
        optimizer.step([p], [np.array([g])])
    assert p[0] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("name", sorted(set(textbook.__all__) - {"Textbook", "get"}))
def test_keeps_float32_and_leaves_gradients_alone(name, rng):
    """A baseline that slipped into float64 would be slower than what users run."""
    optimizer = textbook.get(name)()
    p = rng.normal(size=(5, 3)).astype(np.float32)
    grads = rng.normal(size=(5, 3)).astype(np.float32)
    before = grads.copy()
    optimizer.step([p], [grads])
    optimizer.step([p], [grads])
    assert all(slot.dtype == np.float32 for state in optimizer.states for slot in state.values())
    assert np.array_equal(grads, before)
