# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pandas as pd
import pytest

from recsim_tf import logs
from recsim_tf.fitting.methods.exact import session_log_prob
from recsim_tf.logs import from_trajectory
from recsim_tf.policies import random_policy
from tests.fitting.sessions import HAZARD, evolution, exploration, rollout, satisfaction
from tests.refusals import assert_refused

SIMULATORS = {
    "a rule of departure": (evolution(), 3),
    "a hazard": (evolution(**HAZARD), 3),
    "short slates": (evolution(**HAZARD), 2),
    "persistent documents": (evolution(**HAZARD, resample_documents=False), 3),
    "documents with several fields": (exploration(), 2),
    "innovations at every step": (satisfaction(), 2),
}


@pytest.mark.parametrize(("simulator", "size"), SIMULATORS.values(), ids=SIMULATORS)
def test_a_log_has_the_log_likelihood_of_its_trajectory(simulator, size):
    trajectory = rollout(simulator, size=size)
    log = from_trajectory(trajectory)
    np.testing.assert_allclose(
        session_log_prob(simulator, log), simulator.log_prob(trajectory).user, rtol=1e-12
    )


def test_a_log_holds_what_was_shown_and_how_sessions_ended():
    simulator = evolution(**HAZARD)
    trajectory = rollout(simulator, num_users=50)
    log = from_trajectory(trajectory)
    active = trajectory.transitions.active.numpy()
    assert (log.num_sessions, log.max_length, log.slate_size) == (50, 6, 3)
    np.testing.assert_array_equal(log.length, active.sum(0))
    np.testing.assert_array_equal(log.active, active.T)
    np.testing.assert_array_equal(log.departed, trajectory.transitions.terminated.numpy().any(0))
    assert 0 < log.departed.sum() < 50
    assert log.num_steps == active.sum()
    states = simulator.replay(trajectory)
    session = int(np.argmax(log.length))
    for step in range(log.length[session]):
        candidates = states.candidates[step, session].numpy()
        np.testing.assert_array_equal(
            log.documents[session, step],
            candidates[trajectory.transitions.slate[step, session].numpy()],
        )


def test_sessions_that_are_taken_keep_their_log_likelihood():
    simulator = evolution(**HAZARD)
    log = from_trajectory(rollout(simulator))
    rows = np.flatnonzero(log.length < log.max_length)[::-1]
    taken = log.take(rows)
    assert taken.max_length == log.length[rows].max() < log.max_length
    np.testing.assert_allclose(
        session_log_prob(simulator, taken),
        session_log_prob(simulator, log).numpy()[rows],
        rtol=1e-12,
    )


def test_distinct_sessions_are_those_that_differ_in_anything():
    log = from_trajectory(rollout(evolution(**HAZARD), num_users=4))
    rows, counts = log.take([2, 1, 2, 0, 2]).distinct()
    np.testing.assert_array_equal(rows, [0, 1, 3])
    np.testing.assert_array_equal(counts, [3, 1, 1])
    twice = log.take([1, 1])
    assert len(twice._replace(departed=np.array([True, False])).distinct()[0]) == 2
    response = twice.response.copy()
    response[1, 0] = (response[1, 0] + 1) % 2
    assert len(twice._replace(response=response).distinct()[0]) == 2


def test_a_split_shares_out_whole_sessions():
    log = from_trajectory(rollout(evolution(**HAZARD)))
    train, held_out = log.split(0.25, seed=3)
    assert (train.num_sessions, held_out.num_sessions) == (15, 5)
    both = np.sort(np.concatenate([train.initial, held_out.initial]), axis=0)
    np.testing.assert_array_equal(both, np.sort(log.initial, axis=0))
    assert log.take([0, 1]).split(0.01)[1].num_sessions == 1


def test_a_split_by_time_holds_out_the_sessions_that_begin_last():
    table = pd.DataFrame({"session": [3, 3, 5, 9, 9], "timestamp": [10, 40, 20, 30, 35]})
    table = table.assign(user=["a", "a", "b", "a", "a"], position=0, document=1, clicked=0)
    log = logs.from_table(table)
    train, held_out = log.split(0.4, by="time")
    assert train.labels.session.tolist() == ["3", "5"]
    assert held_out.labels.session.tolist() == ["9"]
    with pytest.raises(ValueError, match="log must have timestamps to be split by time"):
        log._replace(labels=log.labels._replace(time=())).split(0.4, by="time")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda log: log.take([0]).split(0.5),
            "log must have at least 2 sessions to be split, got 1",
        ),
        (lambda log: log.cut(log.length + 1), "length must have a whole number of steps for ea"),
        (lambda log: log.cut(log.length - 0.5), "length must have a whole number of steps for ea"),
        (lambda log: log.cut(1), "length must have a whole number of steps .*, got 1"),
        (
            lambda log: log.take([0, -1]),
            r"rows must be positions of the .* sessions, got \[0, -1\]",
        ),
        (
            lambda _: from_trajectory(rollout(evolution()), exploration()),
            "trajectory must be a rollout of the simulator, with slate_size=2, got 3",
        ),
        (
            lambda _: from_trajectory(rollout(evolution()), evolution().replaced(num_candidates=9)),
            "trajectory must be a rollout of the simulator, got other draws .* at the start of ses",
        ),
        (
            lambda log: session_log_prob(evolution(), log._replace(innovation=())),
            r"innovation must match .*, int32 \[\], got 0 arrays",
        ),
        (
            lambda log: session_log_prob(exploration(), log),
            "must have slates of slate_size=2 documents, got 3",
        ),
        (
            lambda log: from_trajectory(
                evolution().rollout(random_policy(evolution()), 4, 3, seed=0, auto_reset=True)
            ),
            r"one session a row \(auto_reset=False\)",
        ),
    ],
)
def test_what_is_no_log_of_the_models_is_refused(call, message):
    log = from_trajectory(rollout(evolution()))
    assert_refused(lambda: call(log), message)
