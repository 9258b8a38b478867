"""Norms and clipping as functions, and the fixed order of sums."""

from __future__ import annotations

import collections
import math

import numpy as np
import pytest
import reference
from helpers import aligned, split
from schuss import clipping


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 4095, 4096, 4097, 9001, 70_001, 300_001])
def test_norm_equals_twin(n, dtype, isa, threads, rng):
    x = (rng.standard_normal(n) * 10.0 ** rng.integers(-6, 6, n)).astype(dtype)
    expected = math.sqrt(reference.sum_squares(x))
    for n_threads in (1, 2, 7):
        threads(n_threads)
        for pieces in (1, 3, 50):
            assert clipping.global_norm(split(x, pieces)) == expected
        moved = aligned(n, dtype, dtype().itemsize)
        moved[:] = x
        assert clipping.global_norm({"a": moved[: n // 2], "b": [moved[n // 2 :]]}) == expected


def test_norm_is_the_norm(rng):
    for n in (3, 1000, 100_000):
        x = rng.standard_normal(n)
        np.testing.assert_allclose(clipping.global_norm(x), np.linalg.norm(x), rtol=1e-13)
        np.testing.assert_allclose(clipping.global_norm(x[::3]), np.linalg.norm(x[::3]), rtol=1e-13)


def test_norm_follows_logical_order_whatever_the_layout(rng):
    x = rng.standard_normal((70, 90, 3))
    expected = clipping.global_norm(x)
    assert clipping.global_norm(np.asfortranarray(x)) == expected
    assert clipping.global_norm(x[::-1].copy()[::-1]) == expected


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1.0, 1e170, 1e300, 5e-324])
def test_norm_neither_overflows_nor_underflows(scale):
    x = np.array([3.0, 4.0] if scale > 1e-320 else [1.0, 0.0]) * scale
    expected = 5.0 * scale if scale > 1e-320 else scale
    np.testing.assert_allclose(clipping.global_norm(x), expected, rtol=1e-14)


def test_norm_of_nonfinite():
    assert math.isnan(clipping.global_norm(np.array([1.0, np.nan])))
    assert clipping.global_norm(np.array([1.0, -np.inf])) == math.inf
    assert clipping.global_norm([]) == 0.0


def test_norm_of_other_dtypes(rng):
    assert clipping.global_norm(np.array([3, 4], np.int8)) == 5.0
    assert clipping.global_norm([np.array([3.0], np.float16), np.array([4.0])]) == 5.0


def test_clip_by_global_norm(rng):
    grads = {"w": rng.standard_normal((3, 4)).astype("f"), "b": (rng.standard_normal(2),)}
    copies = {"w": grads["w"].copy(), "b": (grads["b"][0].copy(),)}
    norm = clipping.global_norm(grads)
    clipped = clipping.clip_by_global_norm(grads, 0.5)
    factor = 0.5 / (norm + 1e-6)
    assert np.array_equal(clipped["w"], copies["w"] * np.float32(factor))
    assert np.array_equal(clipped["b"][0], copies["b"][0] * factor)
    assert clipped["w"].dtype == np.float32
    assert isinstance(clipped["b"], tuple)
    assert np.array_equal(grads["w"], copies["w"])
    np.testing.assert_allclose(clipping.global_norm(clipped), 0.5, rtol=1e-5)
    again = clipping.clip_by_global_norm(grads, 0.5, inplace=True)
    assert again is grads
    assert np.array_equal(grads["w"], clipped["w"])


def test_below_the_norm_nothing_changes(rng):
    g = rng.standard_normal(5)
    out = clipping.clip_by_global_norm([g], 1e9)
    assert np.array_equal(out[0], g)
    assert not np.shares_memory(out[0], g)
    assert clipping.clip_by_global_norm([g], 1e9, inplace=True)[0] is g


def test_clip_by_value(rng):
    g = np.array([-2.0, -0.5, 0.0, 0.5, 2.0, np.nan])
    assert np.array_equal(
        clipping.clip_by_value(g, 1.0), [-1.0, -0.5, 0.0, 0.5, 1.0, np.nan], equal_nan=True
    )
    assert g[0] == -2.0
    clipping.clip_by_value([g], 1.0, inplace=True)
    assert g[0] == -1.0


@pytest.mark.parametrize("clip", [clipping.clip_by_global_norm, clipping.clip_by_value])
def test_bad_input(clip):
    good = np.ones(3)
    for limit, error in (
        (0.0, ValueError),
        (-1.0, ValueError),
        (math.nan, ValueError),
        ("1", TypeError),
    ):
        with pytest.raises(error, match="max_"):
            clip([good], limit)
    for bad in (np.ones(3, int), 1.0, None):
        with pytest.raises(TypeError, match="grads"):
            clip([good, bad], 0.5, inplace=True)
    frozen = np.ones(3)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        clip([good, frozen], 0.5, inplace=True)
    assert (good == 1.0).all()
    assert clip(frozen, 0.5) is not frozen


def test_arrays_stay_arrays_of_their_dtype():
    for clip in (clipping.clip_by_global_norm, clipping.clip_by_value):
        for limit in (0.5, 1e9):
            for dtype in (np.float16, np.float32, np.float64):
                out = clip(np.array(3.0, dtype), np.float64(limit))
                assert isinstance(out, np.ndarray)
                assert out.dtype == dtype
                assert out.shape == ()


def test_a_namedtuple_comes_back_as_one():
    layer = collections.namedtuple("Layer", "w b")
    clipped = clipping.clip_by_value(layer(np.array([3.0]), [np.array([-2.0])]), 1.0)
    assert clipped == layer(1.0, [-1.0])
    assert isinstance(clipped, layer)


def test_the_limit_is_a_double():
    g = np.array([3.0, 4.0])
    narrow = np.float32(0.1)
    assert np.array_equal(
        clipping.clip_by_global_norm(g, narrow), clipping.clip_by_global_norm(g, float(narrow))
    )


def test_an_array_that_stands_twice_is_clipped_once():
    g = np.array([3.0, 4.0])
    expected = clipping.clip_by_global_norm([g, g], 1.0)[0]
    clipping.clip_by_global_norm([g, g], 1.0, inplace=True)
    assert np.array_equal(g, expected)


def test_an_endless_limit_is_refused_as_a_number_and_none_is_for_optimizers():
    with pytest.raises(ValueError, match="max_norm is inf"):
        clipping.clip_by_global_norm(np.ones(2), math.inf)


def test_a_factor_that_float16_cannot_hold_clips_all_the_same():
    g = np.full(1_000_000, 60_000.0, np.float16)
    clipped = clipping.clip_by_global_norm(g, 1.0)
    np.testing.assert_allclose(clipped, 1e-3, rtol=1e-3)
