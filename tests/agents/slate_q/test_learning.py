# SPDX-License-Identifier: Apache-2.0
"""What SlateQ converges to."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy, rollout_policy
from recsim_tf.agents.slate_q import (
    ClickNetwork,
    SlateQAgent,
    SlateQNetwork,
    SlateQTargets,
    SlateSelection,
)
from recsim_tf.core import random
from recsim_tf.core.base.types import Clicks, Observation
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    UtilityVideos,
    interest_evolution,
)
from recsim_tf.policies import myopic_policy, random_policy
from recsim_tf.policies.choice_scores import AffinityScores, LearnedScores
from tests.agents.experience import MID, bounded, collect, learning, trajectory_of

pytestmark = pytest.mark.slow

# A decision process with two states of the user and two documents, of which one is shown. An
# outcome is a click on document 0, on document 1, or none. Document 0 pays at once, document 1
# leads to state 1, which pays more.
CHOICE_WEIGHTS = np.float32([[2.0, 1.0], [1.0, 3.0]])  # [state, document]; no click weighs 1
REWARD = np.float32([[1.0, 0.0, -0.1], [3.0, 1.0, 0.2]])  # [state, outcome]
NEXT_STATE = np.array([[0, 1, 0], [0, 1, 1]])
SURVIVAL = np.float32([[0.9, 0.9, 0.8], [0.5, 0.9, 0.9]])
GAMMA = 0.9
LAST_OUTCOME = 2

PROCESS_SPEC = Observation(
    user=bounded([], 0, 1, tf.int32),
    documents=bounded([2], 0, 1, tf.int32),
    response=Clicks(bounded([1], 0.0, 1.0)),
)


def optimal_values():
    """Q [state, outcome], by value iteration."""
    q = np.zeros([2, 3])
    for _ in range(500):
        slate_values = (CHOICE_WEIGHTS * q[:, :2] + q[:, LAST_OUTCOME:]) / (CHOICE_WEIGHTS + 1)
        q = REWARD + GAMMA * SURVIVAL * slate_values.max(-1)[NEXT_STATE]
    return q


def process_experience():
    """Every transition of the process once, with discounts that are its probabilities of
    survival.
    """
    state, slate, outcome = np.array(list(np.ndindex(2, 2, 2))).T
    # The second outcome of each slate is no click.
    outcome = np.where(outcome == 0, slate, LAST_OUTCOME)
    pair = np.stack([state, NEXT_STATE[state, outcome]], axis=1)
    clicked = np.stack([np.zeros(8), outcome != LAST_OUTCOME], axis=1)
    observations = Observation(
        user=tf.constant(pair, tf.int32),
        documents=tf.tile(tf.constant([[[0, 1]]]), [8, 2, 1]),
        response=Clicks(tf.constant(clicked[..., np.newaxis], tf.float32)),
    )
    slates, rewards, survival = (
        np.stack([values, values], axis=1)
        for values in (slate[:, np.newaxis], REWARD[state, outcome], SURVIVAL[state, outcome])
    )
    return trajectory_of(observations, slates, [[MID] * 3] * 8, rewards, survival)


def process_choice(observation):
    weights = tf.gather(tf.constant(CHOICE_WEIGHTS), observation.user)
    return tf.gather(weights, observation.documents, batch_dims=1), tf.ones_like(weights[:, 0])


def train_steps(agent, next_batch, num_steps):
    """Trains in one compiled loop; `next_batch(step)` gives the experience."""

    def body(step):
        agent.train(next_batch(step))
        return step + 1

    loop = compiled(
        lambda: tf.while_loop(lambda step: step < num_steps, body, [0]), jit_compile=True
    )
    loop()


def test_q_learning_converges_to_the_values_of_value_iteration():
    tf.random.set_seed(1)
    agent = SlateQAgent(
        ts.time_step_spec(PROCESS_SPEC),
        bounded([1], 0, 1, tf.int32),
        SlateQNetwork(PROCESS_SPEC, (32,)),
        learning(tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(0.02, 3000))),
        SlateQTargets(gamma=GAMMA, update_tau=0.1),
        SlateSelection(process_choice),
    )
    agent.initialize()
    experience = process_experience()
    train_steps(agent, lambda step: experience, 3000)
    states = Observation(tf.constant([0, 1]), tf.constant([[0, 1]] * 2), Clicks(tf.zeros([2, 1])))
    values = agent.action_values(states)
    expected = optimal_values()
    np.testing.assert_allclose(values.q_items, expected[:, :2], atol=0.02)
    np.testing.assert_allclose(values.q_no_click, expected[:, LAST_OUTCOME], atol=0.02)


def test_what_is_learned_from_random_slates_beats_random_and_myopic_slates():
    """And learned choice scores come close to the true choice."""
    num_users, batch_size, quality = 512, 256, (-3.0, -1.0, 1.0, 3.0)
    simulator = interest_evolution(
        slate_size=2,
        num_candidates=5,
        users=InterestEvolutionUsers(num_features=len(quality), time_budget=60.0),
        documents=UtilityVideos(len(quality), topic_quality_means=quality),
    )
    environment = SlateEnvironment(simulator, num_users, seed=1)
    specs = environment.time_step_spec(), environment.action_spec()
    spec = environment.observation_spec()
    frames = collect(environment, TFSlatePolicy(*specs, random_policy(simulator)), 60)
    tf.random.set_seed(3)
    agent = SlateQAgent(
        *specs,
        SlateQNetwork(spec, (32, 32)),
        learning(tf.keras.optimizers.Adam(3e-3), reward_scale_factor=0.05),
        SlateQTargets(update_tau=0.02),
        SlateSelection(LearnedScores(ClickNetwork(spec, (32,)))),
    )
    agent.initialize()
    observation = simulator.observe(simulator.reset(500, 11))

    def probabilities(scores):
        """Of a click on each of the first two candidates, shown together."""
        weights, no_click_weight = scores(observation)
        total = tf.reduce_sum(weights[:, :2], -1) + no_click_weight
        return (weights[:, :2] / total[:, tf.newaxis]).numpy()

    def next_batch(step):
        users, steps = (
            random.uniform_integers([batch_size], tf.stack([step, number]), limit)
            for number, limit in enumerate((num_users, 59))
        )
        return tf.nest.map_structure(
            lambda leaf: tf.stack(
                [tf.gather_nd(leaf, tf.stack([users, steps + later], 1)) for later in (0, 1)], 1
            ),
            frames,
        )

    def returns(policy):
        def run(seed):
            return simulator.fold(
                policy,
                1000,
                300,
                seed,
                lambda total, transition: total + transition.reward,
                tf.zeros([1000]),
            )

        return compiled(run)(random.as_seed(4)).numpy()

    truth = probabilities(AffinityScores())
    before = np.abs(probabilities(agent.choice_scores) - truth).mean()
    train_steps(agent, next_batch, 1500)
    error = np.abs(probabilities(agent.choice_scores) - truth).mean()
    assert error < 0.03
    assert error < before / 3
    trained = returns(rollout_policy(agent.policy))
    for baseline in (random_policy, myopic_policy):
        others = returns(baseline(simulator))
        standard_error = np.sqrt((trained.var() + others.var()) / 1000)
        assert trained.mean() > others.mean() + 4 * standard_error
