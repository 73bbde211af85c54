# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.trajectories import time_step as ts

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import (
    FullSlateQAgent,
    FullSlateQNetwork,
    FullSlateQTargets,
    TopicSetQNetwork,
)
from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.core.runs.execution import compiled
from tests.agents.experience import collect, grouped, learning, step_of
from tests.refusals import assert_refused

NUM_USERS = 6


def environment_of(name, num_users=NUM_USERS, num_candidates=4):
    simulator = recsim_tf.make(name, slate_size=2, num_candidates=num_candidates)
    return SlateEnvironment(simulator, num_users, seed=1)


@pytest.fixture(scope="module", params=["InterestEvolution-v1", "InterestExploration-v1"])
def environment(request):
    return environment_of(request.param)


def make_agent(
    environment, optimizer=None, network=FullSlateQNetwork, **arguments
) -> FullSlateQAgent:
    agent = FullSlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        network(environment.observation_spec(), 2, hidden_units=(8, 4)),
        learning(optimizer or tf.keras.optimizers.SGD(0.01)),
        **grouped(arguments, targets=FullSlateQTargets, exploration=Exploration),
    )
    agent.initialize()
    return agent


def pairs(environment, agent):
    """Experience [B, 2] of one step."""
    return collect(environment, agent.collect_policy, 2)


def huber_loss(experience, network, target_network, gamma):
    """By hand."""
    first, second = step_of(experience, 0), step_of(experience, 1)
    is_shown = tf.reduce_all(all_slates(4, 2) == first.action[:, tf.newaxis], axis=-1)
    chosen = network(first.observation)[0][is_shown]
    following = tf.reduce_max(target_network(second.observation)[0], axis=1)
    error = np.abs(first.reward + gamma * first.discount * following - chosen)
    valid = (first.step_type != ts.StepType.LAST).numpy()
    return np.mean(np.where(error <= 1, error**2 / 2, error - 0.5) * valid)


def test_the_value_of_a_slate_is_the_perceptron_on_the_user_and_its_documents_in_order(environment):
    network = FullSlateQNetwork(environment.observation_spec(), 2, hidden_units=(8, 4))
    observation = environment.reset().observation
    q, _ = network(observation)
    assert q.shape == [NUM_USERS, 12]
    # Another order of the candidates gives the same values to the same slates.
    order = tf.constant([2, 0, 3, 1])
    shuffled = observation._replace(
        documents=tf.nest.map_structure(
            lambda leaf: tf.gather(leaf, order, axis=1), observation.documents
        )
    )
    q_shuffled, _ = network(shuffled)
    slates = all_slates(4, 2).tolist()
    same_documents = [slates.index(tf.gather(order, slate).numpy().tolist()) for slate in slates]
    np.testing.assert_allclose(q_shuffled, tf.gather(q, same_documents, axis=1), rtol=1e-5)


def test_the_policy_shows_the_slate_of_the_largest_value(environment):
    agent = make_agent(environment)
    assert isinstance(agent, tf_agent.TFAgent)
    time_step = environment.reset()
    q, _ = agent.network(time_step.observation)
    expected = all_slates(4, 2)[tf.argmax(q, axis=1)]
    np.testing.assert_array_equal(agent.policy.action(time_step).action, expected)


def test_the_loss_is_the_huber_loss_of_the_shown_slate(environment):
    agent = make_agent(environment, gamma=0.5, epsilon=1.0)
    experience, network = pairs(environment, agent), agent.network
    expected = huber_loss(experience, network, network, gamma=0.5)
    np.testing.assert_allclose(agent.loss(experience).loss, expected, rtol=1e-5)


def test_the_next_slate_is_valued_by_a_target_network_that_is_copied_each_period():
    environment, period = environment_of("InterestEvolution-v1"), 3
    optimizer = tf.keras.optimizers.SGD(0.1)
    agent = make_agent(environment, optimizer, gamma=1.0, epsilon=1.0, update_period=period)
    experience, network = pairs(environment, agent), agent.network
    target = network.copy(name="Target")
    target.create_variables()
    target.set_weights(network.get_weights())
    for step in range(1, 2 * period + 2):
        expected = huber_loss(experience, network, target, gamma=1.0)
        assert float(agent.train(experience).loss) == pytest.approx(expected, rel=1e-5)
        if step % period == 0:
            target.set_weights(network.get_weights())


@pytest.mark.slow
def test_training_compiles_under_xla_lowers_the_loss_and_does_not_retrace(environment):
    agent = make_agent(environment, tf.keras.optimizers.Adam(0.01), epsilon=1.0)
    experience = pairs(environment, agent)
    train = compiled(lambda frames: agent.train(frames).loss, jit_compile=True)
    first = float(train(experience))
    traces = train.experimental_get_tracing_count()
    for _ in range(30):
        last = float(train(experience))
    assert last < first
    assert train.experimental_get_tracing_count() == traces
    assert int(agent.train_step_counter) == 31


def test_slates_have_the_value_of_their_set_of_topics():
    environment = environment_of("InterestEvolution-v1", num_candidates=6)
    network = TopicSetQNetwork(environment.observation_spec(), 2, hidden_units=(4,))
    observation = environment.reset().observation
    values, _ = network(observation)
    # The last layer has an output for each multiset of 2 of 20 topics, in lexicographic order.
    sets = list(itertools.combinations_with_replacement(range(20), 2))
    hidden_kernel, hidden_bias, kernel, bias = network.get_weights()
    outputs = np.maximum(observation.user @ hidden_kernel + hidden_bias, 0) @ kernel + bias
    topics, slates = observation.documents.numpy().argmax(-1), all_slates(6, 2)
    assert any(len(set(row)) < 6 for row in topics), "no candidates share a topic"
    for user in range(NUM_USERS):
        shown = [tuple(sorted(topics[user, slate])) for slate in slates]
        expected = outputs[user, [sets.index(one) for one in shown]]
        np.testing.assert_allclose(values[user], expected, rtol=1e-5)
    numbers = tf.range(NUM_USERS) * 3
    np.testing.assert_allclose(
        network.slate_value(observation, tf.gather(slates, numbers)),
        tf.gather(values, numbers, batch_dims=1),
        rtol=1e-6,
    )


def test_more_sequences_of_topics_than_a_table_can_hold_are_refused(environment):
    documents = tf.TensorSpec([6, 100])
    spec = environment.observation_spec()._replace(documents=documents)
    assert_refused(
        lambda: TopicSetQNetwork(spec, 5),
        "slate_size=5 of documents of 100 topics gives 10,000,000,000 sequences of topics",
    )
