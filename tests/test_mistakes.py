# SPDX-License-Identifier: Apache-2.0
"""Mistakes that people make in Python: each is one line that names the argument, what is allowed
and what was got. `tests/core/checks/test_faults.py` has those inside models; those
that one class refuses are in the tests of that class.
"""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import choice, fitting, policies, registry
from recsim_tf.adapters.gymnasium import GymnasiumEnvironment
from recsim_tf.environments import (
    interest_exploration,
)
from tests.core.checks.test_faults import Shop, Shoppers, simulator_with

SIMULATOR = simulator_with(validate=True)
PARAMETERS = {"users.x": fitting.Parameter(1.0)}
NUM_USERS, K = 3, SIMULATOR.slate_size
SLATE = tf.zeros([NUM_USERS, K], tf.int32)


@pytest.fixture(autouse=True)
def factories(monkeypatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))


def simulator(**arguments):
    return recsim_tf.Simulator(**{"users": Shoppers(), "documents": Shop(), **arguments})


def rollout(policy=None, num_users=NUM_USERS, num_steps=2, **arguments):
    policy = policy or policies.random_policy(SIMULATOR)
    return SIMULATOR.rollout(policy, num_users, num_steps, seed=0, **arguments)


def stepped():
    """A next state and its transition."""
    state = SIMULATOR.reset(NUM_USERS, seed=0)
    return SIMULATOR.step(state, tf.tile([tf.range(K)], [NUM_USERS, 1]), seed=0)


def made_by(factory):
    recsim_tf.register("Mine-v0", factory)
    return recsim_tf.make("Mine-v0")


def nothing(carry, *_):
    return carry


MISTAKES = {
    # Arguments of a simulator.
    "users and documents exchanged": (
        lambda: recsim_tf.Simulator(Shop(), Shoppers()),
        "users must be a UserModel, got Shop",
    ),
    "an unknown argument": (
        lambda: simulator(slates=3),
        "got an unexpected keyword argument 'slates'",
    ),
    # Sessions.
    "users as a float": (
        lambda: SIMULATOR.reset(1e3, seed=0),
        r"num_users must be an integer of at least 1, got 1000\.0",
    ),
    "an unknown stage": (
        lambda: SIMULATOR.resimulate(rollout(), ["respons"], 0, nothing, 0.0),
        "stages must be of hidden, response, .*, candidates, corpus, got respons",
    ),
    "users in place of a trajectory": (
        lambda: SIMULATOR.log_prob(Shoppers()),
        "trajectory must be a Trajectory, got Shoppers",
    ),
    # Environments of learners.
    "an environment of Gymnasium of a name": (
        lambda: GymnasiumEnvironment("InterestEvolution-v1"),
        "simulator must be a Simulator, got str",
    ),
    "what step returns in place of the state": (
        lambda: SIMULATOR.step(stepped(), SLATE, 0),
        r"state must be a SimulatorState, got tuple: step returns \(state, transition\)",
    ),
    "an observation of what step returns": (
        lambda: SIMULATOR.observe(stepped()),
        "state must be a SimulatorState, got tuple: step returns",
    ),
    "a rollout from what step returns": (
        lambda: rollout(state=stepped()),
        "state must be a SimulatorState, got tuple: step returns",
    ),
    "a generator for the seed": (
        lambda: SIMULATOR.reset(3, np.random.default_rng(0)),
        r"seed must be an integer or an int32 tensor of shape \[2\], got Generator",
    ),
    "a generator of TensorFlow for the seed": (
        lambda: SIMULATOR.reset(3, tf.random.Generator.from_seed(0)),
        r"seed must be an integer or an int32 tensor of shape \[2\], got Generator",
    ),
    # Policies.
    "the class of a policy": (
        lambda: rollout(policies.OraclePolicy),
        r"policy must be an object, got class OraclePolicy: write OraclePolicy\(\)",
    ),
    "a layer of Keras that takes no observations": (
        lambda: rollout(policies.PlackettLucePolicy.of_logits(tf.keras.layers.Dense(1), K)),
        "item_logits must take an Observation .*, the layer dense.* of Keras does not",
    ),
    "a fit inside of a function": (
        lambda: tf.function(lambda: fitting.fit(SIMULATOR, PARAMETERS, None), autograph=False)(),
        "fit must be called outside of tf.function, got a call inside of one",
    ),
    "documents that no affinity is of": (
        lambda: policies.myopic_policy(recsim_tf.make("PageClicks-v0")),
        r"int32 \[4\] and ObservedItem: give choice_scores for other environments$",
    ),
    "a name for the policy": (lambda: rollout("random"), r"policy must be a function .* 'random'"),
    "a policy that was not made": (
        lambda: rollout(policies.random_policy),
        r"random_policy\(\) takes 1 positional argument but 3 were given",
    ),
    "a policy without a state": (
        lambda: rollout(lambda observation, policy_state, seed: SLATE),
        r"policy must return \(action, policy_state\), got EagerTensor",
    ),
    "a policy that invents a state": (
        lambda: rollout(lambda observation, policy_state, seed: (SLATE, {"clicks": SLATE})),
        r"policy must return a policy_state in the format of the given policy_state, \(\), got"
        r" {'clicks': 'int32\(3, 2\)'}",
    ),
    # Environments by name.
    "an argument that the environment lacks": (
        lambda: recsim_tf.make("PageClicks-v0", slatesize=3),
        r"PageClicks-v0 has no argument slatesize; did you mean slate_size\?",
    ),
    "a simulator in place of its factory": (
        lambda: recsim_tf.register("Mine-v0", SIMULATOR),
        "factory must be a function, got Simulator",
    ),
    "a factory that returns nothing": (
        lambda: made_by(lambda: None),
        "the factory of Mine-v0 must return a Simulator, got NoneType",
    ),
    # Models and their parameters.
    "an unknown field": (
        lambda: Shoppers(patience=3),
        "got an unexpected keyword argument 'patience'",
    ),
    "an unknown dtype": (
        lambda: Shop(dtype="float31"),
        "dtype must be tf.float32 or tf.float64, got 'float31'",
    ),
    "a parameter in words": (
        lambda: choice.MultinomialLogit("none"),
        "no_click_mass must be numbers, got 'none'",
    ),
    "a negative scale in a table": (
        lambda: interest_exploration.InterestExplorationUsers(
            affinity_scale=((0.1, 0.1), (0.1, -0.1))
        ),
        r"affinity_scale must be at least 0, got -0\.1 at \[1, 1\]",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(mistake, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        mistake()
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300
