"""PPO of stable-baselines3 on CartPole: the optimizer's class and its eps by policy_kwargs."""

from __future__ import annotations

import pytest

sb3 = pytest.importorskip("stable_baselines3")
gymnasium = pytest.importorskip("gymnasium")

from runs import Run  # noqa: E402
from stable_baselines3.common.utils import set_random_seed  # noqa: E402

ROLLOUT = 64


def learn(model, iterations):
    """Go on from a fresh episode, on seeds of its own: a saved model has no environment."""
    model._last_obs = None
    set_random_seed(7)
    model.env.seed(7)
    losses = []
    for _ in range(iterations):
        model.learn(ROLLOUT, reset_num_timesteps=False)
        losses.append(model.logger.name_to_value["train/value_loss"])
    return Run(losses, model.policy, model.policy.optimizer)


def made(cls):
    return sb3.PPO(
        "MlpPolicy",
        gymnasium.make("CartPole-v1"),
        n_steps=ROLLOUT,
        batch_size=32,
        n_epochs=2,
        seed=3,
        device="cpu",
        policy_kwargs={"optimizer_class": cls, "optimizer_kwargs": {"eps": 1e-5}},
    )
