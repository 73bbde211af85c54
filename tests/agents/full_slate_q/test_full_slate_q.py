import itertools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.networks import network
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import FullSlateQAgent, FullSlateQNetwork, SlateTable
from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.core.execution import compiled
from tests.agents.grouped import grouped

NUM_USERS = 6


@pytest.fixture(scope="module", params=["InterestEvolution-v1", "InterestExploration-v1"])
def environment(request):
    return SlateEnvironment(
        recsim_tf.make(request.param, slate_size=2, num_candidates=4), NUM_USERS, seed=1
    )


def make_agent(
    environment, optimizer=None, network=FullSlateQNetwork, **arguments
) -> FullSlateQAgent:
    network = network(environment.observation_spec(), 2, hidden_units=(8, 4))
    counter = tf.Variable(0, dtype=tf.int64)
    optimizer = optimizer or tf.keras.optimizers.SGD(0.01)
    agent = FullSlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        network,
        optimizer,
        train_step_counter=counter,
        **grouped(arguments, exploration=Exploration),
    )
    agent.initialize()
    return agent


def pairs(environment, agent):
    """Experience [B, 2] of one step."""
    time_step = environment.reset()
    frames = []
    for _ in range(2):
        action = agent.collect_policy.action(time_step)
        next_time_step = environment.step(action.action)
        frames.append(trajectory.from_transition(time_step, action, next_time_step))
        time_step = next_time_step
    return tf.nest.map_structure(lambda *leaves: tf.stack(leaves, axis=1), *frames)


def test_slates_are_numbered_in_lexicographic_order():
    table = SlateTable(5, 3)
    expected = np.array(list(itertools.permutations(range(5), 3)))
    assert len(table) == 60
    np.testing.assert_array_equal(table.slate(tf.range(60)), expected)
    np.testing.assert_array_equal(table.number(tf.constant(expected, tf.int32)), np.arange(60))


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
    table = SlateTable(4, 2)
    same_documents = table.number(tf.gather(order, table.slate(tf.range(12))))
    np.testing.assert_allclose(q_shuffled, tf.gather(q, same_documents, axis=1), rtol=1e-5)


def test_the_policy_shows_the_slate_of_the_largest_value(environment):
    agent = make_agent(environment)
    assert isinstance(agent, tf_agent.TFAgent)
    time_step = environment.reset()
    q, _ = agent._dqn._q_network(time_step.observation)
    expected = SlateTable(4, 2).slate(tf.argmax(q, axis=1))
    np.testing.assert_array_equal(agent.policy.action(time_step).action, expected)


def test_the_loss_is_the_huber_loss_of_the_shown_slate(environment):
    agent = make_agent(environment, gamma=0.5, epsilon=1.0)
    experience = pairs(environment, agent)
    table, network = SlateTable(4, 2), agent._dqn._q_network
    first, second = (
        tf.nest.map_structure(lambda leaf, t=t: leaf[:, t], experience) for t in (0, 1)
    )
    q, next_q = network(first.observation)[0], network(second.observation)[0]
    chosen = tf.gather(q, table.number(first.action), batch_dims=1)
    target = first.reward + 0.5 * first.discount * tf.reduce_max(next_q, axis=1)
    error = np.abs(target - chosen)
    valid = (first.step_type != ts.StepType.LAST).numpy()
    huber = np.where(error <= 1, error**2 / 2, error - 0.5) * valid
    np.testing.assert_allclose(agent.loss(experience).loss, huber.mean(), rtol=1e-5)


def test_a_network_without_slate_value_is_trained_alike(environment):
    class Plain(network.Network):
        def __init__(self, observation_spec, slate_size, hidden_units, name="Plain"):
            super().__init__(input_tensor_spec=observation_spec, state_spec=(), name=name)
            self._values = FullSlateQNetwork(observation_spec, slate_size, hidden_units)

        def call(self, observation, step_type=(), network_state=(), training=False):
            return self._values(observation, step_type, network_state, training=training)

    agents = [
        make_agent(environment, network=one, epsilon=1.0, gamma=0.5)
        for one in (FullSlateQNetwork, Plain)
    ]
    for variable, value in zip(
        agents[1]._dqn._q_network.variables, agents[0]._dqn._q_network.variables, strict=True
    ):
        variable.assign(value)
    for agent in agents:
        agent.initialize()
    experience = pairs(environment, agents[0])
    losses = [[agent.train(experience).loss for _ in range(3)] for agent in agents]
    np.testing.assert_allclose(*losses, rtol=1e-4)


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


def test_the_served_policy_explores_with_eval_epsilon():
    environment = SlateEnvironment(
        recsim_tf.make("InterestExploration-v1", slate_size=2, num_candidates=4), 2000, seed=0
    )
    agent = make_agent(environment, eval_epsilon=1.0)
    slates = agent.policy.action(environment.reset()).action.numpy()
    # Uniform over the 12 slates: 167 of each, with a standard error of 12.4.
    counts = np.unique(slates @ [4, 1], return_counts=True)[1]
    assert len(counts) == 12
    np.testing.assert_allclose(counts, 2000 / 12, atol=5 * 12.4)
