"""Rules that packages write differently: the twins against their code, and at the edges.

The kernels equal the twins bit for bit (test_rules.py). Here the twins go 40 steps in float64
beside published code, where that is installed. SAME has who writes our formulas. OTHERS has who
does not, in what, and how far apart we end, relative to our distance from the start: measured with
optax 0.2.8, timm 1.0.31, pytorch-optimizer 4.1.0, torch-optimizer 0.3.0, adan-pytorch 0.1.0.
"""

from __future__ import annotations

import inspect
import itertools
import math
import warnings

import numpy as np
import pytest
import reference
import schuss
from helpers import hyperparameters
from schuss import _core

SHAPES = [(8, 5), (6,), (4, 3, 3, 3), ()]
STEPS = 40

# The defaults of the classes, as the twins take them.
CLASSES = (schuss.SGD(0.1), schuss.LAMB(), schuss.LARS(), schuss.AdEMAMix(), schuss.Adan())
DEFAULTS = {opt.rule: hyperparameters(opt) for opt in CLASSES}


def problem():
    """Start and gradients of tensors of all shapes, of many sizes."""
    rng = np.random.default_rng(7)
    params = [np.asarray(rng.standard_normal(shape)) for shape in SHAPES]
    steps = [[np.asarray(rng.standard_normal(shape)) for shape in SHAPES] for _ in range(STEPS)]
    return params, [[g * 10.0 ** (k - 1) for k, g in enumerate(grads)] for grads in steps]


def run(rule, params, steps, **settings):
    """All points after each step of the twin. A setting may be a function of the steps taken."""
    twin = getattr(reference, rule)
    names = inspect.signature(twin).parameters
    settings = {**DEFAULTS[rule], **settings}
    clip = {name: settings.pop(name) for name in ("agc", "agc_axis") if name in settings}
    slots = [[np.zeros_like(p) for _ in _core.rules()[rule]["slots"]] for p in params]
    offsets = np.cumsum([0, *(p.size for p in params)]).tolist()
    path = []
    for t, grads in enumerate(steps, start=1):
        now = {name: x(t - 1) if callable(x) else x for name, x in settings.items()}
        moved = []
        for k, (p, g) in enumerate(zip(params, grads, strict=True)):
            if clip:
                g = reference.prepare(p, g, **clip)
            known = {name: x for name, x in {**now, "offset": offsets[k]}.items() if name in names}
            step, *slots[k] = twin(p, g, *slots[k], t=t, **known)
            decay = reference.decay(rule, now.get("decoupled_weight_decay", True), **now)
            moved.append(np.asarray(reference.move(p, step, decay)))
        params = moved
        path.append(params)
    return path


def torch_package(module, name, before=lambda params: None, **settings):
    """What runs a class for PyTorch over a problem; `before` sees the parameters at each step."""

    def call(params, steps):
        torch = pytest.importorskip("torch")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of others, as they are imported and run
            tensors = [torch.tensor(p, requires_grad=True) for p in params]
            opt = getattr(pytest.importorskip(module), name)(tensors, **settings)
            path = []
            for grads in steps:
                for tensor, g in zip(tensors, grads, strict=True):
                    tensor.grad = torch.tensor(g)
                before(tensors)
                opt.step()
                path.append([tensor.detach().numpy().copy() for tensor in tensors])
        return path

    return call


def timm(name, **settings):
    return torch_package("timm.optim", name, foreach=False, **settings)


def po(name, **settings):
    return torch_package("pytorch_optimizer", name, foreach=False, **settings)


def torch_optimizer(name, **settings):
    return torch_package("torch_optimizer", name, **settings)


def optax(make):
    """What runs the transformation that `make` makes of optax over a problem."""

    def call(params, steps):
        jax, package = pytest.importorskip("jax"), pytest.importorskip("optax")
        with jax.enable_x64():
            points = [jax.numpy.asarray(p) for p in params]
            transformation = make(package)
            state = transformation.init(points)

            @jax.jit
            def step(points, state, grads):
                updates, state = transformation.update(grads, state, points)
                return package.apply_updates(points, updates), state

            path = []
            for grads in steps:
                points, state = step(points, state, grads)
                path.append([np.asarray(p) for p in points])
        return path

    return call


def clipped_by(clip):
    """SGD of PyTorch, after `clip` has set the gradients."""
    return torch_package("torch.optim", "SGD", clip, lr=0.1)


def timm_agc(params):
    pytest.importorskip("timm.utils").adaptive_clip_grad(params, clip_factor=0.3)


def po_agc(params):
    agc = pytest.importorskip("pytorch_optimizer.optimizer.agc").agc
    for p in params:
        p.grad = agc(p.detach(), p.grad, agc_clip_val=0.3)


def distance(ours, theirs, start):
    """Between two ends, relative to our distance from the start."""
    a, b, c = (np.concatenate([np.ravel(x) for x in end]) for end in (ours, theirs, start))
    return np.linalg.norm(a - b) / np.linalg.norm(a - c)


def falling(t):
    return 1.0 / (1.0 + 0.1 * t)


def time(beta):
    return -1.0 / math.log(beta)


def warming(first):
    """AdEMAMix of optax; its schedules see the steps taken, and ours go on from `first`."""

    def make(package):
        import jax.numpy as jnp

        def part(taken, steps):
            return jnp.minimum((taken.astype(float) + first) / steps, 1.0)

        def beta3(taken):
            s = part(taken, 20)
            return jnp.exp(-1.0 / ((1.0 - s) * time(0.9) + s * time(0.9999)))

        return package.contrib.ademamix(0.01, b3=beta3, alpha=lambda taken: 5.0 * part(taken, 30))

    return optax(make)


LAMB = {"learning_rate": 0.01, "weight_decay": 0.1}
RAW = LAMB | {"bias_correction": False}
BESIDE = LAMB | {"decoupled_weight_decay": True}
LARS = {"trust_coefficient": 0.02, "weight_decay": 0.1}
ADEMAMIX = {"learning_rate": 0.01, "weight_decay": 0.1}
WARM = {"learning_rate": 0.01, "beta3_warmup": 20, "alpha_warmup": 30}
ADAN = {"learning_rate": 0.01, "weight_decay": 0.1}
APART = ADAN | {"proximal": False}
AGC = {"agc": 0.3}

# As PyTorch's packages name them.
TORCH = {"lr": 0.01, "weight_decay": 0.1}
UNCLIPPED = TORCH | {"max_grad_norm": None}
TIMM_LARS = {"lr": 1.0, "momentum": 0.9, "trust_coeff": 0.02, "weight_decay": 0.1}
TORCH_LARS = {"lr": 1.0, "momentum": 0.9, "trust_coefficient": 0.02, "weight_decay": 0.1}
SLOW = TORCH | {"weight_decouple": True}

SAME = [
    ("optax", "lamb", LAMB, optax(lambda o: o.lamb(0.01, weight_decay=0.1))),
    ("timm", "lamb", LAMB, timm("Lamb", **UNCLIPPED, always_adapt=True)),
    ("timm", "lamb", RAW, timm("Lamb", **UNCLIPPED, bias_correction=False)),
    ("timm", "lamb", LAMB | {"max_ratio": 1.0}, timm("Lamb", **UNCLIPPED, trust_clip=True)),
    (
        "timm",
        "lamb",
        LAMB | {"weight_decay": 0.0, "adapt": False},
        timm("Lamb", **UNCLIPPED | {"weight_decay": 0.0}),
    ),
    (
        "torch-optimizer",
        "lamb",
        RAW,
        torch_optimizer("Lamb", **TORCH, eps=1e-6, clamp_value=math.inf),
    ),
    ("timm", "lars", LARS, timm("Lars", **TIMM_LARS)),
    (
        "timm",
        "lars",
        LARS | {"weight_decay": 0.0},
        timm("Lars", **TIMM_LARS | {"weight_decay": 0.0}, always_adapt=True),
    ),
    ("timm", "lars", LARS | {"nesterov": True}, timm("Lars", **TIMM_LARS, nesterov=True)),
    ("timm", "lars", LARS | {"dampening": 0.3}, timm("Lars", **TIMM_LARS, dampening=0.3)),
    ("timm", "lars", LARS | {"momentum": 0.0}, timm("Lars", **TIMM_LARS | {"momentum": 0.0})),
    (
        "timm as LARC",
        "lars",
        LARS | {"max_ratio": 0.01, "zero_ratio": 0.01},
        timm("Lars", **TIMM_LARS | {"lr": 0.01}, trust_clip=True),
    ),
    ("torch-optimizer", "lars", LARS, torch_optimizer("LARS", **TORCH_LARS)),
    (
        "optax",
        "lars",
        {"learning_rate": falling, "epsilon": 0.0, "lr_in_velocity": True},
        optax(lambda o: o.lars(falling)),
    ),
    (
        "optax",
        "lars",
        {"learning_rate": falling, "epsilon": 0.0, "lr_in_velocity": True, "nesterov": True},
        optax(lambda o: o.lars(falling, nesterov=True)),
    ),
    ("pytorch-optimizer", "ademamix", ADEMAMIX, po("AdEMAMix", **SLOW)),
    *(
        (
            "pytorch-optimizer",
            "ademamix",
            ADEMAMIX | {"beta3_warmup": steps, "alpha_warmup": steps},
            po("AdEMAMix", **SLOW, t_alpha_beta3=steps),
        )
        for steps in (20, 1000)
    ),
    ("optax", "ademamix", ADEMAMIX, optax(lambda o: o.contrib.ademamix(0.01, weight_decay=0.1))),
    ("optax told t + 1", "ademamix", WARM, warming(1)),
    ("timm", "adan", ADAN, timm("Adan", **TORCH)),
    ("timm", "adan", APART, timm("Adan", **TORCH, no_prox=True)),
    ("pytorch-optimizer", "adan", ADAN, po("Adan", **TORCH)),
    ("pytorch-optimizer", "adan", APART, po("Adan", **TORCH, weight_decouple=True)),
    (
        "optax",
        "sgd",
        AGC,
        optax(lambda o: o.chain(o.adaptive_grad_clip(0.3), o.sgd(0.1))),
    ),
    ("timm", "sgd", AGC | {"agc_axis": 0}, clipped_by(timm_agc)),
    ("pytorch-optimizer", "sgd", AGC | {"agc_axis": 0}, clipped_by(po_agc)),
]

OTHERS = [
    ("timm clips at a norm of 1", "lamb", LAMB, timm("Lamb", **TORCH), 0.129),
    (
        "timm takes the ratio of decayed parameters",
        "lamb",
        BESIDE,
        timm("Lamb", **UNCLIPPED, decoupled_decay=True),
        9.94e-4,
    ),
    (
        "torch-optimizer corrects nothing, and counts at most 10 as the norm of p",
        "lamb",
        LAMB,
        torch_optimizer("Lamb", **TORCH, eps=1e-6),
        0.351,
    ),
    (
        "torch-optimizer with debias corrects the rate instead of the moments",
        "lamb",
        LAMB,
        torch_optimizer("Lamb", **TORCH, eps=1e-6, debias=True),
        0.838,
    ),
    ("pytorch-optimizer corrects the rate by beta1", "lamb", BESIDE, po("Lamb", **TORCH), 0.774),
    (
        "pytorch-optimizer corrects the rate by beta1, in the ratio",
        "lamb",
        LAMB,
        po("Lamb", **TORCH, weight_decouple=False),
        0.854,
    ),
    (
        "optax divides by the norm of the sum",
        "lars",
        LARS,
        optax(lambda o: o.lars(1.0, weight_decay=0.1, trust_coefficient=0.02)),
        0.0415,
    ),
    (
        "pytorch-optimizer neither adapts nor decays below two dimensions",
        "lars",
        LARS,
        po("LARS", **TORCH_LARS),
        94.0,
    ),
    (
        "timm adapts nothing without decay",
        "lars",
        LARS | {"weight_decay": 0.0},
        timm("Lars", **TIMM_LARS | {"weight_decay": 0.0}),
        415.0,
    ),
    ("optax warms up from 0", "ademamix", WARM, warming(0), 1.39),
    ("pytorch-optimizer adds the decay to g", "ademamix", ADEMAMIX, po("AdEMAMix", **TORCH), 1.04),
    (
        "optax has 1 - beta2 for beta2",
        "adan",
        APART,
        optax(lambda o: o.adan(0.01, weight_decay=0.1, eps_root=0.0)),
        0.583,
    ),
    (
        "adan-pytorch does not move at first",
        "adan",
        ADAN,
        torch_package("adan_pytorch", "Adan", **TORCH),
        0.427,
    ),
]


def label(value):
    if isinstance(value, dict):
        return "-".join(f"{k}={v}" for k, v in value.items() if not callable(v))
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(("peer", "rule", "settings", "path"), SAME, ids=label)
def test_same_as_published(peer, rule, settings, path):
    params, steps = problem()
    for ours, theirs in zip(run(rule, params, steps, **settings), path(params, steps), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize(("peer", "rule", "settings", "path", "apart"), OTHERS, ids=label)
def test_as_far_from_others_as_we_say(peer, rule, settings, path, apart):
    params, steps = problem()
    theirs = path(params, steps)[-1]
    ours = run(rule, params, steps, **settings)[-1]
    assert distance(ours, theirs, params) == pytest.approx(apart, rel=0.02)


ELEMENTWISE = ("ademamix", "adan")
RULES = ("lamb", "lars", *ELEMENTWISE)


def zeros(params):
    return [np.zeros_like(p) for p in params]


@pytest.mark.parametrize(
    "settings", [LAMB, RAW, LAMB | {"weight_decay": 0.0}, {"learning_rate": 0.3}], ids=label
)
def test_lamb_moves_each_tensor_by_the_rate(settings):
    params, steps = problem()
    for points in run("lamb", params, steps, **settings):
        for before, after in zip(params, points, strict=True):
            moved = np.linalg.norm(after - before) / np.linalg.norm(before)
            assert moved == pytest.approx(settings["learning_rate"], rel=1e-12)
        params = points


def test_lamb_shrinks_what_has_no_gradient_whatever_the_decay():
    params, _ = problem()
    for decay in (1e-4, 0.1):
        end = run("lamb", params, [zeros(params)] * 9, learning_rate=0.01, weight_decay=decay)[-1]
        for p, q in zip(params, end, strict=True):
            np.testing.assert_allclose(q, p * 0.99**9, rtol=1e-13)
    for settings in ({"weight_decay": 0.0}, {"decoupled_weight_decay": True, "weight_decay": 0.0}):
        end = run("lamb", params, [zeros(params)] * 2, **settings)[-1]
        assert all(np.array_equal(p, q) for p, q in zip(params, end, strict=True))


def test_lamb_crawls_away_from_zero():
    """A step of Adam first, whose elements are as large as the rate; then the rate of that."""
    start, steps = problem()
    path = run("lamb", zeros(start), steps, learning_rate=0.01)
    lengths = [[np.linalg.norm(p) for p in points] for points in path]
    for length, p in zip(lengths[0], start, strict=True):
        assert length == pytest.approx(0.01 * math.sqrt(p.size), rel=1e-4)
    for before, after in itertools.pairwise(lengths):
        for a, b in zip(before, after, strict=True):
            assert b < a * (1.01 + 1e-12)


def test_ratio_of_lamb_has_bounds():
    params, steps = problem()
    free = {"learning_rate": 0.01, "bias_correction": False, "weight_decay": 0.0, "epsilon": 0.0}
    moved = {}
    for name, value in (("max_ratio", 1e-3), ("min_ratio", 1e3), ("adapt", False)):
        end = run("lamb", params, steps[:1], **free, **{name: value})[-1]
        moved[name] = [np.linalg.norm(q - p) for p, q in zip(params, end, strict=True)]
    for at_most, at_least, plain in zip(*moved.values(), strict=True):
        assert at_most == pytest.approx(1e-3 * plain, rel=1e-9)
        assert at_least == pytest.approx(1e3 * plain, rel=1e-9)


def test_lamb_without_correction_by_hand():
    settings = {"bias_correction": False, "epsilon": 0.5, "weight_decay": 0.25, "adapt": False}
    end = run("lamb", [np.array(2.0)], [[np.array(3.0)]], learning_rate=0.1, **settings)[-1]
    u = 0.1 * 3.0 / (math.sqrt(0.001 * 9.0) + 0.5) + 0.25 * 2.0
    assert end[0] == pytest.approx(2.0 - 0.1 * u, rel=1e-13)


def test_decoupled_decay_of_lamb_is_beside_the_ratio():
    params, steps = problem()
    for before, grads in zip([params, *run("lamb", params, steps, **BESIDE)], steps, strict=False):
        plain = run("lamb", before, [grads], **BESIDE | {"weight_decay": 0.0})[-1]
        decayed = run("lamb", before, [grads], **BESIDE)[-1]
        for p, q, r in zip(before, plain, decayed, strict=True):
            np.testing.assert_allclose(q - r, 0.001 * p, rtol=1e-9)


def test_lars_moves_by_its_coefficient_whatever_the_size_of_the_gradient():
    params, steps = problem()
    settings = {"learning_rate": 0.5, "momentum": 0.0, "epsilon": 0.0}
    for size in (1e-6, 1.0, 1e6):
        end = run("lars", params, [[g * size for g in steps[0]]], **settings)[-1]
        for p, q in zip(params, end, strict=True):
            assert np.linalg.norm(q - p) == pytest.approx(5e-4 * np.linalg.norm(p), rel=1e-9)


def test_lars_takes_the_zero_ratio_without_a_norm():
    params, steps = problem()
    for ratio in (1.0, 0.001):
        settings = {"zero_ratio": ratio, "weight_decay": 0.1}
        end = run("lars", zeros(params), steps[:1], **settings)[-1]
        for g, q in zip(steps[0], end, strict=True):
            np.testing.assert_allclose(q, -ratio * g, rtol=1e-15)
        end = run("lars", params, [zeros(params)], **settings)[-1]
        for p, q in zip(params, end, strict=True):
            np.testing.assert_allclose(q, p - ratio * 0.1 * p, rtol=1e-15)
    end = run("lars", zeros(params), steps[:1], zero_ratio=0.5, adapt=False)[-1]
    assert all(np.array_equal(-g, q) for g, q in zip(steps[0], end, strict=True))


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("dampening", [0.0, 0.25])
@pytest.mark.parametrize("max_ratio", [0.04, math.inf])
def test_lars_by_hand(nesterov, dampening, max_ratio):
    grads = [3.0, -1.0, 0.5]
    settings = {"learning_rate": 0.2, "trust_coefficient": 0.1, "epsilon": 0.25}
    settings |= {"weight_decay": 0.5, "nesterov": nesterov, "dampening": dampening}
    steps = [[np.array(g)] for g in grads]
    end = run("lars", [np.array(2.0)], steps, **settings, max_ratio=max_ratio)[-1]
    p, b = 2.0, 0.0
    for t, g in enumerate(grads):
        ratio = min(0.1 * abs(p) / (abs(g) + 0.5 * abs(p) + 0.25), max_ratio)
        taken = (1.0 - dampening * (t > 0)) * ratio * (g + 0.5 * p)
        b = 0.9 * b + taken
        p -= 0.2 * (taken + 0.9 * b if nesterov else b)
    assert end[0] == pytest.approx(p, rel=1e-13)


def test_forms_of_lars_agree_while_the_rate_is_constant():
    params, steps = problem()
    for nesterov in (False, True):
        settings = {**LARS, "nesterov": nesterov}
        a = run("lars", params, steps, **settings)[-1]
        b = run("lars", params, steps, **settings, lr_in_velocity=True)[-1]
        assert distance(a, b, params) < 1e-14
        b = run("lars", params, steps, **settings, learning_rate=falling, lr_in_velocity=True)[-1]
        a = run("lars", params, steps, **settings, learning_rate=falling)[-1]
        assert distance(a, b, params) > 0.01


@pytest.mark.parametrize("rule", RULES)
def test_parts_of_a_tensor_matter_to_ratios_alone(rule):
    params, steps = problem()
    parts = [np.split(tree[0], 2) for tree in (params, *steps)]
    whole = run(rule, params[:1], [grads[:1] for grads in steps])[-1]
    apart = run(rule, parts[0], parts[1:])[-1]
    same = distance(whole, [np.concatenate(apart)], params[:1]) == 0.0
    assert same == (rule in ELEMENTWISE)


@pytest.mark.parametrize("rule", RULES)
def test_size_of_the_gradients_cancels(rule):
    """Up to epsilon; in LARS without decay."""
    params, steps = problem()
    a = run(rule, params, steps, epsilon=0.0)[-1]
    b = run(rule, params, [[1000.0 * g for g in grads] for grads in steps], epsilon=0.0)[-1]
    assert distance(a, b, params) < 1e-12


@pytest.mark.parametrize("rule", RULES)
def test_float32_follows_float64(rule):
    params, steps = problem()
    narrow = [[x.astype(np.float32) for x in tree] for tree in (params, *steps)]
    wide = [[x.astype(np.float64) for x in tree] for tree in narrow]
    settings = {"learning_rate": 0.01} if rule != "lars" else {"trust_coefficient": 0.02}
    a = run(rule, wide[0], wide[1:], **settings)[-1]
    b = run(rule, narrow[0], narrow[1:], **settings)[-1]
    assert {x.dtype for x in b} == {np.dtype(np.float32)}
    assert distance(a, b, wide[0]) < 1e-5


@pytest.mark.parametrize("rule", RULES)
def test_empty_tensors_and_gradients_that_stay(rule):
    params, steps = problem()
    copies = [g.copy() for g in steps[0]]
    path = run(rule, [*params, np.zeros((0, 3))], [[*steps[0], np.zeros((0, 3))]])
    assert path[0][-1].shape == (0, 3)
    assert all(np.array_equal(a, b) for a, b in zip(copies, steps[0], strict=True))
    assert all(np.isfinite(p).all() for p in path[0])


@pytest.mark.parametrize("rule", RULES)
def test_nan_spreads_over_its_tensor_where_there_is_a_ratio(rule):
    params, steps = problem()
    grads = [g.copy() for g in steps[0]]
    grads[0][2, 3] = np.nan
    points = run(rule, params, [grads])[-1]
    assert np.isnan(points[0]).sum() == (1 if rule in ELEMENTWISE else points[0].size)
    assert not any(np.isnan(p).any() for p in points[1:])


@pytest.mark.parametrize("rule", ELEMENTWISE)
def test_nothing_moves_without_gradients(rule):
    params, _ = problem()
    end = run(rule, params, [zeros(params)] * 3)[-1]
    assert all(np.array_equal(p, q) for p, q in zip(params, end, strict=True))


def test_adan_sees_no_change_in_its_first_step():
    """u is the sign of g in the first step, and in the second what the formulas make of -g."""
    p, g = np.zeros(3), np.array([2.0, -3.0, 1e-4])
    path = run("adan", [p], [[g], [np.zeros(3)]], learning_rate=1.0, epsilon=0.0)
    np.testing.assert_allclose(path[0][0], -np.sign(g), rtol=1e-15)
    m, d, n = 0.98 * 0.02, -0.08, 0.99 * 0.01 + 0.01 * 0.92**2
    c1, c2, c3 = 1 - 0.98**2, 1 - 0.92**2, 1 - 0.99**2
    u = (m / c1 + 0.92 * d / c2) / math.sqrt(n / c3)
    np.testing.assert_allclose(path[1][0] - path[0][0], -u * np.sign(g), rtol=1e-13)


def test_decay_of_adan_by_hand():
    """u is 1 in the first step."""
    for proximal, wanted in ((True, (4.0 - 0.5) / 1.25), (False, 0.75 * 4.0 - 0.5)):
        settings = {"weight_decay": 0.5, "epsilon": 0.0, "proximal": proximal}
        end = run("adan", [np.array(4.0)], [[np.array(3.0)]], learning_rate=0.5, **settings)[-1]
        assert end[0] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("t", [1, 2, 6, 7, 8, 500, 1000, 1001])
def test_warmup_of_ademamix_is_linear_in_the_time_constant(t):
    """A slow average that was 0 is 1 - beta3 after a gradient of 1; alpha grows from 1/T of it."""
    zero, one = np.zeros(1), np.ones(1)
    for beta1, beta3, steps in ((0.9, 0.9999, 7), (0.5, 0.999, 1000.5), (0.99, 0.9, 8)):
        part = min(t / steps, 1.0)
        constant = (1.0 - part) * time(beta1) + part * time(beta3)
        settings = DEFAULTS["ademamix"] | {"beta1": beta1, "beta3": beta3, "learning_rate": 1.0}
        settings |= {"beta3_warmup": steps, "alpha_warmup": 2 * steps}
        del settings["weight_decay"]
        step, m, v, slow = reference.ademamix(zero, one, zero, zero, zero, t=t, **settings)
        assert slow[0] == pytest.approx(-math.expm1(-1.0 / constant), rel=1e-11)
        mixed = m / (1.0 - beta1**t) + 5.0 * min(t / (2 * steps), 1.0) * slow
        assert step[0] == pytest.approx(mixed / np.sqrt(v / (1.0 - 0.999**t)), rel=1e-6)


def test_warmup_of_ademamix_from_no_memory():
    """beta = 0 forgets at once: its time constant is 0."""
    zero, one = np.zeros(1), np.ones(1)
    settings = DEFAULTS["ademamix"] | {"beta1": 0.0, "beta3_warmup": 8}
    del settings["weight_decay"]
    for beta3, wanted in ((0.0, 1.0), (5e-324, 1.0), (0.5, -math.expm1(math.log(0.5) * 8))):
        settings["beta3"] = beta3
        *_, slow = reference.ademamix(zero, one, zero, zero, zero, t=1, **settings)
        assert slow[0] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("beta", [5e-324, 1e-8, 0.1, 0.5, 0.7071, 0.71, 0.9, 0.9999, 1 - 2**-53])
def test_logarithm_and_exponential_without_a_library(beta):
    assert reference.log(beta) == pytest.approx(math.log(beta), rel=1e-15)
    assert reference.expm1(math.log(beta)) == pytest.approx(math.expm1(math.log(beta)), rel=3e-15)


@pytest.mark.parametrize("x", [1.0, 1.0 + 2**-52, 1.4142, 1.5, 1e6, 1e300])
def test_logarithm_and_exponential_of_growth(x):
    assert reference.log(x) == pytest.approx(math.log(x), rel=1e-15)
    assert reference.expm1(math.log(x)) == pytest.approx(math.expm1(math.log(x)), rel=1e-12)


def test_exponential_of_little_and_of_much():
    assert reference.expm1(-1e-300) == -1e-300
    assert reference.expm1(711.0) == math.inf
    assert reference.expm1(-746.0) == reference.expm1(-math.inf) == -1.0


@pytest.mark.parametrize("factor", [0.5, 1.01])
@pytest.mark.parametrize(
    "shape", [(3, 5), (9, 4), (2, 3, 4), (3, 2, 2, 5), (2, 2, 3, 2, 3), (7,), ()], ids=str
)
def test_units_are_clipped_to_their_parameters(shape, factor, rng):
    """Half of the units, and about the other half."""
    p, g = rng.standard_normal(shape), rng.standard_normal(shape)
    whole = tuple(range(len(shape)))
    for axis in (None, *range(-len(shape), len(shape))):
        one = axis is None or len(shape) < 2
        others = whole if one else tuple(k for k in whole if k != axis % len(shape))

        def norms(x, others=others):
            return np.sqrt(np.sum(x * x, axis=others, keepdims=True))

        clip = factor * float(np.median(norms(g) / norms(p)))
        largest = clip * np.maximum(norms(p), 1e-3)
        out = reference.prepare(p, g, agc=clip, agc_axis=axis)
        np.testing.assert_allclose(norms(out), np.minimum(norms(g), largest), rtol=1e-14)
        kept = np.broadcast_to(norms(g) < largest, shape)
        assert np.array_equal(out[kept], g[kept])


def test_clipped_units_at_the_edges():
    """A parameter of zeros counts as 1e-3; a unit with a NaN stays as it is."""
    g = np.array([[3.0, 0.0, 3e-9], [4.0, 0.0, 4e-9]])
    out = reference.prepare(np.zeros((2, 3)), g, agc=0.01)
    np.testing.assert_allclose(out, [[6e-6, 0.0, 3e-9], [8e-6, 0.0, 4e-9]], rtol=1e-14)
    g[0, 0] = np.nan
    out = reference.prepare(np.zeros((2, 3)), g, agc=0.01)
    assert np.array_equal(out, g, equal_nan=True)


def test_units_are_clipped_after_elements_and_before_decay(rng):
    p, g = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    out = reference.prepare(p, g, scale=-2.0, limit=0.5, l2=0.1, agc=0.01)
    clipped = reference.prepare(p, np.clip(-2.0 * g, -0.5, 0.5), agc=0.01)
    np.testing.assert_allclose(out, clipped + 0.1 * p, rtol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(clipped, axis=0), 0.01 * np.linalg.norm(p, axis=0))


@pytest.mark.parametrize("offset", [0, 1, 4095, 4096, 5000])
def test_sums_of_a_tensor_follow_the_blocks_of_all(offset, rng):
    x = rng.standard_normal(10_001)
    first = 4096 - offset % 4096
    pieces = np.split(x, [first, first + 4096, first + 8192])
    total = 0.0
    for piece in pieces:
        total += reference.sum_squares(piece)
    assert reference.sum_squares(x, offset) == total
    assert reference.norm(x.reshape(73, 137), offset) == math.sqrt(total)
