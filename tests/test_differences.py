"""Gradients by differences, where there is no gradient."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from helpers import leaves, same_bits
from schuss.solvers.differences import Differences
from solver_cases import tree_bowl


def wavy(x):
    return float((np.sin(x.astype(np.float64)) * np.arange(1, x.size + 1).reshape(x.shape)).sum())


@pytest.mark.parametrize(("central", "error"), [(True, 1e-9), (False, 1e-6)])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_differences(rng, central, error, shape):
    x = np.asarray(rng.standard_normal(shape) * 3)
    evaluate = Differences(wavy, central=central)
    f, g = evaluate(x)
    exact = np.cos(x) * np.arange(1, x.size + 1).reshape(shape)
    assert f == wavy(x)
    assert g.shape == shape
    np.testing.assert_allclose(g, exact, atol=error)
    assert evaluate.evaluations == 1 + (2 if central else 1) * x.size
    evaluate(x)
    assert evaluate.evaluations == 2 * (1 + (2 if central else 1) * x.size)


@pytest.mark.parametrize(("central", "error"), [(True, 1e-4), (False, 1e-2)])
def test_differences_in_float32(rng, central, error):
    x = rng.standard_normal(4).astype(np.float32)
    _, g = Differences(wavy, central=central)(x)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g, np.cos(x) * np.arange(1, 5), atol=error)


def test_differences_are_exact_for_lines_at_any_scale():
    x = np.array([1e-8, 1.0, 1e3, 1e8, -12345.678])
    slopes = np.array([2.0, -1.0, 0.5, 4.0, 0.25])
    for central in (True, False):
        for k in range(5):
            _, g = Differences(lambda x, k=k: slopes[k] * x[k], central=central)(x)
            assert same_bits(g, np.where(np.arange(5) == k, slopes, 0.0))


def test_points_of_differences_are_read_only_and_kept(rng):
    x = {"a": rng.standard_normal((2, 2)), "b": [rng.standard_normal(1)]}
    before = copy.deepcopy(x)
    kept = []

    def fun(x):
        if kept:
            assert not any(leaf.flags.writeable for leaf in leaves(x))
        kept.append(x)
        return tree_bowl(x)[0]

    f, g = Differences(fun)(x)
    assert f == tree_bowl(x)[0]
    assert len({tuple(np.concatenate([a.ravel() for a in leaves(p)])) for p in kept}) == 11
    assert all(same_bits(a, b) for a, b in zip(leaves(x), leaves(before), strict=True))
    for ours, exact in zip(leaves(g), leaves(tree_bowl(x)[1]), strict=True):
        np.testing.assert_allclose(ours, exact, atol=1e-9)
