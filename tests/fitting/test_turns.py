# SPDX-License-Identifier: Apache-2.0
"""Logs with queries: fits, particle filters, checks."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.fitting import Parameter, fit
from recsim_tf.fitting.methods.exact import session_log_prob
from recsim_tf.fitting.methods.particles import marginal_log_prob
from recsim_tf.fitting.predictions.choices import predict_choices
from recsim_tf.fitting.validation.resimulation import Resimulation
from recsim_tf.fitting.validation.statistics import predictive_check
from recsim_tf.logs import episodes, from_trajectory, simulated_log
from recsim_tf.logs.cuts import continued
from recsim_tf.logs.trajectories import as_trajectory, from_episodes, scoring_simulator
from tests.questions import SPEC, AskedUsers, Numbers, Question, ask, simulator
from tests.refusals import assert_refused

GAIN = 1.5


@pytest.fixture(scope="module")
def log():
    return simulated_log(simulator(), num_sessions=2000, num_steps=3, seed=4)


@pytest.mark.slow
def test_a_fit_recovers_what_a_question_does(log):
    start = recsim_tf.Simulator(AskedUsers(gain=0.3), Numbers(), 2, 4, query_spec=SPEC)
    estimate = fit(start, {"users.gain": Parameter()}, log).estimates["users.gain"]
    assert estimate.standard_error < 0.1
    assert abs(estimate.value - GAIN) < 3 * estimate.standard_error


def test_random_queries_are_of_the_whole_range(log):
    asked = log.query.is_asked[log.active]
    assert abs(asked.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(asked))
    assert log.query.strength.min() < 0.01
    assert log.query.strength.max() > 0.99


@pytest.mark.slow
def test_a_log_scores_as_its_trajectory_also_in_parts_and_from_a_file(tmp_path):
    trajectory = simulator().rollout(ask, 5, 3, seed=3)
    log = from_trajectory(trajectory)
    expected = simulator().log_prob(trajectory).user
    np.testing.assert_allclose(session_log_prob(simulator(), log), expected, rtol=1e-5)
    part = log.take([1, 3]).pad(5)
    assert part.query.strength.shape == (2, 5, 2)
    np.testing.assert_allclose(
        session_log_prob(simulator(), part), tf.gather(expected, [1, 3]), rtol=1e-5
    )
    episodes.write(tmp_path / "log", simulator(), trajectory)
    again = from_episodes(tmp_path / "log", simulator())._replace(observation=())
    tf.nest.map_structure(np.testing.assert_array_equal, again, log)


def test_particles_meet_the_queries():
    class Moved(AskedUsers):
        """Their state does not depend on what is drawn, so that the filter is exact."""

        def innovation(self, state, slate, response):
            return tfd.Normal(tf.zeros_like(state), 1.0)

    moved = scoring_simulator(recsim_tf.Simulator(Moved(), Numbers(), 2, 4, query_spec=SPEC))
    log = from_trajectory(simulator().rollout(ask, 5, 3, seed=3))
    trajectory = as_trajectory(log, moved, 5, latent=True)
    np.testing.assert_allclose(
        marginal_log_prob(moved, trajectory, 3, seed=0),
        session_log_prob(simulator(), log),
        rtol=1e-4,
    )


@pytest.mark.slow
def test_predictions_and_resimulations_meet_the_queries(log):
    asked = log.query.is_asked == 1
    no_click = predict_choices(simulator(), log).probs[..., -1]
    assert no_click[asked].mean() < no_click[~asked].mean() - 0.1
    rates = predictive_check(Resimulation(simulator(), log), 20).statistics
    assert max(abs(statistic.z_score) for statistic in rates.values()) < 3.5


def test_queries_of_continued_sessions_go_with_their_slates(log):
    short = log.cut(np.minimum(log.length, 1 + np.arange(log.num_sessions) % log.max_length))
    numbered = np.arange(short.num_sessions * short.max_length).reshape(-1, short.max_length)
    found = continued(short._replace(query=Question(numbered, numbered)))
    rows, steps = np.divmod(found.query.is_asked, short.max_length)
    np.testing.assert_array_equal(steps, np.tile(np.arange(short.max_length), [len(rows), 1]))
    assert (short.length[rows] > steps).all()
    np.testing.assert_array_equal(found.documents, short.documents[rows, steps])


def test_a_log_and_a_simulator_must_both_have_queries_or_neither(log):
    without, other = log._replace(query=()), recsim_tf.make("DriftingTaste-v0", slate_size=2)
    message = "query must match the query_spec, int32"
    assert_refused(lambda: session_log_prob(simulator(), without), message)
    message = "simulator must have a query_spec for a log with queries"
    assert_refused(lambda: session_log_prob(other, log), message)
