"""torch's own table of its optimizers: each input and each error, ours beside torch's for-loop."""

from __future__ import annotations

import copy
import inspect

import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")  # torch's table wants it

import schuss.torch
import torch
from front_cases import members

frozen = torch.backends.flags_frozen()
from torch.testing._internal.common_optimizers import (  # noqa: E402
    OptimizerErrorEnum,
    optim_db,
)

# torch's table forbids everybody in the process to set torch.backends' flags.
torch.backends.__allow_nonbracketed_mutation_flag = not frozen

STEPS = 8
# A solver of our own, sparse gradients alone, products of matrices.
NOT_DROP_IN = {"LBFGS", "SparseAdam", "Adafactor", "Muon"}
INFOS = {
    info.name: info
    for info in optim_db
    if info.name not in NOT_DROP_IN and hasattr(schuss.torch, info.name)
}
INPUTS = [
    pytest.param(name, case, id=f"{name}-{case.desc.replace(' ', '_')}")
    for name, info in INFOS.items()
    for case in info.optim_inputs_func("cpu", torch.float32)
]
ERRORS = [
    pytest.param(name, error, id=f"{name}-{error.optimizer_error_input.desc.replace(' ', '_')}")
    for name, info in INFOS.items()
    for error in info.optim_error_inputs_func("cpu", torch.float32)
]


def tolerance(name, dtype):
    """torch keeps the product of NAdam's momenta in float32."""
    return 1e-9 if dtype == torch.float64 and name != "NAdam" else 1e-5


def parameters(dtype):
    """Return parameters of all shapes: 0-d, empty, odd, transposed, channels last."""
    generator = torch.Generator().manual_seed(3)
    shapes = [(), (0,), (1,), (3,), (17,), (3, 0, 2), (33, 65), (2, 3, 5, 4), (7, 5)]
    values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    values[-2] = values[-2].to(memory_format=torch.channels_last)
    values[-1] = values[-1].t()
    return [torch.nn.Parameter(value.to(dtype)) for value in values]


def set_gradients(step, *networks):
    """Give the same gradients to each list of parameters; one parameter a step has none."""
    generator = torch.Generator().manual_seed(step)
    for i, same in enumerate(zip(*networks, strict=True)):
        value = torch.randn(same[0].shape, generator=generator, dtype=torch.float64)
        value = value.to(same[0].dtype)
        for p in same:
            p.grad = None if i == step % 5 else torch.empty_like(p).copy_(value)


def pair(name, dtype, **kwargs):
    """Return our optimizer and torch's for-loop, on parameters of their own."""
    ours, theirs = parameters(dtype), parameters(dtype)
    return (
        getattr(schuss.torch, name)(ours, **copy.deepcopy(kwargs)),
        getattr(torch.optim, name)(theirs, **{"foreach": False, **copy.deepcopy(kwargs)}),
    )


def compare(ours, theirs, tolerance):
    """Compare parameters and states, these by name and in order."""
    for p, q in zip(members(ours), members(theirs), strict=True):
        torch.testing.assert_close(p.detach(), q.detach(), rtol=tolerance, atol=tolerance)
        mine, other = ours.state.get(p, {}), theirs.state.get(q, {})
        assert list(mine) == list(other)
        for key, value in other.items():
            torch.testing.assert_close(
                mine[key], value, rtol=tolerance, atol=tolerance, check_stride=True
            )


def lockstep(ours, theirs, tolerance):
    for step in range(STEPS):
        set_gradients(step, members(ours), members(theirs))
        ours.step()
        theirs.step()
        compare(ours, theirs, tolerance)


def test_every_class_is_here():
    assert set(INFOS) == {info.name for info in optim_db} - NOT_DROP_IN


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(("name", "case"), INPUTS)
def test_in_lockstep(name, case, dtype):
    assert case.params is None
    ours, theirs = pair(name, dtype, **case.kwargs)
    lockstep(ours, theirs, tolerance(name, dtype))
    assert ours.fallbacks == 0


CAPTURABLE = [
    name
    for name, info in INFOS.items()
    if "capturable" in inspect.signature(info.optim_cls).parameters
]
FLAGS = [(name, "foreach") for name in INFOS] + [
    (name, "fused") for name, info in INFOS.items() if "cpu" in info.supports_fused_on
]


@pytest.mark.parametrize(("name", "flag"), FLAGS)
def test_flags_change_nothing(name, flag):
    ours = getattr(schuss.torch, name)(parameters(torch.float64), **{flag: True})
    theirs = getattr(torch.optim, name)(parameters(torch.float64), foreach=False)
    lockstep(ours, theirs, tolerance(name, torch.float64))
    assert ours.fallbacks == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize(("name", "case"), INPUTS)
def test_half_is_float32_rounded_once(name, case, dtype):
    cls = getattr(schuss.torch, name)
    half = cls(parameters(dtype), **copy.deepcopy(case.kwargs))
    wide = cls(parameters(torch.float32), **copy.deepcopy(case.kwargs))
    for step in range(STEPS):
        set_gradients(step, members(half))
        for p, q in zip(members(half), members(wide), strict=True):
            q.data.copy_(p.data)
            q.grad = None if p.grad is None else p.grad.float()
        half.step()
        wide.step()
        for p, q in zip(members(half), members(wide), strict=True):
            assert torch.equal(p, q.to(dtype))
            mine, other = half.state.get(p, {}), wide.state.get(q, {})
            assert list(mine) == list(other)
            for key, value in other.items():
                assert mine[key].dtype == torch.float32
                assert torch.equal(mine[key], value)
    assert half.fallbacks == wide.fallbacks == 0
    assert not torch.equal(members(half)[-1].float(), members(wide)[-1])


def commit(error, cls):
    case = error.optimizer_error_input
    optimizer = cls(
        parameters(torch.float32) if case.params is None else case.params, **case.kwargs
    )
    if error.error_on is OptimizerErrorEnum.STEP_ERROR:
        optimizer.step()


@pytest.mark.parametrize(("name", "error"), ERRORS)
def test_same_errors(name, error):
    said = []
    for module in (schuss.torch, torch.optim):
        with pytest.raises(error.error_type, match=error.error_regex) as caught:
            commit(error, getattr(module, name))
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1]


class TestTorchsOwnStep:
    """What the core does not take goes through torch's step, is counted, and is announced once."""

    @staticmethod
    def check(ours, theirs):
        with pytest.warns(RuntimeWarning, match="torch's own step"):
            ours.step()
        theirs.step()
        ours.step()
        theirs.step()
        compare(ours, theirs, 0)
        assert ours.fallbacks == 2

    @pytest.mark.parametrize("name", INFOS)
    def test_differentiable(self, name):
        optimizers = []
        for module in (schuss.torch, torch.optim):
            leaves = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2, 2))]
            params = [leaf.clone() for leaf in leaves]
            for p in params:
                p.retain_grad()
                p.grad = torch.full_like(p, 0.5)
            optimizers.append(getattr(module, name)(params, differentiable=True))
        self.check(*optimizers)

    @pytest.mark.parametrize("name", CAPTURABLE)
    def test_capturable(self, name):
        ours, theirs = pair(name, torch.float32, capturable=True)
        set_gradients(0, members(ours), members(theirs))
        with pytest.raises(AssertionError) as theirs_says:
            theirs.step()
        with (
            pytest.warns(RuntimeWarning, match="torch's own step"),
            pytest.raises(AssertionError) as we_say,
        ):
            ours.step()
        assert str(we_say.value) == str(theirs_says.value)

    @pytest.mark.filterwarnings("ignore:Sparse invariant checks")
    @pytest.mark.parametrize("name", INFOS)
    def test_sparse_gradients(self, name):
        ours, theirs = pair(name, torch.float32)
        for p in members(ours)[6], members(theirs)[6]:
            indices, values = [[1, 3], [2, 0]], [1.0, -2.0]
            p.grad = torch.sparse_coo_tensor(indices, values, p.shape, check_invariants=True)
        if INFOS[name].supports_sparse:
            self.check(ours, theirs)
            return
        with pytest.raises(RuntimeError, match="sparse") as theirs_says:
            theirs.step()
        with (
            pytest.warns(RuntimeWarning, match="torch's own step"),
            pytest.raises(RuntimeError, match="sparse") as we_say,
        ):
            ours.step()
        assert str(we_say.value) == str(theirs_says.value)

    @pytest.mark.parametrize("name", sorted(set(INFOS) - {"Rprop"}))  # torch's fills with lr
    def test_lr_that_requires_a_gradient(self, name):
        ours, theirs = pair(name, torch.float32, lr=torch.tensor(0.01, requires_grad=True))
        set_gradients(0, members(ours), members(theirs))
        self.check(ours, theirs)
