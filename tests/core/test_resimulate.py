# SPDX-License-Identifier: Apache-2.0
import numpy as np
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from tests.core.toy import ToyDocuments, ToyUsers
from tests.fitting.sessions import HAZARD, evolution, rollout

STAGES = ("response", "innovation", "departure")


def collect(simulator, trajectory, stages, seed):
    """The transitions of sessions that are simulated again, stacked [T, B, ...]."""
    transitions = []

    def add(carry, step, state, transition):
        transitions.append(transition)
        return carry

    simulator.resimulate(trajectory, stages, seed, add, 0)
    return tf.nest.map_structure(lambda *leaves: np.stack(leaves), *transitions)


def test_sessions_without_new_draws_are_those_of_the_trajectory():
    simulator = evolution(**HAZARD)
    trajectory = rollout(simulator, num_users=8, num_steps=12)
    again = collect(simulator, trajectory, (), 1)
    active = trajectory.transitions.active.numpy()
    assert not active.all()
    np.testing.assert_array_equal(again.active, active)
    np.testing.assert_array_equal(again.terminated, trajectory.transitions.terminated)
    np.testing.assert_allclose(again.reward, trajectory.transitions.reward, rtol=1e-12)


def test_stages_that_are_named_are_drawn_anew_and_the_others_keep_their_draws():
    simulator = evolution(**HAZARD)
    trajectory = rollout(simulator, num_users=8, num_steps=12)
    first, second, other = (collect(simulator, trajectory, STAGES, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.draws.response, second.draws.response)
    assert np.any(first.draws.response != other.draws.response)
    assert np.any(first.active != other.active)
    for name in ("hidden", "candidates"):
        for one, logged in zip(
            *(
                tf.nest.flatten(getattr(draws, name))
                for draws in (first.draws, trajectory.transitions.draws)
            ),
            strict=True,
        ):
            np.testing.assert_array_equal(one, logged)


def test_users_who_leave_by_a_rule_leave_again():
    simulator = Simulator(ToyUsers(limit=3.0), ToyDocuments(), slate_size=2, num_candidates=4)
    trajectory = rollout(simulator, num_users=3, num_steps=5)
    again = collect(simulator, trajectory, ("response",), 1)
    np.testing.assert_array_equal(again.active, trajectory.transitions.active)
