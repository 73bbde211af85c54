"""The target network of full-slate Q-learning."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import SlateTable
from tests.agents.full_slate_q.test_full_slate_q import NUM_USERS, make_agent, pairs


def test_the_next_slate_is_valued_by_a_target_network_that_is_copied_each_period():
    environment = SlateEnvironment(
        recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=4), NUM_USERS, seed=1
    )
    period = 3
    agent = make_agent(
        environment,
        tf.keras.optimizers.SGD(0.1),
        gamma=1.0,
        epsilon=1.0,
        target_update_period=period,
    )
    experience = pairs(environment, agent)
    first, second = (
        tf.nest.map_structure(lambda leaf, t=t: leaf[:, t], experience) for t in (0, 1)
    )
    network, number = agent._dqn._q_network, SlateTable(4, 2).number(first.action)
    target = network.copy(name="Target")
    target.create_variables()
    target.set_weights(network.get_weights())
    for step in range(1, 2 * period + 2):
        error = (
            first.reward
            + tf.reduce_max(target(second.observation)[0], axis=1)
            - tf.gather(network(first.observation)[0], number, batch_dims=1)
        )
        huber = np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5)
        assert float(agent.train(experience).loss) == pytest.approx(huber.mean(), rel=1e-5)
        if step % period == 0:
            target.set_weights(network.get_weights())
