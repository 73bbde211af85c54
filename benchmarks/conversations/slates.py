"""What users find on slates of three, turn by turn, in world W3: W1 with slates of three."""

import numpy as np
import tensorflow as tf
from conversations import worlds
from conversations.common import Bar, Section, Settings

from recsim_tf.core.execution import compiled
from recsim_tf.policies.elicitation import (
    RecommendBest,
    RecommendKnown,
    RecommendSet,
    ThompsonSampling,
)
from recsim_tf.tables import text_table

_NUM_TURNS = 10
_NUM_USERS = {False: 768, True: 16}
_NAMES = {"set": "best set", "top_k": "top three", "thompson": "Thompson", "oracle": "oracle"}


def measure(settings: Settings) -> Section:
    num_users = _NUM_USERS[settings.quick]
    simulator = worlds.world(slate_size=3)
    belief = worlds.belief(simulator)
    policies = {
        "set": RecommendSet(simulator, belief),
        "top_k": RecommendBest(simulator, belief),
        "thompson": ThompsonSampling(simulator, belief),
    }
    rewards = {
        name: worlds.course(simulator, policy, num_users, _NUM_TURNS, settings.seed).reward
        for name, policy in policies.items()
    }
    rewards["oracle"] = _oracle(num_users, settings.seed)
    figures: dict[str, float] = {}
    rows = [("policy", *map(str, range(1, _NUM_TURNS + 1)), "sum", "±")]
    for name, reward in rewards.items():
        mean, error = worlds.mean_and_error(reward.sum(axis=0))
        figures |= {f"slates_10.{name}": mean, f"slates_10.{name}_se": error}
        by_turn = (f"{turn:.2f}" for turn in reward.mean(axis=1))
        rows.append((_NAMES[name], *by_turn, f"{mean:.2f}", f"{error:.2f}"))
    top_k = figures["slates_10.top_k"]
    bars = [
        Bar("slates_10.set", figures["slates_10.set"], max(18.5, top_k + 2.0), np.inf),
        Bar("slates_10.thompson", figures["slates_10.thompson"], top_k - 1, top_k + 1),
    ]
    lines = [
        f"Utility of the user's choice by turn, {num_users} users (W3)",
        *text_table(rows).splitlines(),
        *(bar.line(settings.quick) for bar in bars),
    ]
    return Section(figures, {}, lines)


def _oracle(num_users: int, seed: int) -> np.ndarray:
    """The reward [T, U] of slates of the best three."""
    simulator = worlds.with_users(worlds.world(slate_size=3), is_taste_observed=True)
    policy = RecommendKnown(simulator)
    rollout = compiled(lambda seed: simulator.rollout(policy, num_users, _NUM_TURNS, seed))
    return rollout(tf.constant([seed, 1])).transitions.reward.numpy()
