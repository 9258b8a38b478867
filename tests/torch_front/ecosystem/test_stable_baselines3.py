"""PPO of stable-baselines3 on CartPole: the optimizer's class and its eps by policy_kwargs."""

from __future__ import annotations

import pytest

sb3 = pytest.importorskip("stable_baselines3")
gymnasium = pytest.importorskip("gymnasium")

import torch  # noqa: E402
from runs import Run, check_curve, check_resumed  # noqa: E402

ROLLOUT = 64


class Losses(sb3.common.callbacks.BaseCallback):
    """Collects the loss of each round of training, which the logger drops at the next."""

    def _on_training_start(self):
        self.losses = []

    def _on_step(self):
        return True

    def _on_rollout_start(self):
        if "train/value_loss" in self.logger.name_to_value:
            self.losses.append(self.logger.name_to_value["train/value_loss"])

    def _on_training_end(self):
        self._on_rollout_start()


def learn(model, rounds):
    """Go on from a new episode and new seeds: what is saved has neither environment nor seeds."""
    model._last_obs = None
    model.set_random_seed(7)
    callback = Losses()
    model.learn(rounds * ROLLOUT, callback, log_interval=None, reset_num_timesteps=False)
    return callback.losses


def train(cls, file):
    model = sb3.PPO(
        "MlpPolicy",
        gymnasium.make("CartPole-v1"),
        n_steps=ROLLOUT,
        batch_size=32,
        n_epochs=2,
        device="cpu",
        policy_kwargs={"optimizer_class": cls, "optimizer_kwargs": {"eps": 1e-5}},
        seed=3,
    )
    losses = learn(model, 5)
    model.save(file)
    losses += learn(model, 5)
    optimizer = model.policy.optimizer
    assert type(optimizer) is cls
    assert optimizer.defaults["eps"] == 1e-5
    return Run(losses, model.policy, optimizer)


def resume(file):
    model = sb3.PPO.load(file, gymnasium.make("CartPole-v1"), device="cpu")
    return Run(learn(model, 5), model.policy, model.policy.optimizer)


def test_resumes(optimizer_class, tmp_path):
    whole = train(optimizer_class, tmp_path / "model.zip")
    second = resume(tmp_path / "model.zip")
    assert type(second.optimizer) is optimizer_class
    check_resumed(whole, second)


def test_same_curve(optimizer_class, tmp_path):
    ours = train(optimizer_class, tmp_path / "ours.zip")
    check_curve(ours, train(torch.optim.AdamW, tmp_path / "theirs.zip"))
