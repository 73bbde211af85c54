# SPDX-License-Identifier: Apache-2.0
"""Agents of Stable-Baselines3 in training."""

import gymnasium
import numpy as np
from judging.verdicts import Settings, Verdict, attempts, judge

import recsim_tf.adapters.gymnasium

_NAME = "recsim_tf/InterestEvolution-v1"
# The class, its policy, the form of the environment, and further arguments.
_AGENTS = {
    "PPO, flat": ("PPO", "MlpPolicy", {"flatten": True}, {"n_steps": 64}),
    "PPO, dict": ("PPO", "MultiInputPolicy", {"flatten": "dict"}, {"n_steps": 64}),
    "DQN, one item": (
        "DQN",
        "MlpPolicy",
        {"flatten": True, "slate_size": 1},
        {"learning_starts": 32},
    ),
    "A2C": ("A2C", "MlpPolicy", {"flatten": True}, {}),
}


@judge("Stable-Baselines3 agents", "stable-baselines3")
def train(settings: Settings) -> Verdict:
    import stable_baselines3
    import torch

    recsim_tf.adapters.gymnasium.register_environments()

    def attempt(name: str) -> None:
        agent, policy, form, arguments = _AGENTS[name]
        environment = gymnasium.make(_NAME, **form)
        model = getattr(stable_baselines3, agent)(policy, environment, seed=0, **arguments)
        before = [weights.detach().clone() for weights in model.policy.parameters()]
        model.learn(128 if settings.quick else 1000)
        after = list(model.policy.parameters())
        if all(torch.equal(*pair) for pair in zip(before, after, strict=True)):
            raise ValueError("no weight has changed")
        action, _ = model.predict(environment.reset(seed=0)[0])
        if not environment.action_space.contains(np.asarray(action)[()]):
            raise ValueError(f"the action {action} is not in the action space")

    trained, faults = attempts(list(_AGENTS), attempt)
    said = f"{trained} of {len(_AGENTS)} train: {'; '.join(_AGENTS)}"
    return Verdict(said, {"judges.agents_trained": trained}, faults)
