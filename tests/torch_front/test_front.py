"""What users, training tools and torch itself do to an optimizer; and our own keywords."""

from __future__ import annotations

import contextlib
import copy
import io
import math
import multiprocessing
import pickle
import resource
import tracemalloc
import warnings
from collections import defaultdict

import pytest

pytest.importorskip("torch.nn")

import schuss.torch
import torch
from schuss.torch.front import Front
from torch.optim import lr_scheduler
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

NAMES = [
    name
    for name in schuss.torch.__all__
    if isinstance(getattr(schuss.torch, name), type)
    and issubclass(getattr(schuss.torch, name), Front)
]
DROP_IN = [name for name in NAMES if hasattr(torch.optim, name)]
FUSED = ["SGD", "Adam", "AdamW", "Adagrad"]
FEW = ["SGD", "Adam", "RMSprop", "NAdam", "Lion", "LAMB"]
MORE = {"SGD": {"lr": 0.01, "momentum": 0.9}, "RMSprop": {"momentum": 0.9, "centered": True}}
HALF = [torch.bfloat16, torch.float16]

every = pytest.mark.parametrize("name", NAMES)
drop_in = pytest.mark.parametrize("name", DROP_IN)
few = pytest.mark.parametrize("name", FEW)
half = pytest.mark.parametrize("dtype", HALF, ids=["bfloat16", "float16"])


def ours(name, params, **kwargs):
    return getattr(schuss.torch, name)(params, **{**MORE.get(name, {}), **kwargs})


def theirs(name, params, **kwargs):
    kwargs = {"foreach": False, **MORE.get(name, {}), **kwargs}
    return getattr(torch.optim, name)(params, **kwargs)


def parameters(dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(3, 4), (4,), (2, 5), ()]
    return [
        torch.nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64).to(dtype))
        for s in shapes
    ]


def members(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def set_gradients(optimizer, step, scale=1.0):
    generator = torch.Generator().manual_seed(100 + step)
    for p in members(optimizer):
        g = torch.randn(p.shape, generator=generator, dtype=torch.float64) * scale
        p.grad = g.to(p.dtype)


def train(*optimizers, steps=3, start=0, scale=1.0):
    for step in range(start, start + steps):
        for optimizer in optimizers:
            set_gradients(optimizer, step, scale)
            optimizer.step()


def close(one, other, tolerance=1e-9, states=True):
    """Whether parameters, and states by name, are within a tolerance."""
    for p, q in zip(members(one), members(other), strict=True):
        torch.testing.assert_close(p, q, rtol=tolerance, atol=tolerance)
        if not states:
            continue
        mine, yours = one.state.get(p, {}), other.state.get(q, {})
        assert list(mine) == list(yours)
        for key, value in yours.items():
            torch.testing.assert_close(
                mine[key], value, rtol=tolerance, atol=tolerance, check_dtype=False
            )


def same(one, other):
    close(one, other, 0)


def tolerance(name):
    """torch keeps the product of NAdam's momenta in float32."""
    return 1e-6 if name == "NAdam" else 1e-9


def pair(name, **kwargs):
    return ours(name, parameters(), **kwargs), theirs(name, parameters(), **kwargs)


def snapshot(optimizer):
    """Return copies of all that a step may write."""
    return copy.deepcopy([(p.detach(), optimizer.state.get(p, {})) for p in members(optimizer)])


def unchanged(optimizer, before):
    for p, (q, state) in zip(members(optimizer), before, strict=True):
        assert torch.equal(p, q)
        now = optimizer.state.get(p, {})
        assert list(now) == list(state)
        assert all(torch.equal(now[k], v) for k, v in state.items())


def torch_errs(fault):
    """Show a fault of torch's, which may be mended in a later one."""
    if torch.__version__.startswith("2.13."):
        assert fault


class TestWhereTorchErrs:
    @pytest.mark.parametrize("name", FUSED)
    def test_gradients_of_other_strides(self, name):
        value, grad = parameters()[0].detach(), torch.arange(12.0, dtype=torch.float64)
        cases = (
            (schuss.torch, {}),
            (torch.optim, {"foreach": False}),
            (torch.optim, {"fused": True}),
        )
        results = []
        for module, kwargs in cases:
            p = torch.nn.Parameter(value.clone())
            p.grad = grad.view(4, 3).t()
            getattr(module, name)([p], **{"lr": 0.01, **kwargs}).step()
            p.grad = grad.view(4, 3).t()[:, :1].expand(3, 4)
            getattr(module, name)([p], **{"lr": 0.01, **kwargs}).step()
            results.append(p)
        torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-9)
        torch_errs((results[2] - results[1]).abs().max() > 1e-3)

    @half
    @pytest.mark.parametrize("momentum", [0.0, 0.9])
    def test_sgd_moves_every_half(self, dtype, momentum):
        def moved(n, cls, **kwargs):
            p = torch.nn.Parameter(torch.ones(n, dtype=dtype))
            p.grad = torch.ones_like(p)
            cls([p], lr=0.5, momentum=momentum, **kwargs).step()
            return int((p == 0.5).sum())

        for n in (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000):
            assert moved(n, schuss.torch.SGD) == moved(n, schuss.torch.SGD, fused=True) == n
        torch_errs(moved(64, torch.optim.SGD, fused=True) == 0)

    @every
    @pytest.mark.parametrize("master", [None, "float32"])
    def test_autograd_knows_what_was_written(self, name, master):
        w = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
        loss = (w * w).sum()
        w.grad = torch.ones_like(w)
        version = w._version
        ours(name, [w], master=master).step()
        assert w._version > version
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()

    def test_torchs_autograd_does_not(self):
        w = torch.nn.Parameter(torch.ones(1))
        loss = (w * w).sum()
        w.grad = torch.ones(1)
        torch.optim.SGD([w], lr=1.0, fused=True).step()
        w.grad = None
        with contextlib.suppress(RuntimeError):
            loss.backward()
        torch_errs(w.grad is not None and w.grad.item() == 0.0)  # 2 is right

    @every
    def test_loading_keeps_dtypes(self, name):
        source = ours(name, parameters(torch.bfloat16), master="float32", ema=0.9)
        train(source)
        for p in members(source):
            source.state[p]["count"] = torch.tensor(2**40 + 1)
        saved = copy.deepcopy(source.state_dict())
        other = ours(name, copy.deepcopy(members(source)), master="float32", ema=0.9)
        other.load_state_dict(saved)
        for p in members(other):
            dtypes = {k: v.dtype for k, v in other.state[p].items()}
            assert dtypes.pop("count") == torch.int64
            assert set(dtypes.values()) == {torch.float32}
        same(other, source)
        train(source, other, start=3)
        same(other, source)

    @pytest.mark.parametrize(("name", "key"), [("NAdam", "mu_product"), ("ASGD", "eta")])
    def test_torch_casts_numbers(self, name, key):
        source = theirs(name, parameters(torch.bfloat16))
        train(source)
        theirs_again = theirs(name, parameters(torch.bfloat16))
        theirs_again.load_state_dict(source.state_dict())
        torch_errs(theirs_again.state[members(theirs_again)[0]][key].dtype == torch.bfloat16)
        ours_again = ours(name, parameters(torch.bfloat16))
        ours_again.load_state_dict(source.state_dict())
        for p, q in zip(members(source), members(ours_again), strict=True):
            assert torch.equal(source.state[p][key], ours_again.state[q][key])

    @every
    def test_loading_copies(self, name):
        source = ours(name, parameters())
        train(source)
        saved = source.state_dict()
        other = ours(name, copy.deepcopy(members(source)))
        other.load_state_dict(saved)
        before = snapshot(source)
        train(other)
        unchanged(source, before)
        if name in DROP_IN:  # torch shares them
            other = theirs(name, copy.deepcopy(members(source)))
            other.load_state_dict(saved)
            a, b = (next(iter(o.state.values())) for o in (source, other))
            torch_errs(any(a[k].data_ptr() == b[k].data_ptr() for k in a))

    @pytest.mark.parametrize(("saved", "model"), [("float32", "float64"), ("float64", "float32")])
    @drop_in
    def test_loading_into_another_dtype(self, name, saved, model):
        source = theirs(name, parameters(getattr(torch, saved)))
        train(source)
        optimizers = [f(name, parameters(getattr(torch, model))) for f in (ours, theirs)]
        for optimizer in optimizers:
            optimizer.load_state_dict(copy.deepcopy(source.state_dict()))
        train(*optimizers)
        close(*optimizers, 1e-5)


SCHEDULERS = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda k: 0.9**k),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda k: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [1, 3]),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, 0.5, 2),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, total_iters=3),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.8),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 5),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 5),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.001, 0.1, 2),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=8),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, threshold=0.9),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ExponentialLR(o, 0.9), lr_scheduler.ConstantLR(o, 0.5, 2)]
    ),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.ExponentialLR(o, 0.9)], [2]
    ),
    "SWALR": lambda o: torch.optim.swa_utils.SWALR(o, 0.001, 3),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter")  # SequentialLR in torch 2.6
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_schedulers_with_a_closure(name, scheduler):
    losses = []
    for optimizer in pair(name):
        changes = SCHEDULERS[scheduler](optimizer)
        target = members(optimizer)

        def closure(optimizer=optimizer, target=target):
            optimizer.zero_grad()
            loss = sum((p**2).sum() for p in target)
            loss.backward()
            return loss

        seen = []
        for _ in range(6):
            seen.append([optimizer.step(closure).item(), optimizer.param_groups[0]["lr"]])
            changes.step(*[1.0] * (scheduler == "ReduceLROnPlateau"))
        losses.append(seen)
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-9, atol=1e-9)


@every
def test_closures(name):
    params = parameters()
    optimizer, calls, result = ours(name, params), [], object()

    def closure():
        calls.append(torch.is_grad_enabled())
        set_gradients(optimizer, 0)
        return result

    before = snapshot(optimizer)
    with torch.no_grad():
        assert optimizer.step(closure) is result
    assert calls == [True]
    assert not torch.equal(params[0], before[0][0])
    assert optimizer.step() is None


class TestHooks:
    """Each exactly once, in torch's order, whatever torch has wrapped before."""

    ORDER = ("all before", "before", "step", "after", "all after")

    @pytest.fixture
    def seen(self):
        seen = []
        handles = [
            register_optimizer_step_pre_hook(lambda *_: seen.append("all before")),
            register_optimizer_step_post_hook(lambda *_: seen.append("all after")),
        ]
        yield seen
        for handle in handles:
            handle.remove()

    @staticmethod
    def hook(optimizer, seen):
        optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
        optimizer.register_step_post_hook(lambda *_: seen.append("after"))

    @every
    def test_once(self, name, seen):
        if name in DROP_IN:
            theirs(name, parameters())  # torch wraps its class's step at the first construction
        optimizer = ours(name, parameters())
        self.hook(optimizer, seen)
        set_gradients(optimizer, 0)
        optimizer.step(lambda: seen.append("step"))
        assert tuple(seen) == self.ORDER

    def test_once_in_a_step_of_torchs_own(self, seen):
        theirs("SGD", parameters())
        optimizer = ours("SGD", parameters())
        self.hook(optimizer, seen)
        p = members(optimizer)[1]
        p.grad = torch.sparse_coo_tensor([[1]], [1.0], (4,), dtype=p.dtype, check_invariants=True)
        with pytest.warns(RuntimeWarning, match="torch's own step") as caught:
            optimizer.step(lambda: seen.append("step"))
        assert tuple(seen) == self.ORDER
        assert caught[0].filename == __file__

    @few
    def test_once_in_a_users_subclass(self, name, seen):
        class Users(getattr(schuss.torch, name)):
            def step(self, closure=None):
                seen.append("step")
                return super().step(closure)

        optimizer = Users(parameters())
        self.hook(optimizer, seen)
        set_gradients(optimizer, 0)
        before = snapshot(optimizer)
        optimizer.step()
        assert tuple(seen) == self.ORDER
        assert not torch.equal(members(optimizer)[0], before[0][0])

    def test_they_may_change_gradients_and_arguments(self):
        optimizer = ours("SGD", parameters(), lr=1.0, momentum=0.0)
        p, q = members(optimizer)[:2]
        set_gradients(optimizer, 0)
        start = q.detach().clone()
        p.grad.fill_(1.0)
        expected = p.detach() - 2.0

        def double(optimizer, args, kwargs):
            p.grad, q.grad = p.grad * 2, None
            return (optimizer, lambda: "another closure"), {}

        optimizer.register_step_pre_hook(double)
        assert optimizer.step() == "another closure"
        torch.testing.assert_close(p, torch.nn.Parameter(expected))
        assert torch.equal(q, start)

    def test_of_state_dicts(self):
        optimizer, seen = ours("Adam", parameters()), []
        train(optimizer)
        optimizer.register_state_dict_pre_hook(lambda *_: seen.append("save"))
        optimizer.register_state_dict_post_hook(lambda *_: seen.append("saved"))

        def halve(optimizer, state_dict):
            seen.append("load")
            state_dict["state"][0]["exp_avg"] = state_dict["state"][0]["exp_avg"] / 2
            return state_dict

        optimizer.register_load_state_dict_pre_hook(halve)
        optimizer.register_load_state_dict_post_hook(lambda *_: seen.append("loaded"))
        half = optimizer.state[members(optimizer)[0]]["exp_avg"] / 2
        optimizer.load_state_dict(optimizer.state_dict())
        assert seen == ["save", "saved", "load", "loaded"]
        assert torch.equal(optimizer.state[members(optimizer)[0]]["exp_avg"], half)

    @few
    def test_profiler_records(self, name):
        optimizer = ours(name, parameters())
        train(optimizer)
        with torch.profiler.profile() as profile:
            train(optimizer, steps=2)
            optimizer.zero_grad()
        counts = {event.key: event.count for event in profile.key_averages()}
        assert counts[f"Optimizer.step#{name}.step"] == 2
        assert counts[f"Optimizer.zero_grad#{name}.zero_grad"] == 1


def begin(optimizer, p):
    """Make the states of a new parameter, as torch 2.6's Adagrad does in its constructor alone."""
    if type(optimizer) is torch.optim.Adagrad:
        optimizer.state[p] = {"step": torch.tensor(0.0), "sum": torch.zeros_like(p)}


class TestChangesBetweenSteps:
    """torch's for-loop and ours, in lockstep, while somebody handles what the optimizer holds."""

    @drop_in
    def test_thawed_frozen_and_added(self, name):
        optimizers = pair(name)
        for optimizer in optimizers:
            for step in range(8):
                set_gradients(optimizer, step)
                params = members(optimizer)
                for p in params[: (2, 0, 0, 3)[step % 4]]:
                    p.grad = None
                if step == 5:
                    new = torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64))
                    optimizer.add_param_group({"params": [new], "lr": 0.005})
                    begin(optimizer, new)
                optimizer.step()
        close(*optimizers, tolerance(name))

    @drop_in
    def test_other_groups(self, name):
        optimizers = pair(name, lr=0.01)
        train(*optimizers)
        for optimizer in optimizers:
            group = optimizer.param_groups[0]
            group["weight_decay"] = 0.1  # Rprop has none, and sees none
            group["lr"], group["maximize"] = 0.02, True
            group["params"][0] = torch.nn.Parameter(torch.ones(3, 4, dtype=torch.float64))
            begin(optimizer, group["params"][0])
        train(*optimizers, start=3)
        close(*optimizers, tolerance(name))

    @drop_in
    def test_memory_replaced(self, name):
        optimizers = pair(name)
        train(*optimizers)
        for optimizer in optimizers:
            flat = torch.cat([p.detach().flatten() for p in members(optimizer)]) + 1.0
            for p, part in zip(
                members(optimizer), flat.split([p.numel() for p in members(optimizer)]), strict=True
            ):
                p.data = part.view_as(p)
        train(*optimizers, start=3)
        for optimizer in optimizers:
            members(optimizer)[0].data = torch.ones(4, 3, dtype=torch.float64).t()
        train(*optimizers, start=6)
        close(*optimizers, tolerance(name))

    @drop_in
    def test_states_handled(self, name):
        def clone(optimizer):
            for state in optimizer.state.values():
                for key in state:
                    state[key] = state[key].clone()

        def move(optimizer):
            for state in optimizer.state.values():
                for value in state.values():
                    value.data = value.data.clone()

        def write(optimizer):
            for state in optimizer.state.values():
                for value in state.values():
                    value.mul_(2)

        def drop(optimizer):
            for p in members(optimizer)[:2]:
                optimizer.state.pop(p, None)

        def clear(optimizer):
            optimizer.state = defaultdict(dict)

        def share(optimizer):
            for state in optimizer.state.values():
                for value in state.values():
                    value.share_memory_()

        actions = [clone, move, write, share]
        if name != "Adagrad":  # torch makes those states in the constructor alone
            actions += [drop, clear]
        optimizers = pair(name)
        for k, action in enumerate(actions):
            train(*optimizers, start=3 * k)
            for optimizer in optimizers:
                action(optimizer)
        train(*optimizers, start=50)
        close(*optimizers, tolerance(name))

    @few
    @pytest.mark.parametrize("held", ["state", "states of a parameter", "tensor"])
    @pytest.mark.parametrize("how", ["data", "share"])
    def test_states_in_hand_since_long(self, name, held, how):
        optimizer, plain = ours(name, parameters()), ours(name, parameters())
        train(optimizer, plain)
        p = members(optimizer)[0]
        key = list(optimizer.state[p])[-1]
        hold = {
            "state": lambda: (optimizer.state, lambda kept: kept[p][key]),
            "states of a parameter": lambda: (optimizer.state[p], lambda kept: kept[key]),
            "tensor": lambda: (optimizer.state[p][key], lambda kept: kept),
        }
        kept, tensor = hold[held]()
        train(optimizer, plain, start=3)
        if how == "share":
            tensor(kept).share_memory_()
        else:
            tensor(kept).data = torch.zeros_like(tensor(kept))
            plain.state[members(plain)[0]][key].zero_()
        del kept
        train(optimizer, plain, start=6)
        same(optimizer, plain)

    @every
    @half
    def test_model_converted(self, name, dtype):
        model = torch.nn.Linear(4, 3)
        optimizer = ours(name, model.parameters(), lr=0.1)
        model.to(dtype)  # before the first step
        for _ in range(2):
            model(torch.ones(2, 4, dtype=dtype)).sum().backward()
            optimizer.step()
        model.float()
        model.to(dtype)  # and after it: the states stay float32
        before = snapshot(optimizer)
        for p in model.parameters():
            p.grad *= 2
        optimizer.step()
        assert optimizer.last_step.step == 3
        for p, (_, states) in zip(model.parameters(), before, strict=True):
            assert p.dtype == dtype
            for key, value in states.items():
                assert key in ("eta", "mu", "step_size") or not torch.equal(
                    value, optimizer.state[p][key]
                )
        assert all(v.dtype == torch.float32 for s in optimizer.state.values() for v in s.values())
        assert optimizer.fallbacks == 0

    @few
    def test_model_in_a_dtype_that_does_not_fit(self, name):
        model = torch.nn.Linear(4, 3)
        optimizer = ours(name, model.parameters())
        model(torch.ones(2, 4)).sum().backward()
        optimizer.step()
        model.double()
        before = snapshot(optimizer)
        with pytest.raises(RuntimeError, match="a state has another dtype"):
            optimizer.step()
        unchanged(optimizer, before)

    @pytest.mark.parametrize(
        ("name", "off", "on", "new"),
        [
            ("SGD", {"momentum": 0.0}, {"momentum": 0.9}, "momentum_buffer"),
            ("Adam", {}, {"amsgrad": True}, "max_exp_avg_sq"),
            ("RMSprop", {"momentum": 0.0, "centered": False}, {"centered": True}, "grad_avg"),
        ],
    )
    def test_switched_on_later(self, name, off, on, new):
        optimizers = ours(name, parameters(), **off), ours(name, parameters(), **off)
        train(*optimizers)
        for p in members(optimizers[1]):  # torch wants it there, but for SGD
            optimizers[1].state[p][new] = torch.zeros_like(p)
            if name == "SGD":
                del optimizers[1].state[p][new]
        for optimizer in optimizers:
            optimizer.param_groups[0].update(on)
        train(*optimizers, start=3)
        same(*optimizers)
        assert all(new in state for state in optimizers[0].state.values())
        if name == "SGD":
            other = theirs(name, parameters(), **off)
            train(other)
            other.param_groups[0].update(on)
            train(other, start=3)
            close(optimizers[0], other)

    @every
    def test_lr_zero_is_a_step(self, name):
        optimizer = ours(name, parameters(), lr=0.0)
        before = snapshot(optimizer)
        train(optimizer, steps=2)
        for p, (q, _) in zip(members(optimizer), before, strict=True):
            assert torch.equal(p, q) or name == "Rprop"  # it has steps of its own
        assert all(s["step"] == 2 for s in optimizer.state.values() if "step" in s)
        assert len(optimizer.state) == 4

    @pytest.mark.parametrize("name", ["Adam", "AdamW"])
    def test_numbers_in_tensors(self, name):
        lr, betas = torch.tensor(0.01), (torch.tensor(0.9), torch.tensor(0.99))
        plain = ours(name, parameters(), lr=lr.item(), betas=tuple(b.item() for b in betas))
        optimizer = ours(name, parameters(), lr=lr, betas=betas)
        train(plain, optimizer)
        lr.fill_(0.5)
        betas[0].fill_(0.8)
        plain.param_groups[0].update(lr=lr.item(), betas=tuple(b.item() for b in betas))
        train(plain, optimizer, start=3)
        close(plain, optimizer, 1e-15)
        assert optimizer.fallbacks == 0


class TestCheckpoints:
    @every
    @pytest.mark.parametrize("how", ["deepcopy", "pickle", "save"])
    def test_copies(self, name, how):
        extras = {"max_norm": 0.5, "ema": 0.9, "agc": 0.1}
        source = ours(name, parameters(), **extras)
        train(source)
        if how == "deepcopy":
            params, other = copy.deepcopy((members(source), source))
            assert {k for k in vars(source) if k[0] != "_"} <= set(vars(other))
        elif how == "pickle":
            params, other = pickle.loads(pickle.dumps((members(source), source)))
        else:
            file = io.BytesIO()
            torch.save(source.state_dict(), file)
            file.seek(0)
            other = ours(name, copy.deepcopy(members(source)), **extras)
            other.load_state_dict(torch.load(file, weights_only=True))
            params = members(other)
        assert all(p is q for p, q in zip(params, members(other), strict=True))
        train(source, other, start=3, scale=10.0)
        same(other, source)
        assert other.last_step.clip_factor == source.last_step.clip_factor < 1.0

    @drop_in
    @pytest.mark.parametrize("to", [ours, theirs], ids=["to ours", "to theirs"])
    def test_from_one_to_the_other(self, name, to):
        source = (theirs if to is ours else ours)(name, parameters())
        train(source)
        other = to(name, copy.deepcopy(members(source)))
        other.load_state_dict(copy.deepcopy(source.state_dict()))
        close(other, source, 0)
        train(source, other, start=3)
        close(other, source, tolerance(name))

    @drop_in
    def test_torchs_of_halves_to_masters(self, name):
        source = theirs(name, parameters(torch.bfloat16))
        train(source)
        other = ours(name, copy.deepcopy(members(source)), master="float32")
        wide = ours(name, [torch.nn.Parameter(p.detach().float()) for p in members(source)])
        for optimizer in (other, wide):
            optimizer.load_state_dict(copy.deepcopy(source.state_dict()))
        set_gradients(other, 3)
        for p, q in zip(members(other), members(wide), strict=True):
            q.grad = p.grad.float()
        other.step()
        wide.step()
        for p, q in zip(members(other), members(wide), strict=True):
            assert torch.equal(other.state[p]["master"], q)

    @drop_in
    def test_ours_with_more_states_to_torch(self, name):
        source = ours(name, parameters(torch.bfloat16), master="float32", ema=0.9)
        train(source)
        other = theirs(name, copy.deepcopy(members(source)))
        other.load_state_dict(copy.deepcopy(source.state_dict()))
        train(other, start=3)

    @drop_in
    def test_older_ones(self, name):
        source = ours(name, parameters())
        train(source)
        saved = copy.deepcopy(source.state_dict())
        for key in (
            "maximize",
            "foreach",
            "fused",
            "capturable",
            "differentiable",
            "decoupled_weight_decay",
        ):
            if key != "decoupled_weight_decay" or name in ("NAdam", "RAdam"):
                saved["param_groups"][0].pop(key, None)
        for state in saved["state"].values():
            if "step" in state:
                state["step"] = float(state["step"])
        other = ours(name, copy.deepcopy(members(source)))
        other.load_state_dict(saved)
        train(source, other, start=3)
        close(other, source, 1e-12)

    @every
    def test_states_by_a_step_that_moves_nothing(self, name):
        """As torch.distributed.checkpoint makes the states that it then loads into."""
        from torch.distributed.checkpoint.state_dict import _init_optim_state

        optimizer, stepped = ours(name, parameters()), ours(name, parameters())
        before = snapshot(optimizer)
        _init_optim_state(optimizer)
        train(stepped, steps=1)
        for p, (q, _), r in zip(members(optimizer), before, members(stepped), strict=True):
            assert torch.equal(p, q)
            assert list(optimizer.state[p]) == list(stepped.state[r])

    def test_sizes_that_do_not_fit(self):
        optimizer = ours("Adam", parameters())
        train(optimizer)
        before = snapshot(optimizer)
        with pytest.raises(ValueError, match="doesn't match the size"):
            optimizer.load_state_dict(ours("Adam", parameters()[:2]).state_dict())
        unchanged(optimizer, before)
        train(optimizer)


class TestScalers:
    @pytest.mark.parametrize(
        ("name", "fused"), [*((n, True) for n in FUSED), ("SGD", None), ("RMSprop", None)]
    )
    def test_amp(self, name, fused):
        kwargs = {"fused": True} if fused else {}
        scaled, plain = (ours(name, parameters(torch.float32), **kwargs) for _ in range(2))
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        for step in range(4):
            set_gradients(scaled, step, 1024.0 if step < 3 else 512.0)
            scaler.scale(torch.ones(()))
            if step == 2:
                before = snapshot(scaled)
                members(scaled)[2].grad[0, 0] = math.inf
                scaler.step(scaled)
                unchanged(scaled, before)
            else:
                if step == 1:
                    scaler.unscale_(scaled)
                scaler.step(scaled)
                set_gradients(plain, step)
                plain.step()
            scaler.update()
        close(scaled, plain, 1e-6)
        scales = [
            hasattr(o, "_step_supports_amp_scaling")
            for o in (scaled, theirs(name, parameters(), **kwargs))
        ]
        assert scales[0] == scales[1]

    def test_unscaled_once(self):
        """Also where torch's fused step is taken, and where a parameter stands twice."""
        subclass = torch.ones(3).as_subclass(Doubled).requires_grad_()
        twice = torch.nn.Parameter(torch.ones(3))
        with pytest.warns(UserWarning, match="duplicate parameters"):
            cases = [
                schuss.torch.SGD([subclass], lr=0.5, fused=True),
                schuss.torch.SGD([twice, twice], lr=0.25, fused=True),
            ]
        for optimizer in cases:
            scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
            scaler.scale(torch.ones(()))
            members(optimizer)[0].grad = torch.full((3,), 4.0)
            with pytest.warns(RuntimeWarning, match="torch's own step"):
                scaler.step(optimizer)
            assert torch.equal(
                members(optimizer)[0].detach().as_subclass(torch.Tensor), torch.full((3,), 0.5)
            )


class Doubled(torch.Tensor):
    """A subclass, whose operations may mean anything."""


class TestTensors:
    @staticmethod
    def check(name, make, gradient, *, falls_back=False, steps=3):
        """Compare with torch for a parameter and a gradient that are made by functions."""
        params = [make(), make()]
        kwargs = {"lr": 0.1}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's, of parameters that it finds odd
            optimizers = [ours(name, [params[0]], **kwargs), theirs(name, [params[1]], **kwargs)]
        for step in range(steps):
            for p, optimizer in zip(params, optimizers, strict=True):
                torch.manual_seed(step)
                p.grad = gradient(p)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    optimizer.step()
        torch.testing.assert_close(params[0].detach(), params[1].detach(), rtol=1e-6, atol=1e-6)
        assert optimizers[0].fallbacks == (steps if falls_back else 0)
        return optimizers[0]

    @drop_in
    def test_complex(self, name):
        def make():
            torch.manual_seed(0)
            return torch.nn.Parameter(torch.randn(3, 5, dtype=torch.complex128))

        optimizer = self.check(name, make, lambda p: torch.randn_like(p))
        assert all(v.is_complex() for s in optimizer.state.values() for v in s.values() if v.dim())

    @few
    @pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
    def test_of_no_axis_or_no_element(self, name, shape):
        optimizer = ours(name, [torch.nn.Parameter(torch.ones(shape))])
        train(optimizer, steps=2)
        assert optimizer.fallbacks == 0

    @drop_in
    def test_channels_last(self, name):
        def make():
            torch.manual_seed(0)
            value = torch.randn(2, 3, 4, 5, dtype=torch.float64)
            return torch.nn.Parameter(value.to(memory_format=torch.channels_last))

        optimizer = self.check(name, make, torch.randn_like)
        for value in optimizer.state[members(optimizer)[0]].values():
            if value.dim():
                assert value.is_contiguous(memory_format=torch.channels_last)
        self.check(name, make, lambda p: torch.randn(p.shape, dtype=p.dtype))

    @drop_in
    def test_gaps_and_expanded_gradients(self, name):
        def make():
            torch.manual_seed(0)
            return torch.nn.Parameter(torch.randn(6, 8, dtype=torch.float64)[:, ::2])

        self.check(name, make, lambda p: torch.randn(6, 1, dtype=p.dtype).expand(6, 4))

    @every
    def test_of_several_dtypes(self, name):
        dtypes = [torch.float64, torch.bfloat16, torch.float32, torch.float16]
        together = [p.to(t).detach() for p, t in zip(parameters(), dtypes, strict=True)]
        alone = [ours(name, [torch.nn.Parameter(p.clone())]) for p in together]
        optimizer = ours(name, [torch.nn.Parameter(p) for p in together])
        for step in range(3):
            set_gradients(optimizer, step)
            for p, other in zip(members(optimizer), alone, strict=True):
                members(other)[0].grad = p.grad.clone()
                other.step()
            optimizer.step()
        for p, other in zip(members(optimizer), alone, strict=True):
            assert torch.equal(p, members(other)[0])
        assert optimizer.fallbacks == 0

    @few
    def test_inference(self, name):
        with torch.inference_mode():
            optimizer = ours(name, [torch.nn.Parameter(torch.ones(3))])
            train(optimizer)
        other = ours(name, [torch.nn.Parameter(torch.ones(3))])
        train(other)
        same(optimizer, other)

    @pytest.mark.parametrize("name", ["SGD", "Adam", "Rprop"])
    def test_one_parameter_twice(self, name):
        def twice(make):
            p = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
            with pytest.warns(UserWarning, match="duplicate parameters"):
                return make(name, [p, p])

        optimizers = twice(ours), twice(theirs)
        set_gradients(optimizers[0], 0)
        set_gradients(optimizers[1], 0)
        with pytest.warns(RuntimeWarning, match="torch's own step: parameters or states share"):
            optimizers[0].step()
        optimizers[1].step()
        same(*optimizers)

    def test_expanded_parameters(self):
        optimizer = ours("SGD", [torch.nn.Parameter(torch.ones(1).expand(3))])
        members(optimizer)[0].grad = torch.ones(3)
        with (
            pytest.warns(RuntimeWarning, match="a parameter shares memory with itself"),
            pytest.raises(RuntimeError, match="more than one element"),
        ):
            optimizer.step()

    @every
    @pytest.mark.parametrize("bit", ["negative", "conjugate"])
    def test_negated_and_conjugated(self, name, bit):
        """Gradients that are minus what lies in memory, or its conjugate, from the second on."""
        dtype = torch.float64 if bit == "negative" else torch.complex128
        lazily, now = {
            "negative": (torch._neg_view, torch.neg),
            "conjugate": (torch.conj, torch.conj_physical),
        }[bit]
        start = torch.full((3,), 2.0, dtype=dtype)
        lazy, plain = (
            ours(name, [torch.nn.Parameter(start.clone())], max_value=9.0) for _ in range(2)
        )
        value = torch.tensor([1.0, -2.0, 3.0], dtype=dtype) * (1 if bit == "negative" else 1 + 2j)
        for k in range(3):
            for optimizer, change in ((lazy, lazily), (plain, now)):
                members(optimizer)[0].grad = change(value) if k else value.clone()
                optimizer.step()
        assert not torch.equal(members(plain)[0], start)
        same(lazy, plain)

    @pytest.mark.parametrize("name", ["SGD", "Adam"])
    def test_other_kinds(self, name):
        def subclass():
            return torch.ones(3).as_subclass(Doubled).requires_grad_()

        def meta():
            return torch.nn.Parameter(torch.ones(3, device="meta"))

        for make in (subclass, meta):
            optimizer = ours(name, [make()])
            members(optimizer)[0].grad = torch.ones_like(members(optimizer)[0])
            with pytest.warns(RuntimeWarning, match="a parameter is not a plain"):
                optimizer.step()
            assert optimizer.fallbacks == 1

    @few
    def test_keywords_are_never_dropped(self, name):
        optimizer = ours(name, [torch.nn.Parameter(torch.ones(3))], max_norm=1.0, ema=0.5)
        members(optimizer)[0].grad = torch.sparse_coo_tensor(
            [[1]], [1.0], (3,), check_invariants=True
        )
        before = snapshot(optimizer)
        told = "max_norm, ema" if name in DROP_IN else "does not exist"
        with pytest.raises(RuntimeError, match=f"{name} cannot step this: a gradient.*{told}"):
            optimizer.step()
        unchanged(optimizer, before)


class TestProcesses:
    @pytest.fixture
    def fork(self):
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("no fork here")
        return torch.multiprocessing.get_context("fork")

    @staticmethod
    def descend(params, optimizer, steps=200):
        for _ in range(steps):
            for p in params:
                p.grad = p.detach().clone()
            optimizer.step()

    @pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad"])
    def test_hogwild(self, name, fork):
        params = parameters()
        for p in params:
            p.share_memory_()
        optimizer = ours(name, params, lr=0.02)
        if name == "Adagrad":
            optimizer.share_memory()
        norm = sum(p.detach().norm() for p in params)
        workers = [fork.Process(target=self.descend, args=(params, optimizer)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0
        assert sum(p.detach().norm() for p in params) < 0.8 * norm

    def test_sent_to_another_process(self, fork):
        source = ours("Adam", parameters(), max_norm=0.1)
        train(source)
        sent = pickle.dumps((members(source), source))
        queue = fork.SimpleQueue()

        def run():
            _, optimizer = pickle.loads(sent)
            train(optimizer, start=3)
            queue.put([p.tolist() for p in members(optimizer)])

        worker = fork.Process(target=run)
        worker.start()
        received = queue.get()
        worker.join(60)
        train(source, start=3)
        assert received == [p.tolist() for p in members(source)]

    def test_data_loader_workers(self, fork):
        optimizer, again = ours("Adam", parameters()), ours("Adam", parameters())
        train(optimizer, again, steps=1)

        class Stepping(torch.utils.data.Dataset):
            def __len__(self):
                return 2

            def __getitem__(self, i):
                train(optimizer, start=1)
                return members(optimizer)[0].detach()

        loader = torch.utils.data.DataLoader(
            Stepping(), num_workers=1, multiprocessing_context=fork
        )
        train(again, start=1)
        assert torch.equal(next(iter(loader))[0], members(again)[0])
        assert not torch.equal(members(optimizer)[0], members(again)[0])


class TestTools:
    @pytest.mark.parametrize(
        ("name", "kwargs"), [("SGD", {}), ("Adam", {}), ("Adam", {"max_norm": 0.1}), ("Lion", {})]
    )
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_compile(self, name, kwargs):
        compiled, plain = (ours(name, parameters(), **kwargs) for _ in range(2))
        step = torch.compile(compiled.step, backend="eager")
        for k in range(3):
            set_gradients(compiled, k)
            step()
        train(plain)
        close(compiled, plain, 1e-6)  # torch's compiler takes float32 for the count
        train(compiled, plain, start=3)
        close(compiled, plain, 1e-6)  # torch's compiler takes float32 for the count
        assert compiled.fallbacks == 0

    @few
    def test_a_wrapper_of_the_same_class(self, name):
        class Wrapper:
            def __init__(self, optimizer):
                self._optimizer = optimizer

            def __getattr__(self, key):
                return getattr(self._optimizer, key)

            def step(self, closure=None):
                return self._optimizer.step(closure)

        inner, plain = (ours(name, parameters(), ema=0.9) for _ in range(2))
        wrapper = Wrapper(inner)
        wrapper.__class__ = type(f"Wrapped{name}", (Wrapper, type(inner)), {})
        assert isinstance(wrapper, torch.optim.Optimizer)
        train(wrapper, plain)
        same(wrapper, plain)
        assert wrapper.state is inner.state
        assert wrapper.last_step == plain.last_step
        assert wrapper.fallbacks == 0
        with wrapper.averaged(), plain.averaged():
            same(wrapper, plain)
        wrapper.zero_grad()
        assert all(p.grad is None for p in members(inner))

    @drop_in
    def test_it_is_torchs(self, name):
        mine, yours = ours(name, parameters()), theirs(name, parameters(), foreach=None)
        assert isinstance(mine, getattr(torch.optim, name))
        assert repr(mine) == repr(yours)
        assert mine.defaults == yours.defaults
        assert list(mine.state_dict()["param_groups"][0]) == list(
            yours.state_dict()["param_groups"][0]
        )
        assert "max_norm" not in ours(name, parameters(), max_norm=1.0).param_groups[0]

    def test_threads_are_torchs(self):
        optimizer = ours("Adam", parameters())
        train(optimizer, steps=1)
        plan, seen = optimizer._plan, []

        class Plan:
            def step(self, *args):
                seen.append(args[-1])
                return plan.step(*args)

        optimizer._plan = Plan()
        before = torch.get_num_threads()
        try:
            for n in (1, 2):
                torch.set_num_threads(n)
                train(optimizer, steps=1)
        finally:
            torch.set_num_threads(before)
        assert seen == [1, 2]

    def test_zero_grad(self):
        optimizer = ours("Adam", parameters())
        set_gradients(optimizer, 0)
        optimizer.zero_grad(set_to_none=False)
        assert all(not p.grad.any() for p in members(optimizer))
        optimizer.zero_grad()
        assert all(p.grad is None for p in members(optimizer))

    def test_nothing_to_do(self):
        optimizer = ours("Adam", parameters())
        before = snapshot(optimizer)
        optimizer.step()
        unchanged(optimizer, before)
        train(optimizer)
        before = snapshot(optimizer)
        optimizer.zero_grad()
        optimizer.step()
        unchanged(optimizer, before)

    def test_memory_does_not_grow(self):
        optimizer = ours("Adam", parameters(), max_norm=1.0, ema=0.9)
        train(optimizer, steps=20)
        tracemalloc.start()
        try:
            train(optimizer, steps=20)
            before, _ = tracemalloc.get_traced_memory()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            train(optimizer, steps=300)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < 2000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 2000  # KiB


def grouped(name, **kwargs):
    """Two groups, which Adam steps by two rules."""
    params = parameters()
    more = {"amsgrad": True} if "Adam" in name and name in ("Adam", "AdamW") else {}
    return ours(
        name, [{"params": params[:2]}, {"params": params[2:], "lr": 0.05, **more}], **kwargs
    )


class TestKeywords:
    @every
    @pytest.mark.parametrize("most", [0.5, 1e6])
    def test_max_norm(self, name, most):
        clipped, plain = grouped(name, max_norm=most), grouped(name)
        for step in range(4):
            set_gradients(clipped, step)
            set_gradients(plain, step)
            norm = torch.nn.utils.clip_grad_norm_(members(plain), most)
            given = [p.grad.clone() for p in members(clipped)]
            clipped.step()
            plain.step()
            assert clipped.last_step.grad_norm == pytest.approx(norm.item(), rel=1e-12)
            assert clipped.last_step.clip_factor == pytest.approx(min(1, most / norm.item()))
            assert all(torch.equal(p.grad, g) for p, g in zip(members(clipped), given, strict=True))
        # torch adds 1e-6 to the norm that it divides by.
        close(clipped, plain, 1e-5)

    @every
    def test_max_value(self, name):
        clipped, plain = grouped(name, max_value=0.3), grouped(name)
        for step in range(3):
            set_gradients(clipped, step)
            set_gradients(plain, step)
            torch.nn.utils.clip_grad_value_(members(plain), 0.3)
            clipped.step()
            plain.step()
        close(clipped, plain, 1e-12)

    def test_max_norm_comes_first(self):
        p = torch.nn.Parameter(torch.zeros(2))
        p.grad = torch.tensor([3.0, 4.0])
        schuss.torch.SGD([p], lr=1.0, max_norm=1.0, max_value=0.7, agc=1e9).step()
        torch.testing.assert_close(p.detach(), torch.tensor([-0.6, -0.7]))

    @every
    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_nonfinite_skips(self, name, bad):
        optimizer = grouped(name, nonfinite="skip", ema=0.9)
        train(optimizer)
        before = snapshot(optimizer)
        set_gradients(optimizer, 3)
        members(optimizer)[2].grad[1, 1] = bad
        optimizer.step()
        unchanged(optimizer, before)
        assert optimizer.last_step.skipped
        assert optimizer.last_step.step == 3
        assert optimizer.last_step.nonfinite == 1
        train(optimizer)
        assert not optimizer.last_step.skipped
        assert optimizer.last_step.step == 6

    @every
    def test_nonfinite_raises(self, name):
        optimizer = grouped(name, nonfinite="raise")
        train(optimizer)
        before = snapshot(optimizer)
        set_gradients(optimizer, 3)
        members(optimizer)[2].grad[1, 1] = math.nan
        with pytest.raises(
            FloatingPointError, match=r"1 gradient elements are not finite.*parameter 2"
        ):
            optimizer.step()
        unchanged(optimizer, before)

    def test_nonfinite_propagates(self):
        optimizer = grouped("SGD")
        set_gradients(optimizer, 0)
        members(optimizer)[2].grad[1, 1] = math.nan
        optimizer.step()
        assert members(optimizer)[2].isnan().sum() == 1

    @every
    def test_agc(self, name):
        """As timm's adaptive_clip_grad: units are rows, one-dimensional tensors are one unit."""

        def norm(x):
            axes = tuple(range(1, x.dim()))
            return x.norm(dim=axes, keepdim=True) if axes else x.norm()

        clipped, plain = grouped(name, agc=0.3), grouped(name)
        for step in range(3):
            set_gradients(clipped, step)
            set_gradients(plain, step)
            for p in members(plain):
                most = norm(p.detach()).clamp(min=1e-3) * 0.3
                size = norm(p.grad)
                p.grad = torch.where(size < most, p.grad, p.grad * (most / size.clamp(min=1e-6)))
            clipped.step()
            plain.step()
        close(clipped, plain, 1e-10)

    @every
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
    def test_ema(self, name, dtype):
        optimizer, plain = ours(name, parameters(dtype), ema=0.75), ours(name, parameters(dtype))
        average = [
            p.detach().clone().to(torch.promote_types(dtype, torch.float32)) for p in members(plain)
        ]
        for step in range(4):
            train(optimizer, plain, steps=1, start=step)
            for e, p in zip(average, members(plain), strict=True):
                e.mul_(0.75).add_(p.detach().to(e.dtype), alpha=0.25)
        rounding = 1e-12 if dtype == torch.float64 else 1e-6
        own = [p.detach().clone() for p in members(optimizer)]
        for p, q, e in zip(members(optimizer), members(plain), average, strict=True):
            assert torch.equal(p, q)
            assert optimizer.state[p]["ema"].dtype == e.dtype
            torch.testing.assert_close(optimizer.state[p]["ema"], e, rtol=rounding, atol=rounding)
        versions = [p._version for p in members(optimizer)]
        with optimizer.averaged():
            for p, v in zip(members(optimizer), versions, strict=True):
                assert torch.equal(p, optimizer.state[p]["ema"].to(dtype))
                assert p._version > v
        assert all(torch.equal(p, q) for p, q in zip(members(optimizer), own, strict=True))
        train(optimizer, plain, start=4)
        close(optimizer, plain, 0, states=False)

    def test_averages_come_back_after_an_error(self):
        optimizer = ours("Adam", parameters(), ema=0.5)
        with (
            pytest.raises(RuntimeError, match="no average before the first step"),
            optimizer.averaged(),
        ):
            pass
        train(optimizer)
        before = snapshot(optimizer)
        with pytest.raises(KeyError), optimizer.averaged():
            raise KeyError
        unchanged(optimizer, before)
        with (
            pytest.raises(AttributeError, match="the argument ema"),
            ours("Adam", parameters()).averaged(),
        ):
            pass

    @every
    @half
    def test_master(self, name, dtype):
        """The float32 step, and a parameter that is its rounding."""
        optimizer = ours(name, parameters(dtype), master="float32", ema=0.9)
        wide = ours(
            name, [torch.nn.Parameter(p.detach().float()) for p in members(optimizer)], ema=0.9
        )

        def step(k):
            set_gradients(optimizer, k)
            for p, q in zip(members(optimizer), members(wide), strict=True):
                q.grad = p.grad.float()
            optimizer.step()
            wide.step()
            for p, q in zip(members(optimizer), members(wide), strict=True):
                state = dict(optimizer.state[p])
                assert torch.equal(state.pop("master"), q)
                assert torch.equal(p, q.to(dtype))
                assert list(state) == list(wide.state[q])
                assert all(torch.equal(state[key], value) for key, value in wide.state[q].items())

        step(0)
        step(1)
        with torch.no_grad():  # somebody writes: the master follows
            members(optimizer)[0].fill_(2.0)
            members(wide)[0].fill_(2.0)
            members(optimizer)[1][0] = 3.0  # and keeps its other bits
            members(wide)[1][0] = 3.0
        step(2)
        with optimizer.averaged():
            pass
        step(3)
        assert optimizer.fallbacks == 0

    @half
    def test_a_model_that_is_loaded_is_followed(self, dtype):
        model = torch.nn.Linear(4, 3).to(dtype)
        saved = copy.deepcopy(model.state_dict())
        optimizer = schuss.torch.SGD(model.parameters(), lr=0.01, master="float32")
        train(optimizer)
        model.load_state_dict(saved)
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
        assert all(torch.equal(model.state_dict()[k], v) for k, v in saved.items())

    def test_masters_lose_nothing(self):
        """300 steps of AdamW at lr 1e-4, against float64 with the same gradients."""
        torch.manual_seed(0)
        start = torch.randn(2000).bfloat16()
        exact = torch.nn.Parameter(start.double())
        kept, lost = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
        optimizers = [
            schuss.torch.AdamW([exact], lr=1e-4),
            schuss.torch.AdamW([kept], lr=1e-4, master="float32"),
            schuss.torch.AdamW([lost], lr=1e-4),
        ]
        for _ in range(300):
            g = torch.randn(2000).bfloat16()
            for p, optimizer in zip((exact, kept, lost), optimizers, strict=True):
                p.grad = g.to(p.dtype)
                optimizer.step()
        movement = (exact.detach() - start.double()).abs().mean()
        master = optimizers[1].state[kept]["master"]
        kept_error, lost_error = (
            float((p.detach().double() - exact.detach()).abs().mean() / movement)
            for p in (master, lost)
        )
        assert kept_error <= 0.002
        assert lost_error > 0.5

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_masters_are_of_halves(self, dtype):
        optimizer = ours("Adam", parameters(dtype), master="float32")
        train(optimizer)
        assert all("master" not in state for state in optimizer.state.values())

    @every
    def test_unknown_keywords(self, name):
        with pytest.raises(TypeError, match=rf"^{name}.*argument .max_nrm."):
            ours(name, parameters(), max_nrm=1.0)

    @every
    @pytest.mark.parametrize(
        ("keyword", "value"),
        [
            ("max_norm", 0.0),
            ("max_norm", math.nan),
            ("max_norm", "1"),
            ("max_value", -1.0),
            ("nonfinite", "ignore"),
            ("agc", -0.1),
            ("ema", 1.0),
            ("ema", math.nan),
            ("master", "bfloat16"),
            ("master", True),
        ],
    )
    def test_bad_values(self, name, keyword, value):
        with pytest.raises((ValueError, TypeError), match=f"^{keyword} is .*wanted"):
            ours(name, parameters(), **{keyword: value})
