import itertools

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import SlateTable, TopicSetQNetwork

NUM_USERS = 8


@pytest.fixture(scope="module")
def environment():
    return SlateEnvironment(
        recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=6), NUM_USERS, seed=1
    )


def test_slates_have_the_value_of_their_set_of_topics(environment):
    network = TopicSetQNetwork(environment.observation_spec(), 2, hidden_units=(4,))
    observation = environment.reset().observation
    values, _ = network(observation)
    # The last layer has an output for each multiset of 2 of 20 topics, in lexicographic order.
    sets = list(itertools.combinations_with_replacement(range(20), 2))
    hidden_kernel, hidden_bias, kernel, bias = network.get_weights()
    outputs = np.maximum(observation.user @ hidden_kernel + hidden_bias, 0) @ kernel + bias
    assert outputs.shape == (NUM_USERS, len(sets))
    topics = observation.documents.numpy().argmax(-1)
    slates = SlateTable(6, 2).slates
    assert any(len(set(row)) < 6 for row in topics), "no candidates share a topic"
    for user in range(NUM_USERS):
        expected = [
            outputs[user, sets.index(tuple(sorted(topics[user, slate])))] for slate in slates
        ]
        np.testing.assert_allclose(values[user], expected, rtol=1e-5)


def test_the_value_of_one_slate_is_that_among_all(environment):
    network = TopicSetQNetwork(environment.observation_spec(), 2, hidden_units=(4,))
    observation = environment.reset().observation
    values, _ = network(observation)
    table = SlateTable(6, 2)
    numbers = tf.range(NUM_USERS) * 3
    np.testing.assert_allclose(
        network.slate_value(observation, table.slate(numbers)),
        tf.gather(values, numbers, batch_dims=1),
        rtol=1e-6,
    )
