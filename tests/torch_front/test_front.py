"""What users, training tools and torch itself do to an optimizer."""

from __future__ import annotations

import copy
import gc
import io
import multiprocessing
import pickle
import resource
import tracemalloc
from collections import defaultdict

import pytest

pytest.importorskip("torch.nn")

import schuss.torch
import torch
from front_cases import (
    DROP_IN,
    close,
    drop_in,
    every,
    few,
    half,
    members,
    ours,
    pair,
    parameters,
    same,
    set_gradients,
    snapshot,
    theirs,
    tolerance,
    train,
    unchanged,
)
from torch.optim import lr_scheduler
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

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
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            train(optimizer, steps=3000)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < 20_000  # torch itself keeps a few hundred small objects
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 2000  # KiB
