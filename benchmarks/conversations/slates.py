"""What users find on slates of three, turn by turn, in world W3: W1 with slates of three.

The advantage of sets differs by catalogue, so users are of several.
"""

import numpy as np
import tensorflow as tf
from conversations import worlds
from conversations.common import Bar, Section, Settings

from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies.elicitation import (
    RecommendBest,
    RecommendKnown,
    RecommendSet,
    ThompsonSampling,
)
from recsim_tf.tables import text_table

_NUM_TURNS = 10
_NUM_USERS = {False: 256, True: 16}  # of a catalogue
_NUM_CATALOGUES = {False: 3, True: 1}
_NAMES = {"set": "best set", "top_k": "top three", "thompson": "Thompson", "oracle": "oracle"}


def measure(settings: Settings) -> Section:
    num_users = _NUM_USERS[settings.quick]
    catalogues = [
        _rewards(number, num_users, settings.seed)
        for number in range(_NUM_CATALOGUES[settings.quick])
    ]
    rewards = {
        name: np.concatenate([found[name] for found in catalogues], axis=1) for name in _NAMES
    }
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
        (
            f"Utility of the user's choice by turn, {num_users} users of each of {len(catalogues)}"
            " catalogues (W3)"
        ),
        *text_table(rows).splitlines(),
        *(bar.line(settings.quick) for bar in bars),
    ]
    advantages = [float((found["set"] - found["top_k"]).sum(axis=0).mean()) for found in catalogues]
    lines.append(
        "set less top three, by catalogue: " + ", ".join(f"{each:.2f}" for each in advantages)
    )
    return Section(figures, {"set_less_top_k": advantages}, lines)


def _rewards(catalogue: int, num_users: int, seed: int) -> dict[str, np.ndarray]:
    """The rewards [T, U] of users of a catalogue, by policy."""
    simulator = worlds.world(slate_size=3, catalogue=catalogue)
    belief = worlds.belief(simulator)
    policies = {
        "set": RecommendSet(simulator, belief),
        "top_k": RecommendBest(simulator, belief),
        "thompson": ThompsonSampling(simulator, belief),
    }
    rewards = {
        name: worlds.course(simulator, policy, num_users, _NUM_TURNS, seed).reward
        for name, policy in policies.items()
    }
    return rewards | {"oracle": _oracle(simulator, num_users, seed)}


def _oracle(simulator: Simulator, num_users: int, seed: int) -> np.ndarray:
    """The reward [T, U] of slates of the best three."""
    simulator = worlds.with_users(simulator, is_taste_observed=True)
    policy = RecommendKnown(simulator)
    rollout = compiled(lambda seed: simulator.rollout(policy, num_users, _NUM_TURNS, seed))
    return rollout(tf.constant([seed, 1])).transitions.reward.numpy()
