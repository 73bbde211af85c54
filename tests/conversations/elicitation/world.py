# SPDX-License-Identifier: Apache-2.0
"""A small world, whose few types of users can be enumerated in NumPy."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.belief import TypesBelief
from recsim_tf.conversations import Items
from recsim_tf.conversations.elicitation.believing import CandidateBelief, Tracker
from recsim_tf.core.base.types import Observation
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies import random_policy
from tests.conversations import reference, turns

B, P, N = 6, 5, 5


class World(NamedTuple):
    simulator: Simulator
    belief: TypesBelief
    observations: list[Observation]  # before each turn of a session


def make_world() -> World:
    """A session of two random turns of B users."""
    users = turns.users({"ratings.logit": 0.0}, is_taste_observed=True, leaves_satisfied=False)
    simulator = recsim_tf.make(
        "Conversation-v0",
        users=users,
        documents=Items(8, turns.F, bias=0.2, directions=users.directions),
        num_chips=turns.C,
        num_candidates=N,
    )
    belief = TypesBelief(users, users.initial_draws(P).sample(seed=(0, 3)))
    state, observations = simulator.reset(B, seed=0), []
    for step in range(3):
        observations.append(simulator.observe(state))
        turn, _ = random_policy(simulator)(observations[-1], (), (0, step))
        state, _ = simulator.step(state, turn, seed=step)
    return World(simulator, belief, observations)


def views(world: World) -> list[CandidateBelief]:
    """What the belief says before each turn."""
    tracker, found = Tracker(world.simulator, world.belief), []
    belief_state = tracker.initial_state(B)
    for observation in world.observations:
        belief_state = tracker.update(belief_state, observation)
        found.append(tracker.candidates(belief_state, observation))
    return found


def repeated(observation: Observation, user: int, times: int) -> Observation:
    """The observation of one user, many times."""
    return tf.nest.map_structure(
        lambda leaf: tf.repeat(leaf[user : user + 1], times, axis=0), observation
    )


def greedy_set(believed: CandidateBelief, user: int, size: int) -> list[int]:
    """The set to recommend, built one by one."""
    weights, utilities = believed.weights[user].numpy(), believed.utilities[user].numpy()
    found: list[int] = []
    for _ in range(size):
        values = [
            -np.inf if item in found else weights @ utilities[:, [*found, item]].max(axis=1)
            for item in range(N)
        ]
        found.append(int(np.argmax(values)))
    return found


def reply_probs(
    world: World, believed: CandidateBelief, turn, user: int, number: int
) -> np.ndarray:
    """Probabilities [P, R] of the replies to the turn of that number."""
    documents = believed.documents
    slate, query = turn.slate[user, number].numpy(), turn.query
    items = [
        None
        if position < 0
        else reference.Item(
            float(documents.bias[user, position]), documents.factors[user, position].numpy()
        )
        for position in slate
    ]
    persons = [
        turns.person(tf.nest.map_structure(lambda leaf: leaf[user], believed.state), particle)
        for particle in range(P)
    ]
    act, attributes = int(query.act[user, number]), query.attributes[user, number].numpy()
    return np.stack(
        [
            reference.reply_probs(world.simulator.users, person, act, attributes, items)
            for person in persons
        ]
    )


def information(world: World, believed: CandidateBelief, turn, measure: str) -> np.ndarray:
    """[B, M]: what the replies to the turns tell, by enumeration."""

    def of_turn(user, number):
        weights, utilities = believed.weights[user].numpy(), believed.utilities[user].numpy()
        probs = reply_probs(world, believed, turn, user, number)
        if measure == "evoi":
            joint = (weights[:, np.newaxis] * probs).T @ utilities
            return joint.max(axis=1).sum() - (weights @ utilities).max()
        entropy = _entropy(weights @ probs)
        if measure == "entropy":
            return entropy
        return entropy - weights @ [_entropy(each) for each in probs]

    num_turns = turn.slate.shape[1]
    return np.array([[of_turn(user, number) for number in range(num_turns)] for user in range(B)])


def _entropy(probs):
    return -np.sum(probs * np.log(np.where(probs > 0, probs, 1)))
