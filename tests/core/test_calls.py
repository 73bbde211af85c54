# SPDX-License-Identifier: Apache-2.0
"""Large eager rollouts are simulated in parts, and all others as they are."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import policies
from recsim_tf.core import random
from recsim_tf.core.runs import calls, execution
from recsim_tf.core.runs.calls import _division
from recsim_tf.core.runs.division import Division
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.runs.rollout import Call

NUM_USERS, NUM_STEPS = 10_000, 3


@pytest.fixture(autouse=True)
def _few_steps_are_many(monkeypatch):
    monkeypatch.setattr(execution, "_WORTHWHILE_USER_STEPS", NUM_USERS * NUM_STEPS)


@pytest.fixture(name="simulator", scope="module")
def fixture_simulator():
    return recsim_tf.long_term_satisfaction(slate_size=2, num_candidates=4)


@pytest.mark.slow
@pytest.mark.parametrize("auto_reset", [False, True])
def test_a_large_rollout_has_the_users_of_its_parts_in_order(simulator, auto_reset):
    policy = policies.random_policy(simulator)
    whole = simulator.rollout(policy, NUM_USERS, NUM_STEPS, 4, auto_reset)
    part = compiled(
        lambda seed: simulator.rollout(policy, NUM_USERS // 2, NUM_STEPS, seed, auto_reset),
        jit_compile=True,
    )
    first, second = map(part, Division(2).seeds(random.as_seed(4)))
    initial = tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 0), first[0], second[0])
    by_step = tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 1), first[1:], second[1:])
    expected = recsim_tf.Trajectory(initial, *by_step)
    tf.nest.assert_same_structure(whole, expected)
    tf.nest.map_structure(np.testing.assert_array_equal, whole, expected)


@pytest.mark.parametrize(
    "call",
    [
        lambda simulator, policy: simulator.rollout(policy, NUM_USERS - 1, NUM_STEPS, 4),
        lambda simulator, policy: simulator.rollout(policy, NUM_USERS, NUM_STEPS - 1, 4),
        lambda simulator, policy: tf.function(
            lambda: simulator.rollout(policy, NUM_USERS, NUM_STEPS, 4), autograph=False
        )(),
        lambda simulator, policy: simulator.rollout(
            lambda *observed: policy(*observed), NUM_USERS, NUM_STEPS, 4
        ),
        lambda simulator, policy: simulator.rollout(
            policy, NUM_USERS, NUM_STEPS, 4, state=simulator.reset(NUM_USERS, 4)
        ),
        lambda simulator, policy: simulator.with_parameters(
            {"users.sensitivity": tf.Variable(0.01)}
        ).rollout(policy, NUM_USERS, NUM_STEPS, 4),
    ],
    ids=["users", "steps", "function", "policy", "state", "variable"],
)
def test_other_rollouts_are_not_divided(simulator, call, monkeypatch):
    monkeypatch.setattr(calls, "_rollout_in_parts", lambda *_: pytest.fail("divided"))
    trajectory = call(simulator, policies.random_policy(simulator))
    assert trajectory.transitions.reward.shape[0] in (NUM_STEPS, NUM_STEPS - 1)


def test_a_world_of_all_users_is_not_divided():
    simulator = recsim_tf.make("Ecosystem-v0")
    assert Division.of_simulation(simulator.replaced(users_per_world=None), 20_000) == Division()
    of_worlds = Division.of_simulation(simulator.replaced(users_per_world=2500), 20_000)
    assert of_worlds == Division(4)


def test_a_rollout_is_divided_in_the_same_way_on_every_device(simulator, monkeypatch):
    policy, seed = policies.random_policy(simulator), tf.constant([0, 1])
    call = Call(policy, NUM_USERS, NUM_STEPS, seed, False, policy_state=None, state=None)
    here = _division(simulator, call)
    monkeypatch.setattr(execution, "only_cpu", lambda: False)
    assert here == _division(simulator, call) == Division(2)
    assert _division(simulator, call._replace(num_steps=NUM_STEPS - 1)) == Division()


@pytest.mark.parametrize(
    ("sensitivity", "parts"), [(0.01, 2), (np.full(1, 0.01), 2), (np.full(NUM_USERS, 0.01), 1)]
)
def test_users_who_have_values_of_a_parameter_each_are_not_divided(simulator, sensitivity, parts):
    """A part of the users would meet values for all of them."""
    simulator = simulator.with_parameters({"users.sensitivity": sensitivity})
    assert Division.of_simulation(simulator, NUM_USERS) == Division(parts)
