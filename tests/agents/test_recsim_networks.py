"""RecSim's network and optimizers, set in a gin file."""

import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import FullSlateQNetwork, create_full_slate_q
from recsim_tf.agents.slate_q import SlateQNetwork, create_slate_q
from recsim_tf.experiment import config

# RecSim 0.2.4's: Adam and SGD, and the centred RMSProp of its DQN.
OPTIMIZERS = {
    "adam": ("Adam", {"learning_rate": 0.001}),
    "sgd": ("SGD", {"learning_rate": 0.001}),
    "rmsprop": (
        "RMSprop",
        {"learning_rate": 0.00025, "rho": 0.95, "momentum": 0.0, "epsilon": 1e-5, "centered": True},
    ),
}


@pytest.fixture(scope="module")
def environment():
    return SlateEnvironment(
        recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=4), 3
    )


@pytest.mark.parametrize(
    ("create", "name"),
    [(create_slate_q, name) for name in OPTIMIZERS] + [(create_full_slate_q, "rmsprop")],
)
def test_recsims_optimizers_can_be_bound(environment, create, name, monkeypatch):
    kind, arguments = OPTIMIZERS[name]
    bindings = [f"{kind}.{argument} = {value!r}" for argument, value in arguments.items()]
    config.load([], [f"{create.__name__}.optimizer = @{kind}", *bindings])
    built = []
    build = getattr(tf.keras.optimizers, kind).build
    monkeypatch.setattr(
        getattr(tf.keras.optimizers, kind),
        "build",
        lambda self, weights: (built.append(self), build(self, weights)),
    )
    create(environment, tf.Variable(0, dtype=tf.int64))
    (optimizer,) = built
    assert {argument: optimizer.get_config()[argument] for argument in arguments} == pytest.approx(
        arguments
    )


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
