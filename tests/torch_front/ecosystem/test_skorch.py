"""skorch's NeuralNetClassifier: the class, its keywords, groups by name, parameters on disk."""

from __future__ import annotations

import pytest

skorch = pytest.importorskip("skorch")

import torch  # noqa: E402
from runs import OPTIONS, Run, check_curve, check_resumed, dataset, network  # noqa: E402


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = network()

    def forward(self, inputs):
        return self.layers(inputs)


def train(cls, folder, epochs=10, resumed=0):
    net = skorch.NeuralNetClassifier(
        Network,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=cls,
        optimizer__lr=OPTIONS["lr"],
        optimizer__weight_decay=OPTIONS["weight_decay"],
        optimizer__param_groups=[("*.bias", {"weight_decay": 0.0})],
        batch_size=16,
        train_split=None,
        verbose=0,
    ).initialize()
    files = {
        f"f_{part}": str(folder / part) for part in ("params", "optimizer", "criterion", "history")
    }
    inputs, targets = (tensor.numpy() for tensor in dataset().tensors)
    if resumed:
        net.load_params(**files)
    for epoch in range(resumed, epochs):
        net.partial_fit(inputs, targets, epochs=1)
        if epoch == 4 and not resumed:
            net.save_params(**files)
    assert type(net.optimizer_) is cls
    assert len(net.optimizer_.param_groups) == 2
    return Run(net.history[resumed:, "train_loss"], net.module_, net.optimizer_)


def test_resumes(optimizer_class, tmp_path):
    whole = train(optimizer_class, tmp_path)
    check_resumed(whole, train(optimizer_class, tmp_path, resumed=5))


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path)
    check_curve(ours, train(torch.optim.AdamW, tmp_path))
