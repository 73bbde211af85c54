# SPDX-License-Identifier: Apache-2.0
import importlib.resources
import json

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.fitting import LBFGS, Classes, Minibatches, Parameter, fit
from recsim_tf.logs import read_kuairand
from recsim_tf.policies import random_policy
from recsim_tf.worlds.feed import Context, Draws, Viewers, feed, feed_parameters
from tests.real_worlds import tables
from tests.refusals import assert_refused


@pytest.fixture(scope="module")
def log():
    return read_kuairand(tables.impressions(), [tables.histories()], num_videos=20)


@pytest.mark.slow
def test_the_feed_of_a_log_is_checked_and_fitted(log):
    simulator = feed(log)
    recsim_tf.check(simulator)
    assert simulator.documents.num_videos == 20
    method = Classes(search=LBFGS(3, progress=False), uncertainty=None)
    result = fit(simulator, feed_parameters(0.5), log, method=method)
    assert result.conditional_log_likelihood < 0
    assert result.history[-1]["log_likelihood"] > result.history[0]["log_likelihood"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Viewers(change=(0.1,)), r"change must have 4 numbers, got \(1,\)"),
        (lambda: feed(5), "log must be a Log, got int"),
    ],
)
def test_what_the_feed_does_not_take_is_refused(call, message):
    assert_refused(call, message)


def test_the_tabs_of_a_log_are_as_often_as_in_it(log):
    probs = np.asarray(feed(log).users.tab_probs)
    counts = np.bincount(log.initial["tab"].astype(int), minlength=15) + 1
    np.testing.assert_allclose(probs, counts / counts.sum())


@pytest.mark.slow
def test_without_a_spread_it_is_fitted(log):
    parameters = feed_parameters()
    method = Classes(search=Minibatches(passes=2, progress=False), uncertainty=None)
    fit(feed(log), parameters, log, method=method)
    spread = parameters["documents.effect"].prior.stddev()
    assert 0 < spread != 0.5


def test_a_click_beyond_expectation_is_remembered_and_fades():
    users = Viewers(appetite=0.0, share=0.0, tab=np.zeros(15), hour=np.zeros(24))
    zeros = tf.zeros([2])
    first = Context(tf.zeros([2], tf.int32), zeros, zeros + 1.0)
    state = users.initial_state(Draws(tf.zeros([2], tf.int32), zeros, *first))
    slate = recsim_tf.Slate(tf.zeros([2, 1]), tf.ones([2, 1], tf.bool))
    response = recsim_tf.Clicks(tf.constant([[1.0], [0.0]]))
    later = first._replace(pause=tf.constant([0.25, 24.0]))
    state = users.update(state, slate, response, later)
    # Of these a half is expected.
    left = 0.5 ** np.array([[0.25 / 4, 0.25 / 24], [6.0, 1.0]])
    np.testing.assert_allclose(state.memory, [[0.5], [-0.5]] * left, rtol=1e-5)
    np.testing.assert_array_equal(state.place, [1, 0])
    np.testing.assert_array_equal(users.observe(state).pause, later.pause)


@pytest.mark.slow
def test_users_who_do_not_change_are_the_same_in_any_order(log):
    simulator = feed(log).with_parameters({"users.change": np.zeros(4)})
    still = {"users.change": Parameter(np.zeros(4), fixed=True)}
    method = Classes(search=LBFGS(1, progress=False), uncertainty=None)
    results = [
        fit(simulator, {**feed_parameters(0.5), **still}, each, method=method)
        for each in (log, log.take(range(log.num_sessions)[::-1]))
    ]
    likelihoods = [result.log_likelihood for result in results]
    np.testing.assert_allclose(*likelihoods, rtol=1e-4)


def test_the_fitted_feed_has_scalars_alone_and_their_licence():
    folder = importlib.resources.files("recsim_tf.worlds") / "feed_v0"
    assert {each.name for each in folder.iterdir()} == {
        *("LICENSE", "MODEL_CARD.md", "arrays.npz", "model.json")
    }
    arrays = json.loads((folder / "model.json").read_text())["arrays"]
    sizes = {name: int(np.prod(each["shape"])) for name, each in arrays.items()}
    assert max(sizes.values()) <= 24, "as many as there are hours of the day"
    for name in ("LICENSE", "MODEL_CARD.md"):
        assert "CC BY-SA 4.0" in (folder / name).read_text()


def test_the_fitted_feed_simulates():
    simulator = recsim_tf.make("Feed-v0", num_candidates=5)
    trajectory = simulator.rollout(random_policy(simulator), 300, 10, seed=0)
    assert 0.3 < trajectory.transitions.response.clicked.numpy().mean() < 0.6
    spread = np.std(simulator.documents.effect)
    assert spread == pytest.approx(0.5, abs=0.1)


def test_memory_is_added_to_and_the_place_counts_on_until_a_pause_of_half_an_hour():
    users = Viewers(appetite=0.0, share=0.0, tab=np.zeros(15), hour=np.zeros(24))
    zeros = tf.zeros([3])
    first = Context(tf.zeros([3], tf.int32), zeros, zeros + 1.0)
    before = users.initial_state(Draws(tf.zeros([3], tf.int32), zeros, *first))
    before = before._replace(memory=tf.constant([[2.0, 4.0]] * 3), place=tf.constant([3.0] * 3))
    slate = recsim_tf.Slate(tf.zeros([3, 1]), tf.ones([3, 1], tf.bool))
    # After 8 hours a quarter of the fast memory is left.
    pause = np.array([0.0, 0.5, 8.0])
    expected = users.response(before, slate).mean()
    response = recsim_tf.Clicks(expected + 1.0)
    later = first._replace(pause=tf.constant(pause, tf.float32))
    state = users.update(before, slate, response, later)
    # A click beyond expectation adds 1 to both memories.
    left = 0.5 ** (pause[:, np.newaxis] / [4, 24])
    np.testing.assert_allclose(state.memory, left * [3.0, 5.0], rtol=1e-5)
    np.testing.assert_array_equal(state.place, [4, 0, 0])
