# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.choice import MultinomialProportional
from recsim_tf.fitting.validation.resimulation import Resimulation
from recsim_tf.fitting.validation.statistics import Histogram, Statistic, predictive_check
from recsim_tf.logs import from_trajectory
from recsim_tf.logs.cuts import Cuts, continued, windows
from recsim_tf.policies import random_policy
from tests.environments.returning.world import readers
from tests.fitting.sessions import HAZARD, evolution, exploration, rollout

NUM_SESSIONS, NUM_STEPS, NUM_REPLICATES = 300, 40, 50


@pytest.fixture(scope="module")
def trajectory():
    return rollout(evolution(**HAZARD), NUM_SESSIONS, NUM_STEPS)


@pytest.fixture(scope="module")
def log(trajectory):
    return from_trajectory(trajectory)


@pytest.fixture(scope="module")
def sessions(log):
    return Resimulation(evolution(**HAZARD), log, batch_size=128)


@pytest.fixture(scope="module")
def true_check(log):
    return predictive_check(Resimulation(evolution(**HAZARD), log), NUM_REPLICATES)


@pytest.mark.slow
def test_the_models_that_made_a_log_pass(true_check):
    z_scores = {name: statistic.z_score for name, statistic in true_check.statistics.items()}
    # The largest of a dozen normal variables is beyond 3.5 once in two hundred times.
    assert max(map(abs, z_scores.values())) < 3.5, z_scores
    assert np.median([statistic.p_value for statistic in true_check.statistics.values()]) > 0.1


@pytest.mark.slow
def test_other_models_fail(log):
    found = predictive_check(
        Resimulation(evolution(choice_model=MultinomialProportional(-1.25, 4.0), **HAZARD), log),
        NUM_REPLICATES,
    ).statistics
    for name in ("click_rate/position_0", "clicks_per_step/mean"):
        assert found[name].p_value < 1e-3
        assert found[name].z_score > 4
    patient = predictive_check(
        Resimulation(evolution(**{**HAZARD, "time_budget": 20.0}), log), NUM_REPLICATES
    ).statistics
    assert patient["session_length/mean"].z_score < -5
    assert abs(patient["click_rate/position_0"].z_score) < 3.5


@pytest.mark.slow
def test_what_is_observed_is_what_the_trajectory_holds(trajectory, log, sessions):
    observed = sessions.observed()
    np.testing.assert_array_equal(observed.length, log.length)
    is_last = np.arange(log.max_length) == log.length[:, np.newaxis] - 1
    np.testing.assert_array_equal(observed.left, is_last & log.departed[:, np.newaxis])
    np.testing.assert_allclose(
        observed.reward, tf.transpose(trajectory.transitions.reward), rtol=1e-12
    )
    clicked = tf.where(
        trajectory.transitions.active[..., tf.newaxis, tf.newaxis],
        trajectory.transitions.response.clicked[..., tf.newaxis],
        0,
    )
    np.testing.assert_allclose(observed.clicked.sum(axis=1), tf.reduce_sum(clicked, axis=[0, 3]))
    shown = observed.counted.sum(axis=1)
    np.testing.assert_array_equal(shown, np.repeat(log.length[:, np.newaxis], 3, axis=1))


@pytest.mark.slow
def test_simulations_are_reproducible_and_differ_by_seed(log, sessions):
    (first,), (second,), (other,) = (sessions.simulated(seed, 1) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.reward, second.reward)
    assert np.any(first.reward != other.reward)
    np.testing.assert_array_equal(other.length, log.length)
    # One session many times, in two batches: each time it has draws of its own.
    (outcomes,) = Resimulation(
        evolution(**HAZARD), log.take(np.full(40, np.argmax(log.length))), batch_size=20
    ).simulated(1, 1)
    assert len(np.unique(outcomes.clicks.sum(axis=1))) > 2
    assert np.any(outcomes.clicks[:20] != outcomes.clicks[20:])
    several = list(sessions.simulated(1, 3))
    assert np.any(several[0].clicked != several[1].clicked)


def test_sessions_go_on_with_slates_of_others_at_the_same_step(log):
    longer = continued(log)
    session = int(np.flatnonzero(log.length == 5)[0])
    for one, logged in zip(
        tf.nest.flatten(longer.documents), tf.nest.flatten(log.documents), strict=True
    ):
        np.testing.assert_array_equal(one[log.active], logged[log.active])
        for step in range(5, log.length.max()):
            there = logged[log.length > step, step]
            assert np.any(np.all(one[session, step] == there, axis=tuple(range(1, there.ndim))))
    assert len(np.unique(longer.hidden[session, 5:], axis=0)) > 1


@pytest.mark.slow
def test_models_that_nobody_leaves_keep_the_logged_lengths():
    log = from_trajectory(rollout(exploration(), 50, 5))
    log = log._replace(length=np.arange(50, dtype=np.int32) % 5 + 1)
    check = predictive_check(Resimulation(exploration(), log), 20)
    assert "session_length" not in check.histograms
    assert any("nobody leaves" in note for note in check.notes)


@pytest.mark.slow
def test_engagement_is_left_out_where_it_hangs_on_innovations_that_were_not_logged(log, true_check):
    # The choice moves the interests in a direction that was not logged, but not what is watched.
    check = predictive_check(Resimulation(evolution(**HAZARD), log._replace(innovation=())), 20)
    assert (
        check.statistics["engagement_per_step/mean"].observed
        == true_check.statistics["engagement_per_step/mean"].observed
    )

    class Coupled(type(evolution().users)):
        def outcome(self, state, slate, draw):
            response = super().outcome(state, slate, draw)
            return response._replace(
                watch_time=response.watch_time
                * tf.reduce_sum(state.interests, axis=1)[:, tf.newaxis]
            )

    simulator = evolution(**HAZARD)
    simulator.users = Coupled(
        20, MultinomialProportional(-1.25), time_budget=10.0, dtype=tf.float64, **HAZARD
    )
    check = predictive_check(Resimulation(simulator, log._replace(innovation=())), 20)
    assert not any("engagement" in name for name in check.statistics)
    assert any("draws that were not logged" in note for note in check.notes)


@pytest.mark.long
def test_p_values_are_those_of_one_more_normal_draw():
    """With 20 simulations 5 % lie beyond 2.09 standard errors of prediction."""
    replicated = np.random.default_rng(0).standard_normal([2000, 21])
    p_values = [Statistic(row[0], row[1:]).p_value for row in replicated]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=4 * 0.005)
    assert Statistic(9.0, np.arange(19.0)).p_value == 1
    assert Statistic(2.0, np.ones(20)).p_value == 0
    assert Statistic(9.0, np.arange(19.0)).z_score == 0
    assert Statistic(1.0, np.ones(20)).z_score == 0
    assert Statistic(2.0, np.ones(20)).z_score == np.inf


def cut_log(seed):
    """A log that ends at a date: users come at any time before, so any step may be the last."""
    log = from_trajectory(rollout(evolution(**HAZARD), NUM_SESSIONS, NUM_STEPS, seed))
    dates = np.random.default_rng(seed).integers(1, NUM_STEPS + 1, NUM_SESSIONS)
    return log.cut(np.minimum(log.length, dates))


def test_cuts_are_drawn_from_those_that_came_later():
    log = cut_log(0)
    drawn = np.stack([Cuts(log).draw(seed) for seed in range(200)])
    assert (drawn[:, ~log.departed] == log.length[~log.departed]).all()
    assert (drawn >= log.length).all()
    # Any step from the end on is as likely; after the longest session none counts.
    left = log.length[log.departed]
    steps = np.minimum(np.arange(NUM_STEPS) + 1, log.max_length)
    expected = np.mean([steps[length - 1 :].mean() for length in left])
    assert drawn[:, log.departed].mean() == pytest.approx(expected, abs=0.5)


@pytest.mark.long
def test_the_models_that_made_a_log_that_is_cut_pass():
    scores = []
    for seed in range(100, 120):
        check = predictive_check(Resimulation(evolution(**HAZARD), cut_log(seed)), 100, seed=seed)
        scores.append([statistic.z_score for statistic in check.statistics.values()])
    # By statistic: 95 % of 20 logs, less 3 standard errors, since there are 24 statistics.
    assert (np.mean(np.abs(scores) < 2, axis=0) >= 0.8).all()
    assert np.mean(np.abs(scores) < 2) >= 0.9


def visits_until_a_date(seed):
    """Lifetimes of readers who come for the first time on any of 20 days, at whose end the log
    ends, as `TableVisits` reads them.
    """
    simulator = readers()
    log = from_trajectory(simulator.rollout(random_policy(simulator), 300, 100, seed))
    visit, rows = log.innovation.visit, np.arange(log.num_sessions)
    away = np.where(log.active & (visit.days < 20), visit.days, 0)
    day = np.cumsum(away, axis=1) - away
    last_day = np.random.default_rng(seed).uniform(1, 20, log.num_sessions)
    length = (log.active & (day < last_day[:, np.newaxis])).sum(axis=1)
    days = visit.days.copy()
    days[rows, length - 1] = day[rows, length - 1] - last_day
    visit = visit._replace(days=days)
    log = log._replace(innovation=log.innovation._replace(visit=visit))
    return simulator, log.cut(length)._replace(departed=np.zeros(log.num_sessions, bool)), last_day


@pytest.mark.slow
def test_the_days_on_which_lifetimes_are_cut_are_found():
    _, log, last_day = visits_until_a_date(0)
    np.testing.assert_allclose(windows(log), last_day, rtol=1e-5)
    assert windows(cut_log(0)) is None


@pytest.mark.long
def test_the_models_that_made_a_log_of_visits_pass():
    scores = []
    for seed in range(100, 120):
        simulator, log, _ = visits_until_a_date(seed)
        check = predictive_check(Resimulation(simulator, log), 100, seed=seed)
        scores.append({name: one.z_score for name, one in check.statistics.items()})
    # The last interval of steps ends with the longest lifetime of the log.
    names = set.intersection(*map(set, scores))
    scores = [[score[name] for name in sorted(names)] for score in scores]
    assert len(names) > 10
    assert (np.mean(np.abs(scores) < 2, axis=0) >= 0.8).all()
    assert np.mean(np.abs(scores) < 2) >= 0.9


def test_survival_is_the_part_that_reaches_a_bin():
    histogram = Histogram(np.arange(4) + 0.5, np.array([0.5, 0.25, 0.25]), np.zeros([1, 3]))
    np.testing.assert_allclose(histogram.survival().observed, [1, 0.5, 0.25])


def test_a_p_value_counts_the_error_of_the_mean_of_the_simulations():
    """Of two simulations 1 is the mean, and the square root of 2 the deviation. So one more draw
    has a standard error of prediction of the square root of 3, and Student's t of one degree of
    freedom, which is Cauchy's distribution, lies beyond 1 with probability 1/2.
    """
    simulations = np.array([0.0, 2.0])
    for observed in (1 + np.sqrt(3), 1 - np.sqrt(3)):
        assert Statistic(observed, simulations).p_value == pytest.approx(0.5)
    # Three standard errors of prediction: 2 / pi times the angle whose tangent is 1/3.
    beyond = 2 / np.pi * np.arctan(1 / 3)
    assert Statistic(1 + 3 * np.sqrt(3), simulations).p_value == pytest.approx(beyond)
