# SPDX-License-Identifier: Apache-2.0
"""What policies say of their choices."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import policies
from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy, rollout_policy
from recsim_tf.agents import layers
from recsim_tf.agents.full_slate_q import create_full_slate_q
from recsim_tf.core import random
from recsim_tf.core.distributions.plackett_luce_slates import PlackettLuce
from recsim_tf.policies import Explanation, explanation_of
from recsim_tf.policies.clicks import ClickCounts

NUM_USERS, SLATE_SIZE, NUM_CANDIDATES = 5, 2, 6
SEED = random.as_seed(7)


def simulator_of(environment_id):
    return recsim_tf.make(environment_id, slate_size=SLATE_SIZE, num_candidates=NUM_CANDIDATES)


def observed(simulator):
    return simulator.observe(simulator.reset(NUM_USERS, seed=1))


@pytest.mark.parametrize(
    ("environment_id", "name"),
    [
        ("InterestEvolution-v1", "myopic"),
        ("InterestEvolution-v1", "oracle"),
        ("InterestExploration-v1", "greedy_pctr"),
    ],
)
def test_a_baseline_gives_numbers_of_every_candidate(environment_id, name):
    simulator = simulator_of(environment_id)
    policy = policies.baseline_policy(name, simulator)
    explained = explanation_of(policy, observed(simulator), (), SEED)
    for numbers in explained.candidates.values():
        assert numbers.shape == [NUM_USERS, NUM_CANDIDATES]
    for number in explained.user.values():
        assert number.shape == [NUM_USERS]


def test_a_plackett_luce_policy_shows_the_probabilities_of_the_first_position():
    logits = tf.constant([[0.0, 1.0, 2.0, 3.0]])
    mask = tf.constant([[True, True, True, False]])
    policy = policies.PlackettLucePolicy(lambda _: PlackettLuce(logits, 2, mask))
    (chances,) = policy.explain(None, (), SEED).candidates["P(first)"].numpy()
    np.testing.assert_allclose(chances, [*(np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()), 0], 1e-6)


@pytest.mark.parametrize("name", ["ucb1", "thompson"])
def test_a_bandit_explains_the_scores_by_which_it_has_just_chosen(name):
    simulator = simulator_of("InterestExploration-v1")
    policy = policies.baseline_policy(name, simulator)
    # Counts at which Thompson's draws of two seeds differ in their order.
    counts = ClickCounts(
        tf.fill([NUM_USERS, 2], 3.0), tf.fill([NUM_USERS, 2], 1.0), tf.zeros([NUM_USERS], tf.bool)
    )
    observation = observed(simulator)
    slate, _ = policy(observation, counts, SEED)
    explained = policy.explain(observation, counts, SEED)
    assert list(explained.labels) == ["cluster 0", "cluster 1"]
    of_candidates = observation.documents.cluster_id.numpy()
    best = explained.alternatives["score"].numpy().argmax(axis=1)
    first = of_candidates[np.arange(NUM_USERS), slate[:, 0].numpy()]
    has_best = (of_candidates == best[:, np.newaxis]).any(axis=1)
    np.testing.assert_array_equal(first[has_best], best[has_best])
    assert has_best.sum() >= 3


def test_an_agent_that_values_slates_names_the_best_ones():
    simulator = simulator_of("InterestExploration-v1")
    environment = SlateEnvironment(simulator, NUM_USERS)
    agent = create_full_slate_q(environment, tf.Variable(0, dtype=tf.int64))
    policy, observation = rollout_policy(agent.policy), observed(simulator)
    slate, _ = policy(observation, (), SEED)
    explained = explanation_of(policy, observation, (), SEED)
    np.testing.assert_array_equal(explained.labels[:, 0], slate)
    values = explained.alternatives["Q of the slate"].numpy()
    assert (np.diff(values) <= 0).all()


def test_below_a_layer_the_agent_explains_what_it_sees_above():
    simulator = simulator_of("InterestExploration-v1")
    layered = layers.LayeredSimulator(simulator, layers.FixedLengthHistory(history_length=1))

    def choose(observation, policy_state, seed):
        return tf.tile([[0, 1]], [NUM_USERS, 1]), policy_state

    def explain(observation, policy_state, seed):
        history = observation.user.sufficient_statistics
        return Explanation(user={"remembered": tf.cast(history.present[:, 0], tf.float32)})

    environment = SlateEnvironment(layered, NUM_USERS)
    of_agent = TFSlatePolicy(
        environment.time_step_spec(),
        environment.action_spec(),
        policies.Explained(choose, explain),
    )
    served = rollout_policy(layers.serve(layered, of_agent))
    explained = explanation_of(served, observed(simulator), served.initial_state(NUM_USERS), SEED)
    np.testing.assert_array_equal(explained.user["remembered"], np.ones(NUM_USERS))
