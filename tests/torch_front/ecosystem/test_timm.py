"""timm: decay by groups, its scheduler, an average of the weights, a checkpoint resumed."""

from __future__ import annotations

import pytest

timm = pytest.importorskip("timm")

import torch  # noqa: E402
from runs import OPTIONS, Run, check_curve, check_resumed  # noqa: E402
from timm.optim import param_groups_weight_decay  # noqa: E402
from timm.scheduler import CosineLRScheduler  # noqa: E402
from timm.utils import ModelEmaV3, dispatch_clip_grad  # noqa: E402


def images():
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(8, 3, 32, 32, generator=generator)
    return inputs, torch.arange(8) % 4


def train(cls, file, steps=10, resumed=0):
    torch.manual_seed(1)
    model = timm.create_model("test_vit.r160_in1k", num_classes=4, img_size=32)
    groups = param_groups_weight_decay(model, OPTIONS["weight_decay"])
    optimizer = cls(groups, lr=OPTIONS["lr"])
    scheduler = CosineLRScheduler(optimizer, steps, warmup_t=2, warmup_lr_init=1e-4)
    average = ModelEmaV3(model, decay=0.9)
    if resumed:
        timm.models.resume_checkpoint(model, str(file), optimizer, log_info=False)
        scheduler.step(resumed)
    inputs, targets = images()
    losses = []
    for i in range(resumed, steps):
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        dispatch_clip_grad(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update(model, i)
        scheduler.step(i + 1)
        losses.append(loss.item())
        if i == 4 and not resumed:
            checkpoint = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(checkpoint, file)
    return Run(losses, model, optimizer)


def test_resumes(optimizer_class, tmp_path):
    whole = train(optimizer_class, tmp_path / "model.pt")
    check_resumed(whole, train(optimizer_class, tmp_path / "model.pt", resumed=5))


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path / "model.pt")
    check_curve(ours, train(torch.optim.AdamW, tmp_path / "model.pt"))
