# SPDX-License-Identifier: Apache-2.0
"""Logs: what of a rollout goes into them, and what they refuse."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import logs, ope
from recsim_tf.core.base.types import Turn
from recsim_tf.core.distributions import IndependentParts, PlackettLuce
from recsim_tf.policies import EpsilonGreedy, PlackettLucePolicy
from recsim_tf.policies.plackett_luce import RememberingPolicy
from tests import questions
from tests.ope.worlds import CLICKS, LEAVERS, log_of_leavers, near
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions
from tests.worlds.purchases import purchases


@pytest.mark.slow
def test_a_log_has_what_the_agent_saw_and_what_it_showed():
    trajectory = LEAVERS.rollout(near(1.0, 2), 300, 4, seed=0)
    log, states = log_of_leavers(), LEAVERS.replay(trajectory)
    for step in range(4):
        state = tf.nest.map_structure(lambda leaf, step=step: leaf[step], states)
        observed = LEAVERS.observe(state)
        rows = log.active[:, step]
        for leaf, expected in zip(
            tf.nest.flatten(log.observation), tf.nest.flatten(observed), strict=True
        ):
            np.testing.assert_allclose(leaf[rows, step], expected.numpy()[rows], rtol=1e-6)
        expected = near(1.0, 2).log_prob(observed, trajectory.transitions.slate[step])
        np.testing.assert_allclose(
            log.propensity.slate[rows, step], expected.numpy()[rows], rtol=1e-4, atol=1e-6
        )
    np.testing.assert_array_equal(log.earned.sum(2).T, trajectory.transitions.reward)


@pytest.mark.slow
def test_probabilities_follow_what_a_policy_remembers():
    """A policy that shows the better the longer a session is."""

    def decide(observation, state):
        logits = -state[:, tf.newaxis] * tf.abs(observation.documents)
        return PlackettLuce(logits, 3), state + 1

    policy = RememberingPolicy(decide, tf.TensorSpec([], tf.float32))
    trajectory = CLICKS.rollout(policy, 50, 4, seed=0)
    log = logs.from_trajectory(trajectory, CLICKS, logging=policy)
    last = tf.abs(log.observation.documents[:, 3])
    of_last = PlackettLucePolicy.of_logits(lambda _: -3.0 * last, 3)
    expected = of_last.log_prob(None, log.slate[:, 3])
    np.testing.assert_allclose(log.propensity.slate[:, 3], expected, rtol=1e-5)


def test_several_clicks_earn_one_each_and_other_rewards_stay_whole():
    simulator = purchases()
    policy = PlackettLucePolicy.of_logits(lambda observation: tf.zeros([500, 6]), 4)
    trajectory = simulator.rollout(policy, 500, 1, seed=0)
    clicked = trajectory.transitions.response.clicked.numpy()[0]
    assert (clicked.sum(1) > 1).any()
    np.testing.assert_array_equal(logs.from_trajectory(trajectory, simulator).reward[:, 0], clicked)
    paid = simulator.replaced(reward_fn=lambda response: 2 * tf.reduce_sum(response.purchased, -1))
    trajectory = paid.rollout(policy, 500, 1, seed=0)
    whole = logs.from_trajectory(trajectory, paid)
    assert whole.reward.shape == (500, 1, 1)
    known = logs.from_trajectory(
        trajectory, paid, reward_by_position=lambda transition: 2 * transition.response.purchased
    )
    np.testing.assert_array_equal(known.reward.sum(2), whole.reward.sum(2))
    assert_refused(
        lambda: logs.from_trajectory(
            trajectory, paid, reward_by_position=lambda transition: transition.response.purchased
        ),
        "reward_by_position must add up to the reward 2, got 1 at session .*, step 0",
    )


@pytest.mark.slow
def test_a_mixture_of_policies_may_have_logged():
    policy = EpsilonGreedy(first_positions(3), 6, lambda: 0.4)
    log = logs.from_trajectory(CLICKS.rollout(policy, 2000, 1, 0), CLICKS, logging=policy)
    result = ope.evaluate(near(1.0), log, ["snips", "snset_ips"])
    truth = CLICKS.rollout(near(1.0), 20_000, 1, 1).transitions.reward.numpy().mean()
    for one in result.values():
        assert abs(one.value - truth) <= 4 * one.standard_error


@pytest.mark.slow
def test_turns_with_queries_have_the_probability_of_slate_and_query():
    simulator = questions.simulator(validate=False)

    def decide(observation, state):
        zeros = tf.zeros([tf.shape(observation.documents)[0]])
        query = questions.Question(
            tfd.Bernoulli(probs=zeros + 0.3, dtype=tf.int32),
            tfd.Independent(tfd.Uniform(tf.zeros([200, 2]), 1.0), 1),
        )
        slates = PlackettLuce(observation.documents, 2)
        return IndependentParts(Turn(slates, query)), state

    policy = RememberingPolicy(decide, ())
    trajectory = simulator.rollout(policy, 200, 2, seed=0)
    log = logs.from_trajectory(trajectory, simulator, logging=policy)
    asked = log.query.is_asked
    expected = np.where(asked == 1, np.log(0.3), np.log(0.7))
    for step in range(2):
        slates = PlackettLuce(log.observation.documents[:, step], 2)
        expected[:, step] += slates.log_prob(log.slate[:, step])
    np.testing.assert_allclose(log.propensity.slate, expected, rtol=1e-5)
    assert log.propensity.prefix == ()
    assert_refused(
        lambda: ope.evaluate(policy, log, ["rips"]),
        "estimator rips needs probabilities of the pref",
    )
    result = ope.evaluate(policy, log)
    assert result["snips"].value == result.logged.value
