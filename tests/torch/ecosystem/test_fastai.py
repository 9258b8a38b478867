"""fastai's Learner through OptimWrapper: groups, a frozen one thawed, states cleared, loaded."""

from __future__ import annotations

import pytest

basics = pytest.importorskip("fastai.basics")

import torch  # noqa: E402
from runs import OPTIONS, Run, check_curve, check_resumed, dataset, network  # noqa: E402


class Losses(basics.Callback):
    def before_fit(self):
        self.learn.losses = getattr(self.learn, "losses", [])

    def after_batch(self):
        self.learn.losses.append(self.learn.loss.item())


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
        cbs=Losses(),
        path=folder,
    )


def run(learn, epochs):
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs)
    return learn.losses


def finished(learn):
    return Run(learn.losses, learn.model, learn.opt.opt)


def train(cls, folder):
    learn = learner(cls, folder)
    learn.freeze()
    run(learn, 1)
    learn.unfreeze()
    run(learn, 2)
    learn.save("half")
    run(learn, 2)
    assert type(learn.opt.opt) is cls
    return finished(learn)


def resume(cls, folder):
    learn = learner(cls, folder)
    learn.create_opt()
    learn.load("half")
    run(learn, 2)
    return finished(learn)


def test_resumes(optimizer_class, tmp_path):
    whole = train(optimizer_class, tmp_path)
    check_resumed(whole, resume(optimizer_class, tmp_path))


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path)
    check_curve(ours, train(torch.optim.AdamW, tmp_path))


def test_cleared_state_begins_anew(optimizer_class, tmp_path):
    learn = learner(optimizer_class, tmp_path)
    run(learn, 1)
    learn.opt.clear_state()
    run(learn, 1)
    assert {float(state["step"]) for state in learn.opt.opt.state.values()} == {6.0}
