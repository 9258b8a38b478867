"""Hugging Face's Trainer on a GPT of two layers, its weights random."""

from __future__ import annotations

import pytest

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import torch  # noqa: E402
from runs import OPTIONS, Run, check_curve, check_resumed  # noqa: E402


def model():
    torch.manual_seed(1)
    config = transformers.GPT2Config(vocab_size=16, n_positions=12, n_embd=16, n_layer=2, n_head=2)
    return transformers.GPT2LMHeadModel(config)


def sentences():
    generator = torch.Generator().manual_seed(2)
    starts = torch.randint(16, (48, 1), generator=generator)
    tokens = (starts + torch.arange(12)) % 16
    return [{"input_ids": row, "labels": row} for row in tokens]


def train(cls, folder, way, resumed=False):
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=12,
        per_device_train_batch_size=8,
        logging_steps=1,
        save_steps=6,
        learning_rate=OPTIONS["lr"],
        weight_decay=OPTIONS["weight_decay"],
        warmup_steps=2,
        max_grad_norm=1.0,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
    )
    network = model()
    given = (
        {"optimizers": (cls(network.parameters(), **OPTIONS), None)}
        if way == "object"
        else {"optimizer_cls_and_kwargs": (cls, {"lr": OPTIONS["lr"]})}
    )
    trainer = transformers.Trainer(
        model=network, args=arguments, train_dataset=sentences(), **given
    )
    trainer.train(resume_from_checkpoint=str(folder / "checkpoint-6") if resumed else None)
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    optimizer = trainer.optimizer.optimizer
    assert type(optimizer) is cls
    return Run(losses[6 if resumed else 0 :], network, optimizer)


@pytest.mark.parametrize("way", ["object", "class"])
def test_resumes(optimizer_class, tmp_path, way):
    whole = train(optimizer_class, tmp_path, way)
    check_resumed(whole, train(optimizer_class, tmp_path, way, resumed=True))


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path / "ours", "class")
    check_curve(ours, train(torch.optim.AdamW, tmp_path / "theirs", "class"))
