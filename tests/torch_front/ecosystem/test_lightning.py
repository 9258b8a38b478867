"""Lightning's Trainer: clipping and a scheduler, a checkpoint after half of the epochs."""

from __future__ import annotations

import pytest

lightning = pytest.importorskip("lightning.pytorch")

import torch  # noqa: E402
from runs import OPTIONS, Run, check_curve, check_resumed, dataset, network  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402


class Classifier(lightning.LightningModule):
    def __init__(self, cls):
        super().__init__()
        self.cls = cls
        self.network = network()
        self.losses = []

    def training_step(self, batch, _):
        inputs, targets = batch
        loss = torch.nn.functional.cross_entropy(self.network(inputs), targets)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        optimizer = self.cls(self.parameters(), **OPTIONS)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}


def train(cls, folder, epochs=4, resumed=None):
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    model = Classifier(cls)
    trainer.fit(model, DataLoader(dataset(), 16), ckpt_path=resumed)
    if resumed is None:
        trainer.save_checkpoint(folder / f"{epochs}.ckpt")
    assert type(trainer.optimizers[0]) is cls
    return Run(model.losses, model, trainer.optimizers[0])


def test_resumes(optimizer_class, tmp_path):
    whole = train(optimizer_class, tmp_path)
    train(optimizer_class, tmp_path, epochs=2)
    check_resumed(whole, train(optimizer_class, tmp_path, resumed=tmp_path / "2.ckpt"))


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path)
    check_curve(ours, train(torch.optim.AdamW, tmp_path))
