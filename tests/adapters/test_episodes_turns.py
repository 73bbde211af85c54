"""Queries in episode logs."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.adapters import episodes
from tests.adapters.test_episodes import (
    assert_same_bits,
    assert_same_sessions,
    change,
    records,
    write_records,
)
from tests.questions import SPEC, AskedUsers, Numbers, ask

NUM_USERS, NUM_STEPS = 6, 3


class LeavingUsers(AskedUsers):
    def departure(self, state):
        return tfd.Bernoulli(probs=tf.fill(state.shape, 0.3))


def leaving():
    return recsim_tf.Simulator(LeavingUsers(), Numbers(), 2, 4, query_spec=SPEC, validate=True)


@pytest.fixture(scope="module")
def trajectory():
    return leaving().rollout(ask, NUM_USERS, NUM_STEPS, seed=3)


@pytest.fixture(scope="module")
def log(tmp_path_factory, trajectory):
    path = tmp_path_factory.mktemp("logs") / "turns.tfrecord"
    episodes.write(path, leaving(), trajectory)
    return path


def test_queries_come_back_and_score_as_before(log, trajectory):
    assert not np.all(trajectory.transitions.active)
    again = episodes.read(log, leaving()).trajectory()
    assert_same_sessions(again, trajectory)
    assert_same_bits(leaving().log_prob(again), leaving().log_prob(trajectory))


def test_a_log_and_a_simulator_must_both_have_queries_or_neither(log, tmp_path):
    class Unasked(LeavingUsers):
        def response(self, state, slate):
            return recsim_tf.choice.MultinomialLogit()(slate.documents, slate.mask)

        def turn_conditions(self, turn):
            return []

    unasked = recsim_tf.Simulator(Unasked(), Numbers(), 2, 4)
    with pytest.raises(episodes.ReadError, match="feature query/is_asked is unknown: not a sess"):
        episodes.read(log, unasked)
    slates = unasked.rollout(lambda *args: (ask(*args)[0].slate, ()), NUM_USERS, NUM_STEPS, seed=3)
    episodes.write(tmp_path / "slates", unasked, slates)
    assert episodes.read(tmp_path / "slates", unasked).trajectory().transitions.query == ()
    with pytest.raises(episodes.ReadError, match="feature query/is_asked is missing: not a sess"):
        episodes.read(tmp_path / "slates", leaving())


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("query/is_asked", [2], r"feature query/is_asked must be 0 or 1, got 2 at step 0"),
        ("query/strength", [0.5, 1.5], r"query/strength must be in \[0.0, 1.0\], got 1.5 at step"),
    ],
)
def test_a_turn_that_the_simulator_does_not_take_is_named(log, tmp_path, name, values, reason):
    first, *others = records(log)
    example = tf.train.SequenceExample.FromString(first)
    change(example, name, values)
    path = write_records(tmp_path / "changed", [example.SerializeToString(), *others])
    with pytest.raises(episodes.ReadError, match=reason) as error:
        episodes.read(path, leaving())
    assert "\n" not in str(error.value)
