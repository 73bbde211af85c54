# SPDX-License-Identifier: Apache-2.0
"""Turns of a slate and a query, on users who can be asked whether they like to be shown things."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core.base.types import InitialDraws
from recsim_tf.core.step import turns
from recsim_tf.core.step.stages import Sampled
from tests.questions import Question, ask, question, simulator
from tests.refusals import assert_refused

NUM_USERS, NUM_STEPS = 5, 4


def test_a_rollout_keeps_the_queries_and_scores_under_them():
    trajectory = simulator().rollout(ask, NUM_USERS, NUM_STEPS, seed=3)
    np.testing.assert_array_equal(trajectory.transitions.query.is_asked, 1)
    states = simulator().replay(trajectory)
    response = recsim_tf.choice.MultinomialLogit(no_click_mass=0.0)
    shown = tf.gather(states.candidates, trajectory.transitions.slate, batch_dims=2)
    scores = states.user[..., tf.newaxis] + 1.5 + shown
    by_hand = response(scores).log_prob(trajectory.transitions.draws.response)
    counted = tf.reduce_sum(tf.where(trajectory.transitions.active, by_hand, 0), axis=0)
    np.testing.assert_allclose(simulator().log_prob(trajectory).response, counted, rtol=1e-5)


def test_states_responses_and_rewards_of_a_trajectory_come_again():
    trajectory = simulator().rollout(ask, NUM_USERS, NUM_STEPS, seed=3)

    def same(carry, step, state, transition, log_probs):
        recorded = tf.nest.map_structure(lambda leaf: leaf[step], trajectory.transitions)
        equal = [
            tf.reduce_all(one == other)
            for one, other in zip(
                tf.nest.flatten(transition), tf.nest.flatten(recorded), strict=True
            )
        ]
        return carry & tf.reduce_all(equal)

    assert simulator().retrace(trajectory, same, tf.constant(True), score=False)


def test_auto_reset_and_resimulation_pass_queries_on():
    source = simulator()
    trajectory = source.rollout(ask, NUM_USERS, NUM_STEPS, seed=3, auto_reset=True)
    assert trajectory.transitions.query.strength.shape == [NUM_STEPS, NUM_USERS, 2]
    single = source.rollout(ask, NUM_USERS, NUM_STEPS, seed=3)
    total = source.resimulate(
        single,
        ["response"],
        5,
        lambda carry, step, state, transition: carry + transition.query.is_asked,
        tf.zeros([NUM_USERS], tf.int32),
    )
    np.testing.assert_array_equal(total, NUM_STEPS)


def test_an_environment_without_queries_has_none_in_its_transitions():
    source = recsim_tf.make("DriftingTaste-v0")
    state = source.reset(2, seed=0)
    slate = tf.tile([list(range(source.slate_size))], [2, 1])
    _, transition = source.step(state, slate, 0)
    assert transition.query == ()
    assert transition.action is transition.slate


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (tf.zeros([5, 2], tf.int32), "action must be a Turn of slate and query"),
        (recsim_tf.Turn(tf.zeros([5, 2], tf.int32), 1), "query must be a Question of query.is_as"),
        (
            recsim_tf.Turn(tf.zeros([5, 2], tf.int32), Question(tf.zeros([5]), tf.zeros([5, 2]))),
            r"query.is_asked must be int32 \[5\], got float32",
        ),
        (
            recsim_tf.Turn(tf.constant([[0, 1]] * 5), question(NUM_USERS, is_asked=2)),
            r"query.is_asked must be in \[0, 1\]",
        ),
        (recsim_tf.Turn(tf.fill([5, 2], -1), question(NUM_USERS)), "a question must have an item"),
    ],
)
def test_a_bad_turn_is_refused_by_its_part(action, message):
    state = simulator().reset(NUM_USERS, seed=0)
    assert_refused(lambda: simulator().step(state, action, 0), message)


def test_a_turn_is_refused_where_nothing_can_be_asked():
    source = recsim_tf.make("DriftingTaste-v0")
    action = recsim_tf.Turn(tf.zeros([2, source.slate_size], tf.int32), question(2))
    with pytest.raises(ValueError, match="action must be a slate, since there is no query_spec"):
        source.step(source.reset(2, seed=0), action, 0)


def test_a_query_spec_of_something_else_is_refused():
    with pytest.raises(ValueError, match=r"query_spec/0 must be a tf.TensorSpec, got 3"):
        simulator(query_spec=(3,))


@pytest.mark.parametrize(
    ("dtype", "low", "high", "ends"),
    [
        (tf.float32, 2.0, 5.0, (2, 5)),
        (tf.float32, None, None, (-1, 1)),
        (tf.float32, None, -3.0, (-4, -3)),
        (tf.float32, 7.0, None, (7, 8)),
        (tf.int32, 3, 5, (3, 5)),
        (tf.int32, None, None, (-1, 1000)),
        (tf.int32, 1500, None, (1500, 1501)),
        (tf.bool, None, None, (0, 1)),
    ],
)
def test_random_queries_are_uniform_in_their_range(dtype, low, high, ends):
    spec = turns.query_spec((tf.TensorSpec([2], dtype),), (recsim_tf.Bounds(low, high),))
    (drawn,) = turns.random_queries(spec, 500, seed=1)
    assert drawn.dtype == dtype
    assert drawn.shape == [500, 2]
    found, width = drawn.numpy().astype(float), ends[1] - ends[0]
    assert found.min() == pytest.approx(ends[0], abs=0.01 * width)
    assert found.max() == pytest.approx(ends[1], abs=0.01 * width)
    # A standard error is 0.009 of a range, and 0.016 of two values.
    assert found.mean() == pytest.approx(sum(ends) / 2, abs=0.064 * width)
    (several,) = turns.random_queries(spec, 5, seed=1, num_queries=3)
    assert several.shape == [5, 3, 2]


def test_draws_of_a_step_do_not_depend_on_the_form_of_its_query():
    source = simulator()
    state = source.initial_state(source.begin(NUM_USERS, Sampled(1, InitialDraws._fields)))
    silent = recsim_tf.Turn(tf.tile([[0, 1]], [NUM_USERS, 1]), question(NUM_USERS, is_asked=0))
    zero = recsim_tf.Turn(silent.slate, question(NUM_USERS, strength=0.0))
    one, other = (source.step(state, turn, 9)[1] for turn in (silent, zero))
    np.testing.assert_array_equal(one.response.clicked, other.response.clicked)
