"""What steps do to tensors: where torch errs, tensors of every kind, and our own keywords."""

from __future__ import annotations

import contextlib
import copy
import math
import warnings

import pytest

pytest.importorskip("torch.nn")

import schuss.torch
import torch
from front_cases import (
    DROP_IN,
    FUSED,
    close,
    drop_in,
    every,
    few,
    half,
    members,
    ours,
    parameters,
    same,
    set_gradients,
    snapshot,
    theirs,
    train,
    unchanged,
)


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

    @pytest.mark.parametrize("unfit", [0, 1])
    def test_one_report_of_two_rules(self, unfit):
        """Also where the norm is finite, and only one rule's squares overflow, from the start."""
        first, second = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
        groups = [{"params": [first]}, {"params": [second], "amsgrad": True}]
        optimizer = schuss.torch.Adam(groups, nonfinite="skip", max_norm=1e30)
        for p in (first, second):
            p.grad = torch.tensor([1.0, 2.0, 2.0])
        [first, second][unfit].grad[0] = 1e20
        optimizer.step()
        assert first.tolist() == second.tolist() == [1.0] * 3
        report = optimizer.last_step
        assert (report.skipped, report.nonfinite, report.step) == (True, 1, 0)
        assert report.grad_norm == pytest.approx(1e20, rel=1e-6)
        assert report.clip_factor == 1.0
        [first, second][unfit].grad[0] = 1.0
        optimizer.step()
        report = optimizer.last_step
        assert (report.skipped, report.nonfinite, report.step) == (False, 0, 1)
        assert report.grad_norm == pytest.approx(18**0.5)

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
