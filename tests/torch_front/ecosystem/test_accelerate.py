"""A loop through accelerate: prepare, clip, schedule, save_state and load_state."""

from __future__ import annotations

import pytest

accelerate = pytest.importorskip("accelerate")

import torch  # noqa: E402
from runs import OPTIONS, Run, check_curve, check_resumed, dataset, network  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402


def train(cls, folder, epochs=4, resumed=0):
    accelerator = accelerate.Accelerator(cpu=True)
    model = network()
    optimizer = cls(model.parameters(), **OPTIONS)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, gamma=0.8)
    model, optimizer, batches, scheduler = accelerator.prepare(
        model, optimizer, DataLoader(dataset(), 16), scheduler
    )
    if resumed:
        accelerator.load_state(folder)
    losses = []
    for epoch in range(resumed, epochs):
        for inputs, targets in batches:
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        if epoch == 1 and not resumed:
            accelerator.save_state(folder)
    assert type(optimizer.optimizer) is cls
    return Run(losses, model, optimizer.optimizer)


def test_resumes(optimizer_class, tmp_path):
    whole = train(optimizer_class, tmp_path)
    check_resumed(whole, train(optimizer_class, tmp_path, resumed=2))


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path)
    check_curve(ours, train(torch.optim.AdamW, tmp_path))
