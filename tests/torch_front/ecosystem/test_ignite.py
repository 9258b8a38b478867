"""An engine of ignite, its checkpoint written by a handler in the middle."""

from __future__ import annotations

import pytest

engine = pytest.importorskip("ignite.engine")
handlers = pytest.importorskip("ignite.handlers")

import torch  # noqa: E402
from runs import OPTIONS, Run, check_curve, check_resumed, dataset, network  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402


def train(cls, folder, resumed=False):
    model = network()
    optimizer = cls(model.parameters(), **OPTIONS)
    criterion = torch.nn.CrossEntropyLoss()
    trainer = engine.create_supervised_trainer(model, optimizer, criterion)
    rate = handlers.LinearCyclicalScheduler(optimizer, "lr", 0.01, 0.002, 12)
    trainer.add_event_handler(engine.Events.ITERATION_STARTED, rate)
    losses = []
    trainer.add_event_handler(
        engine.Events.ITERATION_COMPLETED, lambda engine: losses.append(engine.state.output)
    )
    parts = {"trainer": trainer, "model": model, "optimizer": optimizer, "rate": rate}
    if resumed:
        checkpoint = torch.load(folder / "half.pt", weights_only=True)
        handlers.Checkpoint.load_objects(parts, checkpoint)
    else:
        disk = handlers.DiskSaver(folder, require_empty=False)
        save = handlers.Checkpoint(parts, disk, filename_pattern="half.pt", n_saved=None)
        trainer.add_event_handler(engine.Events.EPOCH_COMPLETED(once=2), save)
    trainer.run(DataLoader(dataset(), 16), max_epochs=4)
    return Run(losses, model, optimizer)


def test_resumes(optimizer_class, tmp_path):
    whole = train(optimizer_class, tmp_path)
    check_resumed(whole, train(optimizer_class, tmp_path, resumed=True))


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path)
    check_curve(ours, train(torch.optim.AdamW, tmp_path))
