# SPDX-License-Identifier: Apache-2.0
"""Policies that give the distributions of their slates."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.policies import (
    Deterministic,
    EpsilonGreedy,
    PlackettLucePolicy,
    StochasticPolicy,
    random_policy,
)
from tests import questions
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions, uniform_slate
from tests.worlds.clicks import clicks

SIMULATOR = clicks(slate_size=2, num_candidates=4)
OBSERVATION = SIMULATOR.observe(SIMULATOR.reset(2000, 0))
LIKES = PlackettLucePolicy.of_logits(lambda observation: observation.documents, 2)
POLICIES = {
    "uniform": random_policy(SIMULATOR),
    "certain": Deterministic(first_positions(2)),
    "epsilon": EpsilonGreedy(first_positions(2), 4, lambda: 0.3),
    "epsilon of Plackett-Luce": EpsilonGreedy(LIKES, 4, lambda: tf.constant(0.3)),
    "Plackett-Luce": LIKES,
}


@pytest.mark.parametrize("name", POLICIES)
def test_the_slates_of_a_policy_have_the_probabilities_that_it_gives(name):
    """The mean over users of 1 / (P(slate) times the number of slates) is 1 where all are
    possible; where one alone is, its probability is 1.
    """
    policy = POLICIES[name]
    assert isinstance(policy, StochasticPolicy)
    assert not isinstance(first_positions(2), StochasticPolicy)
    slate, _ = policy(OBSERVATION, (), random.as_seed(1))
    distribution, state = policy.decide(OBSERVATION, ())
    assert state == ()
    inverse = np.exp(-distribution.log_prob(slate)) / (1 if name == "certain" else 12)
    assert abs(inverse.mean() - 1) <= 4 * inverse.std() / np.sqrt(len(inverse)) + 1e-6


def test_epsilon_greedy_draws_what_the_parts_draw():
    greedy_seed, who_seed, slate_seed = random.split_seed(random.as_seed(3), 3)
    explores = random.uniform([2000], who_seed) < 0.3
    expected = tf.where(
        explores[:, tf.newaxis],
        uniform_slate(2000, 4, 2, slate_seed),
        LIKES(OBSERVATION, (), greedy_seed)[0],
    )
    policy = POLICIES["epsilon of Plackett-Luce"]
    np.testing.assert_array_equal(policy(OBSERVATION, (), random.as_seed(3))[0], expected)


def test_random_turns_have_no_known_distribution():
    simulator = questions.simulator()
    observation = simulator.observe(simulator.reset(2, 0))
    assert_refused(
        lambda: random_policy(simulator).decide(observation, ()),
        "the distribution of random_policy gives slates alone",
    )
