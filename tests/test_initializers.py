"""Initializers: moments, bounds and structure, each against its definition."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schuss import initializers
from schuss.initializers import (
    constant,
    gain,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    lstm_bias,
    normal,
    ones,
    orthogonal,
    output_bias,
    relu_bias,
    truncated_normal,
    uniform,
    zeros,
)

Initializer = Callable[..., Any]

RANDOM: list[Initializer] = [
    uniform,
    normal,
    truncated_normal,
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    lecun_uniform,
    lecun_normal,
    orthogonal,
]
FIXED: list[Initializer] = [zeros, ones, relu_bias, lstm_bias]
NOT_OF_A_SHAPE: list[Initializer] = [constant, gain, output_bias]  # constant needs a value too


def name(value: object) -> str:
    return getattr(value, "__name__", str(value))


random = pytest.mark.parametrize("f", RANDOM, ids=name)
every = pytest.mark.parametrize("f", RANDOM + FIXED, ids=name)

# A standard normal given abs(z) <= 2, by the textbook formulas; kurtosis by E[z^4] = 3 E[z^2] - 8 h
# with h = 2 phi(2) / (2 Phi(2) - 1), from integrating by parts.
MASS = math.erf(math.sqrt(2.0))
HAZARD = 2.0 * math.exp(-2.0) / math.sqrt(2.0 * math.pi) / MASS
TRUNCATED_VARIANCE = 1.0 - 2.0 * HAZARD
TRUNCATED_KURTOSIS = (3.0 * TRUNCATED_VARIANCE - 8.0 * HAZARD) / TRUNCATED_VARIANCE**2
BOUND = 2.0 / math.sqrt(TRUNCATED_VARIANCE)  # in standard deviations after truncation


def check_moments(w: np.ndarray, mean: float, stddev: float, kurtosis: float) -> None:
    """Mean and variance within six standard errors for that many independent samples."""
    w = w.astype(np.float64)
    assert abs(w.mean() - mean) < 6 * stddev / math.sqrt(w.size)
    allowed = 6 * math.sqrt((kurtosis - 1) / w.size)
    assert abs(w.var() / stddev**2 - 1) < allowed
    assert allowed < 0.05


# What holds for all of them.


def test_the_table_has_every_initializer() -> None:
    listed = {name(f) for f in RANDOM + FIXED + NOT_OF_A_SHAPE}
    assert listed == set(initializers.__all__)


@every
def test_calling_form(f: Initializer) -> None:
    parameters = inspect.signature(f).parameters
    assert list(parameters)[:3] == ["shape", "rng", "dtype"]
    assert parameters["rng"].default is None
    assert parameters["dtype"].default is np.float32
    kinds = [parameter.kind for parameter in parameters.values()]
    assert kinds[1:] == [inspect.Parameter.KEYWORD_ONLY] * (len(kinds) - 1)


@every
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((3, 8), np.float16),
        ((3, 8), "float32"),
        ((3, 8), np.float64),
        ([3, 8], np.float32),
        (np.array([3, 8]), np.float32),
        ((2, 3, 5, 4), np.float64),
        ((0, 4), np.float16),
        ((3, 0), np.float32),
    ],
)
def test_a_new_writable_array(f: Initializer, shape: Any, dtype: Any) -> None:
    w = f(shape, rng=0, dtype=dtype)
    assert w.shape == tuple(shape)
    assert w.dtype == dtype
    assert w.flags.c_contiguous
    assert w.flags.writeable
    assert w.flags.owndata or w.base.flags.owndata
    assert np.isfinite(w).all()


@pytest.mark.parametrize("f", [uniform, normal, truncated_normal, zeros, ones, relu_bias], ids=name)
@pytest.mark.parametrize("shape", [(), 5, (5,)])
def test_any_number_of_dimensions(f: Initializer, shape: Any) -> None:
    w = f(shape, rng=0)
    assert isinstance(w, np.ndarray)
    assert w.shape == (shape if isinstance(shape, tuple) else (shape,))


@random
def test_seeds_and_generators(f: Initializer) -> None:
    first = f((30, 20), rng=7)
    assert np.array_equal(first, f((30, 20), rng=7))
    assert not np.array_equal(first, f((30, 20), rng=8))
    assert not np.array_equal(f((30, 20)), f((30, 20)))
    rng = np.random.Generator(np.random.PCG64(7))
    assert np.array_equal(first, f((30, 20), rng=rng))
    assert not np.array_equal(first, f((30, 20), rng=rng))
    assert np.array_equal(first, f((30, 20), rng=np.random.SeedSequence(7)))


@random
def test_dtypes_agree_up_to_one_rounding(f: Initializer) -> None:
    double = f((30, 20), rng=7, dtype=np.float64)
    assert np.array_equal(f((30, 20), rng=7), double.astype(np.float32))
    assert np.array_equal(f((30, 20), rng=7, dtype=np.float16), double.astype(np.float16))
    assert not np.array_equal(double, double.astype(np.float32))


def test_a_seed_gives_the_same_values_for_good() -> None:
    def hexed(w: np.ndarray) -> list[str]:
        return [value.hex() for value in w.ravel().tolist()]

    assert hexed(uniform(4, rng=0, dtype=np.float64, low=0.0, high=1.0)) == [
        "0x1.461fd79fb3850p-1",
        "0x1.1442f7e20b674p-2",
        "0x1.4fa7b529d9bd0p-5",
        "0x1.0ec9ed84d0bc0p-6",
    ]
    assert hexed(normal(4, rng=0, dtype=np.float64, stddev=1.0)) == [
        "0x1.017ed89db8441p-3",
        "-0x1.0e8cfe9bd45ccp-3",
        "0x1.47e57a468b06dp-1",
        "0x1.adabbec84d4f0p-4",
    ]
    # Values 12 and 69 are the first that are drawn again.
    again = truncated_normal(100, rng=0, dtype=np.float64, stddev=1.0)[[0, 1, 12, 69]]
    assert hexed(again) == [
        "0x1.24bba86f03803p-3",
        "-0x1.33932b8cec4cfp-3",
        "0x1.2498304e97d4fp-1",
        "0x1.2009fef082f40p+0",
    ]


def test_orthogonal_gives_the_same_values_for_good() -> None:
    expected = [[0.19264634, -0.98126818], [0.98126818, 0.19264634]]
    assert np.allclose(orthogonal((2, 2), rng=0), expected, rtol=0, atol=1e-7)


# Distributions.


def test_uniform_moments_and_bounds() -> None:
    w = uniform(200_000, rng=0, dtype=np.float64, low=-1.0, high=3.0)
    check_moments(w, 1.0, 4.0 / math.sqrt(12.0), 1.8)
    assert -1.0 <= w.min() < -0.999
    assert 2.999 < w.max() < 3.0


def test_normal_moments_and_tails() -> None:
    w = normal(200_000, rng=0, dtype=np.float64, mean=2.0, stddev=3.0)
    check_moments(w, 2.0, 3.0, 3.0)
    share = np.mean(np.abs(w - 2.0) > 6.0)
    assert abs(share - (1 - MASS)) < 6 * math.sqrt(MASS * (1 - MASS) / w.size)


def test_truncated_normal_has_the_stated_deviation_after_truncation() -> None:
    w = truncated_normal(200_000, rng=0, dtype=np.float64, mean=2.0, stddev=3.0)
    check_moments(w, 2.0, 3.0, TRUNCATED_KURTOSIS)
    furthest = np.abs(w - 2.0).max() / 3.0
    assert 0.999 * BOUND < furthest <= BOUND * (1 + 1e-15)


def test_truncated_normal_is_a_truncated_normal() -> None:
    # Kolmogorov-Smirnov: sqrt(n) D > 3.3 has probability 2 exp(-2 3.3^2) = 7e-10.
    z = np.sort(truncated_normal(200_000, rng=1, dtype=np.float64, stddev=2.0 / BOUND))
    distribution = np.array([math.erf(value / math.sqrt(2.0)) for value in z]) / MASS / 2 + 0.5
    empirical = np.arange(z.size) / z.size
    assert np.abs(distribution - empirical).max() < 3.3 / math.sqrt(z.size)


def test_defaults_of_the_plain_distributions() -> None:
    assert np.array_equal(uniform(9, rng=0), uniform(9, rng=0, low=-0.05, high=0.05))
    assert np.array_equal(normal(9, rng=0), normal(9, rng=0, mean=0.0, stddev=0.05))
    expected = truncated_normal(9, rng=0, mean=0.0, stddev=0.05)
    assert np.array_equal(truncated_normal(9, rng=0), expected)


def test_zero_width() -> None:
    assert (uniform(9, low=0.5, high=0.5) == 0.5).all()
    assert (normal(9, mean=0.5, stddev=0.0) == 0.5).all()
    assert (truncated_normal(9, mean=0.5, stddev=0.0) == 0.5).all()


# Variance scaling: (initializer, keywords, variance from the fans).

SCALED = [
    (glorot_uniform, {}, lambda i, o: 2 / (i + o)),
    (glorot_normal, {}, lambda i, o: 2 / (i + o)),
    (lecun_uniform, {}, lambda i, o: 1 / i),
    (lecun_normal, {}, lambda i, o: 1 / i),
    (he_uniform, {}, lambda i, o: 2 / i),
    (he_normal, {}, lambda i, o: 2 / i),
    (glorot_uniform, {"gain": 3.0}, lambda i, o: 9 * 2 / (i + o)),
    (glorot_normal, {"gain": 3.0}, lambda i, o: 9 * 2 / (i + o)),
    (lecun_uniform, {"gain": 3.0}, lambda i, o: 9 / i),
    (lecun_normal, {"gain": 3.0}, lambda i, o: 9 / i),
    (he_uniform, {"negative_slope": 0.5}, lambda i, o: 2 / (1.25 * i)),
    (he_normal, {"negative_slope": 0.5}, lambda i, o: 2 / (1.25 * i)),
]
# (shape, axes, fan_in, fan_out): every layout tells in from out and counts the receptive field.
LAYOUTS = [
    ((500, 80), {}, 500, 80),
    ((80, 500), {"in_axis": 1, "out_axis": 0}, 500, 80),
    ((3, 5, 10, 200), {}, 3 * 5 * 10, 3 * 5 * 200),
    ((200, 10, 3, 5), {"in_axis": 1, "out_axis": 0}, 3 * 5 * 10, 3 * 5 * 200),
    ((10, 20, 4, 50), {"in_axis": (0, 1), "out_axis": (2, 3)}, 10 * 20, 4 * 50),
    ((10, 7, 20, 50), {"in_axis": [0, -2], "out_axis": -1}, 7 * 10 * 20, 7 * 50),
    ((8, 100, 50), {"batch_axis": 0}, 100, 50),
    ((3, 200, 4, 20), {"in_axis": 1, "batch_axis": (0, -2)}, 200, 20),
    ((3, 5, 8, 10, 40), {"batch_axis": [2]}, 3 * 5 * 10, 3 * 5 * 40),
]


@pytest.mark.parametrize(("f", "keywords", "variance"), SCALED, ids=name)
@pytest.mark.parametrize(("shape", "axes", "fan_in", "fan_out"), LAYOUTS, ids=str)
def test_variance_scaling(
    f: Initializer,
    keywords: dict[str, float],
    variance: Callable[[int, int], float],
    shape: tuple[int, ...],
    axes: dict[str, Any],
    fan_in: int,
    fan_out: int,
) -> None:
    w = f(shape, rng=0, dtype=np.float64, **axes, **keywords)
    stddev = math.sqrt(variance(fan_in, fan_out))
    is_uniform = name(f).endswith("uniform")
    check_moments(w, 0.0, stddev, 1.8 if is_uniform else TRUNCATED_KURTOSIS)
    bound = stddev * (math.sqrt(3.0) if is_uniform else BOUND)
    assert 0.99 * bound < np.abs(w).max() <= bound * (1 + 1e-15)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("linear", 1.0),
        ("sigmoid", 1.0),
        ("tanh", 5 / 3),
        ("relu", 2**0.5),
        ("leaky_relu", (2 / 1.0001) ** 0.5),
        ("selu", 3 / 4),
    ],
)
def test_gain(activation: str, expected: float) -> None:
    assert gain(activation) == pytest.approx(expected, rel=1e-15)


def test_gain_of_leaky_relu_between_relu_and_linear() -> None:
    assert gain("leaky_relu", 0.0) == gain("relu")
    assert gain("leaky_relu", 1.0) == gain("linear")
    assert gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04), rel=1e-15)


# Orthogonal.


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 7), min_size=2, max_size=4),
    st.integers(-2, 1),
    st.floats(-4.0, 4.0),
    st.integers(0, 99),
)
def test_orthogonal(shape: list[int], out_axis: int, factor: float, seed: int) -> None:
    w = orthogonal(shape, rng=seed, dtype=np.float64, out_axis=out_axis, gain=factor)
    assert w.shape == tuple(shape)
    matrix = np.moveaxis(w, out_axis, -1).reshape(-1, shape[out_axis])
    rows, columns = matrix.shape
    small = matrix.T @ matrix if rows >= columns else matrix @ matrix.T
    assert np.allclose(small, factor**2 * np.eye(min(rows, columns)), rtol=0, atol=1e-13)


def test_orthogonal_layers_of_a_batch_are_drawn_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    alone = [orthogonal((4, 3), rng=rng, dtype=np.float64, gain=2.0) for _ in range(6)]
    batch = orthogonal((6, 4, 3), rng=0, dtype=np.float64, gain=2.0, batch_axis=0)
    assert np.array_equal(batch, alone)
    axes = {"out_axis": 2, "batch_axis": (0, -1)}
    apart = orthogonal((2, 4, 3, 3), rng=0, dtype=np.float64, gain=2.0, **axes)
    assert apart.flags.c_contiguous
    for layer in np.moveaxis(apart, -1, 1).reshape(6, 4, 3):
        assert np.allclose(layer.T @ layer, 4 * np.eye(3), rtol=0, atol=1e-13)
    assert orthogonal((0, 4, 3), batch_axis=0).shape == (0, 4, 3)


def test_orthogonal_gain_is_a_factor() -> None:
    w = orthogonal((5, 3), rng=0, dtype=np.float64)
    assert np.array_equal(orthogonal((5, 3), rng=0, dtype=np.float64, gain=-2.0), -2.0 * w)


def test_orthogonal_is_uniform() -> None:
    # Without the signs of R, Householder QR gives a negative first entry every time. Uniform means
    # that each entry of a 3 x 3 rotation or reflection is symmetric with variance 1/3.
    rng = np.random.default_rng(0)
    draws = np.array([orthogonal((3, 3), rng=rng, dtype=np.float64) for _ in range(5_000)])
    assert np.abs(draws.mean(axis=0)).max() < 6 * math.sqrt(1 / 3 / 5_000)
    # An entry of a uniform unit vector in 3 dimensions is uniform on [-1, 1]: E[x^4] = 1/5.
    assert np.abs((draws**2).mean(axis=0) - 1 / 3).max() < 6 * math.sqrt((1 / 5 - 1 / 9) / 5_000)
    share = np.mean(np.linalg.det(draws) > 0)
    assert abs(share - 0.5) < 6 * math.sqrt(0.25 / 5_000)


# Constants and biases.


def test_constants() -> None:
    assert np.array_equal(zeros((2, 3)), np.zeros((2, 3)))
    assert np.array_equal(ones((2, 3)), np.ones((2, 3)))
    assert np.array_equal(constant((2, 3), 0.5), np.full((2, 3), 0.5, np.float32))
    assert np.array_equal(constant((2, 3), value=[1, 2, 3], rng=0), [[1, 2, 3], [1, 2, 3]])
    assert constant((2,), 1, dtype=np.float64).dtype == np.float64


def test_relu_bias() -> None:
    assert (relu_bias(5) == np.float32(0.1)).all()
    assert (relu_bias(5, value=0.25) == 0.25).all()


def test_lstm_bias() -> None:
    assert lstm_bias(12).tolist() == [0] * 3 + [1] * 3 + [0] * 6
    assert lstm_bias((2, 4), value=2.0).tolist() == [[0, 2, 0, 0]] * 2
    assert lstm_bias(8, forget_gate=2).tolist() == [0] * 4 + [1] * 2 + [0] * 2


def sigmoid(b: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-b))


def softmax(b: np.ndarray) -> np.ndarray:
    return np.exp(b) / np.exp(b).sum()


def test_output_bias_of_binary_targets_is_the_log_odds() -> None:
    expected = [math.log(0.25 / 0.75)]
    for targets in ([0, 1, 0, 0], [0.0, 1.0, 0.0, 0.0], [False, True, False, False]):
        b = output_bias(targets, dtype=np.float64)
        assert b.shape == (1,)
        assert np.allclose(b, expected, rtol=1e-15)
    columns = output_bias([[0, 1], [1, 1], [0, 1], [0, 0]], dtype=np.float64)
    assert np.allclose(sigmoid(columns), [0.25, 0.75], rtol=1e-15)
    assert np.allclose(sigmoid(output_bias([0.2, 0.4], activation="sigmoid")), 0.3)


def test_output_bias_of_classes_is_the_log_priors() -> None:
    expected = np.log([0.25, 0.25, 0.5])
    labels = np.array([2, 0, 1, 2])
    for targets in (labels, np.eye(3)[labels], np.eye(3, dtype=int)[labels], np.eye(3)[labels] > 0):
        assert np.allclose(output_bias(targets, dtype=np.float64), expected, rtol=1e-15)
    assert np.allclose(softmax(output_bias([0, 1, 1, 1], activation="softmax")), [0.25, 0.75])
    assert np.allclose(softmax(output_bias([0, 1, 1, 1], classes=2)), [0.25, 0.75])
    soft = output_bias([[0.1, 0.9], [0.3, 0.7]], activation="softmax")
    assert np.allclose(softmax(soft), [0.2, 0.8])


def test_output_bias_of_numbers_is_the_mean() -> None:
    assert output_bias([1.0, 2.0, 4.5]).tolist() == [2.5]
    assert output_bias([[1.0, 10.0], [2.0, 30.0]]).tolist() == [1.5, 20.0]
    assert output_bias([3, 4], activation="linear").tolist() == [3.5]
    assert output_bias([0, 1], activation="linear").tolist() == [0.5]


@pytest.mark.parametrize(
    "targets", [[250_000, 310_000, 199_000], [30, 35, 90], [0, 10**9], [0, 1, 3], [-1, 2]], ids=str
)
def test_output_bias_does_not_guess_what_integers_are(targets: list[int]) -> None:
    with pytest.raises(ValueError, match="activation='linear' is wanted for quantities, classes"):
        output_bias(targets)
    assert output_bias(targets, activation="linear", dtype=float).tolist() == [np.mean(targets)]
    assert output_bias(np.array(targets, float), dtype=float).tolist() == [np.mean(targets)]
    if min(targets) >= 0:
        with pytest.raises(ValueError, match="classes, their number, is wanted"):
            output_bias(targets, activation="softmax")
    assert output_bias([0, 1, 3], classes=4).shape == (4,)
    assert np.array_equal(output_bias([0.0, 1.0, 2.0, 2.0]), output_bias([0, 1, 2, 2]))


def test_output_bias_sums_in_double() -> None:
    # In float16 the sum would overflow, in float32 it would stop growing at 2^24.
    assert output_bias(np.full(70_000, 3.0, np.float16)).tolist() == [3.0]
    assert output_bias(
        np.array([2.0**25, 1.0, 1.0, 2.0], np.float32), dtype=np.float64
    ).tolist() == [2.0**23 + 1.0]


def test_output_bias_is_finite_where_a_class_is_missing() -> None:
    n = 50
    assert np.allclose(sigmoid(output_bias(np.zeros(n), dtype=np.float64)), 0.5 / n)
    assert np.allclose(sigmoid(output_bias(np.ones(n), dtype=np.float64)), 1 - 0.5 / n)
    b = output_bias(np.zeros(n, int), classes=3, dtype=np.float64)
    assert np.allclose(np.exp(b), [1, 0.5 / n, 0.5 / n])


def test_output_bias_dtype() -> None:
    for activation in ("sigmoid", "softmax", "linear"):
        assert output_bias([0, 1, 1], activation=activation).dtype == np.float32
        b = output_bias([0, 1, 1], activation=activation, dtype=np.float64)
        assert b.dtype == np.float64


# Arguments.


@every
@pytest.mark.parametrize(
    ("shape", "keywords", "error", "message"),
    [
        ((4, -4), {}, ValueError, r"shape is \(4, -4\); sizes of at least 0"),
        ((4, 4.0), {}, TypeError, "shape is .*; an integer or a sequence of integers"),
        ("ab", {}, TypeError, "shape is .*; an integer or a sequence of integers"),
        ((4, 4), {"dtype": np.int32}, TypeError, "dtype is .*; a real floating-point type"),
        ((4, 4), {"dtype": np.complex64}, TypeError, "dtype is .*; a real floating-point type"),
    ],
)
def test_bad_shapes_and_dtypes(f: Initializer, shape, keywords, error, message) -> None:
    with pytest.raises(error, match=message):
        f(shape, **keywords)


@random
@pytest.mark.parametrize(
    ("rng", "error"), [(-1, ValueError), ("seed", TypeError), (0.5, TypeError)]
)
def test_bad_rng(f: Initializer, rng: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"rng is .*; None, a seed .* or a numpy\.random\.Generator"):
        f((4, 4), rng=rng)


@pytest.mark.parametrize("f", RANDOM[3:], ids=name)
def test_fans_need_two_dimensions(f: Initializer) -> None:
    with pytest.raises(ValueError, match=r"shape is \(4,\); at least 2 dimensions"):
        f((4,))


@pytest.mark.parametrize("f", RANDOM[3:-1], ids=name)
@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        ({"in_axis": 2}, ValueError, "in_axis is 2; axes of 2 dimensions"),
        ({"out_axis": -3}, ValueError, "out_axis is -3; axes of 2 dimensions"),
        ({"in_axis": 1}, ValueError, "in_axis is .* and out_axis .*; different axes"),
        ({"in_axis": (0, -2)}, ValueError, "in_axis is .* and out_axis .*; different axes"),
        ({"in_axis": 0.5}, TypeError, "in_axis is .*; an integer or a sequence"),
        ({"batch_axis": 2}, ValueError, "batch_axis is 2; axes of 2 dimensions"),
        ({"batch_axis": 0}, ValueError, "batch_axis is 0; axes other than in_axis"),
        ({"batch_axis": "a"}, TypeError, "batch_axis is .*; an integer or a sequence"),
    ],
)
def test_bad_axes(f: Initializer, axes, error, message) -> None:
    with pytest.raises(error, match=message):
        f((4, 4), **axes)


BAD_VALUES = [
    (lambda: uniform(2, low=1.0, high=0.0), "high is .*; a finite number of at least 1"),
    (lambda: uniform(2, low=math.nan), "low is nan; a finite number is wanted"),
    (lambda: normal(2, stddev=-1.0), "stddev is .*; a finite number of at least 0 is wanted"),
    (lambda: truncated_normal(2, stddev=math.inf), "stddev is "),
    (lambda: truncated_normal(2, mean=math.nan), "mean is "),
    (lambda: glorot_uniform((2, 2), gain=-1.0), "gain is .*; a finite number of at least 0"),
    (lambda: glorot_normal((2, 2), gain=math.nan), "gain is "),
    (lambda: lecun_normal((2, 2), gain=math.inf), "gain is "),
    (lambda: he_uniform((2, 2), negative_slope=math.nan), "negative_slope is "),
    (lambda: he_normal((2, 2), negative_slope=math.inf), "negative_slope is "),
    (lambda: orthogonal((2, 2), gain=math.inf), "gain is "),
    (lambda: orthogonal((2, 2), batch_axis=0), "that leave one of 2 for the rows"),
    (lambda: orthogonal((2, 2), out_axis=2), r"out_axis is 2; .* \[-2, 1\]"),
    (lambda: gain("swish"), "activation is 'swish'; one of linear, .*"),
    (lambda: relu_bias(2, value=math.nan), "value is "),
    (lambda: lstm_bias(6), r"shape is .*; a last size divisible by 4"),
    (lambda: lstm_bias(()), r"shape is .*; a last size divisible by 4"),
    (lambda: lstm_bias(8, forget_gate=4), r"forget_gate is 4; .* \[0, 3\]"),
    (lambda: lstm_bias(8, value=math.inf), "value is "),
    (lambda: output_bias([]), r"targets has shape \(0,\); "),
    (lambda: output_bias(1.0), r"targets has shape \(\); 1 or 2 dimensions"),
    (lambda: output_bias([1.0, math.nan]), "targets has NaN"),
    (lambda: output_bias([1.0], activation="relu"), "activation is 'relu'"),
    (lambda: output_bias([0, 2.0], activation="sigmoid"), r"targets has .*; numbers in \[0"),
    (lambda: output_bias([0.5], activation="softmax"), r"targets has .*; labels"),
    (lambda: output_bias([-1, 2]), "activation is None; activation="),
    (lambda: output_bias([[1, 1]], activation="softmax"), r"sum of 2\.0; 1 is wanted"),
    (lambda: output_bias([0, 3], classes=3), "classes is 3; a whole number of at least 4"),
]
BAD_TYPES = [
    (lambda: normal(2, mean="0"), "mean is '0'; a finite number is wanted"),
    (lambda: lecun_uniform((2, 2), gain="relu"), "gain is "),
    (lambda: output_bias(["a"]), "targets has dtype .*; real numbers"),
    (lambda: output_bias([1.0], dtype=int), "dtype is "),
]


@pytest.mark.parametrize(
    ("make", "message", "error"),
    [*((*row, ValueError) for row in BAD_VALUES), *((*row, TypeError) for row in BAD_TYPES)],
)
def test_bad_arguments(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_bad_arguments_draw_nothing() -> None:
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    for f in RANDOM:
        with pytest.raises(TypeError):
            f((4, 4), rng=rng, dtype=int)
    assert rng.bit_generator.state == before
