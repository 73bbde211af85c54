"""Worlds of conversations in which policies are compared, and the loop that measures them."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.belief import GaussianBelief
from recsim_tf.conversations import (
    ConversationUsers,
    Items,
    chosen_utility,
    conversation,
)
from recsim_tf.conversations.elicitation.believing import BelievingPolicy
from recsim_tf.conversations.parts import Answers, Critiques, Dwell, Patience, Ratings, Refinements
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator

NUM_ITEMS, NUM_FACTORS, NUM_ATTRIBUTES = 100, 10, 12
NEVER = -math.inf
# Users of one call: their particles are in memory at once.
_BATCH = 250


def world(slate_size: int = 2, catalogue: int = 0, **changes) -> Simulator:
    """W1: users who always reply, do not leave, and tell nothing by how long they stay.

    100 items of 10 factors from Normal(0, 1 / 10), tastes from Normal(0, 1), choices with a
    sharpness of 4, and 12 attributes. An answer to a question without an anchor has the odds
    exp(2 <attribute, taste>); tastes have a length of about sqrt(10).

    Args:
      slate_size: K.
      catalogue: seed of the items.
      **changes: other fields of the users.
    """
    users = ConversationUsers(
        num_factors=NUM_FACTORS,
        num_attributes=NUM_ATTRIBUTES,
        **{
            "answers": Answers(2.0 * math.sqrt(NUM_FACTORS), dont_know=NEVER),
            "ignoring": NEVER,
            "ratings": Ratings(logit=NEVER),
            "critiques": Critiques(logit=NEVER),
            "refinements": Refinements(logit=NEVER),
            "dwell": Dwell(gain=0.0),
            "patience": Patience(initial=1e6, effort=0.0),
            "leaves_satisfied": False,
            **changes,
        },
    )
    return conversation(
        users,
        Items(num_items=NUM_ITEMS, num_factors=NUM_FACTORS, seed=catalogue),
        slate_size=slate_size,
        num_candidates=NUM_ITEMS,
        max_steps=None,
        reward_fn=chosen_utility,
    )


class Course(NamedTuple):
    """What became of users turn by turn."""

    regret: np.ndarray  # [T + 1, U]: best utility less that of the item that the belief takes
    recommended: np.ndarray  # [T + 1, U]: utility of that item
    reward: np.ndarray  # [T, U]
    information: np.ndarray  # [T + 1, U]: the value that a policy puts on its turn, or zeros


def course(
    simulator: Simulator,
    policy: BelievingPolicy,
    num_users: int,
    num_turns: int,
    seed: int,
    information: Callable | None = None,
) -> Course:
    """Simulates users under a policy.

    Args:
      simulator: of conversations.
      policy: with a belief.
      num_users: U.
      num_turns: T.
      seed: of users and turns. The users are the same for all policies.
      information: maps a `CandidateBelief` to a value [B], kept for each turn.
    """

    @compiled(jit_compile=num_users > _BATCH)
    def turn(state, belief_state, seed):
        observation = simulator.observe(state)
        belief_state = policy.tracker.update(belief_state, observation)
        believed = policy.tracker.candidates(belief_state, observation)
        utility = simulator.users.utility(state.user, observation.documents)
        best = tf.gather(utility, believed.best(1), batch_dims=1)[:, 0]
        value = tf.zeros_like(best) if information is None else information(believed)
        policy_seed, step_seed = random.split_seed(seed, 2)
        state, transition = simulator.step(state, policy.choose(believed, policy_seed), step_seed)
        found = (tf.reduce_max(utility, axis=-1) - best, best, transition.reward, value)
        return state, belief_state, found

    begin = compiled(functools.partial(simulator.reset, min(num_users, _BATCH)))
    courses = []
    for batch in range(0, num_users, _BATCH):
        state = begin(tf.constant([seed, batch]))
        belief_state = policy.initial_state(state.done.shape[0])
        turns = []
        for step in range(num_turns + 1):
            state, belief_state, found = turn(
                state, belief_state, tf.constant([seed + 1, 1000 * batch + step])
            )
            turns.append([leaf.numpy() for leaf in found])
        courses.append([np.stack(leaf) for leaf in zip(*turns, strict=True)])
    regret, recommended, reward, value = (
        np.concatenate(leaf, axis=1)[:, :num_users] for leaf in zip(*courses, strict=True)
    )
    return Course(regret, recommended, reward[:num_turns], value)


def belief(simulator: Simulator, num_particles: int = 128) -> GaussianBelief:
    """The belief of all policies here."""
    return GaussianBelief(simulator.users, num_particles=num_particles)
