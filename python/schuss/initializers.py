"""Initializers: first values for weights and biases.

Every initializer is called as `f(shape, *, rng=None, dtype=np.float32, ...)` and returns a new,
C-contiguous array. Those that draw nothing accept `rng` too, so that one can stand for another.

With a `dtype` of PyTorch (`torch.float32`) it is a tensor on the CPU, and so it is where a value or
targets are tensors.

`rng` is None (fresh entropy), a seed or a `numpy.random.Generator`. A seed always means
`Generator(PCG64(seed))`. Values are drawn and scaled in float64 and rounded once to `dtype`, so a
seed gives the same values for good, and the same in float32 and float64 up to that rounding.

Weights have the shape (fan_in, fan_out), as in `x @ w`. Higher dimensions follow JAX: the axes
other than `in_axis` and `out_axis` are a receptive field, and each fan counts it in. For a kernel
of shape (height, width, in, out) the defaults fit; for PyTorch's (out, in, height, width) pass
`in_axis=1, out_axis=0`. Axes of `batch_axis` count layers, heads or experts of their own, which
no fan counts in: eight layers in one array are `he_normal((8, 512, 512), batch_axis=0)`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias

import numpy as np

from .checks import choice, count, number, tolerance
from .kinds import as_array, float_dtype
from .random import generator
from .suggest import explain

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from .random import Rng

    _Array: TypeAlias = NDArray[Any]
    _Made: TypeAlias = Any  # an array; a tensor where the dtype is PyTorch's
    _DType: TypeAlias = DTypeLike | torch.dtype
    _Integers: TypeAlias = SupportsIndex | Sequence[SupportsIndex]

__all__ = [
    "constant",
    "gain",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "lstm_bias",
    "normal",
    "ones",
    "orthogonal",
    "output_bias",
    "relu_bias",
    "truncated_normal",
    "uniform",
    "zeros",
]

# Standard deviation of a standard normal truncated to [-2, 2]:
# sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)) with the normal density phi and distribution Phi.
_TRUNCATED_STDDEV = 0.87962566103423978


# Arguments.


def _integers(name: str, value: _Integers) -> tuple[int, ...]:
    try:
        return tuple(map(operator.index, value if isinstance(value, Iterable) else (value,)))
    except TypeError:
        raise TypeError(
            f"{name} is {value!r}; an integer or a sequence of integers is wanted"
        ) from None


def _sizes(shape: _Integers) -> tuple[int, ...]:
    sizes = _integers("shape", shape)
    if any(size < 0 for size in sizes):
        raise ValueError(f"shape is {shape!r}; sizes of at least 0 are wanted")
    return sizes


def _matrix_sizes(shape: _Integers) -> tuple[int, ...]:
    sizes = _sizes(shape)
    if len(sizes) < 2:
        raise ValueError(f"shape is {shape!r}; at least 2 dimensions are wanted")
    return sizes


def _axes(name: str, axes: _Integers, dimensions: int) -> tuple[int, ...]:
    indices = _integers(name, axes)
    if any(not -dimensions <= axis < dimensions for axis in indices):
        raise ValueError(f"{name} is {axes!r}; axes of {dimensions} dimensions are wanted")
    return tuple(axis % dimensions for axis in indices)


def _fans(
    shape: _Integers, in_axis: _Integers, out_axis: _Integers, batch_axis: _Integers
) -> tuple[int, int]:
    """Return (fan_in, fan_out): inputs per output and outputs per input, at least 1 each."""
    sizes = _matrix_sizes(shape)
    inputs = _axes("in_axis", in_axis, len(sizes))
    outputs = _axes("out_axis", out_axis, len(sizes))
    batch = _axes("batch_axis", batch_axis, len(sizes))
    if len({*inputs, *outputs}) < len(inputs) + len(outputs):
        raise ValueError(
            f"in_axis is {in_axis!r} and out_axis {out_axis!r}; different axes are wanted"
        )
    if len({*inputs, *outputs, *batch}) < len(inputs) + len(outputs) + len(batch):
        raise ValueError(
            f"batch_axis is {batch_axis!r}; axes other than in_axis, {in_axis!r}, and out_axis, "
            f"{out_axis!r}, are wanted"
        )

    def fan(others: tuple[int, ...]) -> int:
        left_out = {*others, *batch}
        return math.prod(size for axis, size in enumerate(sizes) if axis not in left_out)

    return max(fan(outputs), 1), max(fan(inputs), 1)


# Distributions.


def _draw(
    sample: Callable[[np.random.Generator, tuple[int, ...]], Any],
    shape: _Integers,
    rng: Rng,
    dtype: _DType,
    offset: float,
    scale: float,
) -> _Made:
    sizes, (target, make) = _sizes(shape), float_dtype(dtype)
    values: _Array = np.asarray(sample(generator(rng), sizes), dtype=np.float64)
    values *= scale
    values += offset
    return make(values.astype(target, copy=False))


def _standard_truncated(source: np.random.Generator, sizes: tuple[int, ...]) -> _Array:
    """Draw from N(0, 1) given abs(z) <= 2, divided by its standard deviation."""
    values = source.standard_normal(math.prod(sizes))
    tails = np.flatnonzero(np.abs(values) > 2.0)
    while tails.size:
        values[tails] = source.standard_normal(tails.size)
        tails = tails[np.abs(values[tails]) > 2.0]
    values /= _TRUNCATED_STDDEV
    return values.reshape(sizes)


def uniform(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    low: float = -0.05,
    high: float = 0.05,
) -> _Made:
    """Uniform values between `low` and `high`.

    w = low + (high - low) u,  u ~ U[0, 1)

    Args:
        shape: Shape of the result.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        low: Lower bound, finite.
        high: Upper bound, finite, at least `low`. Rounding can reach it.

    Example:
        >>> w = uniform((3, 4), rng=0, low=-1.0, high=1.0)
        >>> bool(np.all(np.abs(w) <= 1.0))
        True
    """
    low = number("low", low)
    high = number("high", high, minimum=low)
    return _draw(np.random.Generator.random, shape, rng, dtype, low, high - low)


def normal(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    mean: float = 0.0,
    stddev: float = 0.05,
) -> _Made:
    """Normal values.

    w ~ N(mean, stddev^2)

    Args:
        shape: Shape of the result.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        mean: Mean, finite.
        stddev: Standard deviation, finite, at least 0.

    Example:
        >>> normal((2, 3), rng=0, dtype=np.float64).shape
        (2, 3)
    """
    mean = number("mean", mean)
    stddev = tolerance("stddev", stddev)
    return _draw(np.random.Generator.standard_normal, shape, rng, dtype, mean, stddev)


def truncated_normal(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    mean: float = 0.0,
    stddev: float = 0.05,
) -> _Made:
    """Normal values without the tails; `stddev` is that of what remains.

    w = mean + stddev z / c,  z ~ N(0, 1) given abs(z) <= 2,  c = 0.8796 the deviation of z,
    so abs(w - mean) <= 2.274 stddev.

    What falls in the tails is drawn again. That is exact, where an inverse error function is not
    at the ends of its range.

    Args:
        shape: Shape of the result.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        mean: Mean, finite.
        stddev: Standard deviation of the result, finite, at least 0.

    Example:
        >>> w = truncated_normal((100, 100), rng=0, stddev=1.0)
        >>> bool(np.abs(w).max() < 2.274), round(float(w.std()), 1)
        (True, 1.0)

    Reference:
        The two sigma and c are those of jax.nn.initializers.variance_scaling and Keras
        VarianceScaling. The functions called truncated_normal or trunc_normal_ in JAX, Keras and
        PyTorch do not divide by c: their stddev is that before truncation.
    """
    mean = number("mean", mean)
    stddev = tolerance("stddev", stddev)
    return _draw(_standard_truncated, shape, rng, dtype, mean, stddev)


# Weights with a variance that keeps the scale of signals through the layers.


def gain(activation: str, negative_slope: float = 0.01) -> float:
    """Return the factor on a weight's standard deviation that an activation calls for.

    linear 1, sigmoid 1, tanh 5/3, relu sqrt(2), leaky_relu sqrt(2 / (1 + negative_slope^2)),
    selu 3/4

    Args:
        activation: One of the names above.
        negative_slope: Slope of leaky_relu below zero, finite; the others ignore it.

    Example:
        >>> gain("tanh")
        1.6666666666666667
        >>> w = glorot_normal((784, 256), rng=0, gain=gain("tanh"))

    Reference:
        torch.nn.init.calculate_gain has the same values. For leaky_relu: He et al. 2015, Delving
        Deep into Rectifiers, eq. 15.
    """
    negative_slope = number("negative_slope", negative_slope)
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3.0,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1.0 + negative_slope**2)),
        "selu": 0.75,
    }
    if activation not in gains:
        raise ValueError(f"activation is {activation!r}; one of {', '.join(gains)} is wanted")
    return gains[activation]


def glorot_uniform(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    in_axis: _Integers = -2,
    out_axis: _Integers = -1,
    batch_axis: _Integers = (),
    gain: float = 1.0,
) -> _Made:
    """Uniform weights for linear and tanh layers (Xavier).

    w ~ U(-a, a),  a = gain sqrt(6 / (fan_in + fan_out)),  so Var(w) = gain^2 2 / (fan_in + fan_out)

    Args:
        shape: Shape of the result, at least 2 dimensions.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        in_axis: Axis or axes of the inputs.
        out_axis: Axis or axes of the outputs.
        batch_axis: Axis or axes that count layers of their own, in no fan.
        gain: Factor on the standard deviation, finite, at least 0; see `gain`.

    Example:
        >>> w = glorot_uniform((2, 4), rng=0)
        >>> bool(np.all(np.abs(w) <= 1.0))
        True

    Reference:
        Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural
        Networks, eq. 16.
    """
    gain = tolerance("gain", gain)
    bound = gain * math.sqrt(6.0 / sum(_fans(shape, in_axis, out_axis, batch_axis)))
    return uniform(shape, rng=rng, dtype=dtype, low=-bound, high=bound)


def glorot_normal(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    in_axis: _Integers = -2,
    out_axis: _Integers = -1,
    batch_axis: _Integers = (),
    gain: float = 1.0,
) -> _Made:
    """Truncated normal weights for linear and tanh layers (Xavier).

    w ~ N(0, gain^2 2 / (fan_in + fan_out)), truncated

    Args:
        shape: Shape of the result, at least 2 dimensions.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        in_axis: Axis or axes of the inputs.
        out_axis: Axis or axes of the outputs.
        batch_axis: Axis or axes that count layers of their own, in no fan.
        gain: Factor on the standard deviation, finite, at least 0; see `gain`.

    Example:
        >>> w = glorot_normal((100, 100), rng=0)
        >>> round(float(w.std()), 2)
        0.1

    Reference:
        Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural
        Networks, eq. 12.
        The normal is truncated, as in JAX and Keras; see `truncated_normal`.
    """
    gain = tolerance("gain", gain)
    stddev = gain * math.sqrt(2.0 / sum(_fans(shape, in_axis, out_axis, batch_axis)))
    return truncated_normal(shape, rng=rng, dtype=dtype, stddev=stddev)


def lecun_uniform(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    in_axis: _Integers = -2,
    out_axis: _Integers = -1,
    batch_axis: _Integers = (),
    gain: float = 1.0,
) -> _Made:
    """Uniform weights of variance 1 / fan_in; for SELU with gain 1.

    w ~ U(-a, a),  a = gain sqrt(3 / fan_in),  so Var(w) = gain^2 / fan_in

    Args:
        shape: Shape of the result, at least 2 dimensions.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        in_axis: Axis or axes of the inputs.
        out_axis: Axis or axes of the outputs.
        batch_axis: Axis or axes that count layers of their own, in no fan.
        gain: Factor on the standard deviation, finite, at least 0; see `gain`.

    Example:
        >>> w = lecun_uniform((3, 4), rng=0)
        >>> bool(np.all(np.abs(w) <= 1.0))
        True

    Reference:
        LeCun et al. 1998, Efficient BackProp, eq. 16.
    """
    gain = tolerance("gain", gain)
    fan_in, _ = _fans(shape, in_axis, out_axis, batch_axis)
    bound = gain * math.sqrt(3.0 / fan_in)
    return uniform(shape, rng=rng, dtype=dtype, low=-bound, high=bound)


def lecun_normal(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    in_axis: _Integers = -2,
    out_axis: _Integers = -1,
    batch_axis: _Integers = (),
    gain: float = 1.0,
) -> _Made:
    """Truncated normal weights of variance 1 / fan_in; for SELU with gain 1.

    w ~ N(0, gain^2 / fan_in), truncated

    Args:
        shape: Shape of the result, at least 2 dimensions.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        in_axis: Axis or axes of the inputs.
        out_axis: Axis or axes of the outputs.
        batch_axis: Axis or axes that count layers of their own, in no fan.
        gain: Factor on the standard deviation, finite, at least 0; see `gain`.

    Example:
        >>> w = lecun_normal((100, 100), rng=0)
        >>> round(float(w.std()), 2)
        0.1

    Reference:
        LeCun et al. 1998, Efficient BackProp, eq. 16.
        The normal is truncated, as in JAX and Keras; see `truncated_normal`.
    """
    gain = tolerance("gain", gain)
    fan_in, _ = _fans(shape, in_axis, out_axis, batch_axis)
    stddev = gain / math.sqrt(fan_in)
    return truncated_normal(shape, rng=rng, dtype=dtype, stddev=stddev)


def he_uniform(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    in_axis: _Integers = -2,
    out_axis: _Integers = -1,
    batch_axis: _Integers = (),
    negative_slope: float = 0.0,
) -> _Made:
    """Uniform weights for ReLU layers (Kaiming).

    w ~ U(-a, a),  a = sqrt(6 / ((1 + negative_slope^2) fan_in)),  so Var(w) = a^2 / 3

    Args:
        shape: Shape of the result, at least 2 dimensions.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        in_axis: Axis or axes of the inputs.
        out_axis: Axis or axes of the outputs.
        batch_axis: Axis or axes that count layers of their own, in no fan.
        negative_slope: Slope of the rectifier below zero, finite; 0 for ReLU.

    Example:
        >>> w = he_uniform((6, 4), rng=0)
        >>> bool(np.all(np.abs(w) <= 1.0))
        True

    Reference:
        He et al. 2015, Delving Deep into Rectifiers, eq. 10 and 15.
    """
    factor = gain("leaky_relu", negative_slope)
    fan_in, _ = _fans(shape, in_axis, out_axis, batch_axis)
    bound = factor * math.sqrt(3.0 / fan_in)
    return uniform(shape, rng=rng, dtype=dtype, low=-bound, high=bound)


def he_normal(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    in_axis: _Integers = -2,
    out_axis: _Integers = -1,
    batch_axis: _Integers = (),
    negative_slope: float = 0.0,
) -> _Made:
    """Truncated normal weights for ReLU layers (Kaiming).

    w ~ N(0, 2 / ((1 + negative_slope^2) fan_in)), truncated

    Args:
        shape: Shape of the result, at least 2 dimensions.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        in_axis: Axis or axes of the inputs.
        out_axis: Axis or axes of the outputs.
        batch_axis: Axis or axes that count layers of their own, in no fan.
        negative_slope: Slope of the rectifier below zero, finite; 0 for ReLU.

    Example:
        >>> w = he_normal((200, 100), rng=0)
        >>> round(float(w.std()), 2)
        0.1

    Reference:
        He et al. 2015, Delving Deep into Rectifiers, eq. 10 and 15.
        The normal is truncated, as in JAX and Keras; see `truncated_normal`.
    """
    factor = gain("leaky_relu", negative_slope)
    fan_in, _ = _fans(shape, in_axis, out_axis, batch_axis)
    stddev = factor / math.sqrt(fan_in)
    return truncated_normal(shape, rng=rng, dtype=dtype, stddev=stddev)


def orthogonal(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    out_axis: SupportsIndex = -1,
    batch_axis: _Integers = (),
    gain: float = 1.0,
) -> _Made:
    """A random orthogonal matrix times `gain`.

    With out_axis last and the others flattened into rows, W^T W = gain^2 I if W has at least as
    many rows as columns, else W W^T = gain^2 I. The distribution is uniform (Haar).

    Args:
        shape: Shape of the result, at least 2 dimensions.
        rng: None, a seed or a generator.
        dtype: A real floating-point type.
        out_axis: Axis of the outputs, the columns of the matrix.
        batch_axis: Axis or axes that count matrices of their own, drawn one after the other.
        gain: Factor, finite; see `gain`.

    Example:
        >>> w = orthogonal((4, 3), rng=0, dtype=np.float64)
        >>> bool(np.allclose(w.T @ w, np.eye(3)))
        True

    Reference:
        Saxe et al. 2014, Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear
        Neural Networks. The signs that make QR uniform: Mezzadri 2007, How to Generate
        Random Matrices from the Classical Compact Groups, section 5. LAPACK may differ in the last
        bits between builds.
    """
    gain = number("gain", gain)
    sizes, (target, make) = _matrix_sizes(shape), float_dtype(dtype)
    dimensions = len(sizes)
    column = count("out_axis", out_axis, least=-dimensions, most=dimensions - 1) % dimensions
    batch = _axes("batch_axis", batch_axis, len(sizes))
    rest = [axis for axis in range(len(sizes)) if axis != column and axis not in batch]
    order = [*batch, *rest, column]
    if sorted(order) != list(range(len(sizes))) or not rest:
        raise ValueError(
            f"batch_axis is {batch_axis!r}; axes other than out_axis, {out_axis!r}, that leave one "
            f"of {len(sizes)} for the rows are wanted"
        )
    rows, columns = math.prod(sizes[axis] for axis in rest), sizes[column]
    stack = [sizes[axis] for axis in batch]
    normals = generator(rng).standard_normal((*stack, max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normals)
    q *= gain * np.copysign(1.0, np.diagonal(r, axis1=-2, axis2=-1))[..., np.newaxis, :]
    matrix = q if rows >= columns else np.swapaxes(q, -2, -1)
    ordered = matrix.reshape([sizes[axis] for axis in order])
    return make(np.ascontiguousarray(np.transpose(ordered, np.argsort(order)), target))


# Constants and biases.


def constant(
    shape: _Integers,
    value: ArrayLike,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
) -> _Made:
    """The same value everywhere.

    w = value

    Args:
        shape: Shape of the result.
        value: A number, or an array that broadcasts to `shape`.
        rng: Not used.
        dtype: A real floating-point type.

    Example:
        >>> constant((2,), 0.5).tolist()
        [0.5, 0.5]
    """
    target, make = float_dtype(dtype, like=value)
    return make(np.full(_sizes(shape), as_array(value, "value"), target))


def zeros(shape: _Integers, *, rng: Rng = None, dtype: _DType = np.float32) -> _Made:
    """Zeros, the usual bias.

    w = 0

    Args:
        shape: Shape of the result.
        rng: Not used.
        dtype: A real floating-point type.

    Example:
        >>> zeros((2,)).tolist()
        [0.0, 0.0]
    """
    return constant(shape, 0.0, dtype=dtype)


def ones(shape: _Integers, *, rng: Rng = None, dtype: _DType = np.float32) -> _Made:
    """Ones, the usual scale of a normalization layer.

    w = 1

    Args:
        shape: Shape of the result.
        rng: Not used.
        dtype: A real floating-point type.

    Example:
        >>> ones((2,)).tolist()
        [1.0, 1.0]
    """
    return constant(shape, 1.0, dtype=dtype)


def relu_bias(
    shape: _Integers, *, rng: Rng = None, dtype: _DType = np.float32, value: float = 0.1
) -> _Made:
    """A small positive bias, so that most rectifiers start active.

    b = value

    Args:
        shape: Shape of the result.
        rng: Not used.
        dtype: A real floating-point type.
        value: The bias, finite.

    Example:
        >>> relu_bias((2,), dtype=np.float64).tolist()
        [0.1, 0.1]

    Reference:
        Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.4.
    """
    value = number("value", value)
    return constant(shape, value, dtype=dtype)


def lstm_bias(
    shape: _Integers,
    *,
    rng: Rng = None,
    dtype: _DType = np.float32,
    forget_gate: SupportsIndex = 1,
    value: float = 1.0,
) -> _Made:
    """Zeros, but `value` for the forget gate, so that an LSTM starts by remembering.

    b = (0, value, 0, 0) for the gates (input, forget, cell, output), the order of PyTorch and Keras

    PyTorch adds two such biases; use this for one and `zeros` for the other.

    Args:
        shape: Shape of the result; the last size is 4 times the number of hidden units.
        rng: Not used.
        dtype: A real floating-point type.
        forget_gate: Place of the forget gate among the four, 0 to 3.
        value: Bias of the forget gate, finite.

    Example:
        >>> lstm_bias((8,)).tolist()
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]

    Reference:
        Jozefowicz et al. 2015, An Empirical Exploration of Recurrent Network Architectures.
    """
    value = number("value", value)
    sizes = _sizes(shape)
    if not sizes or sizes[-1] % 4:
        raise ValueError(f"shape is {shape!r}; a last size divisible by 4 (gates) is wanted")
    gate = count("forget_gate", forget_gate, least=0, most=3)
    bias = zeros(sizes, dtype=dtype)
    bias.reshape(*sizes[:-1], 4, sizes[-1] // 4)[..., gate, :] = value
    return bias


def output_bias(
    targets: ArrayLike,
    *,
    dtype: _DType = np.float32,
    activation: Literal["sigmoid", "softmax", "linear"] | None = None,
    classes: int | None = None,
) -> _Made:
    """The bias of an output layer that already predicts the average target.

    With p the mean of the targets, per output:

    - sigmoid: b = log(p / (1 - p)), the log-odds;
    - softmax: b = log(p), the log-priors of the classes;
    - linear: b = p, the mean.

    So that the bias is finite, a probability of 0 becomes 1 / (2 n), where n is the number of
    samples, and for sigmoid one of 1 becomes 1 - 1 / (2 n).

    Args:
        targets: Shape (samples,) for one output or for class labels, else (samples, outputs).
        dtype: A real floating-point type.
        activation: The output's activation. None decides by the values of the targets: softmax
            for one-hot rows and for labels 0, 1, ..., k - 1 with k > 2, each of which is there (one
            dimension); sigmoid for other targets that are all 0 or 1; else linear. Two classes
            labeled 0 and 1 count as sigmoid. Other integers may be labels or quantities, and
            None is refused.
        classes: Number of classes when softmax targets are labels, some of which may be missing;
            implies softmax. By default all labels are there.

    Raises:
        TypeError, ValueError: Targets that do not fit the activation: for softmax, labels with
            gaps where `classes` is not given. Integers that may be labels or quantities.

    Example:
        >>> output_bias([0.0, 0.5, 1.0, 2.5]).tolist()
        [1.0]
        >>> bool(np.isclose(output_bias([True, False, False, False])[0], np.log(1 / 3)))
        True
        >>> np.exp(output_bias([0, 1, 2, 2])).round(2).tolist()
        [0.25, 0.25, 0.5]

    Reference:
        Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.4.
    """
    target, make = float_dtype(dtype, like=targets)
    samples = as_array(targets, "targets")
    if samples.dtype.kind not in "biuf":
        raise TypeError(f"targets has dtype {samples.dtype}; real numbers are wanted")
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise ValueError(
            f"targets has shape {samples.shape}; 1 or 2 dimensions, and no empty one, are wanted"
        )
    if not np.isfinite(samples).all():
        raise ValueError("targets has NaN or infinity; finite numbers are wanted")
    if activation is None:
        activation = "softmax" if classes is not None else _output_activation(samples)
    choice("activation", activation, ("sigmoid", "softmax", "linear", None))

    if activation == "softmax" and samples.ndim == 1:
        mean = _class_shares(samples, classes)
    else:
        mean = np.atleast_1d(samples.mean(axis=0, dtype=np.float64))
        if activation != "linear" and (samples.min() < 0 or samples.max() > 1):
            raise ValueError(
                f"targets has numbers from {samples.min()} to {samples.max()}; numbers in [0, 1] "
                f"are wanted for {activation}"
            )
        if activation == "softmax" and not np.isclose(mean.sum(), 1.0):
            raise ValueError(
                f"targets has rows with a mean sum of {mean.sum()}; 1 is wanted for softmax"
            )
    if activation == "linear":
        return make(mean.astype(target))
    margin = 0.5 / len(samples)
    mean[mean == 0.0] = margin
    if activation == "softmax":
        return make(np.log(mean).astype(target))
    mean[mean == 1.0] = 1.0 - margin
    return make(np.log(mean / (1.0 - mean)).astype(target))


def _output_activation(samples: _Array) -> Literal["sigmoid", "softmax", "linear"]:
    if ((samples == 0) | (samples == 1)).all():
        one_hot = samples.ndim == 2 and samples.shape[1] > 1 and (samples.sum(axis=1) == 1).all()
        return "softmax" if one_hot else "sigmoid"
    if samples.ndim == 1:
        values = np.unique(samples)
        if np.array_equal(values, np.arange(len(values))):
            return "softmax"
        if samples.dtype.kind in "iu":
            raise ValueError(
                f"targets has {len(values)} different integers from {values[0]} to {values[-1]} "
                "and activation is None; activation='linear' is wanted for quantities, classes=... "
                "for labels with gaps"
            )
    return "linear"


def _class_shares(labels: _Array, classes: int | None) -> _Array:
    values, counts = np.unique(labels, return_counts=True)
    if (values != np.floor(values)).any() or values[0] < 0:
        raise ValueError(
            f"targets has numbers from {values[0]} to {values[-1]}; labels 0, 1, 2, ... are wanted "
            "for softmax"
        )
    largest = int(values[-1])
    if classes is None and largest >= len(values):
        raise ValueError(
            f"targets has {len(values)} different labels up to {largest}; classes, their number, "
            "is wanted for softmax where some are missing"
        )
    size = len(values) if classes is None else count("classes", classes, least=largest + 1)
    shares = np.zeros(size)
    shares[values.astype(np.intp)] = counts / len(labels)
    return shares


explain(__name__)
