# SPDX-License-Identifier: Apache-2.0
"""Scores by field: they are parts of those of the stages."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.runs.execution import compiled
from recsim_tf.policies import random_policy
from tests.worlds.clicks import Clickers, Numbers

NUM_USERS, NUM_STEPS = 4, 6
STAGES = {
    "initial": ("initial.user",),
    "response": ("response",),
    "innovation": ("innovation",),
    "departure": ("departure",),
    "documents": ("initial.corpus", "initial.candidates", "initial.hidden", "hidden", "candidates"),
}
# An environment, and some of its fields.
ENVIRONMENTS = {
    "InterestExploration-v1": {"initial.user.user_type", "initial.user.affinity"},
    "InterestEvolution-v1": {"response", "hidden", "candidates"},
}


def rollout(simulator, **arguments):
    return simulator.rollout(random_policy(simulator), NUM_USERS, NUM_STEPS, seed=3, **arguments)


@pytest.mark.parametrize(("name", "fields"), ENVIRONMENTS.items(), ids=ENVIRONMENTS)
def test_the_fields_of_a_stage_add_up_to_its_score(name, fields):
    simulator = recsim_tf.make(name, slate_size=2, num_candidates=4)
    trajectory = rollout(simulator)
    found = compiled(lambda: simulator.log_prob_by_field(trajectory))()
    assert fields <= set(found), sorted(found)
    whole = compiled(lambda: simulator.log_prob(trajectory))()
    for part, stages in STAGES.items():
        scores = [
            score
            for field, score in found.items()
            if any(field == stage or field.startswith(f"{stage}.") for stage in stages)
        ]
        total = tf.add_n(scores) if scores else tf.zeros(NUM_USERS)
        np.testing.assert_allclose(total, getattr(whole, part), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tf.add_n(list(found.values())), whole.total, rtol=1e-5)


class Choosers(Clickers):
    """Choose a position, and give a rating that depends on it. Half of them leave at once."""

    spread: float = recsim_tf.parameter(0.5, above=0)

    def response(self, state, slate):
        def rating(choice):
            return tfd.Normal(tf.cast(choice, tf.float32), self.per_user("spread"))

        choice = tfd.Categorical(logits=tf.zeros([state.shape[0], 3]))
        return tfd.JointDistributionNamed({"choice": choice, "rating": rating})

    def outcome(self, state, slate, draw):
        return super().outcome(state, slate, draw["choice"])

    def departure(self, state):
        return state < 0.5


def raters(**users):
    return recsim_tf.Simulator(Choosers(**users), Numbers(), slate_size=2, num_candidates=2)


def test_a_field_is_scored_where_the_user_was_there_with_gradients():
    trajectory = rollout(raters())
    active = trajectory.transitions.active.numpy()
    draw = trajectory.transitions.draws.response
    spread = tf.Variable(0.5)
    with tf.GradientTape() as tape:
        found = raters(spread=spread).log_prob_by_field(trajectory)
        rating = tf.reduce_sum(found["response.rating"])
    steps = active.sum(axis=0)
    assert set(steps) == {1, NUM_STEPS}
    np.testing.assert_allclose(found["response.choice"], steps * -np.log(3), rtol=1e-5)
    error = (draw["rating"] - tf.cast(draw["choice"], tf.float32)).numpy()
    expected = (active * tfd.Normal(0.0, 0.5).log_prob(error).numpy()).sum(axis=0)
    np.testing.assert_allclose(found["response.rating"], expected, rtol=1e-5)
    slope = (active * (error**2 / 0.5**3 - 1 / 0.5)).sum()
    np.testing.assert_allclose(tape.gradient(rating, spread), slope, rtol=1e-4)


def test_what_began_with_a_state_has_no_initial_scores_and_auto_reset_is_refused():
    simulator = raters()
    later = rollout(simulator, state=simulator.reset(NUM_USERS, seed=1))
    names = ["candidates", "response.choice", "response.rating"]
    assert sorted(simulator.log_prob_by_field(later)) == names
    with pytest.raises(ValueError, match="trajectory must hold one session a row"):
        simulator.log_prob_by_field(rollout(simulator, auto_reset=True))
