"""The solvers with closures, and `minimize` of functions of tensors."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from schuss.torch import BFGS, LBFGS, NewtonCG, minimize  # noqa: E402

SEARCH = {"line_search_fn": "strong_wolfe"}


class Problem:
    """A fit of a small network, which counts its evaluations."""

    def __init__(self, dtype=torch.float64, *, scale=1.0, backward=True):
        torch.manual_seed(3)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
        ).to(dtype)
        self.x = torch.randn(40, 2, dtype=dtype)
        self.y = (self.x**2).sum(1, keepdim=True)
        self.evaluations, self.scale, self.backward = 0, scale, backward

    def function(self):
        # A plain function, into which the solver can see.
        def closure():
            self.evaluations += 1
            assert torch.is_grad_enabled()
            self.net.zero_grad()
            loss = self.scale * ((self.net(self.x) - self.y) ** 2).mean()
            if self.backward:
                loss.backward()
            return loss

        return closure

    @property
    def parameters(self):
        return torch.cat([p.detach().ravel() for p in self.net.parameters()])


def make(cls, params, **options):
    return cls(params, **options, **(SEARCH if cls is LBFGS else {}))


@pytest.fixture(params=[LBFGS, BFGS, NewtonCG])
def solver(request):
    return request.param


def problem_of(solver, **options):
    return Problem(backward=solver is not NewtonCG, **options)


def test_step_returns_the_first_loss_and_goes_down(solver):
    problem = problem_of(solver)
    closure = problem.function()
    optimizer = make(solver, problem.net.parameters())
    first, second = optimizer.step(closure), optimizer.step(closure)
    assert first.item() == problem_of(solver).function()().item()
    problem.backward = False
    assert second.item() > closure().item() == optimizer.result.fun
    assert isinstance(optimizer, torch.optim.Optimizer)


def test_lbfgs_is_torchs():
    optimizer = LBFGS([torch.zeros(2, requires_grad=True)])
    assert isinstance(optimizer, torch.optim.LBFGS)
    theirs = torch.optim.LBFGS([torch.zeros(2, requires_grad=True)])
    assert set(optimizer.param_groups[0]) == set(theirs.param_groups[0])


def test_without_a_search_the_steps_are_torchs_to_the_bit():
    ours, theirs = Problem(), Problem()
    optimizer = LBFGS(ours.net.parameters(), lr=0.3, max_iter=5)
    reference = torch.optim.LBFGS(theirs.net.parameters(), lr=0.3, max_iter=5)
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    for _ in range(4):
        assert optimizer.step(ours.function()) == reference.step(theirs.function())
    assert torch.equal(ours.parameters, theirs.parameters)
    assert ours.evaluations == theirs.evaluations
    assert calls == [1] * 4
    assert optimizer.param_groups[0]["tolerance_grad"] is None


@pytest.mark.parametrize("scale", [1e-8, 1e-12])
@pytest.mark.parametrize("solver", [LBFGS, BFGS])
def test_units_of_the_loss_change_nothing(solver, scale):
    ends = []
    for factor in (1.0, 2.0 ** round(np.log2(scale))):
        problem = problem_of(solver, scale=factor)
        optimizer = make(solver, problem.net.parameters(), max_iter=15, max_eval=40)
        optimizer.step(problem.function())
        ends.append(problem.parameters)
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-9, atol=1e-12)
    assert not torch.equal(ends[0], problem_of(solver).parameters)


def test_nothing_is_evaluated_twice(solver):
    problem = problem_of(solver)
    closure = problem.function()
    optimizer = make(
        solver, problem.net.parameters(), max_iter=1000, max_eval=10, deterministic=True
    )
    optimizer.step(closure)
    before, at_end = problem.evaluations, optimizer.result.fun
    products = before - 10 if solver is NewtonCG else 0  # it may come back to a point
    assert before == 10 + products
    assert optimizer.step(closure).item() == at_end
    if solver is not NewtonCG:
        assert problem.evaluations - before == 9
    with torch.no_grad():
        next(problem.net.parameters()).add_(0.01)
    before = problem.evaluations
    assert optimizer.step(closure).item() != optimizer.result.fun
    assert problem.evaluations - before >= 10


def test_a_closure_may_change_unless_one_says_not():
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    target = torch.arange(3, dtype=torch.float64)
    optimizer = LBFGS([x], max_iter=2, **SEARCH)

    def closure():
        optimizer.zero_grad()
        loss = ((x - target) ** 4).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    target.add_(5)
    here = ((x.detach() - target) ** 4).sum()
    assert optimizer.step(closure) == here


def test_another_batch_keeps_what_was_learned():
    problem = Problem()
    optimizer = LBFGS(problem.net.parameters(), max_iter=15, **SEARCH)
    optimizer.step(problem.function())
    problem.y = problem.y + 0.01
    optimizer.step(problem.function())
    pairs = len(optimizer.state_dict()["state"][0]["old_dirs"])
    assert pairs > 20


def test_given_tolerances_are_absolute_as_in_torch():
    problem = Problem()
    optimizer = LBFGS(problem.net.parameters(), 1, 500, tolerance_grad=1e-3, **SEARCH)
    optimizer.step(problem.function())
    assert optimizer.result.success
    assert max(g.abs().max() for g in optimizer.result.jac) <= 1e-3
    problem = Problem()
    optimizer = LBFGS(problem.net.parameters(), 1, 500, tolerance_change=1e-2, **SEARCH)
    optimizer.step(problem.function())
    assert optimizer.result.success
    assert "tolerance_change" in optimizer.result.message
    assert optimizer.result.nit < 100


def test_gradients_none_sparse_and_complex():
    table = torch.nn.Embedding(5, 2, sparse=True).double()
    z = torch.tensor([1 + 2j, -1j], dtype=torch.complex128, requires_grad=True)
    unused = torch.ones(3, requires_grad=True)
    optimizer = LBFGS([*table.parameters(), z, unused], max_iter=100, **SEARCH)
    rows, goal = torch.tensor([0, 3]), torch.tensor([2 - 1j, 3 + 1j])

    def closure():
        optimizer.zero_grad()
        loss = ((table(rows) - 1) ** 2).sum() + ((z - goal).abs() ** 2).sum()
        loss.backward()
        return loss

    kept = table.weight[1].clone()
    optimizer.step(closure)
    assert table.weight.grad.is_sparse
    torch.testing.assert_close(table.weight[rows], torch.ones(2, 2, dtype=torch.float64))
    torch.testing.assert_close(z, goal.to(z), rtol=0, atol=1e-7)
    assert torch.equal(table.weight[1], kept)
    assert torch.equal(unused, torch.ones(3))


@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy", "save"])
def test_a_run_goes_on_bit_for_bit(solver, way):
    options = {"max_iter": 1000, "max_eval": 7}  # a step may end in the middle of a search
    straight = problem_of(solver)
    optimizer = make(solver, straight.net.parameters(), **options)
    broken = problem_of(solver)
    other = make(solver, broken.net.parameters(), **options)
    for _ in range(2):
        optimizer.step(straight.function())
        other.step(broken.function())
    if way in ("state_dict", "save"):
        state = other.state_dict()
        if way == "save":
            file = io.BytesIO()
            torch.save(state, file)
            file.seek(0)
            state = torch.load(file, weights_only=True)
        other = make(solver, broken.net.parameters(), **options)
        other.load_state_dict(state)
    else:
        pair = (other, broken.net)
        copied = copy.deepcopy(pair) if way == "deepcopy" else pickle.loads(pickle.dumps(pair))
        other, broken.net = copied
    for _ in range(3):
        optimizer.step(straight.function())
        other.step(broken.function())
        assert torch.equal(straight.parameters, broken.parameters)
    assert optimizer.result.nfev == other.result.nfev


@pytest.mark.parametrize("form", ["once", "waiting", "before"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_a_checkpoint_has_the_pairs_once(dtype, form):
    straight, broken = Problem(dtype), Problem(dtype)
    options = {"max_iter": 1000, "max_eval": 12, "history_size": 4}
    one, other = (make(LBFGS, p.net.parameters(), **options) for p in (straight, broken))
    for problem, optimizer in ((straight, one), (broken, other)):
        optimizer.step(problem.function())
    whole = other._run.solver._state()[3]
    saved = other.state_dict()
    state = saved["state"][0]
    assert len(state["old_stps"]) >= 3
    assert len(whole) - len(state["solver"]) == 2 * 4 * len(state["old_stps"]) * 33
    if form == "before":  # as it was once saved
        del state["pairs_at"]
        state["solver"] = torch.frombuffer(bytearray(whole), dtype=torch.uint8)
    if form == "waiting":  # loaded, and saved before its first step
        between = make(LBFGS, broken.net.parameters(), **options)
        between.load_state_dict(saved)
        saved = between.state_dict()
    other = make(LBFGS, broken.net.parameters(), **options)
    other.load_state_dict(saved)
    for _ in range(2):
        one.step(straight.function())
        other.step(broken.function())
        assert torch.equal(straight.parameters, broken.parameters)
    assert one._run.solver._state()[3] == other._run.solver._state()[3]


def test_torch_goes_on_from_our_state_and_we_from_torchs():
    for first, second in ((LBFGS, torch.optim.LBFGS), (torch.optim.LBFGS, LBFGS)):
        problem = Problem()
        closure = problem.function()
        one = first(problem.net.parameters(), max_iter=30, **SEARCH)
        one.step(closure)
        state = one.state_dict()
        other = second(problem.net.parameters(), max_iter=10, **SEARCH)
        other.load_state_dict(state)
        other.param_groups[0].update(max_iter=10, max_eval=12)
        before = other.step(closure).item()
        after = closure().item()
        fresh = Problem()
        fresh.net.load_state_dict(problem.net.state_dict())
        assert after < before
        pairs = other.state_dict()["state"][0]["old_stps"]
        assert len(pairs) > 25
        kept = state["state"][0]["old_stps"]
        torch.testing.assert_close(pairs[0], kept[0], rtol=1e-6, atol=1e-12)


def test_what_torch_learned_in_between_counts():
    problem = Problem()
    closure = problem.function()
    optimizer = LBFGS(problem.net.parameters(), max_iter=8, history_size=4, **SEARCH)
    optimizer.step(closure)
    between = torch.optim.LBFGS(problem.net.parameters(), **SEARCH)
    between.load_state_dict(optimizer.state_dict())
    between.step(closure)
    state = between.state_dict()
    newest = state["state"][0]["old_stps"][-1]
    optimizer.load_state_dict(state)
    optimizer.param_groups[0]["max_iter"] = 1
    optimizer.step(closure)
    steps = optimizer.state_dict()["state"][0]["old_stps"]
    assert any(torch.allclose(s, newest, rtol=1e-6, atol=1e-12) for s in steps)


def test_both_ways_of_stepping_share_their_state():
    problem = Problem()
    optimizer = LBFGS(problem.net.parameters(), max_iter=10, **SEARCH)
    closure = problem.function()
    optimizer.step(closure)
    optimizer.param_groups[0].update(line_search_fn=None, lr=0.5)
    losses = [optimizer.step(closure).item() for _ in range(2)]
    assert len(optimizer.state[optimizer.param_groups[0]["params"][0]]["old_dirs"]) > 15
    optimizer.param_groups[0]["line_search_fn"] = "strong_wolfe"
    losses += [optimizer.step(closure).item() for _ in range(2)]
    assert losses == sorted(losses, reverse=True)
    assert len(optimizer.state_dict()["state"][0]["old_dirs"]) > 30


def test_version_counters_move(solver):
    problem = problem_of(solver)
    optimizer = make(solver, problem.net.parameters(), max_iter=2)
    versions = [p._version for p in problem.net.parameters()]
    optimizer.step(problem.function())
    assert all(p._version > v for p, v in zip(problem.net.parameters(), versions, strict=True))


def test_a_closure_that_fails_leaves_the_best_point(solver):
    problem = problem_of(solver)
    optimizer = make(solver, problem.net.parameters(), max_iter=3)
    good = problem.function()
    optimizer.step(good)
    best = problem.parameters

    def bad():
        if torch.equal(problem.parameters, best):
            return good()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(bad)
    assert torch.equal(problem.parameters, best)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_parameters(dtype):
    x = torch.tensor([[3.0, -2.0], [1.0, 0.5]], dtype=dtype).T.requires_grad_()
    optimizer = LBFGS([x], max_iter=50, **SEARCH)

    def closure():
        optimizer.zero_grad()
        loss = ((x.float() - torch.eye(2)) ** 2 * torch.tensor([1.0, 20.0])).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(x, torch.eye(2, dtype=dtype), rtol=0, atol=1e-2)
    assert x.dtype == optimizer.result.x[0].dtype == dtype


def test_newton_cg_wants_the_graph():
    x = torch.ones(2, requires_grad=True)
    optimizer = NewtonCG([x])

    def with_backward():
        loss = (x**4).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="does not call backward"):
        optimizer.step(with_backward)
    with pytest.raises(TypeError, match="with its graph is wanted"):
        optimizer.step(lambda: (x.detach() ** 4).sum())
    x.grad = None
    optimizer.step(lambda: (x**4).sum())
    assert x.grad is None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"line_search_fn": "armijo"}, "line_search_fn is 'armijo'"),
        ({"history_size": 0}, "history_size is 0"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"tolerance_grad": -1.0}, "tolerance_grad is -1.0"),
        ({"deterministic": 3}, "deterministic is 3"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises((ValueError, TypeError), match=match):
        LBFGS([torch.zeros(2, requires_grad=True)], **options)


def test_one_group_and_a_closure(solver):
    a, b = (torch.zeros(2, requires_grad=True) for _ in range(2))
    with pytest.raises(ValueError, match="group"):
        solver([{"params": [a]}, {"params": [b]}])
    with pytest.raises(TypeError, match="closure is None"):
        make(solver, [a]).step(None)


# -- minimize --------------------------------------------------------------------------------------


def valley(p):
    a, (b, c) = p["a"], p["rest"]
    return ((1 - a) ** 2).sum() + 10 * ((b - a**2) ** 2).sum() + (c - 2) ** 4 + (c - 2) ** 2


@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "sr1", "newton", "newton_cg"])
def test_minimize_structures(method):
    start = {
        "a": torch.full((2,), -0.5, dtype=torch.float64),
        "rest": (torch.zeros(2), torch.tensor(0.0, requires_grad=True)),
    }
    result = minimize(valley, start, method, gtol=1e-8)
    assert result.success, result.message
    assert isinstance(result.x["rest"], tuple)
    assert result.x["a"].dtype == torch.float64
    assert result.x["rest"][0].dtype == torch.float32
    torch.testing.assert_close(result.x["a"], torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(result.x["rest"][1], torch.tensor(2.0))
    assert set(result.jac) == {"a", "rest"}
    assert torch.equal(start["a"], torch.full((2,), -0.5, dtype=torch.float64))
    assert start["rest"][1].grad is None
    repr(result)


def test_minimize_within_bounds():
    """Bounds that no narrow dtype has are rounded inwards to it."""
    seen = []

    def fun(p):
        seen.append((p["a"].detach().clone(), p["rest"][0].detach().clone()))
        return valley({"a": p["a"], "rest": (p["rest"][0].double(), p["rest"][1])})

    start = {
        "a": torch.full((2,), -0.5, dtype=torch.float64),
        "rest": (torch.zeros(2, dtype=torch.bfloat16), torch.tensor(0.0)),
    }
    upper = torch.tensor([0.6, 0.31])
    result = minimize(
        fun, start, bounds={"a": (None, 0.7), "rest": ((-0.1, upper), None)}, gtol=1e-3
    )
    assert result.x["a"].max() == 0.7
    assert all((b.double() <= upper.double()).all() and b.min() >= -0.1 for _, b in seen)
    assert all(a.max() <= 0.7 for a, _ in seen)
    assert (result.x["rest"][0].double() > upper.double() - 0.01).any()
    with pytest.raises(ValueError, match=r"^bounds.a\[1\] is \(3.0, 1.0\)"):
        minimize(fun, start, bounds={"a": ([0, 3], 1), "rest": (None, None)})
    with pytest.raises(ValueError, match="complex"):
        minimize(lambda z: z.abs().sum(), torch.zeros(2, dtype=torch.complex64), bounds=(0, 1))


def test_minimize_hessians_row_by_row_too():
    start = torch.tensor([2.0, -1.0], dtype=torch.float64)

    def fun(x):
        if x.sum().item() > 1e9:  # no transform of torch.func can see a number
            return x.sum()
        return (x**4).sum() + x.prod() ** 2 + (x - 1).square().sum()

    found, plain = (
        minimize(f, start, "newton", gtol=1e-10)
        for f in (fun, lambda x: (x**4).sum() + x.prod() ** 2 + (x - 1).square().sum())
    )
    torch.testing.assert_close(found.x, plain.x)
    torch.testing.assert_close(found.hess, plain.hess)
    assert isinstance(found.hess, torch.Tensor)


def test_minimize_complex_and_callbacks():
    goal = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128)
    seen = []
    result = minimize(
        lambda z: ((z - goal).abs() ** 2).sum(),
        torch.zeros(2, dtype=torch.complex128),
        callback=seen.append,
    )
    torch.testing.assert_close(result.x, goal)
    assert seen[-1].dtype == torch.complex128

    def watch(intermediate_result):
        seen.append(intermediate_result.x)
        raise StopIteration

    result = minimize(lambda x: (x**4).sum(), torch.ones(2), callback=watch)
    assert result.status == 99
    assert seen[-1].shape == (2,)


def test_minimize_refuses():
    x = torch.ones(2)
    for fun, params, error, match in (
        (lambda p: p.sum(), [1.0], TypeError, "leaf of type float"),
        (lambda p: p.sum(), torch.ones(2, dtype=torch.int64), TypeError, "int64"),
        (lambda p: p.sum(), {}, ValueError, "no tensors"),
        (lambda p: p, x, TypeError, "one real number"),
        (lambda p: p.sum().item(), x, TypeError, "one real number"),
        (lambda p: p.detach().sum(), x, ValueError, "does not hang on params"),
    ):
        with pytest.raises(error, match=match):
            minimize(fun, params)
