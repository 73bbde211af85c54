# SPDX-License-Identifier: Apache-2.0
"""Users who are put together from components."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import dynamics
from recsim_tf.core import random
from tests.dynamics.world import STAY_OR_GO, Moody, moody
from tests.refusals import assert_refused


@pytest.fixture(scope="module")
def simulator():
    return moody()


def first_slates(observation, policy_state, seed):
    return tf.tile([[0, 1, 2]], [observation.user.shape[0], 1]), policy_state


def test_state_and_draws_have_the_names_of_the_fields(simulator):
    trajectory = simulator.rollout(first_slates, 5, 3, seed=0)
    state = simulator.replay(trajectory).user
    assert state._fields == ("segment", "taste", "mood", "seen")
    assert [leaf.shape for leaf in state] == [[3, 5, 2]] * 3 + [[3, 5, 2, 2]]
    assert trajectory.initial.user._fields == ("segment", "taste", "mood")
    assert trajectory.transitions.draws.innovation._fields == ("taste", "mood")


def test_the_probability_is_that_of_the_parts(simulator):
    trajectory = simulator.rollout(first_slates, 4, 3, seed=1)
    log_prob, states = simulator.log_prob(trajectory), simulator.replay(trajectory).user
    draws, response = trajectory.transitions.draws.innovation, trajectory.transitions.response
    idle = tf.cast(tf.reduce_sum(response.clicked, axis=-1) < 0.5, tf.int32)
    transitions = tf.nn.log_softmax(STAY_OR_GO).numpy()
    mood = transitions[idle, tf.argmax(states.mood, -1), draws.mood]
    taste = -0.5 * (draws.taste / 0.1) ** 2 - np.log(0.1 * np.sqrt(2 * np.pi))
    expected = tf.reduce_sum(mood, axis=0) + tf.reduce_sum(taste, axis=[0, 2])
    np.testing.assert_allclose(log_prob.innovation, expected, rtol=1e-5)


def test_parameters_have_dotted_names_and_may_differ_between_users():
    users = Moody()
    assert set(users.parameters()) == {
        "segment.table",
        "segment.logits",
        "taste.transition",
        "taste.gain",
        "taste.noise",
        "taste.initial_loc",
        "taste.initial_scale",
        "mood.logits",
        "mood.initial_logits",
        "choice_model.no_click_mass",
    }
    gains = users.for_users("taste.gain", [0.0, 1.0])
    each = users.with_parameters({"taste.gain": gains}).components["taste"]
    updated = each.update(tf.zeros([2, 2]), tf.ones([2, 2]), tf.zeros([2, 2]))
    np.testing.assert_allclose(updated, [[0, 0], [1, 1]])
    assert users.taste.gain == 0.3


def test_values_of_a_parameter_meet_the_same_users(simulator):
    gains = simulator.for_users("users.taste.gain", np.repeat([0.0, 1.0], 3))
    both = simulator.with_parameters({"users.taste.gain": gains})
    with random.paired(num_values=2):
        trajectory = both.rollout(first_slates, 6, 4, seed=2)
    alone = simulator.with_parameters({"users.taste.gain": 1.0})
    expected = alone.rollout(first_slates, 3, 4, seed=2)
    np.testing.assert_allclose(
        both.replay(trajectory).user.taste[:, 3:],
        alone.replay(expected).user.taste,
        rtol=1e-5,
        atol=1e-6,
    )


class Silent(Moody):
    """Without anything that drives the components."""

    seen: dynamics.Component = dynamics.History(2)

    def controls(self, state, slate, response):
        return {"mood": (), "tastes": ()}


class Forgetful(dynamics.ComponentUsers):
    seen: dynamics.Component = dynamics.History(2)

    def response(self, state, slate): ...

    def observe(self, state): ...


@pytest.mark.parametrize("name", ["taste", "novelty"])
def test_a_component_without_annotation_is_refused(name):
    # Python would take it for no field, so that users would be those of the base class.
    with pytest.raises(TypeError, match=f"Other.{name} must be annotated, as {name}: Component"):
        type("Other", (Moody,), {name: dynamics.LinearGaussian(2)})


FAULTS = {
    "controls must be a dict of segment, taste, mood, seen, got {'mood'": lambda: (
        Silent().innovation(None, None, None)
    ),
    "Forgetful must have a component that draws something at the start, got seen": (
        lambda: Forgetful().initial_draws(3)
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_fault_is_one_line(message):
    assert_refused(FAULTS[message], message)
