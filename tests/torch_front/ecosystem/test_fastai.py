"""fastai's Learner through OptimWrapper: groups, a frozen one thawed, states cleared, loaded."""

from __future__ import annotations

import pytest

basics = pytest.importorskip("fastai.basics")

import torch  # noqa: E402
from runs import OPTIONS, Run, check_curve, check_resumed, dataset, network  # noqa: E402


class EachLoss(basics.Callback):
    """Collects the loss of each batch of training."""

    run_valid = False

    def __init__(self):
        super().__init__()
        self.values = []

    def after_batch(self):
        self.values.append(self.loss.item())


def learner(cls, folder):
    batches = basics.DataLoader(dataset(), bs=16)
    return basics.Learner(
        basics.DataLoaders(batches, batches),
        network(),
        loss_func=torch.nn.CrossEntropyLoss(),
        opt_func=basics.partial(basics.OptimWrapper, opt=cls),
        splitter=lambda model: [list(model[:2].parameters()), list(model[2:].parameters())],
        lr=OPTIONS["lr"],
        wd=OPTIONS["weight_decay"],
        path=folder,
    )


def fit(learn, epochs):
    losses = EachLoss()
    with learn.no_logging():
        learn.fit(epochs, cbs=losses)
    return losses.values


def train(cls, folder):
    learn = learner(cls, folder)
    learn.freeze()
    losses = fit(learn, 1)
    learn.unfreeze()
    losses += fit(learn, 2)
    learn.save("half")
    losses += fit(learn, 2)
    assert type(learn.opt.opt) is cls
    return Run(losses, learn.model, learn.opt.opt)


def resume(cls, folder):
    learn = learner(cls, folder)
    learn.create_opt()
    learn.load("half")
    return Run(fit(learn, 2), learn.model, learn.opt.opt)


def test_resumes(optimizer_class, tmp_path):
    whole = train(optimizer_class, tmp_path)
    check_resumed(whole, resume(optimizer_class, tmp_path))


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path)
    check_curve(ours, train(torch.optim.AdamW, tmp_path))


def test_cleared_state_begins_anew(optimizer_class, tmp_path):
    learn = learner(optimizer_class, tmp_path)
    fit(learn, 1)
    learn.opt.clear_state()
    fit(learn, 1)
    assert {float(state["step"]) for state in learn.opt.opt.state.values()} == {6.0}
