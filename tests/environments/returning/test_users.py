# SPDX-License-Identifier: Apache-2.0
"""Users who come back."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.distributions import ReturnTime
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.returning import ReturningUsers
from recsim_tf.policies import random_policy
from tests.dynamics.world import Moody, moody
from tests.environments.returning.world import Readers, readers
from tests.refusals import assert_refused

NUM_USERS, NUM_STEPS, HORIZON = 20, 60, 20.0


def rollout(simulator, seed=0, **arguments):
    run = compiled(
        lambda seed: simulator.rollout(
            random_policy(simulator), NUM_USERS, NUM_STEPS, seed, **arguments
        )
    )
    return run(as_seed(seed))


@pytest.fixture(scope="module")
def simulator():
    return readers(dtype=tf.float64)


@pytest.fixture(scope="module")
def trajectory(simulator):
    return rollout(simulator, seed=1)


@pytest.fixture(scope="module")
def states(simulator, trajectory):
    return simulator.replay(trajectory).user


def visits_of(trajectory):
    return trajectory.transitions.draws.innovation.visit


@pytest.mark.slow
def test_a_departure_ends_a_visit_and_the_next_begins_after_the_gap(trajectory, states):
    visit, active = visits_of(trajectory), trajectory.transitions.active.numpy()
    before, after = (
        tf.nest.map_structure(lambda x, s=s: x.numpy()[s], states)
        for s in (slice(None, -1), slice(1, None))
    )
    ends, days = visit.ends.numpy()[:-1] == 1, visit.days.numpy()[:-1]
    both = active[1:]
    back, on = both & ends, both & ~ends
    assert back.any()
    assert on.any()
    np.testing.assert_array_equal(days[active[:-1] & ~ends], 0)
    np.testing.assert_allclose((after.day - before.day)[both], days[both], atol=1e-12)
    np.testing.assert_array_equal(after.days_away[back], days[back])
    np.testing.assert_array_equal((after.visit - before.visit)[both], back[both])
    np.testing.assert_array_equal(after.step[back], 0)
    np.testing.assert_array_equal(after.step[on], before.step[on] + 1)


@pytest.mark.slow
def test_memory_fades_with_the_gap_and_taste_stays(trajectory, states):
    ends = visits_of(trajectory).ends.numpy()[:-1] == 1
    rows = ends & trajectory.transitions.active.numpy()[1:]
    fatigue, days = states.user.fatigue.numpy(), visits_of(trajectory).days.numpy()[:-1]
    expected = (fatigue[:-1] + 1) * np.exp(-days)
    np.testing.assert_allclose(fatigue[1:][rows], expected[rows])
    np.testing.assert_array_equal(
        states.user.taste, tf.broadcast_to(states.user.taste[0], states.user.taste.shape)
    )


@pytest.mark.slow
def test_a_lifetime_ends_where_nobody_is_seen_within_the_horizon(trajectory, states):
    visit, terminated = visits_of(trajectory), trajectory.transitions.terminated.numpy()
    assert terminated.any(axis=0).all()
    np.testing.assert_array_equal(visit.days.numpy()[terminated], HORIZON)
    active = trajectory.transitions.active.numpy()
    remaining = HORIZON - states.day.numpy()
    assert (visit.days.numpy() < remaining)[active & ~terminated].all()


def test_the_probability_is_that_of_visit_ends_and_return_times(simulator, trajectory, states):
    visit, active = visits_of(trajectory), trajectory.transitions.active
    users = simulator.users
    time = ReturnTime(
        tfd.LogNormal(0.5 - 0.5 * tf.reshape(states.user.taste, [-1]), tf.ones([], tf.float64)),
        tf.sigmoid(-2 - tf.reshape(states.user.taste, [-1])),
        HORIZON - tf.reshape(states.day, [-1]),
        HORIZON,
    )
    assert users.gap_loc == 0.5
    of_days = tf.reshape(time.log_prob(tf.reshape(visit.days, [-1])), visit.days.shape)
    of_end = np.log([0.6, 0.4])[visit.ends.numpy()]
    parts = of_end + tf.where(visit.ends == 1, of_days, 0)
    expected = tf.reduce_sum(tf.where(active, parts, 0), axis=0)
    np.testing.assert_allclose(compiled(simulator.log_prob)(trajectory).innovation, expected)


@pytest.mark.slow
def test_a_rule_is_recorded_and_what_a_log_says_of_it_is_kept():
    simulator = readers(ReturningUsers(Readers(), horizon=HORIZON))
    trajectory = rollout(simulator)
    visit, step = visits_of(trajectory), simulator.replay(trajectory).user.step
    active = trajectory.transitions.active.numpy()
    np.testing.assert_array_equal(visit.ends.numpy()[active] == 1, step.numpy()[active] == 2)
    log_prob = simulator.log_prob(trajectory)
    earlier = visit._replace(
        ends=tf.ones_like(visit.ends), days=tf.where(visit.days > 0, visit.days, 1.0)
    )
    transitions = trajectory.transitions
    innovation = transitions.draws.innovation._replace(visit=earlier)
    draws = transitions.draws._replace(innovation=innovation)
    other = trajectory._replace(transitions=transitions._replace(draws=draws))
    assert np.isfinite(log_prob.total).all()
    np.testing.assert_array_equal(simulator.replay(other).user.visit[:3, 0], [1, 2, 3])


@pytest.mark.slow
@pytest.mark.parametrize("leaving_prob", [None, 0.01])
def test_visit_steps_end_a_visit_at_the_latest(leaving_prob):
    users = ReturningUsers(Readers(leaving_prob), horizon=HORIZON, visit_steps=2)
    states = readers(users)
    steps = states.replay(rollout(states)).user.step
    assert set(np.unique(steps)) <= {0, 1, 2}
    bounds = states.observation_spec().user.step
    assert (bounds.minimum, bounds.maximum) == (0, 2)


@pytest.mark.slow
def test_by_default_everything_starts_anew_but_what_is_kept():
    for kept, stays in (((), False), (("taste",), True)):
        simulator = readers(ReturningUsers(Readers(), horizon=HORIZON, kept=kept))
        trajectory = rollout(simulator)
        user = simulator.replay(trajectory).user.user
        active = trajectory.transitions.active.numpy()
        begun = active[1:] & (visits_of(trajectory).ends.numpy()[:-1] == 1)
        np.testing.assert_array_equal(user.fatigue.numpy()[1:][begun], 0)
        same = user.taste.numpy()[1:] == user.taste.numpy()[:-1]
        assert same[begun].all() if stays else not same[begun].any()


@pytest.mark.slow
def test_modes_of_execution_and_the_check_agree(simulator, trajectory):
    recsim_tf.check(readers())
    recsim_tf.check(readers(ReturningUsers(Readers(), kept=("taste",))))
    expected = simulator.log_prob(trajectory).total
    for jit_compile in (False, True):
        total = compiled(simulator.log_prob, jit_compile=jit_compile)(trajectory).total
        np.testing.assert_allclose(total, expected, rtol=1e-9)
    assert all(leaf.dtype != tf.float32 for leaf in tf.nest.flatten(trajectory))
    reset = rollout(simulator, auto_reset=True)
    assert (simulator.replay(reset).user.visit.numpy()[1:] == 1).any()


@pytest.mark.slow
def test_users_of_components_come_back_with_joint_draws():
    users = ReturningUsers(Moody(), horizon=HORIZON, kept=("taste",), visit_steps=2)
    simulator = moody(slate_size=2, num_candidates=4).replaced(users=users)
    recsim_tf.check(simulator)
    trajectory = rollout(simulator)
    innovation, states = trajectory.transitions.draws.innovation, simulator.replay(trajectory).user
    begun = trajectory.transitions.active.numpy()[1:] & (innovation.visit.ends.numpy()[:-1] == 1)
    restarted = users.users.initial_state(
        tf.nest.map_structure(lambda leaf: leaf[:-1][begun], innovation.visit.restart)
    )
    np.testing.assert_array_equal(states.user.mood.numpy()[1:][begun], restarted.mood)
    assert not np.any(states.user.taste.numpy()[1:][begun] == restarted.taste)
    assert np.isfinite(compiled(simulator.log_prob)(trajectory).total).all()


@pytest.mark.slow
def test_agents_see_the_discount_of_the_days_that_pass():
    simulator = readers(dtype=tf.float64)
    users = simulator.users.replaced(daily_discount=0.9)
    simulator = simulator.replaced(users=users)
    recsim_tf.check(simulator)
    trajectory = rollout(simulator)
    transitions, days = trajectory.transitions, visits_of(trajectory).days
    stays = transitions.active & ~transitions.terminated & ~transitions.truncated
    found = tf.boolean_mask(transitions.discount, stays)
    np.testing.assert_allclose(found, 0.9 ** tf.boolean_mask(days, stays), rtol=1e-4)
    assert 0 < np.mean(found < 1) < 1
    ends = tf.boolean_mask(transitions.discount, transitions.terminated)
    np.testing.assert_array_equal(ends, 0)
    found = tf.boolean_mask(transitions.user_discount, stays)
    np.testing.assert_allclose(found, 0.9 ** tf.boolean_mask(days, stays), rtol=1e-12)


class NormalGaps(ReturningUsers):
    def gap(self, state):
        return tfd.Normal(tf.ones_like(state.day), 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: readers(NormalGaps(Readers())),
            "NormalGaps.innovation: gap must be a distribution"
            " of positive days, got Normal of which 0.159 is not above 0",
        ),
        (
            lambda: readers(ReturningUsers(Readers(), kept=("mood",))),
            "kept must be fields of the state, taste, fatigue, got 'mood'",
        ),
        (lambda: ReturningUsers(Readers(), gap_scale=0.0), "gap_scale must be above 0, got 0"),
        (lambda: ReturningUsers(Readers(), churn_prob=2.0), r"churn_prob must be in \[0, 1\]"),
        (
            lambda: ReturningUsers(Readers(), dtype=tf.float64),
            "dtype must be the dtype of users, float32, got float64",
        ),
        (lambda: ReturningUsers(Readers(), gap_loc=1e30), r"gap_loc must be in \[-50, 50\]"),
    ],
)
def test_bad_input_is_one_line(make, message):
    assert_refused(lambda: recsim_tf.check(make()), message)
