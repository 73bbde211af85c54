"""What the tabular agent converges to, in the MDP whose optimal values are known."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.tabular_q import TabularExploration, TabularQAgent, TabularUpdates
from recsim_tf.core.execution import compiled
from recsim_tf.core.types import Observation
from recsim_tf.experiment.training.loop import Iteration, LearningLoop
from tests.agents.experience import MID, grouped, trajectory_of
from tests.environments.sequential import NUM_ACTIONS, NUM_STATES, Response, sequential
from tests.environments.test_sequential import OPTIMAL_VALUES, tables


def environment_of(num_users, **arguments):
    return SlateEnvironment(sequential(**arguments), num_users, seed=1)


def make_agent(environment, **arguments):
    counter = tf.Variable(0, dtype=tf.int64)
    return TabularQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        train_step_counter=counter,
        **grouped(arguments, updates=TabularUpdates, exploration=TabularExploration),
    )


def optimal_q(gamma):
    """Q [state, action] from the rewards, the transitions and the known optimal values."""
    rewards, transitions = tables()
    return (rewards + gamma * transitions @ np.array(OPTIMAL_VALUES[gamma])).T


def learned_q(agent):
    documents = tf.tile(tf.range(NUM_ACTIONS)[tf.newaxis], [NUM_STATES, 1])
    nothing = tf.zeros([NUM_STATES, 1])
    return agent.q_values(Observation(tf.range(NUM_STATES), documents, Response(nothing, nothing)))


def all_transitions():
    """Experience [M, 2] that holds ten transitions of each state and action, as many of each as the
    probabilities say.
    """
    rewards, transitions = tables()
    rows = [
        (state, action, next_state, rewards[action, state])
        for action, state, next_state in np.ndindex(NUM_ACTIONS, NUM_STATES, NUM_STATES)
        for _ in range(round(10 * transitions[action, state, next_state]))
    ]
    state, action, next_state, reward = map(np.array, zip(*rows, strict=True))
    pairs = [len(rows), 2]
    observations = Observation(
        user=tf.constant(np.stack([state, next_state], axis=1), tf.int32),
        documents=tf.tile(tf.range(NUM_ACTIONS)[tf.newaxis, tf.newaxis], [*pairs, 1]),
        response=Response(tf.zeros([*pairs, 1]), tf.zeros([*pairs, 1])),
    )
    actions, rewards = np.stack([action, action], axis=1), np.stack([reward, reward], axis=1)
    step_types = np.full([len(rows), 3], MID)
    return trajectory_of(
        observations, actions[..., np.newaxis], step_types, rewards, np.ones(pairs)
    )


@pytest.mark.parametrize("gamma", OPTIMAL_VALUES)
def test_batches_of_all_transitions_lead_to_the_optimal_values(gamma):
    # The mean over a cell's transitions is then its expectation, so that no noise is left to
    # average out.
    agent = make_agent(environment_of(1), gamma=gamma)
    experience = all_transitions()
    assert experience.reward.shape[0] == 10 * NUM_STATES * NUM_ACTIONS

    @compiled
    def learn():
        def body(step):
            agent.train(experience)
            return (step + 1,)

        tf.while_loop(lambda step: step < 250, body, (0,))

    learn()
    np.testing.assert_allclose(learned_q(agent), optimal_q(gamma), atol=2e-4, rtol=1e-5)


def test_sessions_of_random_slates_lead_to_the_optimal_values():
    environment = environment_of(1024, max_steps=40)
    schedule = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 300, 1e-4)
    agent = make_agent(environment, gamma=0.5, learning_rate=schedule, temperature=1.0)
    loop = LearningLoop(environment, agent, Iteration(batch_size=4096, replay_length=400), seed=5)
    loop.collect(100)
    loop.run(300)
    # Over seeds, the largest of the 24 errors was about 0.08; values differ by up to 17.
    np.testing.assert_allclose(learned_q(agent), optimal_q(0.5), atol=0.2)
