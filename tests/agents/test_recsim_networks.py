"""RecSim's network and optimizers, set in a gin file."""

import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import FullSlateQNetwork, create_full_slate_q
from recsim_tf.agents.slate_q import SlateQNetwork, create_slate_q
from recsim_tf.experiment import config

# The centred RMSProp of RecSim 0.2.4's DQN.
RMSPROP = {"learning_rate": 0.00025, "rho": 0.95, "epsilon": 1e-5, "centered": True}


@pytest.fixture(scope="module")
def environment():
    return SlateEnvironment(
        recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=4), 3
    )


@pytest.mark.parametrize("create", [create_slate_q, create_full_slate_q])
def test_recsims_optimizers_can_be_bound(environment, create, monkeypatch):
    bindings = [f"RMSprop.{argument} = {value!r}" for argument, value in RMSPROP.items()]
    config.load([], [f"{create.__name__}.optimizer = @RMSprop", *bindings])
    built, build = [], tf.keras.optimizers.RMSprop.build
    monkeypatch.setattr(
        tf.keras.optimizers.RMSprop,
        "build",
        lambda self, weights: (built.append(self), build(self, weights)),
    )
    create(environment, tf.Variable(0, dtype=tf.int64))
    (found,) = (optimizer.get_config() for optimizer in built)
    assert {argument: found[argument] for argument in RMSPROP} == pytest.approx(RMSPROP)


def kernel_shapes(network):
    network.create_variables()
    return [tuple(variable.shape) for variable in network.variables if "kernel" in variable.name]


def test_the_network_of_full_slate_q_is_recsims(environment):
    # A user and two documents of 20 numbers each, first layers apart.
    assert kernel_shapes(FullSlateQNetwork(environment.observation_spec(), 2)) == [
        (20, 256)
    ] * 3 + [(256, 32), (32, 1)]


def test_the_network_of_slate_q_can_be_recsims(environment):
    network = SlateQNetwork(environment.observation_spec(), hidden_units=(256, 32), no_click="zero")
    assert kernel_shapes(network) == [(20, 256)] * 2 + [(256, 32), (32, 1)]
