"""PyTorch's tensors in what takes arrays: results are tensors, and autograd hears of writes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import schuss
from helpers import same_bits, stepper_of
from schuss import clipping, initializers, linalg

torch = pytest.importorskip("torch")

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
MESSAGE = "modified by an inplace operation"


def quartic(x):
    return ((x - 3) ** 4).sum() + (x**2).sum()


def value_and_gradient(x):
    assert type(x) is torch.Tensor
    x.requires_grad_()
    f = quartic(x)
    f.backward()
    return f, x.grad


def array(tensor):
    return tensor.detach().to(torch.float64).numpy()


@pytest.fixture(params=DTYPES, ids=str)
def tensor(request):
    if request.param is torch.bfloat16:
        pytest.importorskip("ml_dtypes")
    torch.manual_seed(0)
    return torch.randn(5, 3).to(request.param)


# -- steps -----------------------------------------------------------------------------------------


def test_a_step_is_that_of_arrays(tensor):
    p = torch.nn.Parameter(tensor.clone().t())  # of other strides
    ours, theirs = (schuss.AdamW(learning_rate=0.1, max_norm=1.0) for _ in range(2))
    twin = p.detach().clone()
    if tensor.dtype is torch.bfloat16:
        numpy = twin.view(torch.int16).numpy().view(pytest.importorskip("ml_dtypes").bfloat16)
    else:
        numpy = twin.numpy()
    for k in range(3):
        g = torch.full_like(p, 0.5 + k)
        ours.step({"w": p}, {"w": g})
        theirs.step({"w": numpy}, {"w": array(g).astype(numpy.dtype)})
    assert torch.equal(p, twin)
    assert not torch.equal(p, tensor.t())


def test_a_step_moves_the_versions_of_what_it_writes():
    p, resting = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3))
    opt = schuss.SGD(learning_rate=0.5)
    loss = (p * p).sum() + (resting * resting).sum()
    opt.step([p, resting], [torch.ones(3), None])
    assert (p._version, resting._version) == (1, 0)
    with pytest.raises(RuntimeError, match=MESSAGE):
        loss.backward()
    opt.nonfinite = "skip"
    opt.step([p, resting], [torch.full((3,), np.inf), None])
    assert p._version == 1
    assert p.tolist() == [0.5] * 3


def test_a_frozen_tensor_has_not_been_written():
    params, grads = ({"w": torch.ones(3), "frozen": torch.ones(3)} for _ in range(2))
    shadow = {key: torch.zeros(3, dtype=torch.float16) for key in params}
    opt = schuss.SGD(learning_rate=0.25, overrides={"frozen": {"learning_rate": 0.0}})
    opt.step(params, grads, shadow=shadow)
    stepper = stepper_of(opt, params)
    stepper.open(params, grads, shadow, None)
    stepper.run(range(2))
    stepper.close()
    assert [t["w"]._version for t in (params, shadow)] == [2, 2]
    assert [t["frozen"]._version for t in (params, shadow)] == [0, 0]
    assert shadow["w"].tolist() == [0.5] * 3


def test_a_shadow_may_be_a_tensor():
    pytest.importorskip("ml_dtypes")
    p, shadow = torch.ones(3), torch.zeros(3, dtype=torch.bfloat16)
    schuss.SGD(learning_rate=1.0).step(p, torch.full((3,), 0.5), shadow=shadow)
    assert shadow.tolist() == p.tolist() == [0.5] * 3
    assert (p._version, shadow._version) == (1, 1)


def test_tensors_and_arrays_take_turns(rng):
    start, gradient = rng.standard_normal(4), rng.standard_normal(4)
    plain, mixed = start.copy(), start.copy()
    ours, theirs = schuss.Adam(), schuss.Adam()
    for params, grads in (
        (mixed, gradient),
        (torch.from_numpy(mixed), gradient),
        (mixed, torch.from_numpy(gradient)),
        (mixed, gradient),
    ):
        ours.step(params, grads)
        theirs.step(plain, gradient)
    assert same_bits(mixed, plain)


def test_who_takes_part_may_change_with_the_kind_of_gradient():
    params = [np.ones(2), np.ones(2)]
    opt = schuss.SGD(learning_rate=1.0)
    opt.step(params, [np.ones(2), np.ones(2)])
    opt.step(params, [None, torch.ones(2, dtype=torch.float64)])
    assert [p.tolist() for p in params] == [[0.0, 0.0], [-1.0, -1.0]]


def test_tensors_that_share_memory_are_refused():
    p = torch.ones(4)
    with pytest.raises(ValueError, match=r"params\['0'\] and params\['1'\] share memory"):
        schuss.SGD().step([p[:3], p[1:]], [torch.ones(3), torch.ones(3)])
    with pytest.raises(ValueError, match="overlaps itself"):
        schuss.SGD().step(torch.ones(1).expand(3), torch.ones(3))
    assert p.tolist() == [1.0] * 4


def test_averages_are_lent_to_tensors():
    p = torch.nn.Parameter(torch.ones(1))
    opt = schuss.SGD(learning_rate=1.0, ema=0.5)
    opt.step(p, torch.tensor([2.0]))
    version = p._version
    with opt.averaged(p):
        assert p.tolist() == [0.0]
        assert p._version > version
    assert p.tolist() == [-1.0]


def test_zero_grad_writes_tensors(tensor):
    version = tensor._version
    schuss.SGD().zero_grad([tensor])
    assert not tensor.any()
    assert tensor._version > version


# -- clipping --------------------------------------------------------------------------------------


def test_norms_are_those_of_arrays(tensor):
    grads = {"w": tensor, "b": torch.nn.Parameter(torch.ones(3))}
    expected = clipping.global_norm([array(tensor), np.ones(3)])
    assert clipping.global_norm(grads) == pytest.approx(expected, rel=1e-12)
    sums = clipping.block_sums(grads)
    assert clipping.norm_of(sums) == pytest.approx(expected, rel=1e-12)
    assert clipping.norm_of(torch.from_numpy(sums)) == clipping.norm_of(sums)
    assert clipping.global_norm([torch.tensor([3.0, 4.0]), None]) == 5.0


def test_norms_are_of_values_that_wait_for_a_minus():
    waiting = torch.tensor([3j, 4j]).conj().imag
    assert waiting.is_neg()
    assert clipping.clip_by_value(waiting, 3.5).tolist() == [-3.0, -3.5]
    with pytest.raises(TypeError, match="grads is of type Tensor, which NumPy cannot read"):
        clipping.clip_by_value({"": waiting}, 3.5, inplace=True)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("clip", [clipping.clip_by_global_norm, clipping.clip_by_value])
def test_clipping_gives_tensors(clip, inplace, tensor):
    before, version = tensor.clone(), tensor._version
    grads = {"w": [tensor, tensor], "n": np.ones(2)}
    clipped = clip(grads, 0.25, inplace=inplace)
    assert (clipped is grads) == inplace
    assert clipped["w"][0] is clipped["w"][1]
    assert (type(clipped["w"][0]), type(clipped["n"])) == (torch.Tensor, np.ndarray)
    assert clipped["w"][0].dtype == tensor.dtype
    assert (tensor._version > version) == inplace
    assert torch.equal(tensor, before) != inplace
    alone = clip([array(before), array(before), np.ones(2)], 0.25)
    tolerance = 2.0 * torch.finfo(tensor.dtype).eps
    np.testing.assert_allclose(array(clipped["w"][0]), alone[0], rtol=tolerance)


# -- solvers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 2000])  # lent in copies, and beyond
def test_minimize_gives_tensors_to_the_function_and_back(size, dtype):
    start = torch.zeros(2, size, dtype=torch.float32 if dtype is np.float32 else torch.float64)
    result = schuss.minimize(value_and_gradient, start, jac=True, gtol=1e-3)
    plain = schuss.minimize(
        lambda x: (((x - 3) ** 4).sum() + (x**2).sum(), 4 * (x - 3) ** 3 + 2 * x),
        start.numpy(),
        jac=True,
        gtol=1e-3,
    )
    assert result.success
    assert (type(result.x), type(result.jac)) == (torch.Tensor, torch.Tensor)
    assert (result.x.dtype, result.x.shape) == (start.dtype, start.shape)
    assert not result.x.requires_grad
    np.testing.assert_allclose(array(result.x), plain.x, rtol=1e-3)
    assert not start.any()


def test_a_parameter_is_a_start_and_stays_as_it_is(tensor):
    p = torch.nn.Parameter(tensor)
    before = copy.deepcopy(p)
    result = schuss.minimize(value_and_gradient, p, jac=True)
    assert result.x.dtype == (torch.float64 if p.dtype is torch.float64 else torch.float32)
    assert torch.equal(p, before)
    assert p._version == 0


def test_a_number_stays_without_axes():
    shapes = []

    def fun(x):
        shapes.append(x.shape)
        return value_and_gradient(x)

    result = schuss.minimize(fun, torch.tensor(0.0), jac=True)
    assert {*shapes, result.x.shape} == {torch.Size([])}


def test_leaves_are_each_of_their_kind():
    def fun(p):
        assert (type(p["w"]), type(p["b"])) == (torch.Tensor, np.ndarray)
        r = p["w"].numpy() + p["b"] - 2.0
        f = (r * r).sum() + p["b"] ** 2
        return f, {"w": torch.from_numpy(2 * r), "b": 2 * r.sum() + 2 * p["b"]}

    seen = []
    result = schuss.minimize(
        fun,
        {"w": torch.zeros(2, dtype=torch.float64), "b": np.zeros(())},
        jac=True,
        callback=lambda intermediate_result: seen.append(intermediate_result),
    )
    np.testing.assert_allclose(result.x["w"], [2.0, 2.0], atol=1e-3)
    assert isinstance(result.x["b"], np.ndarray)
    assert {(type(r.x["w"]), type(r.jac["w"])) for r in seen} == {(torch.Tensor, torch.Tensor)}


def gradient(x):
    return torch.autograd.functional.jacobian(quartic, x)


def hessian(x):
    return torch.autograd.functional.hessian(quartic, x)


@pytest.mark.parametrize(
    "second",
    [
        {"method": "newton", "hess": hessian},
        {"method": "newton", "hess": "3-point"},
        {"method": "newton_cg", "hess": hessian},
        {"method": "newton_cg", "hessp": lambda x, v: hessian(x) @ v},
        {"method": "newton_cg", "hessp": "3-point"},
    ],
    ids=["hess", "differences", "cg-hess", "cg-hessp", "cg-differences"],
)
def test_second_order_takes_tensors(second):
    start = torch.zeros(3, dtype=torch.float64)
    result = schuss.minimize(quartic, start, jac=gradient, **second)
    assert result.success
    np.testing.assert_allclose(array(gradient(result.x)), 0.0, atol=1e-4)


def test_differences_take_tensors():
    seen = []
    result = schuss.minimize(
        quartic, torch.zeros(3, dtype=torch.float64), jac="3-point", callback=seen.append
    )
    assert result.success
    assert {type(x) for x in [*seen, result.x, result.jac]} == {torch.Tensor}


def test_a_gradient_in_bfloat16_and_on_a_graph_is_read(dtype):
    pytest.importorskip("ml_dtypes")
    weight = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    result = schuss.minimize(
        lambda x: (float(((x - 3) ** 2).sum()), torch.tensor(2 * (x - 3)).bfloat16() * weight),
        np.zeros(2, dtype),
        jac=True,
    )
    assert isinstance(result.x, np.ndarray)
    np.testing.assert_allclose(result.x, 3.0, atol=1e-2)


def test_a_batch_of_tensors():
    target = torch.tensor([[1.0, 2.0], [3.0, 4.0]])

    def fun(points, index):
        assert type(points) is torch.Tensor
        d = points - target[index]
        return d.square().sum(1), 2 * d

    result = schuss.minimize_batch(fun, torch.zeros(2, 2))
    assert result.success.all()
    assert type(result.x) is type(result.jac) is torch.Tensor
    assert result.x.dtype == torch.float32
    np.testing.assert_allclose(result.x, target, atol=1e-3)


RATES = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
POINTS = torch.linspace(0, 2, 20, dtype=torch.float64)
DECAYS = torch.exp(-RATES[:, None] * POINTS)


def test_batches_of_fits_take_tensors():
    def residuals(p, index):
        assert type(p) is torch.Tensor
        values = torch.exp(-p * POINTS)
        return values - DECAYS[index], (-POINTS * values)[:, :, None]

    def decay(x, p):
        assert type(x) is type(p) is torch.Tensor
        return torch.exp(-p * x)

    starts = torch.ones(3, 1, dtype=torch.float64)
    jac = lambda x, p: (-x * decay(x, p))[:, :, None]  # noqa: E731
    for found in (
        schuss.least_squares_batch(residuals, starts),
        schuss.curve_fit_batch(decay, POINTS, DECAYS, starts),
        schuss.curve_fit_batch(decay, POINTS, DECAYS, starts, jac=jac),
    ):
        assert type(found.x) is type(found.grad) is type(found.stderr) is torch.Tensor
        np.testing.assert_allclose(found.x[:, 0], RATES, rtol=1e-6)
        assert "3 of 3" in repr(found)


def test_models_by_name_take_tensors():
    found = schuss.curve_fit_batch("exponential", POINTS, DECAYS, sigma=torch.ones(20))
    np.testing.assert_allclose(found.x[:, 1], RATES, rtol=1e-6)
    mask = torch.zeros(20, dtype=torch.bool)
    starts = torch.ones(2)
    found = schuss.curve_fit_batch("exponential", POINTS, DECAYS, starts, mask=mask)
    assert type(found.x) is torch.Tensor


def test_a_result_of_tensors_is_printed_in_short():
    result = schuss.minimize(value_and_gradient, torch.zeros(50, 40), jac=True)
    assert "<50 x 40, from " in repr(result)


def test_linear_systems_of_tensors():
    a, b = torch.tensor([[4.0, 2.0], [2.0, 10.0]]), torch.tensor([8.0, 22.0])
    assert linalg.solve_spd(a, b).tolist() == [1.0, 2.0]
    assert type(linalg.solve_spd(a, b)) is type(linalg.cholesky(a)) is torch.Tensor
    assert linalg.cholesky(a).tolist() == [[2.0, 0.0], [1.0, 3.0]]


# -- initializers ----------------------------------------------------------------------------------

DRAWN = [
    initializers.glorot_uniform,
    initializers.he_normal,
    initializers.lecun_normal,
    initializers.normal,
    initializers.orthogonal,
    initializers.ones,
    initializers.relu_bias,
    initializers.lstm_bias,
]


@pytest.mark.parametrize("initializer", DRAWN, ids=lambda f: f.__name__)
def test_a_dtype_of_torch_makes_tensors(initializer, tensor):
    made = initializer(torch.Size((6, 8)), rng=0, dtype=tensor.dtype)
    assert (type(made), made.dtype) == (torch.Tensor, tensor.dtype)
    exact = initializer((6, 8), rng=0, dtype=np.float64)
    assert torch.equal(made, torch.from_numpy(exact).to(tensor.dtype))
    made += 1  # it is the caller's


def test_values_that_are_tensors_make_tensors():
    bias = initializers.output_bias(torch.tensor([0, 1, 2, 2]))
    assert (type(bias), bias.dtype) == (torch.Tensor, torch.float32)
    np.testing.assert_allclose(bias.exp(), [0.25, 0.25, 0.5], rtol=1e-6)
    value = torch.tensor([1.0, 2.0], requires_grad=True)
    assert initializers.constant((2, 2), value).tolist() == [[1.0, 2.0]] * 2
    assert initializers.output_bias([0.0, 2.5], dtype=torch.float64).tolist() == [1.25]


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64, torch.float8_e5m2], ids=str)
def test_other_dtypes_of_torch_are_refused(dtype):
    with pytest.raises(TypeError, match=f"dtype is {dtype}; a real floating-point type is wanted"):
        initializers.zeros((2,), dtype=dtype)


# -- what cannot be read ---------------------------------------------------------------------------

ELSEWHERE = torch.ones(3, device="meta")
SAYS = "is of type Tensor, which NumPy cannot read: .*; an array or tensor in the memory of the CPU"


@pytest.mark.parametrize(
    ("name", "call"),
    [
        (r"params\['w'\]", lambda: schuss.SGD().step({"w": ELSEWHERE}, {"w": torch.ones(3)})),
        (r"grads\['w'\]", lambda: schuss.SGD().step({"w": torch.ones(3)}, {"w": ELSEWHERE})),
        ("grads", lambda: schuss.SGD().zero_grad(ELSEWHERE)),
        (r"grads\['1'\]", lambda: clipping.global_norm([np.ones(2), ELSEWHERE])),
        (r"grads\['0'\]", lambda: clipping.clip_by_value([ELSEWHERE], 1.0)),
        ("x0", lambda: schuss.minimize(value_and_gradient, ELSEWHERE, jac=True)),
        ("gradient", lambda: schuss.minimize(lambda x: (1.0, ELSEWHERE), np.ones(3), jac=True)),
        ("X0", lambda: schuss.minimize_batch(value_and_gradient, ELSEWHERE[None])),
        ("Y", lambda: schuss.curve_fit_batch("power", np.ones(3), ELSEWHERE[None])),
        ("b", lambda: linalg.solve_spd(np.eye(3), ELSEWHERE)),
        ("targets", lambda: initializers.output_bias(ELSEWHERE)),
    ],
)
def test_tensors_elsewhere_are_named(name, call):
    with pytest.raises(TypeError, match=f"^{name} {SAYS}"):
        call()
