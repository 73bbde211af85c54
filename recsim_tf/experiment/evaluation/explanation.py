"""Slates of an agent that values items, in words."""

import textwrap
from typing import Protocol, runtime_checkable

import tensorflow as tf
from tf_agents.policies import tf_policy

from recsim_tf.adapters.tf_agents import rollout_policy
from recsim_tf.agents.slate_q.losses import SlateValues
from recsim_tf.core import random
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Observation
from recsim_tf.tables import text_table


@runtime_checkable
class ValuesItems(Protocol):
    """An agent that can say what it thinks of each candidate, as `SlateQAgent`."""

    @property
    def policy(self) -> tf_policy.TFPolicy: ...

    def action_values(self, observation: Observation) -> SlateValues: ...


def explain(
    simulator: Simulator, agent: ValuesItems, num_slates: int = 3, num_steps: int = 5, seed: int = 1
) -> str:
    """Some slates of an agent in words: values, click probabilities and what the user did.

    Args:
      simulator: the environment.
      agent: trained for this environment, without layers.
      num_slates: users to show, each after `num_steps` steps.
    """
    policy = rollout_policy(agent.policy)
    seeds = random.split_seed(random.as_seed(seed), num_steps + 2)
    state = simulator.reset(num_slates, seeds[0])
    for step_seed in seeds[1:-1]:
        state, _ = simulator.step(
            state, policy(simulator.observe(state), (), step_seed)[0], step_seed
        )
    observation = simulator.observe(state)
    slate, _ = policy(observation, (), seeds[-1])
    values = agent.action_values(observation)
    _, transition = simulator.step(state, slate, seeds[-1])
    shown = tf.reduce_sum(tf.one_hot(slate, simulator.num_candidates), axis=1)
    total = tf.reduce_sum(shown * values.weights, axis=1) + values.no_click_weight
    clicks = tf.reduce_sum(transition.response.clicked, axis=1).numpy()
    lines = []
    for user in range(num_slates):
        positions = slate[user].numpy().tolist()
        lines.append(
            f"User {user}, step {num_steps}: slate {positions}, P(no click)"
            f" {values.no_click_weight[user] / total[user]:.3f}"
        )
        rows: list[tuple[str, ...]] = [
            ("candidate", "shown", "Q", "Q - Q(no click)", "click weight", "P(click)")
        ]
        for item in range(simulator.num_candidates):
            position = f"{positions.index(item) + 1}" if item in positions else ""
            probability = f"{values.weights[user, item] / total[user]:.3f}" if position else ""
            numbers = (values.q_items, values.advantages, values.weights)
            rows.append(
                (
                    str(item),
                    position,
                    *(f"{number[user, item]:.3f}" for number in numbers),
                    probability,
                )
            )
        lines += textwrap.indent(text_table(rows), "  ").splitlines()
        if clicks[user]:
            chosen = positions[int(tf.argmax(transition.response.clicked[user]))]
            lines.append(
                f"  The user clicked candidate {chosen}; reward {transition.reward[user]:.3f}."
            )
        else:
            lines.append(f"  The user clicked nothing; reward {transition.reward[user]:.3f}.")
    return "\n".join(lines)
