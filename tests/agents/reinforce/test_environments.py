import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.reinforce import StateValueNetwork, create_reinforce
from recsim_tf.experiment import config
from tests.agents.experience import collect

NUM_USERS = 5


@pytest.mark.parametrize("name", ["InterestExploration-v1", "LongTermSatisfaction-v1"])
def test_an_agent_from_gin_bindings_trains(name):
    networks = ["SlatePolicyNetwork.hidden_units = (8,)", "StateValueNetwork.hidden_units = (4,)"]
    config.load([], ["LambdaReturns.num_steps = 2", *networks])
    environment = SlateEnvironment(
        recsim_tf.make(name, slate_size=2, num_candidates=4), NUM_USERS, seed=1
    )
    agent = create_reinforce(environment, tf.Variable(0, dtype=tf.int64))
    agent.initialize()
    assert agent.name == "REINFORCE"
    assert agent.train_sequence_length == 3
    networks = (agent._actor_network, agent._value_network)
    before = [[weight.numpy() for weight in network.trainable_weights] for network in networks]
    loss = agent.train(collect(environment, agent.collect_policy, 3))
    assert np.isfinite(loss.loss)
    assert loss.extra.importance_weight == 1
    for network, old in zip(networks, before, strict=True):
        assert any(
            (weight != value).numpy().any()
            for weight, value in zip(network.trainable_weights, old, strict=True)
        )
    slate = agent.policy.action(environment.current_time_step()).action
    assert slate.shape == [NUM_USERS, 2]


def test_the_value_depends_on_the_user_and_on_the_candidates_but_not_on_their_order():
    environment = SlateEnvironment(
        recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=4), NUM_USERS, seed=1
    )
    network = StateValueNetwork(environment.observation_spec(), (8,))
    observation = environment.reset().observation
    value, _ = network(observation)
    assert value.shape == [NUM_USERS]
    reordered = observation._replace(documents=observation.documents[:, ::-1])
    np.testing.assert_allclose(network(reordered)[0], value, rtol=1e-5)
    for other in (
        observation._replace(documents=0 * observation.documents),
        observation._replace(user=-observation.user),
    ):
        assert (np.abs(network(other)[0] - value) > 1e-4).all()
